"""Timestamps: how each unit is written.

A timestamp has one spelling, without sign, space, exponent or digits of other scripts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from durwan.credentials.schemes.profile import Unit, Window

Reader = Callable[[bytes], int | None]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO: Final = re.compile(rb"2[0-9]{3}-[01][0-9]-[0-3][0-9]T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z")


def _seconds(text: bytes) -> int | None:
    return int(text) * 1_000_000 if len(text) == 10 and text.isdigit() else None


def _decimal_seconds(text: bytes) -> int | None:
    whole, point, decimals = text.partition(b".")
    if not point:
        return _seconds(whole)
    if not (1 <= len(decimals) <= 6 and decimals.isdigit()):
        return None
    seconds = _seconds(whole)
    return None if seconds is None else seconds + int(decimals.ljust(6, b"0"))


def _milliseconds(text: bytes) -> int | None:
    return int(text) * 1_000 if len(text) == 13 and text.isdigit() else None


def _milliseconds_or_microseconds(text: bytes) -> int | None:
    if not text.isdigit():
        return None
    size = len(text)
    return int(text) * 1_000 if size == 13 else int(text) if size == 16 else None


def _iso8601_milliseconds(text: bytes) -> int | None:
    if not _ISO.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(f"{text[:-1].decode()}+00:00")
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(microseconds=1)


# What makes microseconds since the epoch of a timestamp; None of what is none.
READERS: Final[dict[Unit, Reader]] = {
    "seconds": _seconds,
    "decimal_seconds": _decimal_seconds,
    "milliseconds": _milliseconds,
    "milliseconds_or_microseconds": _milliseconds_or_microseconds,
    "iso8601_milliseconds": _iso8601_milliseconds,
}


def written(unit: Unit, milliseconds: int) -> str:
    """An instant as a client writes it; units without milliseconds round down."""
    match unit:
        case "seconds" | "decimal_seconds":
            return str(milliseconds // 1000)
        case "milliseconds" | "milliseconds_or_microseconds":
            return str(milliseconds)
        case "iso8601_milliseconds":
            moment = _EPOCH + timedelta(milliseconds=milliseconds)
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"


def window_reader(window: Window) -> Reader:
    """What makes microseconds of a window, which is in milliseconds with some decimals; None of what is none.

    One that is too long is read all the same, so that it can be said; one of more than ten digits is none.
    """

    def read(text: bytes) -> int | None:
        whole, point, decimals = text.partition(b".")
        if not whole.isdigit() or len(whole) > 10 or (whole[:1] == b"0" and len(whole) > 1):
            return None
        if not point:
            return int(whole) * 1_000
        if not (decimals.isdigit() and len(decimals) <= window.decimals):
            return None
        return int(whole) * 1_000 + int(decimals.ljust(3, b"0"))

    return read
