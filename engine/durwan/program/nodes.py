"""The checked program's expressions: names resolved, types known, patterns expanded, nothing left to guess.

Every node is immutable and compares by what it means: the span, which says where it came from, takes no part.
A value is *unknown* (None) or known; see `durwan.program.reference` for what each node evaluates to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from durwan.diagnostics import Span
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.model.types import Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What all expressions share: where they stand in the text (None for what the compiler made itself)."""

    span: Span | None = field(default=None, compare=False, repr=False)


# One class per kind of literal: with a single one, Literal(True) would equal Literal(1).


@dataclass(frozen=True, slots=True, kw_only=True)
class BoolLiteral(Node):
    """`true` or `false`."""

    value: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IntLiteral(Node):
    """A whole number within 64 bits."""

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecimalLiteral(Node):
    """An exact decimal within 18+18 digits."""

    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class StringLiteral(Node):
    """A string, escapes already read."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressLiteral(Node):
    """An address: 4 bytes for IPv4, 16 for IPv6, never an IPv4-mapped one."""

    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class InstantLiteral(Node):
    """Milliseconds since the epoch."""

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationLiteral(Node):
    """Milliseconds."""

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeLiteral(Node):
    """A declared scope."""

    value: str


Literal = (
    BoolLiteral
    | IntLiteral
    | DecimalLiteral
    | StringLiteral
    | AddressLiteral
    | InstantLiteral
    | DurationLiteral
    | ScopeLiteral
)


# Collections that stand on the right of a test. They are always known.


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralSet(Node):
    """`{ a, b }`: the values of literals that all have the type `element`, which is any type of a literal."""

    members: frozenset[str] | frozenset[int] | frozenset[int | Decimal] | frozenset[bytes] | frozenset[bool]
    element: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralNetwork(Node):
    """`{ 10.0.0.0/8, 203.0.113.7 }` to the right of `in`, where an address is asked about."""

    value: NetworkSet


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSet(Node):
    """A declared `set`; its members, all of the type `element`, stand in `Program.sets`."""

    name: str
    element: types.String | types.Scope | types.Int


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedNetwork(Node):
    """A declared `network`; its ranges stand in `Program.networks`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedWindow(Node):
    """A declared `window`, which stands in `Program.windows`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute(Node):
    """What the request says under `context.name`; unknown where absent, null, or not of its type (section 4)."""

    path: str
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Now(Node):
    """The one instant of this decision; always known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetReference(Node):
    """The expression that `Program.lets` holds under this name."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Default(Node):
    """`operand default fallback`: the operand's value where known, else the fallback's."""

    operand: Expression
    fallback: Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class IsKnown(Node):
    """Whether the attribute is known; itself always known."""

    operand: Attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Node):
    """A strict operator: unknown where an operand is unknown, else what the operator's meaning says.

    `operator` is a name of `durwan.program.operators.OPERATORS`; `type` is the type of the result.
    """

    operator: str
    operands: tuple[Expression, ...]
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class And(Node):
    """Kleene conjunction of two or more operands: false if one is false, else unknown if one is unknown."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Or(Node):
    """Kleene disjunction of two or more operands: true if one is true, else unknown if one is unknown."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Node):
    """Kleene negation: unknown stays unknown."""

    operand: Expression


Expression = (
    Literal
    | LiteralSet
    | LiteralNetwork
    | NamedSet
    | NamedNetwork
    | NamedWindow
    | Attribute
    | Now
    | LetReference
    | Default
    | IsKnown
    | Operation
    | And
    | Or
    | Not
)

TRUE = BoolLiteral(value=True)
FALSE = BoolLiteral(value=False)


def type_of(expression: Expression) -> Type:  # noqa: C901 - one line per kind of node
    """The static type of an expression that stands for one value.

    Raises:
        TypeError: for a collection on the right of a test, which has no type of its own.
    """
    match expression:
        case Attribute(type=known) | LetReference(type=known) | Operation(type=known):
            return known
        case Default(operand=operand):
            return type_of(operand)
        case BoolLiteral() | IsKnown() | And() | Or() | Not():
            return types.Bool()
        case IntLiteral():
            return types.Int()
        case DecimalLiteral():
            return types.Number()
        case StringLiteral():
            return types.String()
        case AddressLiteral():
            return types.Address()
        case InstantLiteral() | Now():
            return types.Time()
        case DurationLiteral():
            return types.Duration()
        case ScopeLiteral():
            return types.Scope()
        case _:  # LiteralSet, LiteralNetwork, NamedSet, NamedNetwork, NamedWindow
            msg = f"{type(expression).__name__} stands only on the right of a test"
            raise TypeError(msg)
