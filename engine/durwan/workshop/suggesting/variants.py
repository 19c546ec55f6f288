"""What a target is about, forced to be true and to be false: whether a test would notice that it is otherwise.

A request shows a condition well if the decision would be another one, were the condition true or were it false: then a
test on the decision fails when somebody changes the condition, and not only coverage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

from durwan.language.lint.program_walk import owners_of, parts_of
from durwan.model import types
from durwan.model.request import Attributes, KeyLookup, instant_of
from durwan.program import nodes, reference
from durwan.program.charges import settle
from durwan.program.explanation import read_by
from durwan.program.nodes import Expression, type_of
from durwan.program.program import Body, Limit, Program, Rule
from durwan.workshop.coverage.target import Goal, Target
from durwan.workshop.junctions import parts_with_lets
from durwan.workshop.renames import Renames

_Owner = TypeVar("_Owner", Rule, Limit)

# How well a request shows a target: it only reaches it; the decision is another one if the condition is; it is allowed
# with the one truth of the condition and not with the other.
REACHED: Final = 1
NOTICED: Final = 2
DECISIVE: Final = 3

_SAME_NAMES: Final = Renames({})
_CONDITIONS: Final = (
    nodes.And, nodes.Or, nodes.Not, nodes.Operation, nodes.Attribute, nodes.IsKnown, nodes.Default, nodes.LetReference,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variants:
    """A program, and the two that it becomes where what a target is about is always true, and always false."""

    program: Program
    if_true: Program
    if_false: Program

    def strength(self, request: Mapping[str, Any], goal: Goal, near: int, keys: KeyLookup) -> int:
        """How well a request shows the goal: 0 for not at all."""
        now = instant_of(request, lambda: near)
        if now is None or request.get("action") not in goal.actions or not self._is_reached(request, goal, now, keys):
            return 0
        first, second = (
            settle(program, request, clock=lambda: near, keys=keys) for program in (self.if_true, self.if_false)
        )
        if first.allowed is not second.allowed:
            return DECISIVE
        differ = _SAME_NAMES.differ(first, second) or first.outcome.shadows != second.outcome.shadows
        return NOTICED if differ else REACHED

    def _is_reached(self, request: Mapping[str, Any], goal: Goal, now: int, keys: KeyLookup) -> bool:
        evaluation = reference.Evaluation(self.program, Attributes(self.program.schema, request, keys), now)
        return evaluation.read(goal.expression).value in goal.outcomes


def variants_of(program: Program, target: Target) -> Variants:
    """The variants of a target. Where it is about nothing that can be forced, they are the program itself."""
    return Variants(program, *(_forced(program, target, nodes.BoolLiteral(value=value)) for value in (True, False)))


def read_for(program: Program, target: Target, *, widely: bool) -> frozenset[str]:
    """The attributes, and `now`, that the target is about; `widely` with all that its rules read about its actions."""
    found = set(read_by(target.goal.expression, program))
    is_it = _finder(target)
    for each in owners_of(program) if widely else ():
        whole = nodes.And(operands=(each.body.when, nodes.Not(operand=each.body.unless)))
        if not target.goal.actions.isdisjoint(each.actions) and (
            each.span == target.span or any(is_it(part) for part in parts_with_lets(whole, program.lets))
        ):
            found.update(read_by(whole, program))
    return frozenset(found)


def _forced(program: Program, target: Target, value: nodes.BoolLiteral) -> Program:
    if target.kind == "rule":
        forced = Body(when=value)
        return _with_bodies(program, lambda each: forced if each.span == target.span else each.body)
    change = partial(_replaced, is_it=_finder(target), value=value)
    lets = {name: change(let) for name, let in program.lets.items()}
    changed = {name for name, let in lets.items() if let is not program.lets[name]}

    def body_of(each: Rule | Limit) -> Body:
        body = each.body
        when, unless = change(body.when), change(body.unless)
        parts = parts_with_lets(nodes.And(operands=(body.when, body.unless)), program.lets)
        uses = changed and any(isinstance(part, nodes.LetReference) and part.name in changed for part in parts)
        return Body(when=when, unless=unless) if uses or when is not body.when or unless is not body.unless else body

    return replace(_with_bodies(program, body_of), lets=lets)


def _with_bodies(program: Program, body_of: Callable[[Rule | Limit], Body]) -> Program:
    """With other bodies. What keeps its body is the same object, so that nobody need look at it again."""
    return replace(
        program,
        rules=tuple(_with_body(rule, body_of(rule)) for rule in program.rules),
        limits=tuple(_with_body(limit, body_of(limit)) for limit in program.limits),
    )


def _with_body(each: _Owner, body: Body) -> _Owner:
    return each if body is each.body else replace(each, body=body)


def _finder(target: Target) -> Callable[[Expression], bool]:
    """Tells the condition that a target is about: by its place, or by the declared window or network."""
    word, _, name = target.owner.partition(" ")

    def is_it(part: Expression) -> bool:
        match part:
            case nodes.Operation(operands=(_, nodes.NamedWindow(name=found))) if word == "window":
                return found == name
            case nodes.Operation(operands=(_, nodes.NamedNetwork(name=found))) if word == "network":
                return found == name
            case _:
                is_condition = isinstance(part, _CONDITIONS) and isinstance(type_of(part), types.Bool)
                return is_condition and part.span is not None and part.span == target.span

    return is_it


def _replaced(part: Expression, is_it: Callable[[Expression], bool], value: nodes.BoolLiteral) -> Expression:
    if not any(is_it(each) for each in parts_of(part)):
        # The same object: what is unchanged need not be looked at again.
        return part
    if is_it(part):
        return value
    match part:
        case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
            return replace(part, operands=tuple(_replaced(operand, is_it, value) for operand in operands))
        case nodes.Not(operand=operand) | nodes.Default(operand=operand):
            return replace(part, operand=_replaced(operand, is_it, value))
        case _:
            return part
