"""A checked expression beside the most exact type that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from durwan.diagnostics import Span
from durwan.model import types
from durwan.model.types import Type, base_of
from durwan.program import nodes
from durwan.program.nodes import Expression

Bound = int | Decimal | None


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression, its type and where it is written.

    `type` may be narrower than `nodes.type_of(node)`: the sum of `int 0..5` and 1 is known to be `int 1..6`.
    """

    node: Expression
    type: Type
    span: Span

    @property
    def interval(self) -> tuple[Bound, Bound]:
        """Between which values a number lies; None for an end that is open."""
        match self.node:
            case nodes.IntLiteral(value=value) | nodes.DecimalLiteral(value=value):
                return value, value
            case _:
                return range_of(self.type)


NUMERIC = (types.Int, types.Number)
LITERALS = (
    nodes.BoolLiteral
    | nodes.IntLiteral
    | nodes.DecimalLiteral
    | nodes.StringLiteral
    | nodes.AddressLiteral
    | nodes.InstantLiteral
    | nodes.DurationLiteral
    | nodes.ScopeLiteral
)


def range_of(declared: Type) -> tuple[Bound, Bound]:
    """The declared range of a numeric type."""
    match declared:
        case types.Int(low, high) | types.Number(low, high):
            return low, high
        case _:
            return None, None


def is_constant(node: Expression) -> bool:
    """Whether a value is made of literals alone."""
    match node:
        case nodes.Operation(operands=operands):
            return all(is_constant(operand) for operand in operands)
        case _:
            return isinstance(node, LITERALS)


def same_kind(left: Type, right: Type) -> bool:
    """Whether two types are the same but for ranges and closed sets."""
    return base_of(left) == base_of(right)
