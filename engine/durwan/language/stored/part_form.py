"""The rules, limits and invariants of a file as plain data, and back: all of them, spans included.

A value is itself where JSON has it, else an array of the number of its class and of what it is made of; where a class
has a span, its two ends come first (-1 where there is none). What stands many times, such as types and lists of
actions, is written once, in a table. This is no form to hand on: it is read by the same version that wrote it, and
nothing in it is checked again.
"""

from __future__ import annotations

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
_Read = Callable[[Form], Any]

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
_SHARED_FIELDS: Final = frozenset({"type", "element", "actions"})


def _fields(kind: Class) -> list[str]:
    return [each.name for each in fields(kind) if each.name not in _LEFT_OUT]


class PartWriter:
    """Writes the parts of one file; `table` is what stands in them many times."""

    def __init__(self) -> None:
        self.table: list[Any] = []
        self._places: dict[Any, int] = {}

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
            case _:
                return self._object(value)

    def _all(self, values: Iterable[Any]) -> Form:
        return [self.write(each) for each in values]

    def _object(self, value: Any) -> Form:
        kind: Class = value.__class__
        form: Form = [_CLASSES.index(kind)]
        if hasattr(kind, "span"):
            form += (-1, -1) if value.span is None else (value.span.start, value.span.end)
        for name in _fields(kind):
            part = getattr(value, name)
            form.append(self._shared(part) if name in _SHARED_FIELDS else self.write(part))
        return form

    def _shared(self, value: Any) -> Form:
        place = self._places.get(value)
        if place is None:
            form = self.write(value)
            place = self._places[value] = len(self.table)
            self.table.append(form)
        return [_SHARED, place]


class PartReader:
    """Reads the parts of one file."""

    def __init__(self, source: Source, table: Sequence[Any]) -> None:
        self._source = source
        self._shared: list[Any] = []
        others: dict[int, _Read] = {
            _TUPLE: lambda form: tuple(self._all(form)),
            _SHARED: lambda form: self._shared[form[1]],
            _DECIMAL: lambda form: Decimal(form[1]),
            _BYTES: lambda form: bytes.fromhex(form[1]),
            _SET: lambda form: frozenset(self._all(form)),
            _NETWORKS: lambda form: read_networks(form[1], form[2]),
        }
        self._readers: list[_Read] = []
        self._readers += [*map(self._object_reader, _CLASSES), *(others[number] for number in sorted(others))]
        for each in table:  # each may be made of those before it
            self._shared.append(self.read(each))

    def read(self, form: Form) -> Any:
        """What a form stands for that is no plain value itself."""
        number: int = form[0]
        return self._readers[number](form)

    def ordered(self, forms: Sequence[Form], first: int) -> tuple[Any, ...]:
        """Rules, limits or invariants, the first of which has this order."""
        found: list[Any] = [*map(self.read, forms)]
        for order, each in enumerate(found, first):
            object.__setattr__(each, "order", order)
        return tuple(found)

    def _all(self, form: Form) -> list[Any]:
        readers = self._readers
        return [readers[each[0]](each) if type(each) is list else each for each in form[1:]]

    def _object_reader(self, kind: Class) -> _Read:
        """What makes the objects of a class.

        They are made without their constructor, which is slow for what cannot be changed; nothing here depends on one.
        """
        make, source, readers = object.__new__, self._source, self._readers
        setters: list[Callable[[Any, Any], None]] = [getattr(kind, name).__set__ for name in _fields(kind)]
        set_span: Callable[[Any, Any], None] | None = kind.span.__set__ if hasattr(kind, "span") else None

        def read(form: Form) -> Any:
            made = make(kind)
            coming = iter(form)
            next(coming)
            if set_span is not None:
                start, end = next(coming), next(coming)
                set_span(made, None if start < 0 else Span(source, start, end))
            for put, each in zip(setters, coming, strict=True):
                put(made, readers[each[0]](each) if type(each) is list else each)
            return made

        return read


def write_networks(networks: NetworkSet) -> tuple[str, str]:
    """The breaks of a network set in hex, IPv4 and IPv6."""
    return b"".join(networks.breaks4).hex(), b"".join(networks.breaks6).hex()


def read_networks(version4: str, version6: str) -> NetworkSet:
    """The network set of such breaks."""
    return NetworkSet.of_breaks(_breaks(version4, 4), _breaks(version6, 16))


def _breaks(text: str, length: int) -> tuple[bytes, ...]:
    packed = bytes.fromhex(text)
    return tuple([packed[start : start + length] for start in range(0, len(packed), length)])
