"""Types and literals as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from durwan.model import types
from durwan.model.address import NetworkSet, format_address, parse_address
from durwan.model.types import TIME_MAX, TIME_MIN, Type
from durwan.program import nodes
from durwan.program.plain import form
from durwan.program.plain.form import PlainProgramError

# The types that have nothing beside their word.
SIMPLE: Final[dict[str, Type]] = {
    str(each): each
    for each in (
        types.Bool(), types.Int(), types.Number(), types.String(), types.Address(), types.Network(), types.Time(),
        types.Duration(), types.Scope(),
    )
}  # fmt: skip


def write_type(declared: Type) -> Any:
    """A type as plain data."""
    match declared:
        case types.SetOf(element):
            return ["set", write_type(element)]
        case types.Int(int(low), high):
            return ["int", low, high]
        case types.Number(Decimal() as low, high):
            return ["decimal", str(low), str(high)]
        case types.String(tuple() as choices):
            return ["choice", *choices]
        case _:
            return str(declared)


def read_type(plain: Any, what: str) -> Type:
    """The type that plain data stands for."""
    match plain:
        case str() if plain in SIMPLE:
            return SIMPLE[plain]
        case ["set", element]:
            found = read_type(element, what)
            if isinstance(found, types.String | types.Scope | types.Int):
                return types.SetOf(found)
        case ["int", low, high]:
            least = form.whole(low, f"the lower bound of {what}")
            return types.Int(least, form.whole(high, f"the upper bound of {what}", least))
        case ["decimal", low, high]:
            bounds = form.exact(low, f"the lower bound of {what}"), form.exact(high, f"the upper bound of {what}")
            if bounds[0] <= bounds[1]:
                return types.Number(*bounds)
        case ["choice", _, *_]:
            return types.String(tuple(form.text(each, f"a choice of {what}") for each in plain[1:]))
        case _:
            pass
    raise PlainProgramError(f"{what} has no type that is known: {form.shown(plain)}")


def kind_of(declared: Type) -> str:
    """The word for a type without its range or closed set, as `durwan.program.operators` uses it."""
    match declared:
        case types.Int():
            return "int"
        case types.Number():
            return "decimal"
        case types.String():
            return "string"
        case types.SetOf(element):
            return f"set of {kind_of(element)}"
        case _:
            return str(declared)


# ------------------------------------------------------------------------------------------------- single values


def write_address(packed: bytes) -> str:
    """The canonical text of an address."""
    return format_address(packed)


def read_address(plain: Any, what: str) -> bytes:
    """The address of a canonical text."""
    packed = parse_address(plain) if type(plain) is str else None
    if packed is None or format_address(packed) != plain:
        raise PlainProgramError(f"{what} is no address: {form.shown(plain)}")
    return packed


def read_instant(plain: Any, what: str) -> int:
    """Milliseconds since the epoch."""
    return form.whole(plain, what, TIME_MIN, TIME_MAX)


def read_number(plain: Any, what: str) -> int | Decimal:
    """A whole number, or the text of a decimal: what a set of decimals holds."""
    return form.whole(plain, what) if type(plain) is int else form.exact(plain, what)


# What a literal of each kind is read by, and which node it makes.
LITERALS: Final[Mapping[str, tuple[Callable[[Any, str], Any], Callable[..., nodes.Literal]]]] = {
    "bool": (form.truth, nodes.BoolLiteral),
    "int": (form.whole, nodes.IntLiteral),
    "decimal": (form.exact, nodes.DecimalLiteral),
    "string": (form.text, nodes.StringLiteral),
    "scope": (form.name, nodes.ScopeLiteral),
    "ip": (read_address, nodes.AddressLiteral),
    "time": (read_instant, nodes.InstantLiteral),
    "duration": (form.whole, nodes.DurationLiteral),
}

# What the members of a set of each kind are read by.
MEMBERS: Final = {**{kind: read for kind, (read, _) in LITERALS.items()}, "decimal": read_number}


def write_literal(literal: nodes.Literal) -> list[Any]:
    """A literal as plain data: the word for its kind, and its value."""
    match literal:
        case nodes.DecimalLiteral(value=exact):
            return ["decimal", str(exact)]
        case nodes.AddressLiteral(value=packed):
            return ["ip", write_address(packed)]
        case _:
            kind = next(kind for kind, (_, node) in LITERALS.items() if node is type(literal))
            return [kind, literal.value]


def write_members(members: Any) -> list[Any]:
    """The members of a set, ascending."""
    return [_write_member(each) for each in sorted(members)]


def _write_member(member: Any) -> Any:
    match member:
        case Decimal():
            return str(member)
        case bytes():
            return write_address(member)
        case _:
            return member


# ------------------------------------------------------------------------------------------------- network sets


def write_networks(networks: NetworkSet) -> list[str]:
    """The breaks of a network set, IPv4 and IPv6, in hex."""
    return [b"".join(networks.breaks4).hex(), b"".join(networks.breaks6).hex()]


def read_networks(plain: Any, what: str) -> NetworkSet:
    """The network set of such breaks."""
    version4, version6 = form.items(plain, what, 2)
    return NetworkSet.of_breaks(_breaks(version4, 4, what), _breaks(version6, 16, what))


def _breaks(plain: Any, length: int, what: str) -> tuple[bytes, ...]:
    try:
        packed = bytes.fromhex(form.text(plain, what))
    except ValueError:
        packed = b"?"
    if packed.hex() != plain or len(packed) % length:
        raise PlainProgramError(f"{what} holds what is no address: {form.shown(plain)}")
    found = [packed[start : start + length] for start in range(0, len(packed), length)]
    return tuple(form.ascending(found, f"the addresses of {what}"))
