"""Expressions as formulas: what the reference evaluator computes, for all requests at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from durwan.backends.solver.memberships import Memberships
from durwan.backends.solver.pieces import SpanPieces
from durwan.backends.solver.values import (
    ALWAYS,
    DECIMAL_BOUND,
    NEVER,
    UNKNOWN,
    FixedMembers,
    FixedNetwork,
    Missing,
    Number,
    Place,
    Text,
    Truth,
    Value,
    address_number,
    conjunction,
    constant,
    decided,
    disjunction,
    is_64_bit,
    opposite,
)
from durwan.backends.solver.variables import Variables, in_units
from durwan.backends.solver.z3_interface import TRUE, Term, both, either, negated, within, z3
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.values import Value as Known
from durwan.model.window import Window, build_window
from durwan.model.window_spans import CalendarSpan, DatesSpan, InstantSpan, Span, WeeklySpan
from durwan.model.zone import DAY
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import COMPARISONS
from durwan.program.program import Body, Program

_NOTHING: Final[Mapping[str, Known | None]] = MappingProxyType({})
_EPOCH: Final = date(1970, 1, 1).toordinal()
_COMPARED: Final[dict[str, Callable[[Term, Term], Term]]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: negated(left == right),
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


class Encoding:
    """The expressions of one program over the variables of a request.

    `fixed` holds attributes that are settled for this program alone, where two are asked about.
    """

    def __init__(self, program: Program, variables: Variables, fixed: Mapping[str, Known | None] = _NOTHING) -> None:
        self.program = program
        self._fixed = fixed
        self._variables = variables
        self._memberships = Memberships(program, variables)
        self._lets: dict[str, Value] = {}

    def truth(self, expression: Expression) -> Truth:
        """A condition."""
        found = self.value(expression)
        assert isinstance(found, Truth | Missing), expression  # noqa: S101 - so it was checked
        return found if isinstance(found, Truth) else UNKNOWN

    def body(self, body: Body) -> Truth:
        """`A and not B`."""
        return conjunction([self.truth(body.when), opposite(self.truth(body.unless))])

    def value_of(self, path: str) -> Value:
        """An attribute."""
        declared = self.program.schema.attributes[path]
        if path in self._fixed:
            return self._variables.settled(self._fixed[path], declared)
        return self._variables.attribute(path, declared, self.program.schema.scopes)

    def value(self, expression: Expression) -> Value:  # noqa: C901 - one line per kind of node
        """Any expression that stands for one value, or for a collection that is known."""
        match expression:
            case nodes.Operation():
                return self._operation(expression)
            case nodes.Attribute(path=path):
                return self.value_of(path)
            case nodes.Now():
                return Number(TRUE, self._variables.now)
            case nodes.LetReference(name=name):
                if name not in self._lets:
                    self._lets[name] = self.value(self.program.lets[name])
                return self._lets[name]
            case nodes.Default(operand=operand, fallback=fallback):
                return _otherwise(self.value(operand), self.value(fallback))
            case nodes.IsKnown(operand=operand):
                known = self.value(operand).known
                return Truth(known, negated(known))
            case nodes.And(operands=operands):
                return conjunction([self.truth(operand) for operand in operands])
            case nodes.Or(operands=operands):
                return disjunction([self.truth(operand) for operand in operands])
            case nodes.Not(operand=operand):
                return opposite(self.truth(operand))
            case _:
                return self._literal(expression)

    def _literal(self, expression: Expression) -> Value:
        match expression:
            case nodes.BoolLiteral(value=value):
                return ALWAYS if value else NEVER
            case nodes.IntLiteral(value=value) | nodes.InstantLiteral(value=value) | nodes.DurationLiteral(value=value):
                return Number(TRUE, constant(value))
            case nodes.DecimalLiteral(value=number):
                return Number(TRUE, constant(in_units(number)), is_decimal=True)
            case nodes.StringLiteral(value=text) | nodes.ScopeLiteral(value=text):
                return Text(TRUE, constant(self._variables.texts.number(text)))
            case nodes.AddressLiteral(value=packed):
                return Place(TRUE, constant(address_number(packed)))
            case nodes.LiteralSet(members=members):
                return FixedMembers(members)  # type: ignore[arg-type]  # of strings or ints, to the left of `has`
            case nodes.LiteralNetwork(value=network):
                return FixedNetwork(network)
            case _:
                msg = f"{type(expression).__name__} stands only on the right of a test"
                raise TypeError(msg)

    # ----------------------------------------------------------------------------------------------- operators

    def _operation(self, operation: nodes.Operation) -> Value:  # noqa: C901 - one line per operator
        operator, operands = operation.operator, operation.operands
        if operator in COMPARISONS:
            return self._comparison(operator, self.value(operands[0]), self.value(operands[1]))
        match operator:
            case "+" | "-":
                return self._sum(operator, self.value(operands[0]), self.value(operands[1]))
            case "*":
                return self._product(operands[0], operands[1])
            case "in_set":
                return self._memberships.in_set(self.value(operands[0]), operands[1])
            case "in_network":
                return self._memberships.in_network(self.value(operands[0]), self._network(operands[1]))
            case "in_window":
                return self._in_window(self.value(operands[0]), operands[1])
            case "like":
                return self._memberships.like(self.value(operands[0]), operands[1])
            case "has":
                return self._memberships.has(self.value(operands[0]), self.value(operands[1]))
            case "has_any":
                return self._memberships.has_count(self.value(operands[0]), operands[1], 1)
            case "has_all":
                return self._memberships.has_count(self.value(operands[0]), operands[1], None)
            case "has_at_least":
                count = operands[2]
                assert isinstance(count, nodes.IntLiteral)  # noqa: S101 - so the grammar says
                return self._memberships.has_count(self.value(operands[0]), operands[1], count.value)
            case _:
                msg = f"the operator {operator} has no formula"
                raise NotImplementedError(msg)

    def _comparison(self, operator: str, left: Value, right: Value) -> Truth:
        known = both(left.known, right.known)
        match left, right:
            case Truth(), Truth():
                same = Truth(
                    either(both(left.true, right.true), both(left.false, right.false)),
                    either(both(left.true, right.false), both(left.false, right.true)),
                )
                return same if operator == "==" else opposite(same)
            case Number(), Number() if left.is_decimal or right.is_decimal:
                return decided(known, _COMPARED[operator](left.in_units(), right.in_units()))
            case (
                (Number(_, first), Number(_, second))
                | (Text(_, first), Text(_, second))
                | (
                    Place(_, first),
                    Place(_, second),
                )
            ):
                return decided(known, _COMPARED[operator](first, second))
            case _:
                return UNKNOWN

    def _sum(self, operator: str, left: Value, right: Value) -> Value:
        if not (isinstance(left, Number) and isinstance(right, Number)):
            return Missing()
        known = both(left.known, right.known)
        is_decimal = left.is_decimal or right.is_decimal
        first, second = (left.in_units(), right.in_units()) if is_decimal else (left.term, right.term)
        total = first + second if operator == "+" else first - second
        return Number(both(known, self._fits(total, is_decimal)), total, is_decimal)

    def _fits(self, term: Term, is_decimal: bool) -> Term:
        return both(term > -DECIMAL_BOUND, term < DECIMAL_BOUND) if is_decimal else is_64_bit(term)

    def _product(self, left: Expression, right: Expression) -> Value:
        """A value and a literal, either way round."""
        if isinstance(left, nodes.IntLiteral | nodes.DecimalLiteral):
            left, right = right, left
        value = self.value(left)
        if not isinstance(value, Number):
            return Missing()
        if isinstance(right, nodes.IntLiteral):
            term = value.term * right.value
            return Number(both(value.known, self._fits(term, value.is_decimal)), term, value.is_decimal)
        assert isinstance(right, nodes.DecimalLiteral)  # noqa: S101 - so it was checked
        return self._scaled(value, right.value)

    def _scaled(self, value: Number, factor: Decimal) -> Number:
        """A number times a decimal; unknown where more than 18 digits after the point would be needed."""
        numerator, denominator = factor.as_integer_ratio()
        scaled = value.in_units() * numerator
        if denominator == 1:
            return Number(both(value.known, self._fits(scaled, is_decimal=True)), scaled, is_decimal=True)
        quotient, remainder = self._variables.quotient(scaled, denominator)
        known = both(value.known, remainder == 0, self._fits(quotient, is_decimal=True))
        return Number(known, quotient, is_decimal=True)

    def _network(self, right: Expression) -> Value:
        if isinstance(right, nodes.NamedNetwork):
            return FixedNetwork(self.program.networks[right.name])
        return self.value(right)

    # ------------------------------------------------------------------------------------------------------- time

    def _in_window(self, value: Value, right: Expression) -> Truth:
        assert isinstance(right, nodes.NamedWindow)  # noqa: S101 - so it was checked
        if not isinstance(value, Number):
            return UNKNOWN
        window = self.program.windows[right.name]
        inside = disjunction([self._in_span(value.term, span, window) for span in window.spans])
        excepted = disjunction([self._in_span(value.term, span, window) for span in window.exceptions])
        found = conjunction([inside, opposite(excepted)])
        known = both(value.known, value.term >= TIME_MIN, value.term <= TIME_MAX)
        return Truth(both(known, found.true), both(known, found.false))

    def _in_span(self, term: Term, span: Span, window: Window) -> Truth:
        match span:
            case InstantSpan(start, end):
                return decided(TRUE, both(term >= start, term < end))
            case DatesSpan():
                return decided(TRUE, within(term, _stretches(build_window([span]), span)))
            case WeeklySpan():
                return self._variables.apply(SpanPieces(build_window([span])), term, total=True)
            case CalendarSpan():  # pragma: no branch - every kind has its case
                known = {calendar.name: calendar for calendar in window.calendars}
                return self._variables.apply(SpanPieces(build_window([span], calendars=known)), term, total=False)


def _otherwise(value: Value, fallback: Value) -> Value:
    match value, fallback:
        case Missing(), _:
            return fallback
        case Truth(), Truth():
            unknown = both(negated(value.true), negated(value.false))
            return Truth(
                either(value.true, both(unknown, fallback.true)), either(value.false, both(unknown, fallback.false))
            )
        case Number(), Number() if value.is_decimal or fallback.is_decimal:
            return Number(TRUE, z3.If(value.known, value.in_units(), fallback.in_units()), is_decimal=True)
        case Number(), Number():
            return Number(TRUE, z3.If(value.known, value.term, fallback.term))
        case Text(), Text():
            return Text(TRUE, z3.If(value.known, value.term, fallback.term))
        case Place(), Place():
            return Place(TRUE, z3.If(value.known, value.term, fallback.term))
        case _:
            msg = f"{type(value).__name__} has no default"
            raise TypeError(msg)


def _stretches(window: Window, span: DatesSpan) -> list[tuple[int, int]]:
    """The instants of whole local days: one stretch, or none. No zone is ever two days away from UTC."""
    first, last = (span.first.toordinal() - _EPOCH - 2) * DAY, (span.last.toordinal() - _EPOCH + 3) * DAY
    found: list[tuple[int, int]] = []
    start: int | None = max(first, TIME_MIN)
    while start is not None and start < last:
        inside, end = window.at(start)
        if inside:
            found.append((start, TIME_MAX if end is None else end - 1))
        start = end
    return found
