"""Requests from JSON text, strictly: what two readers could understand differently is refused, not guessed (RFC 8259).

Python's own reader takes duplicate keys, `NaN`, `Infinity`, lone surrogates and any depth; none of these pass here.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from durwan.errors import DurwanError

_DEEPEST = 32
_LONGEST_INTEGER = 19
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class RequestTextError(DurwanError):
    """The text is not one JSON request, or an array of them, that has a single meaning."""


def read_requests(data: bytes) -> tuple[list[dict[str, Any]], bool]:
    """The requests of a JSON text, and whether they stood in an array.

    Raises:
        RequestTextError: the text is not strict JSON, or is something else than an object or an array of objects.
    """
    found = read_json(data)
    in_array = _kind(found) == "an array"
    requests: list[Any] = found if in_array else [found]
    if not requests:
        raise RequestTextError("the array holds no request")
    for position, item in enumerate(requests, 1):
        if not isinstance(item, dict):
            which = f", but number {position} of the array is {_kind(item)}" if in_array else f", not {_kind(item)}"
            raise RequestTextError(f"a request is a JSON object{which}")
    return requests, in_array


def read_json(data: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        RequestTextError: it is not UTF-8, is nested deeper than 32, has a duplicate key, a number that is not finite,
            an integer of more than 19 digits or a lone surrogate, or is no JSON at all.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestTextError(f"the request is not UTF-8: byte {error.start + 1} cannot be read") from None
    if text.startswith("\ufeff"):
        raise RequestTextError("the request begins with a byte order mark; save it as UTF-8 without one")
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_real,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise RequestTextError(f"the request is not JSON: {error.msg.lower()} at {place}") from None
    _check_strings(value)
    return value


def _check_depth(text: str) -> None:
    """Counted on the text, before the reader, which is recursive, sees it."""
    depth = 0
    for token in _NESTING.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth > _DEEPEST:
                raise RequestTextError(f"the request is nested deeper than {_DEEPEST}")
        elif mark in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise RequestTextError(f"the key {json.dumps(key[:80])} stands twice in one object")
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise RequestTextError(f"{name} is not JSON; leave the attribute out where its value is not known")


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _LONGEST_INTEGER:
        raise RequestTextError(f"an integer of more than {_LONGEST_INTEGER} digits: {text[:24]}…")
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise RequestTextError(f"a number beyond what a float can hold: {text[:24]}")
    return number


def _check_strings(value: object) -> None:
    match value:
        case str():
            if _SURROGATE.search(value):
                raise RequestTextError("a string holds half of a surrogate pair, which is no character")
        case dict():
            for key, item in value.items():  # pyright: ignore[reportUnknownVariableType] - JSON
                _check_strings(key)  # pyright: ignore[reportUnknownArgumentType]
                _check_strings(item)  # pyright: ignore[reportUnknownArgumentType]
        case list():
            for item in value:  # pyright: ignore[reportUnknownVariableType] - JSON
                _check_strings(item)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "a number"
