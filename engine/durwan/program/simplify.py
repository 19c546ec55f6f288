"""Expressions put more simply for those who read them.

`simplified` keeps the truth of an expression, unknown included: `not` moves inwards to the tests and into their
opposites, what is settled is settled, what follows from its neighbours is left out, a literal stands on the right, an
age of something fixed becomes a date. `for_truth` asks only where an expression is *true*, as the body of an allow is
asked, and may make false of what is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

from durwan.program import nodes
from durwan.program.bounds import bound_of, cover, excludes, settled_by_type
from durwan.program.bounds import implies as bound_implies
from durwan.program.folding import simple_test
from durwan.program.nodes import FALSE, TRUE, Expression, Not
from durwan.program.operators import COMPARISONS

_Junction = type[nodes.And] | type[nodes.Or]

OPPOSITE: Final = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def simplified(expression: Expression) -> Expression:
    """An expression with the same truth, or value, for every request."""
    return _rewritten(expression, negated=False)


def negation(expression: Expression) -> Expression:
    """What is true where the expression is false, false where it is true, and else unknown; simplified."""
    return _rewritten(expression, negated=True)


def conjuncts(expression: Expression) -> tuple[Expression, ...]:
    """The parts that all have to be true for it to be; none for `true`."""
    if isinstance(expression, nodes.And):
        return expression.operands
    return () if expression == TRUE else (expression,)


def _rewritten(expression: Expression, *, negated: bool) -> Expression:
    match expression:
        case nodes.BoolLiteral(value=value):
            return nodes.BoolLiteral(value=value is not negated)
        case nodes.Not(operand=operand):
            return _rewritten(operand, negated=not negated)
        case nodes.And(operands=operands):
            return joined(nodes.Or if negated else nodes.And, [_rewritten(each, negated=negated) for each in operands])
        case nodes.Or(operands=operands):
            return joined(nodes.And if negated else nodes.Or, [_rewritten(each, negated=negated) for each in operands])
        case nodes.Operation(operands=operands):
            rest = simple_test(replace(expression, operands=tuple(map(simplified, operands))))
            if not isinstance(rest, nodes.Operation):
                return _rewritten(rest, negated=negated)
            return _opposite(rest) if negated else rest
        case nodes.Default(operand=operand):
            inner = simplified(operand)
            rest = inner if isinstance(inner, nodes.Literal | nodes.Now) else replace(expression, operand=inner)
            return _opposite(rest) if negated else rest
        case _:
            return Not(operand=expression) if negated else expression


def _opposite(test: Expression) -> Expression:
    match test:
        case nodes.BoolLiteral(value=value):
            return nodes.BoolLiteral(value=not value)
        case nodes.Not(operand=operand):
            return operand
        case nodes.Operation(operator=operator) if operator in COMPARISONS:
            # The operands of a comparison are ordered, so that it is false just where its opposite is true.
            return replace(test, operator=OPPOSITE[operator])
        case _:
            return Not(operand=test)


# ------------------------------------------------------------------------------------------------- `and` and `or`


def joined(kind: _Junction, operands: Iterable[Expression]) -> Expression:
    """Simplified operands under `and` or `or`, with neither more of them nor more levels than it takes."""
    neutral, decisive = (TRUE, FALSE) if kind is nodes.And else (FALSE, TRUE)
    flat = [each for each in dict.fromkeys(_flat(kind, operands)) if each != neutral]
    if decisive in flat:
        return decisive
    given = _without_known(flat) if kind is nodes.And else flat
    if given != flat:
        return joined(kind, given)
    kept = _essential(flat, weakest=kind is nodes.Or)
    if len(kept) < 2:
        return kept[0] if kept else neutral
    return kind(operands=tuple(kept)) if kind is nodes.And else _factored(kept)


def _flat(kind: _Junction, operands: Iterable[Expression]) -> Iterator[Expression]:
    for operand in operands:
        if isinstance(operand, kind):
            yield from operand.operands
        else:
            yield operand


def _essential(operands: Sequence[Expression], *, weakest: bool) -> list[Expression]:
    """The operands without those that others make superfluous: of two of which one follows from the other, one."""
    dropped: set[int] = set()
    for one, other in combinations(range(len(operands)), 2):
        for stronger, weaker in ((one, other), (other, one)):
            if not dropped & {one, other} and _implies(operands[stronger], operands[weaker]):
                dropped.add(stronger if weakest else weaker)
    return [each for place, each in enumerate(operands) if place not in dropped]


def _implies(first: Expression, second: Expression) -> bool:
    """Whether the second is at least as true as the first for every request; false where that cannot be seen."""
    if first == second:
        return True
    if isinstance(first, nodes.Or):
        return all(_implies(each, second) for each in first.operands)
    if isinstance(second, nodes.And):
        return all(_implies(first, each) for each in second.operands)
    if isinstance(second, nodes.Or) and any(_implies(first, each) for each in second.operands):
        return True
    if isinstance(first, nodes.And):
        return any(_implies(each, second) for each in first.operands)
    stronger, weaker = bound_of(first), bound_of(second)
    return stronger is not None and weaker is not None and bound_implies(stronger, weaker)


def _factored(operands: Sequence[Expression]) -> Expression:
    """`or` of operands; what all of them ask for stands once before it."""
    lists = [conjuncts(each) for each in operands]
    shared = [each for each in lists[0] if all(each in others for others in lists[1:])]
    if not shared:
        return nodes.Or(operands=tuple(operands))
    rests = [joined(nodes.And, [each for each in parts if each not in shared]) for parts in lists]
    return joined(nodes.And, [*shared, joined(nodes.Or, rests)])


def _without_known(operands: Sequence[Expression]) -> list[Expression]:
    """The operands of an `and`, each read with what the others say about which attributes are known.

    Only that: it is always true or false, so that where it does not hold the whole is false in either form.
    """
    facts = [each for each in operands if _is_about_knowledge(each)]
    return [_given(each, [fact for fact in facts if fact is not each]) for each in operands]


def _is_about_knowledge(expression: Expression) -> bool:
    return isinstance(expression.operand if isinstance(expression, Not) else expression, nodes.IsKnown)


def _given(expression: Expression, facts: Sequence[Expression]) -> Expression:
    """The expression where certain tests are taken as true."""
    if not facts:
        return expression
    if expression in facts:
        return TRUE
    if _opposite(expression) in facts:
        return FALSE
    match expression:
        case nodes.And(operands=operands) | nodes.Or(operands=operands):
            return joined(type(expression), [_given(each, facts) for each in operands])
        case _:
            return expression


# ----------------------------------------------------------------------------------------------------- truth alone


def for_truth(expression: Expression) -> Expression:
    """An expression that is true for exactly those requests for which this one is; `false` if it is seen to be never.

    Conditions that a declared type leaves no choice are reduced to whether the attribute is known, so that the text
    of what is left is one that a policy might have.
    """
    match simplified(expression):
        case nodes.And(operands=operands):
            return _all_true([for_truth(each) for each in operands])
        case nodes.Or(operands=operands):
            return _one_true([for_truth(each) for each in operands])
        case test:
            return _true_test(test)


def _true_test(test: Expression) -> Expression:
    negated = isinstance(test, Not)
    settled = settled_by_type(test.operand if isinstance(test, Not) else test)
    if settled is None:
        return test
    attribute, truth = settled
    return FALSE if truth is negated else nodes.IsKnown(operand=attribute)


def _all_true(operands: Sequence[Expression]) -> Expression:
    whole = joined(nodes.And, operands)
    if not isinstance(whole, nodes.And):
        return whole
    tests = [each for each in whole.operands if not isinstance(each, nodes.Or)]
    if any(exclude(first, second) for first, second in combinations(tests, 2)):
        return FALSE
    rests = [_given(each, tests) if isinstance(each, nodes.Or) else each for each in whole.operands]
    return whole if rests == [*whole.operands] else _all_true(rests)


def _one_true(operands: Sequence[Expression]) -> Expression:
    whole = joined(nodes.Or, operands)
    if not isinstance(whole, nodes.Or):
        return whole
    for first, second in combinations(whole.operands, 2):
        one, other = bound_of(first), bound_of(second)
        if one is not None and other is not None and cover(one, other) and isinstance(one.subject, nodes.Attribute):
            known = nodes.IsKnown(operand=one.subject)
            return _one_true([known, *(each for each in whole.operands if each not in {first, second})])
    return whole


def exclude(first: Expression, second: Expression) -> bool:
    """Whether two simplified tests are seen to be true for no request together."""
    if first == _opposite(second):
        return True
    one, other = bound_of(first), bound_of(second)
    return one is not None and other is not None and excludes(one, other)


__all__ = ["conjuncts", "exclude", "for_truth", "joined", "negation", "simplified"]
