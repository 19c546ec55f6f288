"""Comparisons with a literal: which of them follow from each other, and which the declared type makes pointless."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from durwan.model import types
from durwan.model.types import Type
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import COMPARISONS, OPERATORS

_Number = int | Decimal | Fraction


class Bound(NamedTuple):
    """A comparison of something with a number, an instant or a duration written out, which stands on the right."""

    subject: Expression
    operator: str
    value: int | Decimal

    def holds(self, number: _Number) -> bool:
        """Whether it is true where the subject has this value."""
        compares: Callable[[Any, Any], bool] = OPERATORS[self.operator].meaning
        return compares(Fraction(number), Fraction(self.value))


def bound_of(expression: Expression) -> Bound | None:
    """The bound that an expression is; None where it is something else."""
    match expression:
        case nodes.Operation(operator=operator, operands=(left, right)) if operator in COMPARISONS:
            pass
        case _:
            return None
    match right:
        case (
            nodes.IntLiteral(value=value)
            | nodes.DecimalLiteral(value=value)
            | nodes.InstantLiteral(value=value)
            | nodes.DurationLiteral(value=value)
        ):
            return Bound(left, operator, value)
        case _:
            return None


def implies(first: Bound, second: Bound) -> bool:
    """Whether the second is true wherever the first is."""
    return first.subject == second.subject and all(
        second.holds(each) for each in _around(first.value, second.value) if first.holds(each)
    )


def excludes(first: Bound, second: Bound) -> bool:
    """Whether they are nowhere both true."""
    return first.subject == second.subject and not any(
        first.holds(each) and second.holds(each) for each in _around(first.value, second.value)
    )


def cover(first: Bound, second: Bound) -> bool:
    """Whether one of them is true wherever what they are about is known."""
    return first.subject == second.subject and all(
        first.holds(each) or second.holds(each) for each in _around(first.value, second.value)
    )


def settled_by_type(expression: Expression) -> tuple[nodes.Attribute, bool] | None:
    """The attribute that a test is about, and what the test is wherever that is known, where its type leaves no choice.

    None where the type leaves one, or where the test is not about one attribute and values written out.
    """
    match expression:
        case nodes.Operation(operands=(nodes.Attribute() as attribute, right)):
            pass
        case _:
            return None
    truths = {*_truths(expression, attribute.type, right)}
    return (attribute, truths.pop()) if len(truths) == 1 else None


def _truths(test: nodes.Operation, declared: Type, right: Expression) -> Iterable[bool]:
    """Both truths, or those that a test can have for a value of the declared type."""
    meaning = OPERATORS[test.operator].meaning
    match declared, right:
        case _, nodes.LiteralSet(members=members) if not members and test.operator == "in_set":
            return (False,)
        case types.String(tuple() as choices), nodes.StringLiteral(value=text):
            return (meaning(choice, text) for choice in choices)
        case types.String(tuple() as choices), nodes.LiteralSet(members=members) if test.operator == "in_set":
            return (choice in members for choice in choices)
        case ((types.Int() | types.Number()), _):
            bound = bound_of(test)
            return (True, False) if bound is None else _numeric_truths(bound, declared)
        case _:
            return (True, False)


def _numeric_truths(bound: Bound, declared: types.Int | types.Number) -> Iterable[bool]:
    if isinstance(declared, types.Int) and bound.value % 1 and bound.operator in {"==", "!="}:
        return (bound.operator == "!=",)
    low, high = declared.low, declared.high
    if low is None or high is None:
        return (True, False)
    points = (*_around(low, bound.value), *_around(high, bound.value))
    return (bound.holds(each) for each in points if low <= each <= high)


def _around(first: int | Decimal, second: int | Decimal) -> Iterable[Fraction]:
    """Every value at which two bounds can be told apart: both of theirs, one between them, and one on either side."""
    low, high = sorted((Fraction(first), Fraction(second)))
    return low - 1, low, (low + high) / 2, high, high + 1


__all__ = ["Bound", "bound_of", "cover", "excludes", "implies", "settled_by_type"]
