"""The revision of a program: a digest of all that its meaning depends on, and of nothing else.

Two policy sets that say the same in the same order have the same revision, whatever their layout and comments, and
however they are divided into files. Rules, limits and invariants have digests of their own, so that whoever keeps them
has to make only those of what changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

from durwan.model.address import NetworkSet
from durwan.model.window import Window
from durwan.program.program import Invariant, Limit, Program, Rule

Put = Callable[[str], object]
Class = type[Any]
Write = Callable[[Put, Any], object]

# Raised whenever the meaning of programs changes, so that a revision never stands for two meanings.
_MEANING = b"durwan 3"
# A rule's order is fed for all rules together: a rule that only moved keeps its digest.
_LEFT_OUT = frozenset({"documentation", "order"})


class Digests(NamedTuple):
    """The digests of some rules, limits and invariants that follow each other: 32 bytes each, joined."""

    rules: bytes
    limits: bytes
    invariants: bytes


def digest_part(rules: Sequence[Rule], limits: Sequence[Limit], invariants: Sequence[Invariant]) -> Digests:
    """The digests of a part of a program; where the part stands does not matter."""
    return Digests(*(b"".join(map(_digest, each)) for each in (rules, limits, invariants)))


def fingerprint(program: Program, parts: Iterable[Digests] | None = None) -> str:
    """The digest of a program: 64 hexadecimal digits of SHA-256 over an injective form.

    Args:
        program: the program.
        parts: the digests of the parts that it is made of, in their order, where they are known.
    """
    if parts is None:
        parts = [digest_part(program.rules, program.limits, program.invariants)]
    digests = [b"".join(column) for column in zip(*parts, strict=True)] or [b""] * 3
    digest = hashlib.sha256(_MEANING)
    for each in fields(program):
        text: list[str] = []
        value = getattr(program, each.name)
        if each.name in Digests._fields:
            _write(text.append, [item.order for item in value])
            _write(text.append, digests[Digests._fields.index(each.name)])
        else:
            _write(text.append, value)
        digest.update("".join(text).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _digest(value: Rule | Limit | Invariant) -> bytes:
    text: list[str] = []
    _write(text.append, value)
    return hashlib.sha256("".join(text).encode("utf-8", "surrogatepass")).digest()


# ---------------------------------------------------------------- the form: each value tells where it ends


def _write(put: Put, value: Any) -> None:
    kind: Class = value.__class__
    write = _WRITERS.get(kind)
    if write is None:
        write = _WRITERS[kind] = _writer_of(kind)
    write(put, value)


def _writer_of(kind: Class) -> Write:
    """How values of a class are written that is met for the first time."""
    for known, write in _FAMILIES:
        if issubclass(kind, known):
            return write
    if is_dataclass(kind):
        return _fields_writer(kind)
    raise TypeError(f"a program cannot hold a {kind.__name__}")


def _fields_writer(kind: Class) -> Write:
    # What takes no part in equality, such as a span, takes no part in the meaning; nor does documentation.
    names = [each.name for each in fields(kind) if each.compare and each.name not in _LEFT_OUT]
    head = f"{kind.__name__}("
    if not names:
        return lambda put, _: put(head)
    if len(names) == 1:
        only = attrgetter(names[0])

        def write_field(put: Put, value: Any) -> None:
            put(head)
            _write(put, only(value))

        return write_field
    read = attrgetter(*names)

    def write_fields(put: Put, value: Any) -> None:
        put(head)
        for each in read(value):
            _write(put, each)

    return write_fields


def _write_items(put: Put, items: Sequence[Any]) -> None:
    put(f"list{len(items)}:")
    for item in items:
        _write(put, item)


def _write_set(put: Put, members: Any) -> None:
    put("set")
    _write_items(put, sorted(members, key=lambda member: (type(member).__name__, member)))


def _write_mapping(put: Put, mapping: Mapping[str, Any]) -> None:
    put(f"map{len(mapping)}:")
    for key in sorted(mapping):
        _write(put, key)
        _write(put, mapping[key])


def _write_networks(put: Put, networks: NetworkSet) -> None:
    put(f"networks{len(networks.breaks4)},{len(networks.breaks6)}:")
    put(b"".join(networks.breaks4 + networks.breaks6).hex())


def _write_window(put: Put, window: Window) -> None:
    put("window:")
    _write(put, (window.spans, window.exceptions, sorted(window.environment().items())))


_WRITERS: dict[Class, Write] = {
    type(None): lambda put, _: put("none:"),
    bool: lambda put, value: put(f"bool{value}:"),
    int: lambda put, value: put(f"int{value}:"),
    Decimal: lambda put, value: put(f"decimal{value}:"),
    str: lambda put, value: put(f"text{len(value)}:{value}"),
    bytes: lambda put, value: put(f"bytes{value.hex()}:"),
}
# What is met in several classes, such as the mappings that a mapping's type may be.
_FAMILIES: tuple[tuple[Class, Write], ...] = (
    (NetworkSet, _write_networks),
    (Window, _write_window),
    (date, lambda put, value: put(f"date{value.isoformat()}:")),
    (Mapping, _write_mapping),
    (list, _write_items),
    (tuple, _write_items),
    (set, _write_set),
    (frozenset, _write_set),
)
