"""The rules, limits and invariants of a file as plain data, and back: all of them, spans included.

A value is itself where JSON has it, else an array of the number of its class and of what it is made of; where a class
has a span, its two ends come last (-1 where there is none). What stands many times, such as types and lists of
actions, is written once, in a table. This is no form to hand on: it is read by the same version that wrote it, and
nothing in it is checked again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final

from durwan.diagnostics import Source, Span
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.model.decision import Remedy
from durwan.program import nodes
from durwan.program.program import Body, Invariant, Limit, Rule

Form = list[Any]
Class = type[Any]
_Read = Callable[[Form, "PartReader"], Any]

_NODES: Final = (
    nodes.Attribute, nodes.Operation, nodes.And, nodes.Or, nodes.Not, nodes.BoolLiteral, nodes.IntLiteral,
    nodes.DecimalLiteral, nodes.StringLiteral, nodes.AddressLiteral, nodes.InstantLiteral, nodes.DurationLiteral,
    nodes.ScopeLiteral, nodes.LiteralSet, nodes.LiteralNetwork, nodes.NamedSet, nodes.NamedNetwork, nodes.NamedWindow,
    nodes.Now, nodes.LetReference, nodes.Default, nodes.IsKnown,
)  # fmt: skip
_TYPES: Final = (
    types.Bool, types.Int, types.Number, types.String, types.Address, types.Network, types.Time, types.Duration,
    types.Scope, types.SetOf,
)  # fmt: skip
_CLASSES: Final[tuple[Class, ...]] = (Rule, Body, *_NODES, Limit, Invariant, Remedy, *_TYPES)
# What has no class of ours, from this number on.
_TUPLE, _SHARED, _DECIMAL, _BYTES, _SET, _NETWORKS = range(len(_CLASSES), len(_CLASSES) + 6)
# The order of rules is their place.
_LEFT_OUT: Final = frozenset({"span", "order"})
_SHARED_FIELDS: Final = frozenset({"type", "element", "actions", "obligations"})


def _fields(kind: Class) -> list[str]:
    return [each.name for each in fields(kind) if each.name not in _LEFT_OUT]


class PartWriter:
    """Writes the parts of one file; `table` is what stands in them many times."""

    def __init__(self) -> None:
        self.table: list[Any] = []
        self._places: dict[str, int] = {}

    def write(self, value: Any) -> Any:
        """A value as plain data."""
        members: Iterable[Any] = value
        match value:
            case None | bool() | int() | str():
                return value
            case tuple():
                return [_TUPLE, *self._all(members)]
            case Decimal():
                return [_DECIMAL, str(value)]
            case bytes():
                return [_BYTES, value.hex()]
            case frozenset():
                return [_SET, *self._all(members)]
            case NetworkSet():
                return [_NETWORKS, *write_networks(value)]
            case nodes.BoolLiteral(span=None):
                return self._shared(value)  # what is left out of a rule's body
            case _:
                return self._object(value)

    def _all(self, values: Iterable[Any]) -> Form:
        return [self.write(each) for each in values]

    def _object(self, value: Any) -> Form:
        kind: Class = value.__class__
        form: Form = [_CLASSES.index(kind)]
        for name in _fields(kind):
            part = getattr(value, name)
            form.append(self._shared(part) if name in _SHARED_FIELDS else self.write(part))
        if hasattr(kind, "span"):
            form += (-1, -1) if value.span is None else (value.span.start, value.span.end)
        return form

    def _shared(self, value: Any) -> Form:
        # Of values that are equal and not the same, such as 1 and True, each has its place.
        place = self._places.get(repr(value))
        if place is None:
            form = self._object(value) if isinstance(value, nodes.Node) else self.write(value)
            place = self._places[repr(value)] = len(self.table)
            self.table.append(form)
        return [_SHARED, place]


class PartReader:
    """Reads the parts of one file."""

    def __init__(self, source: Source, table: Sequence[Any]) -> None:
        self.source = source
        self.shared: list[Any] = []
        for each in table:  # each may be made of those before it
            self.shared.append(self.read(each))

    def read(self, form: Form) -> Any:
        """What a form stands for that is no plain value itself."""
        number: int = form[0]
        return _READERS[number](form, self)

    def ordered(self, forms: Sequence[Form], first: int) -> tuple[Any, ...]:
        """Rules, limits or invariants, the first of which has this order."""
        found: list[Any] = [*map(self.read, forms)]
        for order, each in enumerate(found, first):
            object.__setattr__(each, "order", order)
        return tuple(found)


def _all(form: Form, reader: PartReader) -> list[Any]:
    return [_READERS[each[0]](each, reader) if type(each) is list else each for each in form[1:]]


# ---------------------------------------------------------------- objects
#
# They are made without their constructor, which is slow for what cannot be changed; nothing here depends on one. The
# few forms that nearly all objects have are written out, which takes half the time of a loop.

_Put = Callable[[Any, Any], None]
_make: Final = object.__new__


def _object_reader(kind: Class) -> _Read:
    puts: list[_Put] = [getattr(kind, name).__set__ for name in _fields(kind)]
    if not hasattr(kind, "span"):
        return _plain_reader(kind, puts)
    spanned = {1: _reader_of_one, 2: _reader_of_two, 3: _reader_of_three}.get(len(puts), _reader_of_many)
    return spanned(kind, puts, kind.span.__set__)


def _span(start: int, end: int, reader: PartReader) -> Span | None:
    return None if start < 0 else Span(reader.source, start, end)


def _plain_reader(kind: Class, puts: Sequence[_Put]) -> _Read:
    def read(form: Form, reader: PartReader) -> Any:
        made = _make(kind)
        for put, each in zip(puts, _all(form, reader), strict=True):
            put(made, each)
        return made

    return read


def _reader_of_many(kind: Class, puts: Sequence[_Put], put_span: _Put) -> _Read:
    def read(form: Form, reader: PartReader) -> Any:
        made = _make(kind)
        *values, start, end = _all(form, reader)
        for put, each in zip(puts, values, strict=True):
            put(made, each)
        put_span(made, _span(start, end, reader))
        return made

    return read


def _reader_of_one(kind: Class, puts: Sequence[_Put], put_span: _Put) -> _Read:
    (put,) = puts

    def read(form: Form, reader: PartReader) -> Any:
        made = _make(kind)
        _, value, start, end = form
        put(made, _READERS[value[0]](value, reader) if type(value) is list else value)
        put_span(made, _span(start, end, reader))
        return made

    return read


def _reader_of_two(kind: Class, puts: Sequence[_Put], put_span: _Put) -> _Read:
    put, put_other = puts

    def read(form: Form, reader: PartReader) -> Any:
        made = _make(kind)
        _, value, other, start, end = form
        put(made, _READERS[value[0]](value, reader) if type(value) is list else value)
        put_other(made, _READERS[other[0]](other, reader) if type(other) is list else other)
        put_span(made, _span(start, end, reader))
        return made

    return read


def _reader_of_three(kind: Class, puts: Sequence[_Put], put_span: _Put) -> _Read:
    put, put_other, put_third = puts

    def read(form: Form, reader: PartReader) -> Any:
        made = _make(kind)
        _, value, other, third, start, end = form
        put(made, _READERS[value[0]](value, reader) if type(value) is list else value)
        put_other(made, _READERS[other[0]](other, reader) if type(other) is list else other)
        put_third(made, _READERS[third[0]](third, reader) if type(third) is list else third)
        put_span(made, _span(start, end, reader))
        return made

    return read


_OTHERS: Final[dict[int, _Read]] = {
    _TUPLE: lambda form, reader: tuple(_all(form, reader)),
    _SHARED: lambda form, reader: reader.shared[form[1]],
    _DECIMAL: lambda form, _: Decimal(form[1]),
    _BYTES: lambda form, _: bytes.fromhex(form[1]),
    _SET: lambda form, reader: frozenset(_all(form, reader)),
    _NETWORKS: lambda form, _: read_networks(form[1], form[2]),
}
_READERS: Final[list[_Read]] = [*map(_object_reader, _CLASSES), *(_OTHERS[number] for number in sorted(_OTHERS))]


# ---------------------------------------------------------------- networks


def write_networks(networks: NetworkSet) -> tuple[str, str]:
    """The breaks of a network set in hex, IPv4 and IPv6."""
    return b"".join(networks.breaks4).hex(), b"".join(networks.breaks6).hex()


def read_networks(version4: str, version6: str) -> NetworkSet:
    """The network set of such breaks."""
    return NetworkSet.of_breaks(_breaks(version4, 4), _breaks(version6, 16))


def _breaks(text: str, length: int) -> tuple[bytes, ...]:
    packed = bytes.fromhex(text)
    return struct.unpack(f"{length}s" * (len(packed) // length), packed)
