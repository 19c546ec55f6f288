"""Regions: the values of one thing for which a test of it is true.

A test such as `risk.score > 90` says that a *subject*, `risk.score`, lies in a *region*. Tests of the same subject can
then be put together: regions that do not meet contradict each other, one inside another is the stronger of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from durwan.language.typed import is_constant
from durwan.model import types
from durwan.model.types import Type
from durwan.program import nodes
from durwan.program.nodes import Expression

# An end of an interval: the value, and -1, 0 or 1 for just below it, at it, or just above it.
End = tuple[Decimal, int]
_LOWEST: End = (Decimal("-Infinity"), 0)
_HIGHEST: End = (Decimal("Infinity"), 0)


@dataclass(frozen=True, slots=True)
class Intervals:
    """A region of numbers: closed intervals of ends, ascending, that neither meet nor touch."""

    parts: tuple[tuple[End, End], ...]

    def meet(self, other: Intervals) -> Intervals:
        """What lies in both."""
        found: list[tuple[End, End]] = []
        mine, others = iter(self.parts), iter(other.parts)
        left, right = next(mine, None), next(others, None)
        while left is not None and right is not None:
            low, high = max(left[0], right[0]), min(left[1], right[1])
            if low <= high:
                found.append((low, high))
            if left[1] < right[1]:
                left = next(mine, None)
            else:
                right = next(others, None)
        return Intervals(tuple(found))

    def opposite(self) -> Intervals:
        """What lies outside."""
        found: list[tuple[End, End]] = []
        start: End | None = _LOWEST
        for low, high in self.parts:
            if start is not None and start < low:
                found.append((start, _before(low)))
            start = None if high == _HIGHEST else _after(high)
        if start is not None:
            found.append((start, _HIGHEST))
        return Intervals(tuple(found))

    def whole(self) -> Intervals:
        """The same region where all values are whole: just above 5 is 6. So `<= 5 or >= 6` is seen to be everything."""
        rounded = ((_up(low), _down(high)) for low, high in self.parts)
        return Intervals(tuple((low, high) for low, high in rounded if low <= high))

    def is_empty(self) -> bool:
        """Whether nothing lies in it."""
        return not self.parts


def _up(low: End) -> End:
    """The first whole number from an end on."""
    value = low[0] if low[0].is_infinite() else low[0].to_integral_value("ROUND_CEILING")
    return (value + 1, 0) if value == low[0] and low[1] > 0 else (value, 0)


def _down(high: End) -> End:
    """The last whole number up to an end."""
    value = high[0] if high[0].is_infinite() else high[0].to_integral_value("ROUND_FLOOR")
    return (value - 1, 0) if value == high[0] and high[1] < 0 else (value, 0)


def _before(end: End) -> End:
    return end[0], end[1] - 1


def _after(end: End) -> End:
    return end[0], end[1] + 1


@dataclass(frozen=True, slots=True)
class Points:
    """A region of things without an order: these values, or with `excluded` all others."""

    values: frozenset[object]
    excluded: bool = False

    def meet(self, other: Points) -> Points:
        """What lies in both."""
        match self.excluded, other.excluded:
            case False, False:
                return Points(self.values & other.values)
            case False, True:
                return Points(self.values - other.values)
            case True, False:
                return Points(other.values - self.values)
            case _:
                return Points(self.values | other.values, excluded=True)

    def opposite(self) -> Points:
        """What lies outside."""
        return Points(self.values, excluded=not self.excluded)

    def is_empty(self) -> bool:
        """Whether nothing lies in it."""
        return not self.values and not self.excluded


Region = Intervals | Points


def meet(left: Region, right: Region) -> Region:
    """What lies in both of two regions of one subject."""
    match left, right:
        case Intervals(), Intervals():
            return left.meet(right)
        case Points(), Points():
            return left.meet(right)
        case _:
            raise AssertionError("regions of one subject are of one kind")


def is_within(inner: Region, outer: Region) -> bool:
    """Whether all of one region lies in another one of the same subject."""
    return meet(inner, outer.opposite()).is_empty()


@dataclass(frozen=True, slots=True)
class Claim:
    """That a subject lies in a region; what its type allows at all is taken into account."""

    subject: Expression
    region: Region

    def opposite(self) -> Claim:
        """The claim that is false where this one is true."""
        return _bounded(self.subject, self.region.opposite())

    def is_always_true(self) -> bool:
        """Whether it holds for every value that the subject can have."""
        return self.opposite().region.is_empty()


_TRUE = Points(frozenset({True}))
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_NUMBERS = (types.Int, types.Number, types.Time, types.Duration)


def claim_of(condition: Expression) -> Claim:
    """Any condition as a claim: of a value for a region, or else of the condition itself for being true."""
    match condition:
        case nodes.BoolLiteral(value=value):
            return Claim(nodes.TRUE, _TRUE if value else Points(frozenset()))
        case nodes.Not(operand=nodes.BoolLiteral(value=value)):
            return Claim(nodes.TRUE, Points(frozenset()) if value else _TRUE)
        case nodes.Not(operand=operand):
            return claim_of(operand).opposite()
        case nodes.Operation(operator=operator, operands=(subject, literal)) if operator in _MIRRORED:
            if is_constant(literal):
                return _comparison(condition, operator, subject, literal)
            if is_constant(subject):
                return _comparison(condition, _MIRRORED[operator], literal, subject)
        case nodes.Operation(operator="in_set", operands=(subject, nodes.LiteralSet(members=members))):
            return _bounded(subject, _members(nodes.type_of(subject), members))
        case _:
            pass
    return Claim(condition, _TRUE)


def _comparison(condition: Expression, operator: str, subject: Expression, literal: Expression) -> Claim:
    if not isinstance(
        literal,
        nodes.BoolLiteral
        | nodes.IntLiteral
        | nodes.DecimalLiteral
        | nodes.StringLiteral
        | nodes.AddressLiteral
        | nodes.InstantLiteral
        | nodes.DurationLiteral
        | nodes.ScopeLiteral,
    ):
        return Claim(condition, _TRUE)
    kind = nodes.type_of(subject)
    equal = _members(kind, [literal.value])
    if operator in {"==", "!="}:
        return _bounded(subject, equal if operator == "==" else equal.opposite())
    return _bounded(subject, _ordered(operator, _number(literal.value)))


def _bounded(subject: Expression, region: Region) -> Claim:
    kind = nodes.type_of(subject)
    found = meet(region, _domain(kind, region))
    if isinstance(found, Intervals) and not isinstance(kind, types.Number):
        found = found.whole()
    return Claim(subject, found)


def _members(kind: Type, members: object) -> Region:
    if not isinstance(kind, _NUMBERS):
        return Points(frozenset(members))  # type: ignore[call-overload]
    ends = sorted((Decimal(member), 0) for member in set(members))  # type: ignore[call-overload]
    return Intervals(tuple((end, end) for end in ends))


def _number(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _ordered(operator: str, value: Decimal) -> Intervals:
    match operator:
        case ">":
            return Intervals((((value, 1), _HIGHEST),))
        case ">=":
            return Intervals((((value, 0), _HIGHEST),))
        case "<":
            return Intervals(((_LOWEST, (value, -1)),))
        case _:
            return Intervals(((_LOWEST, (value, 0)),))


def _domain(kind: Type, like: Region) -> Region:
    """All values of a type, as a region of the same sort as `like`."""
    if isinstance(like, Points):
        match kind:
            case types.Bool():
                return Points(frozenset({True, False}))
            case types.String(choices) if choices is not None:
                return Points(frozenset(choices))
            case _:
                return Points(frozenset(), excluded=True)
    match kind:
        case types.Int(low, high) | types.Number(low, high) if low is not None and high is not None:
            return Intervals((((Decimal(low), 0), (Decimal(high), 0)),))
        case _:
            return Intervals(((_LOWEST, _HIGHEST),))
