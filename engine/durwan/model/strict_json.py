"""JSON texts, strictly: what two readers could understand differently is refused, not guessed (RFC 8259).

Python's own reader takes duplicate keys, `NaN`, `Infinity`, lone surrogates and any depth; none of these pass here.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from itertools import accumulate
from typing import Any, Final, NoReturn

from durwan.errors import DurwanError

_LONGEST_INTEGER: Final = 19
_LONGEST_DECIMAL: Final = 100
# A string, closed or not: where an open one did not match to the end, each quote in it would be tried again.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONG_INTEGER = re.compile(r"[0-9]{20}", re.ASCII)


class JsonTextError(DurwanError):
    """The text is not JSON that has a single meaning."""


def read_json(data: bytes, *, what: str = "text", deepest: int = 32, exact: bool = False) -> Any:
    """The value of a JSON text.

    Args:
        data: the text.
        what: how messages call it, after "the".
        deepest: how many arrays and objects may stand in each other.
        exact: whether a number with a point or an exponent becomes a `Decimal` of just that value, and not a float.

    Raises:
        JsonTextError: it is not UTF-8, is nested too deeply, has a duplicate key, a number that is not finite, an
            integer of more than 19 digits or a lone surrogate, or is no JSON at all.
    """
    text = _decode(data, what)
    if _is_deeper(data, deepest):
        raise JsonTextError(f"the {what} is nested deeper than {deepest}")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            # Python's own is much faster, and as good where no integer is too long.
            parse_int=_integer if _LONG_INTEGER.search(text) else int,
            parse_float=_decimal if exact else _real,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise JsonTextError(f"the {what} is not JSON: {error.msg.lower()} at {place}") from None
    if _ESCAPED_SURROGATE.search(text):
        _check_strings(value)
    return value


def _decode(data: bytes, what: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonTextError(f"the {what} is not UTF-8: byte {error.start + 1} cannot be read") from None
    if text.startswith("\ufeff"):
        raise JsonTextError(f"the {what} begins with a byte order mark; save it as UTF-8 without one")
    return text


def _is_deeper(data: bytes, deepest: int) -> bool:
    """Whether brackets are nested deeper, counted on the text before the reader, which is recursive, sees it."""
    if data.count(b"[") + data.count(b"{") <= deepest:
        return False
    brackets = _STRING.sub(b"", data).translate(None, _NO_BRACKETS)
    return max(accumulate(1 if mark in b"[{" else -1 for mark in brackets), default=0) > deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise JsonTextError(f"the key {json.dumps(twice[:80])} stands twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise JsonTextError(f"{name} is not JSON; leave the attribute out where its value is not known")


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _LONGEST_INTEGER:
        raise JsonTextError(f"an integer of more than {_LONGEST_INTEGER} digits: {text[:24]}…")
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JsonTextError(f"a number beyond what a float can hold: {text[:24]}")
    return number


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text) if len(text) <= _LONGEST_DECIMAL else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise JsonTextError(f"a number of more digits than are read: {text[:24]}…")
    return number


def _check_strings(value: object) -> None:
    match value:
        case str():
            if _SURROGATE.search(value):
                raise JsonTextError("a string holds half of a surrogate pair, which is no character")
        case dict():
            for key, item in value.items():  # pyright: ignore[reportUnknownVariableType] - JSON
                _check_strings(key)  # pyright: ignore[reportUnknownArgumentType]
                _check_strings(item)  # pyright: ignore[reportUnknownArgumentType]
        case list():
            for item in value:  # pyright: ignore[reportUnknownVariableType] - JSON
                _check_strings(item)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return
