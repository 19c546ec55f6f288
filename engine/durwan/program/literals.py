"""Values as the literals of their types."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.program import nodes
from durwan.program.nodes import Expression


def literal_of(value: Any, declared: types.Type) -> Expression:  # noqa: C901 - one line per type
    """A known value as the literal of its type."""
    match declared:
        case types.Bool():
            return nodes.BoolLiteral(value=value)
        case types.Int():
            return nodes.IntLiteral(value=value)
        case types.Number():
            return nodes.DecimalLiteral(value=Decimal(value))
        case types.String():
            return nodes.StringLiteral(value=value)
        case types.Scope():
            return nodes.ScopeLiteral(value=value)
        case types.Address():
            return nodes.AddressLiteral(value=value)
        case types.Time():
            return nodes.InstantLiteral(value=value)
        case types.Duration():
            return nodes.DurationLiteral(value=value)
        case types.SetOf(element):
            return nodes.LiteralSet(members=value, element=element)
        case types.Network():  # pragma: no branch - every type has its case
            assert isinstance(value, NetworkSet)  # noqa: S101 - so it was read
            return nodes.LiteralNetwork(value=value)


__all__ = ["literal_of"]
