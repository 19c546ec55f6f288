"""P0701 and P0712: conditions that are always or never true, and defaults that are never used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from durwan.diagnostics import Diagnostic, Span
from durwan.language.lint.claims import MOST_OPERANDS, add_claim, conjuncts
from durwan.language.lint.program_walk import expressions_of, owners_of
from durwan.language.lint.regions import Region, claim_of
from durwan.language.mistakes import warnings
from durwan.language.typed import LITERALS, is_constant
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import OPERATORS
from durwan.program.program import Program

_REFLEXIVE = {"==": True, "<=": True, ">=": True, "!=": False, "<": False, ">": False}
_EMPTY = {"in_set": False, "has_any": False, "has_all": True}


class Truths:
    """Tells which conditions of a program are always or never true."""

    def __init__(self, lets: Mapping[str, Expression]) -> None:
        self._lets = lets
        self._known: dict[str, bool | None] = {}

    def of(self, condition: Expression) -> bool | None:
        """True for a condition that is never false, False for one that is never true, None for all others.

        A condition that is never false may still be unknown, where an attribute in it is.
        """
        match condition:
            case nodes.BoolLiteral(value=value):
                return value
            case nodes.Not(operand=operand):
                inner = self.of(operand)
                return None if inner is None else not inner
            case nodes.And(operands=operands):
                return self._junction(operands, decisive=False)
            case nodes.Or(operands=operands):
                return self._junction(operands, decisive=True)
            case nodes.LetReference(name=name):
                if name not in self._known:
                    self._known[name] = self.of(self._lets[name])
                return self._known[name]
            case nodes.Operation():
                return _test(condition)
            case _:
                return None

    def _junction(self, operands: Sequence[Expression], *, decisive: bool) -> bool | None:
        truths = {self.of(operand) for operand in operands}
        if decisive in truths:
            return decisive
        if truths == {not decisive}:
            return not decisive
        # `A or B` is never false where `not A and not B` is never true.
        return decisive if self._contradict(operands, negated=decisive) else None

    def _contradict(self, operands: Sequence[Expression], *, negated: bool) -> bool:
        regions: dict[Expression, Region] = {}
        every = (nodes.Not(operand=operand) if negated else operand for operand in operands)
        parts = (part for operand in every for part in conjuncts(operand, self._lets))
        for part in islice(parts, MOST_OPERANDS):
            claim = claim_of(part)
            add_claim(regions, claim)
            if regions.get(claim.subject, claim.region).is_empty():
                return True
        return False


def _test(test: nodes.Operation) -> bool | None:
    """The truth of a comparison or test that its literals decide, or that compares a thing with itself."""
    if all(isinstance(operand, LITERALS) or is_constant(operand) for operand in test.operands):
        return _folded(test)
    first, *others = test.operands
    if test.operator in _REFLEXIVE and others == [first]:
        return _REFLEXIVE[test.operator]
    match test.operator, others:
        case "like", [nodes.StringLiteral(value=pattern)] if pattern and set(pattern) == {"*"}:
            return True
        case _, [nodes.LiteralSet(members=members)] if not members:
            return _EMPTY.get(test.operator)
        case _:
            return None


def _folded(test: nodes.Operation) -> bool | None:
    values = [_value(operand) for operand in test.operands]
    found = None if None in values else OPERATORS[test.operator].meaning(*values)
    return found if isinstance(found, bool) else None


def _value(constant: Expression) -> object:
    match constant:
        case nodes.Operation(operator=operator, operands=operands):
            values = [_value(operand) for operand in operands]
            return None if None in values else OPERATORS[operator].meaning(*values)
        case _ if isinstance(constant, LITERALS):
            return constant.value
        case _:
            return None


# ---------------------------------------------------------------- what is reported

Place = tuple[str, int, int]
"""Path, start and end."""


def place_of(span: Span) -> Place:
    """Where a span is, in a form that compares."""
    return span.source.path, span.start, span.end


def lint_conditions(program: Program, truths: Truths) -> Iterator[Diagnostic]:
    """The conditions of a program that are always or never true, the smallest ones that are; needless defaults."""
    finder = _Finder(truths)
    for condition in program.lets.values():
        # A let that is just `true` or `false` is a switch: it is meant.
        if not isinstance(condition, nodes.BoolLiteral):
            yield from finder.find(condition)
    for owner in owners_of(program):
        for expression in expressions_of(owner):
            yield from finder.find(expression)
    for invariant in program.invariants:
        yield from finder.find(invariant.condition)


class _Finder:
    def __init__(self, truths: Truths) -> None:
        self._truths = truths

    def find(self, condition: Expression) -> list[Diagnostic]:
        """What is to be said of a condition and of all that it is made of."""
        found: list[Diagnostic] = []
        self._visit(condition, found)
        return found

    def _visit(self, part: Expression, found: list[Diagnostic]) -> bool:
        """Whether something was said of this part or of one inside it."""
        if isinstance(part, nodes.Default):
            self._default(part, found)
        said = [self._visit(inner, found) for inner in _parts(part)]
        if any(said) or part.span is None or isinstance(part, nodes.LetReference):
            return any(said)
        truth = self._truths.of(part)
        if truth is not None:
            found.append(warnings.constant_condition(part.span, truth))
        return truth is not None

    def _default(self, part: nodes.Default, found: list[Diagnostic]) -> None:
        always_known = isinstance(part.operand, nodes.Default | nodes.Now | nodes.IsKnown) or is_constant(part.operand)
        if always_known and part.operand.span is not None and part.span is not None:
            found.append(warnings.needless_default(part.span, part.operand.span))


def _parts(part: Expression) -> tuple[Expression, ...]:
    match part:
        case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
            return operands
        case nodes.Not(operand=operand) | nodes.Default(operand=operand):
            return (operand,)
        case _:
            return ()
