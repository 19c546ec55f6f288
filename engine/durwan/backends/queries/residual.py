"""What must still be true of a request to be allowed, once the instant and some of its attributes are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from durwan.model.request import Attributes, KeyLookup
from durwan.program import nodes
from durwan.program.nodes import FALSE, TRUE, Expression
from durwan.program.program import Program, Rule
from durwan.program.simplify import for_truth
from durwan.program.specialization import Specialization


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """What is left of the rules about an action.

    Attributes:
        program: the policies; the condition names their sets, networks and windows, but no let and no `now`.
        condition: true for exactly those requests that are allowed; else false or unknown.
        fixed: the paths of the attributes that are known; those that the condition still names are known to be unknown.
    """

    program: Program
    condition: Expression
    fixed: frozenset[str]

    @property
    def always(self) -> Literal["allowed", "refused"] | None:
        """What becomes of every request, where that is settled."""
        if self.condition == TRUE:
            return "allowed"
        return "refused" if self.condition == FALSE else None

    @property
    def attributes(self) -> dict[str, nodes.Attribute]:
        """The attributes that are still asked for, by path, sorted."""
        found = {each.path: each for each in attributes_in(self.condition) if each.path not in self.fixed}
        return dict(sorted(found.items()))


def residual(  # noqa: PLR0913 - what a request is made of
    program: Program,
    action: str,
    *,
    contexts: Mapping[str, Any],
    attributes: Mapping[str, Any],
    now: int,
    keys: KeyLookup,
    including_challenges: bool = False,
) -> Residual:
    """What is left of the rules about an action.

    Args:
        program: the policies.
        action: a declared action.
        contexts: what is known of a request, as `Engine.decide` takes it; a context that is here is known whole.
        attributes: what is known of other contexts, by path.
        now: the instant of the decision, in milliseconds since the epoch.
        keys: how the id of a key becomes its attributes.
        including_challenges: whether what a challenge puts off counts as allowed.
    """
    known = _nested(contexts, attributes)
    special = Specialization(program, Attributes(program.schema, known, keys), contexts, paths=attributes)
    at_instant = _AtInstant(program, now)
    effects = {"deny", "allow"} if including_challenges else {"deny", "allow", "challenge"}
    rules = [
        special.rule(at_instant.rule(rule))
        for rule in program.rules
        if action in rule.actions and not rule.shadow and rule.effect in effects
    ]
    wanted = [_want(special, rule) for rule in rules if rule.effect != "allow"]
    allows = [for_truth(rule.body.when) for rule in rules if rule.effect == "allow"]
    condition = _joined(nodes.And, [*wanted, _joined(nodes.Or, allows, neutral=FALSE)], neutral=TRUE)
    fixed = frozenset(path for path in program.schema.attributes if special.is_fixed(path))
    return Residual(program=program, condition=condition, fixed=fixed)


def _nested(contexts: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The known part of a request, in the form of a request."""
    found = dict(contexts)
    for path, value in attributes.items():
        context, _, name = path.partition(".")
        found[context] = {**found.get(context, {}), name: value}
    return found


def _want(special: Specialization, rule: Rule) -> Expression:
    """True exactly where a deny or a challenge does not apply: where its body is false."""
    return for_truth(special.certain(nodes.Not(operand=rule.body.when)))


def _joined(kind: type[nodes.And | nodes.Or], operands: list[Expression], *, neutral: nodes.BoolLiteral) -> Expression:
    """`and` or `or` of any number of operands. There may be thousands, so that they are not compared pairwise."""
    decisive = FALSE if neutral == TRUE else TRUE
    kept = [each for each in dict.fromkeys(operands) if each != neutral]
    if decisive in kept:
        return decisive
    if len(kept) < 2:
        return kept[0] if kept else neutral
    return kind(operands=tuple(kept))


class _AtInstant:
    """Writes the instant of the decision into rules, and lets out."""

    def __init__(self, program: Program, now: int) -> None:
        self._program = program
        self._now = nodes.InstantLiteral(value=now)
        self._lets: dict[str, Expression] = {}

    def rule(self, rule: Rule) -> Rule:
        body = replace(rule.body, when=self._written(rule.body.when), unless=self._written(rule.body.unless))
        return replace(rule, body=body)

    def _written(self, expression: Expression) -> Expression:
        match expression:
            case nodes.Now():
                return self._now
            case nodes.LetReference(name=name):
                if name not in self._lets:
                    self._lets[name] = self._written(self._program.lets[name])
                return self._lets[name]
            case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
                return replace(expression, operands=tuple(map(self._written, operands)))
            case nodes.Not(operand=operand) | nodes.Default(operand=operand):
                return replace(expression, operand=self._written(operand))
            case _:
                return expression


def attributes_in(expression: Expression) -> Iterator[nodes.Attribute]:
    """The attributes that an expression names, as often as it does."""
    match expression:
        case nodes.Attribute():
            yield expression
        case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
            for operand in operands:
                yield from attributes_in(operand)
        case nodes.Not(operand=operand) | nodes.Default(operand=operand) | nodes.IsKnown(operand=operand):
            yield from attributes_in(operand)
        case _:
            return


__all__ = ["Residual", "attributes_in", "residual"]
