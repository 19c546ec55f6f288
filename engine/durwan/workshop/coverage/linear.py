"""Sums as linear forms: what a comparison subtracts, so that its border can be computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import gcd, lcm

from durwan.model import types
from durwan.model.values import EXACT, within_digits
from durwan.program import nodes
from durwan.program.nodes import Expression, type_of


@dataclass(frozen=True, slots=True)
class Linear:
    """`constant` plus each of the terms, which are attributes, `now` or defaults, times its factor (never zero)."""

    terms: Mapping[Expression, Fraction]
    constant: Fraction

    def plus(self, other: Linear, factor: Fraction = Fraction(1)) -> Linear:
        """The sum of this and `factor` times the other."""
        terms = dict(self.terms)
        for term, count in other.terms.items():
            terms[term] = terms.get(term, Fraction(0)) + factor * count
        return Linear({term: count for term, count in terms.items() if count}, self.constant + factor * other.constant)

    @property
    def is_whole(self) -> bool:
        """Whether all terms are whole numbers: ints, instants, durations."""
        return all(isinstance(type_of(term), types.Int | types.Time | types.Duration) for term in self.terms)

    @property
    def spacing(self) -> Fraction:
        """The distance between the values that a form with whole terms can have."""
        return _divisor(self.terms.values())

    @property
    def can_be_zero(self) -> bool:
        """Whether decimals of 18+18 digits can make it zero, as far as one term alone decides."""
        if len(self.terms) != 1:
            return True
        [factor] = self.terms.values()
        return is_decimal(-self.constant / factor)


def linear(expression: Expression, lets: Mapping[str, Expression]) -> Linear:
    """The linear form of a number, an instant or a duration; lets are followed."""
    match expression:
        case nodes.IntLiteral(value=value) | nodes.InstantLiteral(value=value) | nodes.DurationLiteral(value=value):
            return Linear({}, Fraction(value))
        case nodes.DecimalLiteral(value=exact):
            return Linear({}, Fraction(exact))
        case nodes.LetReference(name=name):
            return linear(lets[name], lets)
        case nodes.Operation(operator="+" | "-" | "*" as operator, operands=(first, second)):
            left, right = linear(first, lets), linear(second, lets)
            if operator == "*":
                return _product(left, right)
            return left.plus(right, Fraction(1 if operator == "+" else -1))
        case _:
            return Linear({expression: Fraction(1)}, Fraction(0))


def decimal_of(fraction: Fraction) -> Decimal:
    """The decimal of a fraction; exact where `is_decimal`."""
    return EXACT.divide(Decimal(fraction.numerator), Decimal(fraction.denominator))


def is_decimal(fraction: Fraction) -> bool:
    """Whether 18+18 digits hold it exactly."""
    exact = decimal_of(fraction)
    return Fraction(exact) == fraction and within_digits(exact) is not None


def _product(left: Linear, right: Linear) -> Linear:
    """One side is a constant: the language has no other products."""
    variable, factor = (left, right.constant) if left.terms else (right, left.constant)
    return Linear({}, Fraction(0)).plus(variable, factor)


def _divisor(fractions: Iterable[Fraction]) -> Fraction:
    given = list(fractions)
    common = lcm(*(each.denominator for each in given))
    return Fraction(gcd(*(each.numerator * (common // each.denominator) for each in given)), common)
