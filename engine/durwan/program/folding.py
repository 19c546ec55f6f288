"""Tests put more simply one by one: what is written out is worked out, and what is asked about stands on the left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from durwan.model import types
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.values import read_value
from durwan.program import nodes
from durwan.program.literals import literal_of
from durwan.program.nodes import Expression
from durwan.program.operators import COMPARISONS, OPERATORS

_MIRRORED: Final = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def simple_test(operation: nodes.Operation) -> Expression:
    """An operation with simplified operands as simply as it can be said, unknown where it is unknown."""
    folded = _folded(operation)
    if folded is not None:
        return folded
    match operation:
        case nodes.Operation(operator="has", operands=(nodes.LiteralSet() as held, one)):
            # No set stands to the left of `has` in a text; asked the other way round it is the same.
            return replace(operation, operator="in_set", operands=(one, _within_reach(held, one)))
        case nodes.Operation(operator=operator, operands=(left, right)) if operator in COMPARISONS:
            if isinstance(left, nodes.Literal) and not isinstance(right, nodes.Literal):
                operation = replace(operation, operator=_MIRRORED[operator], operands=(right, left))
            return _comparison(operation)
        case _:
            return operation


def _within_reach(held: nodes.LiteralSet, one: Expression) -> nodes.LiteralSet:
    """The set without the members that the closed set or range of an attribute keeps it from ever being."""
    match one:
        case nodes.Attribute(type=(types.String(tuple()) | types.Int(int())) as declared):
            possible: frozenset[Any] = frozenset(
                each for each in held.members if read_value(declared, each) is not None
            )
            return replace(held, members=possible)
        case _:
            return held


def _folded(operation: nodes.Operation) -> Expression | None:
    """The literal that an operation on literals comes to."""
    values: list[Any] = []
    for operand in operation.operands:
        match operand:
            case nodes.LiteralSet(members=value) | nodes.LiteralNetwork(value=value):
                values.append(value)
            case _ if isinstance(operand, nodes.Literal):
                values.append(operand.value)
            case _:
                return None
    result = OPERATORS[operation.operator].meaning(*values)
    within = not isinstance(operation.type, types.Time) or (result is not None and TIME_MIN <= result <= TIME_MAX)
    return literal_of(result, operation.type) if result is not None and within else None


def _comparison(test: nodes.Operation) -> Expression:
    match test.operands:
        case (subject, nodes.BoolLiteral(value=wanted)):
            return subject if wanted is (test.operator == "==") else nodes.Not(operand=subject)
        case (nodes.Operation(operator=("+" | "-") as sign, operands=(left, right)), limit):
            return _shifted(test, sign, (left, right), limit) or test
        case _:
            return test


def _shifted(
    test: nodes.Operation, sign: str, operands: tuple[Expression, Expression], limit: Expression
) -> Expression | None:
    """A comparison of an instant's distance from a fixed one, or of a sum with it, as one of the instant itself."""
    match operands, sign, limit:
        case (moment, nodes.InstantLiteral(value=fixed)), "-", nodes.DurationLiteral(value=age):
            return _dated(test, moment, fixed + age)
        case (nodes.InstantLiteral(value=fixed), moment), "-", nodes.DurationLiteral(value=age):
            return _dated(replace(test, operator=_MIRRORED[test.operator]), moment, fixed - age)
        case (moment, nodes.DurationLiteral(value=age)), _, nodes.InstantLiteral(value=fixed):
            return _dated(test, moment, fixed - age if sign == "+" else fixed + age)
        case _:
            return None


def _dated(test: nodes.Operation, moment: Expression, limit: int) -> Expression | None:
    """The comparison of an instant that was read with one that has a text.

    Both lie within the years 1 to 9999, so that no sum or difference of them overflows.
    """
    if not isinstance(moment, nodes.Attribute | nodes.Now) or not TIME_MIN <= limit <= TIME_MAX:
        return None
    return replace(test, operands=(moment, nodes.InstantLiteral(value=limit)))


__all__ = ["simple_test"]
