"""The revision of a program: a digest of all that its meaning depends on, and of nothing else.

Two policy sets that say the same in the same order have the same revision, whatever their layout and comments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from durwan.model.address import NetworkSet
from durwan.model.window import Window
from durwan.program.program import Program

# Raised whenever the meaning of programs changes, so that a revision never stands for two meanings.
_MEANING = b"durwan 1"


def fingerprint(program: Program) -> str:
    """The digest of a program: 64 hexadecimal digits of SHA-256 over an injective, length-prefixed form."""
    digest = hashlib.sha256(_MEANING)
    _feed(digest.update, program)
    return digest.hexdigest()


def _feed(update: Any, value: Any) -> None:  # noqa: C901 - one branch per kind of value
    if value is None or isinstance(value, (bool, int, str, bytes, Decimal)):
        text = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        update(b"%s %d:" % (type(value).__name__.encode(), len(text)))
        update(text)
    elif isinstance(value, (list, tuple)):
        update(b"list %d:" % len(value))
        for item in value:
            _feed(update, item)
    elif isinstance(value, (set, frozenset)):
        update(b"set %d:" % len(value))
        for item in sorted(value, key=lambda item: (type(item).__name__, item)):
            _feed(update, item)
    elif isinstance(value, Mapping):
        update(b"map %d:" % len(value))
        for key in sorted(value):
            _feed(update, key)
            _feed(update, value[key])
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


def _feed_fields(update: Any, value: Any) -> None:
    update(b"%s:" % type(value).__name__.encode())
    for each in fields(value):
        # What takes no part in equality, such as a span, takes no part in the meaning; nor does documentation.
        if each.compare and each.name != "documentation":
            _feed(update, getattr(value, each.name))
