"""Why a request was decided as it was: every rule that could have mattered, and the truth of its conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from durwan.model import types
from durwan.model.address import NetworkSet, format_address
from durwan.model.decision import Decision, EffectName
from durwan.model.request import Attributes, KeyLookup, instant_of
from durwan.model.values import Value, format_duration, format_instant
from durwan.program import nodes, reference
from durwan.program.client_explanation import ClientExplanation
from durwan.program.nearest import Nearest, NearestChange
from durwan.program.nodes import Expression
from durwan.program.program import Program, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionExplanation:
    """One operand of a rule's `when` or `unless`.

    `text` is as written; `truth` is None for unknown; `values` are the attributes that it reads, None where unknown,
    in the language's own form.
    """

    clause: str
    text: str
    truth: bool | None
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExplanation:
    """One rule about the action: whether it applied, the truth of its body, and of each condition in it."""

    name: str
    effect: EffectName
    shadow: bool
    applied: bool
    truth: bool | None
    unknowns: tuple[str, ...]
    conditions: tuple[ConditionExplanation, ...]

    @property
    def first_failure(self) -> ConditionExplanation | None:
        """The first condition that kept the rule's body from being true."""
        wanted = {"when": True, "unless": False}
        return next((each for each in self.conditions if each.truth is not wanted[each.clause]), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision and all the rules about its action, in source order; for a refusal, how it could be allowed.

    `nearest` are the smallest changes of the request that would be allowed, `never` the rules that stop it whatever
    the request says, with the `never_conditions` that no change would meet. `unanswered` says why neither is known,
    where it was asked for. `own_networks` are those of the caller's own key, where the address is not in them and a
    rule stopped the request that asks for that.
    """

    decision: Decision
    rules: tuple[RuleExplanation, ...]
    nearest: tuple[NearestChange, ...] = ()
    never: tuple[str, ...] = ()
    never_conditions: tuple[str, ...] = ()
    unanswered: str = ""
    own_networks: tuple[str, ...] = ()

    def rule(self, name: str) -> RuleExplanation | None:
        """The rule of this name, if it is about the action."""
        return next((each for each in self.rules if each.name == name), None)

    def with_nearest(self, found: Nearest) -> Explanation:
        """The same with what was found out about how the request could be allowed."""
        return replace(
            self,
            nearest=found.changes,
            never=found.never,
            never_conditions=found.conditions,
            unanswered=found.unanswered,
        )

    def for_client(self) -> ClientExplanation:
        """What may be shown to whoever sent the request; see `ClientExplanation`."""
        return ClientExplanation.of(self.decision, self.own_networks)


def explain(
    program: Program, request: Mapping[str, Any], decision: Decision, *, clock: Callable[[], int], keys: KeyLookup
) -> Explanation:
    """Explains a decision that was made for the request by this program."""
    action = request.get("action")
    now = instant_of(request, clock)
    if type(action) is not str or now is None:
        return Explanation(decision=decision, rules=())
    attributes = Attributes(program.schema, request, keys)
    evaluation = reference.Evaluation(program, attributes, now)
    rules = tuple(
        _explain_rule(program, rule, evaluation, attributes, now) for rule in program.rules if action in rule.actions
    )
    own = _own_networks(rules, attributes, program) if decision.effect != "allow" else ()
    return Explanation(decision=decision, rules=rules, own_networks=own)


def _own_networks(rules: Iterable[RuleExplanation], attributes: Attributes, program: Program) -> tuple[str, ...]:
    """The networks of the key, where a rule about them and the address stopped the request."""
    if not {"client.ip", "key.networks"} <= program.schema.attributes.keys():
        return ()
    address, networks = attributes.read("client.ip"), attributes.read("key.networks")
    if not isinstance(networks, NetworkSet) or (isinstance(address, bytes) and address in networks):
        return ()
    stopping = [rule for rule in rules if not rule.shadow and rule.applied is (rule.effect != "allow")]
    asked = any({"client.ip", "key.networks"} <= each.values.keys() for rule in stopping for each in rule.conditions)
    return tuple(networks.networks()) if asked else ()


def _explain_rule(
    program: Program, rule: Rule, evaluation: reference.Evaluation, attributes: Attributes, now: int
) -> RuleExplanation:
    body = evaluation.body(rule.body)
    conditions = [
        ConditionExplanation(
            clause=clause,
            text=text_of(condition),
            truth=evaluation.read(condition).value,
            values={
                path: _readable(declared, _value(path, attributes, now))
                for path, declared in sorted(read_by(condition, program).items())
            },
        )
        for clause, expression in (("when", rule.body.when), ("unless", rule.body.unless))
        if expression not in (nodes.TRUE, nodes.FALSE)
        for condition in parts_of(expression, clause)
    ]
    return RuleExplanation(
        name=rule.name,
        effect=rule.effect,
        shadow=rule.shadow,
        applied=reference.applies(rule, body),
        truth=body.value,
        unknowns=tuple(sorted(body.doubts)),
        conditions=tuple(conditions),
    )


def parts_of(expression: Expression, clause: str) -> tuple[Expression, ...]:
    """The conditions in a clause: `when A and B` fails by one of its operands, `unless A or B` likewise."""
    match expression:
        case nodes.And(operands=operands) if clause == "when":
            return operands
        case nodes.Or(operands=operands) if clause == "unless":
            return operands
        case _:
            return (expression,)


def text_of(expression: Expression) -> str:
    """An expression as it was written, in one line."""
    return " ".join(expression.span.text.split()) if expression.span is not None else repr(expression)


def read_by(expression: Expression, program: Program) -> dict[str, types.Type]:
    """The attributes that an expression reads, through its lets, with their types; `now` among them."""
    found: dict[str, types.Type] = {}
    seen: set[str] = set()
    for node in parts_through(expression, program, seen):
        if isinstance(node, nodes.Attribute):
            found[node.path] = node.type
        elif isinstance(node, nodes.Now):
            found["now"] = types.Time()
    return found


def parts_through(expression: Expression, program: Program, seen: set[str]) -> Iterator[Expression]:
    """An expression and all that it is made of, through the lets that are not in `seen` yet."""
    yield expression
    match expression:
        case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
            for operand in operands:
                yield from parts_through(operand, program, seen)
        case nodes.Not(operand=operand) | nodes.Default(operand=operand) | nodes.IsKnown(operand=operand):
            yield from parts_through(operand, program, seen)
        case nodes.LetReference(name=name) if name not in seen:
            seen.add(name)
            yield from parts_through(program.lets[name], program, seen)
        case _:
            return


def _value(path: str, attributes: Attributes, now: int) -> Value | None:
    return now if path == "now" else attributes.read(path)


def _readable(declared: types.Type, value: Value | None) -> object:
    """A value in the form that a person wrote, or would write, it."""
    match value:
        case None | bool() | str():
            return value
        case int() if declared == types.Time():
            return format_instant(value)
        case int() if declared == types.Duration():
            return format_duration(value)
        case int():
            return value
        case Decimal():
            return f"{value:f}"
        case bytes():
            return format_address(value)
        case frozenset():
            return sorted(value)
        case NetworkSet():  # pragma: no branch - every kind has its case
            return value.networks()
