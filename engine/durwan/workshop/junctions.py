"""Conditions as what `and`, `or` and `not` join: the parts, and the whole with one of them replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from durwan.language.lint.program_walk import parts_of
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


def parts_with_lets(whole: Expression, lets: Mapping[str, Expression]) -> Iterator[Expression]:
    """All parts of an expression and of the lets that it uses, each let once."""
    seen: set[str] = set()
    pending = [whole]
    while pending:
        for part in parts_of(pending.pop()):
            yield part
            if isinstance(part, nodes.LetReference) and part.name not in seen:
                seen.add(part.name)
                pending.append(lets[part.name])
