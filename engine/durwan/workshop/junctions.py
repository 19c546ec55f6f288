"""Conditions as what `and`, `or` and `not` join: the parts, and the whole with one of them replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from durwan.backends.solver.values import ALWAYS, NEVER, Truth, conjunction, disjunction, opposite
from durwan.program import nodes
from durwan.program.nodes import Expression


def operands_of(expression: Expression) -> tuple[Expression, ...]:
    """What a junction or negation joins; nothing for any other condition."""
    match expression:
        case nodes.And(operands=operands) | nodes.Or(operands=operands):
            return operands
        case nodes.Not(operand=operand):
            return (operand,)
        case _:
            return ()


def leaves_of(expression: Expression) -> Iterator[Expression]:
    """The conditions that join no others, in the order in which they are written."""
    operands = operands_of(expression)
    if not operands:
        yield expression
    for operand in operands:
        yield from leaves_of(operand)


def composed(expression: Expression, truth_of: Callable[[Expression], Truth | None]) -> Truth:
    """The truth of the whole, from those of the parts that have one; every leaf has, but `true` and `false`."""
    known = truth_of(expression)
    if known is not None:
        return known
    match expression:
        case nodes.And(operands=operands):
            return conjunction([composed(operand, truth_of) for operand in operands])
        case nodes.Or(operands=operands):
            return disjunction([composed(operand, truth_of) for operand in operands])
        case nodes.Not(operand=operand):
            return opposite(composed(operand, truth_of))
        case nodes.BoolLiteral(value=value):
            return ALWAYS if value else NEVER
        case _:
            msg = f"{expression} has no truth"
            raise TypeError(msg)


def with_part(expression: Expression, part: Expression, other: Expression) -> Expression:
    """The whole with something else in place of one part, which is told from others by identity."""
    if expression is part:
        return other
    match expression:
        case nodes.And(operands=operands) | nodes.Or(operands=operands):
            return replace(expression, operands=tuple(with_part(operand, part, other) for operand in operands))
        case nodes.Not(operand=operand):
            return replace(expression, operand=with_part(operand, part, other))
        case _:
            return expression
