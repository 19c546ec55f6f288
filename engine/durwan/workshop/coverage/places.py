"""Where conditions stand: the bodies of rules and limits, and the lets that these use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from durwan.diagnostics import Source, Span
from durwan.language.lint.program_walk import owners_of, parts_of
from durwan.language.syntax import LetDeclaration, Module
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Limit, Program, Rule

# Where programs stand that never were text.
_NOWHERE: Final = Span(Source("<program>", ""), 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One declaration with conditions; `actions` are those whose requests its conditions are evaluated for."""

    owner: str
    actions: frozenset[str]
    expressions: tuple[Expression, ...]
    span: Span

    def span_of(self, expression: Expression) -> Span:
        """Where a part stands; what the compiler made itself stands where its declaration does."""
        return expression.span or self.span


def bodies_of(program: Program) -> list[tuple[Rule | Limit, Place]]:
    """Every rule and limit, with its place."""
    return [(each, _body_place(each)) for each in owners_of(program)]


def all_places(program: Program, modules: Iterable[Module]) -> list[Place]:
    """The places of all rules and limits, and of the lets that some of these use."""
    bodies = [place for _, place in bodies_of(program)]
    users: dict[str, set[str]] = {}
    for place in bodies:
        for name in _lets_in(place.expressions, program.lets):
            users.setdefault(name, set()).update(place.actions)
    spans = {
        each.name.text: each.name.span
        for module in modules
        for each in module.declarations
        if isinstance(each, LetDeclaration)
    }
    lets = [
        Place(
            owner=f"let {name}",
            actions=frozenset(actions),
            expressions=(program.lets[name],),
            span=spans.get(name, _NOWHERE),
        )
        for name, actions in users.items()
    ]
    return [*bodies, *lets]


def conditions_of(expression: Expression) -> Iterator[Expression]:
    """The conditions that `and`, `or` and `not` join; lets, which have a place of their own, are left out."""
    match expression:
        case nodes.And(operands=operands) | nodes.Or(operands=operands):
            for operand in operands:
                yield from conditions_of(operand)
        case nodes.Not(operand=operand) if not _is_one_word(expression):
            yield from conditions_of(operand)
        case nodes.BoolLiteral() | nodes.LetReference():
            return
        case _:
            yield expression
            yield from _conditions_within(expression)


def _conditions_within(condition: Expression) -> Iterator[Expression]:
    """`(A and B) == C` is a condition, and A and B are others."""
    match condition:
        case nodes.Operation(operands=operands):
            joined = operands
        case nodes.Default(operand=operand):
            joined = (operand,)
        case _:
            return
    for each in joined:
        if isinstance(each, nodes.And | nodes.Or | nodes.Not):
            yield from conditions_of(each)


def _is_one_word(negation: nodes.Not) -> bool:
    """`x not in S` and `x is unknown` are one condition, and the negation and what it negates stand in one place."""
    outer, inner = negation.span, negation.operand.span
    return outer is not None and inner is not None and (outer.start, outer.end) == (inner.start, inner.end)


def _body_place(each: Rule | Limit) -> Place:
    word = "limit" if isinstance(each, Limit) else f"shadow {each.effect}" if each.shadow else each.effect
    return Place(
        owner=f"{word} {each.name}",
        actions=frozenset(each.actions),
        expressions=(each.body.when, each.body.unless),
        span=each.span or _NOWHERE,
    )


def _lets_in(expressions: Iterable[Expression], lets: Mapping[str, Expression]) -> set[str]:
    """The lets that expressions use, and those that these use."""
    found: set[str] = set()
    pending = list(expressions)
    while pending:
        for part in parts_of(pending.pop()):
            if isinstance(part, nodes.LetReference) and part.name not in found:
                found.add(part.name)
                pending.append(lets[part.name])
    return found
