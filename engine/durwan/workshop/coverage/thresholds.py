"""Thresholds: which requests stand right at the border of a comparison, and right across it.

A threshold is a comparison by `<`, `<=`, `>` or `>=` of ints, decimals, instants or durations, with a constant or with
each other, sums and lets included; and `has at least N of`, of which the border is N members and the other side N - 1.

Where both sides are whole numbers (instants and durations are whole milliseconds), two cases are wanted: one with the
last values on one side of the border and one with the first on the other. So `score >= 90` wants 90 and 89, and
`now - seen > 5m` wants 5m and 5m1ms.

Decimals lie too close to each other for that. There, one case is wanted exactly at the border, and one on the other
side at a distance of no more than one unit of the last place that the constant is written with, and no more than 1: so
`notional >= 100_000` wants 100,000 and something from 99,999 up, `rate > 0.25` wants 0.25 and something up to 0.26.
Where no decimal lies exactly at the border, as in `price * 3 > 100`, the case at it may be as far away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from durwan.model import types
from durwan.model.values import EXACT, format_duration, format_instant
from durwan.program import nodes
from durwan.program.nodes import Expression, type_of
from durwan.workshop.coverage.linear import Linear, decimal_of, linear

_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
# Comparisons that do not hold at the border itself: their other side lies above it, or below it.
_ABOVE: Final = frozenset({">", "<="})
_BOOL: Final = types.Bool()

# The words and the condition of one case that is wanted.
Border = tuple[str, Expression]


def borders(operation: nodes.Operation, lets: Mapping[str, Expression]) -> Iterator[Border]:
    """What is wanted of a threshold; nothing for any other operation."""
    if operation.operator == "has_at_least":
        yield from _count_borders(operation)
    elif operation.operator in _MIRRORED:
        threshold = _Threshold.of(operation, lets)
        if threshold.difference.terms:
            yield from threshold.whole() if threshold.difference.is_whole else threshold.decimal()


def _count_borders(operation: nodes.Operation) -> Iterator[Border]:
    held, wanted, count = operation.operands
    if not isinstance(count, nodes.IntLiteral):
        return

    def at_least(number: int) -> Expression:
        return replace(operation, operands=(held, wanted, nodes.IntLiteral(value=number)))

    for number in (count.value, count.value - 1):
        exactly = nodes.And(operands=(at_least(number), nodes.Not(operand=at_least(number + 1))))
        members = "member" if number == 1 else "members"
        yield f"in which {text_of(held)} has exactly {number} {members} of {text_of(wanted)}", exactly


@dataclass(frozen=True, slots=True, kw_only=True)
class _Threshold:
    """A comparison whose constant, if it has one, stands on the right; `difference` is left minus right."""

    left: Expression
    right: Expression
    above: bool
    difference: Linear
    constant: Fraction | None

    @classmethod
    def of(cls, operation: nodes.Operation, lets: Mapping[str, Expression]) -> _Threshold:
        left, right = operation.operands
        operator = operation.operator
        if not linear(left, lets).terms:
            left, right, operator = right, left, _MIRRORED[operator]
        right_form = linear(right, lets)
        return cls(
            left=left,
            right=right,
            above=operator in _ABOVE,
            difference=linear(left, lets).plus(right_form, Fraction(-1)),
            constant=None if right_form.terms else right_form.constant,
        )

    def whole(self) -> Iterator[Border]:
        """The last possible difference on one side, and the first on the other."""
        spacing = self.difference.spacing
        rest = self.difference.constant % spacing
        high = rest or (spacing if self.above else rest)
        for distance in sorted((high, high - spacing), key=abs):
            words = f"in which {text_of(self.left)} is {self._shifted_text(distance)}"
            yield words, _compared("==", self.left, _shifted(self.right, distance))

    def decimal(self) -> Iterator[Border]:
        """The border itself, and what lies across it, near enough."""
        step = self._step()
        if self.difference.can_be_zero:
            at = f"in which {text_of(self.left)} is {self._shifted_text(Fraction(0))}"
            yield at, _compared("==", self.left, self.right)
        else:
            yield self._near(step, above=not self.above, strict=False)
        yield self._near(step, above=self.above, strict=True)

    def _near(self, step: Fraction, *, above: bool, strict: bool) -> Border:
        side, far = (">", "<=") if above else ("<", ">=")
        near = _compared(side if strict else f"{side}=", self.left, self.right)
        limit = _compared(far, self.left, _shifted(self.right, step if above else -step))
        words = f"{'above' if above else 'below'} {self._shifted_text(Fraction(0))}"
        distance = f"by {_number(decimal_of(step))} at most"
        return f"in which {text_of(self.left)} is {words}, {distance}", nodes.And(operands=(near, limit))

    def _step(self) -> Fraction:
        exponent = decimal_of(self.difference.constant).as_tuple().exponent
        written = min((_places(each) for each in (self.left, self.right)), default=0)
        places = min(exponent, written) if isinstance(exponent, int) else 0
        return Fraction(10) ** min(places, 0)

    def _shifted_text(self, distance: Fraction) -> str:
        declared = type_of(self.right)
        if not distance:
            return text_of(self.right)
        if self.constant is not None:
            return f"`{_value_text(declared, self.constant + distance)}`"
        moved = types.Duration() if isinstance(declared, types.Time) else declared
        return f"{text_of(self.right)} {'plus' if distance > 0 else 'minus'} {_value_text(moved, abs(distance))}"


def _places(expression: Expression) -> int:
    """The exponent of the last place of a decimal as written; 0 for all else."""
    exponent = expression.value.as_tuple().exponent if isinstance(expression, nodes.DecimalLiteral) else 0
    return exponent if isinstance(exponent, int) else 0


def _compared(operator: str, left: Expression, right: Expression) -> nodes.Operation:
    return nodes.Operation(operator=operator, operands=(left, right), type=_BOOL)


def _shifted(expression: Expression, distance: Fraction) -> Expression:
    """The expression plus a constant; a literal stays one."""
    if not distance:
        return expression
    whole = int(distance)
    match expression:
        case nodes.IntLiteral(value=value) if whole == distance:
            return nodes.IntLiteral(value=value + whole)
        case nodes.IntLiteral(value=number) | nodes.DecimalLiteral(value=number):
            return nodes.DecimalLiteral(value=EXACT.add(Decimal(number), decimal_of(distance)))
        case nodes.InstantLiteral(value=instant):
            return nodes.InstantLiteral(value=instant + whole)
        case nodes.DurationLiteral(value=duration):
            return nodes.DurationLiteral(value=duration + whole)
        case _:
            added = _added(type_of(expression), distance)
            return nodes.Operation(operator="+", operands=(expression, added), type=type_of(expression))


def _added(declared: types.Type, distance: Fraction) -> nodes.Literal:
    match declared:
        case types.Time() | types.Duration():
            return nodes.DurationLiteral(value=int(distance))
        case types.Int() if distance.denominator == 1:
            return nodes.IntLiteral(value=int(distance))
        case _:
            return nodes.DecimalLiteral(value=decimal_of(distance))


def _value_text(declared: types.Type, value: Fraction) -> str:
    match declared:
        case types.Time():
            return format_instant(int(value))
        case types.Duration():
            return format_duration(int(value))
        case _:
            return _number(decimal_of(value))


def _number(exact: Decimal) -> str:
    return f"{exact:,f}".replace(",", "_")


def text_of(expression: Expression) -> str:
    """An expression in back-ticks, as it is written."""
    return f"`{' '.join(expression.span.text.split())}`" if expression.span is not None else "it"
