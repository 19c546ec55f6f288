"""The revision of a program: a digest of all that its meaning depends on, and of nothing else.

Two policy sets that say the same in the same order have the same revision, whatever their layout and comments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from durwan.model.address import NetworkSet
from durwan.model.window import Window
from durwan.program.program import Program

Update = Callable[[bytes], object]

# Raised whenever the meaning of programs changes, so that a revision never stands for two meanings.
_MEANING = b"durwan 1"


def fingerprint(program: Program) -> str:
    """The digest of a program: 64 hexadecimal digits of SHA-256 over an injective, length-prefixed form."""
    digest = hashlib.sha256(_MEANING)
    _feed(digest.update, program)
    return digest.hexdigest()


def _feed(update: Update, value: Any) -> None:
    if value is None or isinstance(value, (bool, int, str, bytes, Decimal)):
        text = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        update(b"%s %d:" % (type(value).__name__.encode(), len(text)))
        update(text)
    elif isinstance(value, (list, tuple)):
        _feed_items(update, b"list", value)
    elif isinstance(value, (set, frozenset)):
        _feed_set(update, value)
    elif isinstance(value, Mapping):
        _feed_mapping(update, value)
    elif isinstance(value, NetworkSet):
        update(b"networks:")
        _feed(update, value.breaks4)
        _feed(update, value.breaks6)
    elif isinstance(value, Window):
        update(b"window:")
        _feed(update, (value.spans, value.exceptions, sorted(value.environment().items())))
    elif isinstance(value, date):
        _feed(update, value.isoformat())
    elif is_dataclass(value):
        _feed_fields(update, value)
    else:
        raise TypeError(f"a program cannot hold a {type(value).__name__}")


def _by_kind(item: Any) -> tuple[str, Any]:
    return type(item).__name__, item


def _feed_items(update: Update, kind: bytes, items: Any) -> None:
    update(b"%s %d:" % (kind, len(items)))
    for item in items:
        _feed(update, item)


def _feed_set(update: Update, members: Any) -> None:
    _feed_items(update, b"set", sorted(members, key=_by_kind))


def _feed_mapping(update: Update, mapping: Any) -> None:
    update(b"map %d:" % len(mapping))
    for key in sorted(mapping):
        _feed(update, key)
        _feed(update, mapping[key])


def _feed_fields(update: Update, value: Any) -> None:
    update(b"%s:" % type(value).__name__.encode())
    for each in fields(value):
        # What takes no part in equality, such as a span, takes no part in the meaning; nor does documentation.
        if each.compare and each.name != "documentation":
            _feed(update, getattr(value, each.name))
