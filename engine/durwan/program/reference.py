"""The reference evaluator: what a policy means, plain and slow, to be read beside the language page.

Generated code, solver and columns are each held to this file. Nothing here is clever, nothing is cached, every
operand is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from durwan.model.decision import Decision, Outcome
from durwan.model.request import Attributes, KeyLookup, instant_of, no_keys
from durwan.model.types import TIME_MAX
from durwan.model.window import Window
from durwan.program import change, nodes
from durwan.program.nodes import Expression
from durwan.program.operators import ARITHMETIC, COMPARISONS, meaning_of
from durwan.program.program import Body, Program, Rule


class Reading(NamedTuple):
    """What an expression evaluates to at one instant.

    `value` is None where unknown. `change` is the number of milliseconds after which the value, moving as it does
    now, may stop being what `slope` says (a truth has no slope: it stops being itself); None for never. `doubts` are
    the attributes that make the value unknown.
    """

    value: Any
    change: int | None = None
    slope: int = 0
    doubts: frozenset[str] = frozenset()


class Evaluation:
    """The evaluation of one request at one instant."""

    def __init__(self, program: Program, attributes: Attributes, now: int) -> None:
        self._program = program
        self._attributes = attributes
        self._now = now
        # A let that others build upon would otherwise be evaluated once for every way that leads to it.
        self._lets: dict[str, Reading] = {}

    def read(self, expression: Expression) -> Reading:  # noqa: PLR0911, C901 - one line per kind of node
        """The value of any expression."""
        match expression:
            case nodes.Operation():
                return self._operation(expression)
            case nodes.Attribute(path=path):
                read = self._attributes.read(path)
                return Reading(read, doubts=frozenset({path}) if read is None else frozenset())
            case nodes.Now():
                return Reading(self._now, slope=1)
            case nodes.LetReference(name=name):
                if name not in self._lets:
                    self._lets[name] = self.read(self._program.lets[name])
                return self._lets[name]
            case nodes.Default(operand=operand, fallback=fallback):
                reading = self.read(operand)
                return Reading(fallback.value, reading.change) if reading.value is None else reading
            case nodes.IsKnown(operand=operand):
                return Reading(self.read(operand).value is not None)
            case nodes.And(operands=operands):
                return _junction([self.read(operand) for operand in operands], decisive=False)
            case nodes.Or(operands=operands):
                return _junction([self.read(operand) for operand in operands], decisive=True)
            case nodes.Not(operand=operand):
                return _negation(self.read(operand))
            case nodes.NamedSet(name=name):
                return Reading(self._program.sets[name])
            case nodes.NamedNetwork(name=name):
                return Reading(self._program.networks[name])
            case nodes.NamedWindow(name=name):
                return Reading(self._program.windows[name])
            case (  # pragma: no branch - every kind has its case
                nodes.BoolLiteral(value=value)
                | nodes.IntLiteral(value=value)
                | nodes.DecimalLiteral(value=value)
                | nodes.StringLiteral(value=value)
                | nodes.AddressLiteral(value=value)
                | nodes.InstantLiteral(value=value)
                | nodes.DurationLiteral(value=value)
                | nodes.ScopeLiteral(value=value)
                | nodes.LiteralNetwork(value=value)
                | nodes.LiteralSet(members=value)
            ):
                return Reading(value)

    def read_path(self, path: str) -> Any:
        """The value of an attribute, None where it is unknown."""
        return self._attributes.read(path)

    def body(self, body: Body) -> Reading:
        """`A and not B`."""
        return _junction([self.read(body.when), _negation(self.read(body.unless))], decisive=False)

    def _operation(self, operation: nodes.Operation) -> Reading:
        operands = [self.read(operand) for operand in operation.operands]
        moves = change.earliest(*(operand.change for operand in operands))
        values = [operand.value for operand in operands]
        if any(value is None for value in values):
            return Reading(None, moves, doubts=frozenset[str]().union(*(operand.doubts for operand in operands)))
        value = meaning_of(operation.operator, operation.type)(*values)
        slope = _slope(operation.operator, operands)
        if slope:
            moves = change.earliest(moves, _change(operation.operator, operands, slope))
        if value is None:
            # No attribute is missing: what made it unknown is what was read.
            return Reading(None, moves, doubts=self.read_in(operation))
        return Reading(value, moves, slope if operation.operator in ARITHMETIC else 0)

    def read_in(self, expression: Expression) -> frozenset[str]:
        """The attributes of which an expression is made, and `now`."""
        match expression:
            case nodes.Attribute(path=path):
                return frozenset({path})
            case nodes.Now():
                return frozenset({"now"})
            case nodes.LetReference(name=name):
                return self.read_in(self._program.lets[name])
            case nodes.Default(operand=operand):
                return self.read_in(operand)
            case nodes.Operation(operands=operands):
                return frozenset[str]().union(*(self.read_in(operand) for operand in operands))
            case _:
                return frozenset()


def _junction(readings: list[Reading], *, decisive: bool) -> Reading:
    """Kleene `and` (decisive false) and `or` (decisive true).

    One operand that is decisive settles it, for as long as any of the decisive ones stays so. Otherwise one unknown
    makes it unknown. Otherwise all agree on the other truth.
    """
    settling = [reading for reading in readings if reading.value is decisive]
    if settling:
        return Reading(decisive, change.latest(reading.change for reading in settling))
    moves = change.earliest(*(reading.change for reading in readings))
    unknown = [reading for reading in readings if reading.value is None]
    if unknown:
        return Reading(None, moves, doubts=frozenset[str]().union(*(reading.doubts for reading in unknown)))
    return Reading(not decisive, moves)


def _negation(reading: Reading) -> Reading:
    value = None if reading.value is None else not reading.value
    return Reading(value, reading.change, doubts=reading.doubts)


def _slope(operator: str, operands: list[Reading]) -> int:
    """How the result of arithmetic moves; for a comparison, how `left - right` moves; else the first operand."""
    left = operands[0].slope
    if operator == "+":
        return left + operands[1].slope
    if operator == "-" or operator in COMPARISONS:
        return left - operands[1].slope
    if operator == "*" and (left or operands[1].slope):
        # One side is a literal, which does not move; a moving value is a duration, whose literal is an int.
        factor: int = operands[1].value if left else operands[0].value
        return (left or operands[1].slope) * factor
    return left


def _change(operator: str, operands: list[Reading], slope: int) -> int | None:
    """When this operator itself changes, apart from its operands, where something moves."""
    left, right = operands[0].value, operands[-1].value
    if operator in COMPARISONS:
        return change.comparison_change(operator, left - right, slope)
    if operator == "in_window":
        window: Window = right
        return change.window_change(left, slope, window.at(left)[1])
    if operator == "in_set":
        return change.membership_change(left, slope, right)
    exact = {"+": left + right, "-": left - right, "*": left * right}[operator]
    return change.overflow_change(exact, slope)


# ------------------------------------------------------------------------------------------------ the decision


def decide(
    program: Program,
    request: Mapping[str, Any],
    *,
    clock: Callable[[], int],
    keys: KeyLookup = no_keys,
    revision: str = "",
) -> Decision:
    """The decision for a request, as section 6 of the language page numbers it (limits are counted elsewhere)."""
    action = request.get("action")
    if type(action) is not str or action not in program.schema.actions:
        return Outcome(
            effect="deny", rule=None, status=403, code="unknown_action", reason=UNKNOWN_ACTION, revision=revision
        ).until(None)
    now = instant_of(request, clock)
    if now is None:
        return Outcome(
            effect="deny", rule=None, status=400, code="invalid_now", reason=INVALID_NOW, unknowns=("now",),
            revision=revision,
        ).until(None)  # fmt: skip
    evaluation = Evaluation(program, Attributes(program.schema, request, keys), now)
    rules = [(rule, evaluation.body(rule.body)) for rule in program.rules if action in rule.actions]
    outcome, moves = _combine([pair for pair in rules if not pair[0].shadow])
    shadows = [pair for pair in rules if pair[0].shadow]
    moves = change.earliest(moves, *(reading.change for _, reading in shadows))
    applied = tuple(rule.name for rule, reading in shadows if applies(rule, reading))
    until = None if moves is None or now + moves > TIME_MAX else now + moves
    return replace_outcome(outcome, shadows=applied, revision=revision).until(until)


UNKNOWN_ACTION = "this action is not known here"
INVALID_NOW = "the instant given for this decision cannot be read"
NO_RULE_ALLOWS = "no rule allows this"


def applies(rule: Rule, body: Reading) -> bool:
    """An allow applies when its body is true; a deny or a challenge when its body is not false."""
    return body.value is True if rule.effect == "allow" else body.value is not False


def _combine(rules: list[tuple[Rule, Reading]]) -> tuple[Outcome, int | None]:
    denies = [(rule, body) for rule, body in rules if rule.effect == "deny"]
    allows = [(rule, body) for rule, body in rules if rule.effect == "allow"]
    challenges = [(rule, body) for rule, body in rules if rule.effect == "challenge"]

    moves: int | None = None
    for rule, body in denies:
        moves = change.earliest(moves, body.change)
        if applies(rule, body):
            return outcome_of(rule, unknowns=body.doubts), moves
    for rule, body in allows:
        moves = change.earliest(moves, body.change)
        if applies(rule, body):
            allowed = rule
            break
    else:
        return Outcome(effect="deny", rule=None, status=403, code="no_rule_allows", reason=NO_RULE_ALLOWS), moves
    moves = change.earliest(moves, *(body.change for _, body in challenges))
    asked = [(rule, body) for rule, body in challenges if applies(rule, body)]
    if asked:
        doubts = frozenset[str]().union(*(body.doubts for _, body in asked))
        return outcome_of(asked[0][0], [rule for rule, _ in asked], doubts), moves
    return outcome_of(allowed), moves


def outcome_of(rule: Rule, challenges: Iterable[Rule] = (), unknowns: Iterable[str] = ()) -> Outcome:
    """The outcome that a rule decides; for a challenge, with the remedies of all challenges that apply."""
    obligations: dict[str, bool | int | Decimal | str] = dict(rule.obligations)
    return Outcome(
        effect=rule.effect,
        rule=rule.name,
        status=rule.status,
        code=rule.code,
        reason=rule.reason,
        obligations=MappingProxyType(obligations),
        remedies=tuple(each.remedy for each in challenges if each.remedy is not None),
        unknowns=tuple(sorted(unknowns)),
    )


def replace_outcome(outcome: Outcome, *, shadows: tuple[str, ...], revision: str) -> Outcome:
    """The same outcome with what stands beside the decision."""
    return Outcome(
        effect=outcome.effect,
        rule=outcome.rule,
        status=outcome.status,
        code=outcome.code,
        reason=outcome.reason,
        obligations=outcome.obligations,
        remedies=outcome.remedies,
        unknowns=outcome.unknowns,
        retry_after=outcome.retry_after,
        shadows=shadows,
        revision=revision,
    )
