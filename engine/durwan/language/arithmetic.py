"""Sums, differences and products: which operands go together, and the range of the result."""

from __future__ import annotations

from decimal import Decimal

from durwan.diagnostics import Diagnostic
from durwan.language.mistakes import kinds
from durwan.language.syntax import Arithmetic
from durwan.language.typed import NUMERIC, Bound, Typed
from durwan.model import types
from durwan.model.types import INT64_MAX, INT64_MIN, Type, base_of
from durwan.model.values import EXACT
from durwan.program import nodes

_NUMBERS = (nodes.IntLiteral, nodes.DecimalLiteral)
_DECIMAL_MAX = Decimal(10) ** 18

_TIMES: dict[tuple[str, type[Type], type[Type]], Type] = {
    ("+", types.Time, types.Duration): types.Time(),
    ("+", types.Duration, types.Time): types.Time(),
    ("+", types.Duration, types.Duration): types.Duration(),
    ("-", types.Time, types.Time): types.Duration(),
    ("-", types.Time, types.Duration): types.Time(),
    ("-", types.Duration, types.Duration): types.Duration(),
    ("*", types.Duration, types.Int): types.Duration(),
    ("*", types.Int, types.Duration): types.Duration(),
}


def calculate(written: Arithmetic, left: Typed, right: Typed, report: list[Diagnostic]) -> Typed | None:
    """The sum, difference or product of two checked operands, or None where it is a mistake."""
    operator = written.operator
    numeric = isinstance(left.type, NUMERIC) and isinstance(right.type, NUMERIC)
    result = (
        _numeric_type(operator, left, right) if numeric else _TIMES.get((operator, type(left.type), type(right.type)))
    )
    if result is None:
        report.append(kinds.bad_arithmetic(written.span, operator, (left.span, left.type), (right.span, right.type)))
        return None
    if operator == "*" and not _multiplies(left, right):
        report.append(kinds.product_without_literal(written.span))
        return None
    operation = nodes.Operation(
        operator=operator, operands=(left.node, right.node), type=base_of(result), span=written.span
    )
    return Typed(operation, result, written.span)


def _multiplies(left: Typed, right: Typed) -> bool:
    """Whether one side is a number written out; for a duration, that has to be the side that is not the duration."""
    if isinstance(left.type, types.Duration):
        return isinstance(right.node, _NUMBERS)
    if isinstance(right.type, types.Duration):
        return isinstance(left.node, _NUMBERS)
    return isinstance(left.node, _NUMBERS) or isinstance(right.node, _NUMBERS)


def _numeric_type(operator: str, left: Typed, right: Typed) -> Type:
    low, high = _interval(operator, left.interval, right.interval)
    if isinstance(left.type, types.Int) and isinstance(right.type, types.Int):
        if not isinstance(low, int) or not isinstance(high, int):
            return types.Int()
        # Where the sum would overflow it is unknown, not larger.
        low, high = max(low, INT64_MIN), min(high, INT64_MAX)
        return types.Int(low, high) if low <= high else types.Int()
    if low is None or high is None:
        return types.Number()
    low, high = max(Decimal(low), -_DECIMAL_MAX), min(Decimal(high), _DECIMAL_MAX)
    return types.Number(low, high) if low <= high else types.Number()


def _interval(operator: str, left: tuple[Bound, Bound], right: tuple[Bound, Bound]) -> tuple[Bound, Bound]:
    (a, b), (c, d) = left, right
    if a is None or b is None or c is None or d is None:
        return None, None
    match operator:
        case "+":
            return _exact("+", a, c), _exact("+", b, d)
        case "-":
            return _exact("-", a, d), _exact("-", b, c)
        case _:
            corners = [_exact("*", x, y) for x in (a, b) for y in (c, d)]
            return min(corners), max(corners)


def _exact(operator: str, left: int | Decimal, right: int | Decimal) -> int | Decimal:
    if isinstance(left, int) and isinstance(right, int):
        return {"+": left + right, "-": left - right, "*": left * right}[operator]
    operation = {"+": EXACT.add, "-": EXACT.subtract, "*": EXACT.multiply}[operator]
    return operation(left, right)
