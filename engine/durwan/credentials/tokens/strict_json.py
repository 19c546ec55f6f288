"""JSON objects as they may come from strangers: only what means the same to every reader (RFC 7493, RFC 8259).

UTF-8 without a byte order mark, an object, no name twice, no `NaN` and no `Infinity`, no number that a float cannot
hold, whole numbers of at most 19 digits, no half of a surrogate pair, at most 32 levels.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

_MOST_LEVELS: Final = 32
_LONGEST_INTEGER: Final = 19
# `dict` and `list` themselves; by these names a type checker knows what is in them.
_OBJECT: Final[type[dict[str, Any]]] = dict
_LIST: Final[type[list[Any]]] = list
# A string is passed over as a whole: the brackets in it open nothing.
_BRACKET: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|([\[{])|([\]}])', re.DOTALL)


class NotStrictJsonError(ValueError):
    """What was read is no JSON object, or one that two readers could understand differently."""


def read_object(raw: bytes) -> dict[str, Any]:
    """The members of a JSON object; whole numbers are `int`, others `float`.

    Raises:
        NotStrictJsonError: it is none. The text says nothing of what was read.
    """
    try:
        text = raw.decode("utf-8")
        _check_depth(text)
        found = _DECODER.decode(text)
        if "\\u" in text:  # only an escape can be half of a pair; encoding refuses it
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise NotStrictJsonError("this is no strict JSON") from None
    members = object_in(found)
    if members is None:
        raise NotStrictJsonError("this is no JSON object")
    return members


def object_in(value: object) -> dict[str, Any] | None:
    """A value of JSON where it is an object; None where it is something else."""
    return value if type(value) is _OBJECT else None


def list_in(value: object) -> list[Any] | None:
    """A value of JSON where it is a list; None where it is something else."""
    return value if type(value) is _LIST else None


def _check_depth(text: str) -> None:
    if text.count("{") + text.count("[") <= _MOST_LEVELS:
        return
    depth = 0
    for match in _BRACKET.finditer(text):
        depth += (match[1] is not None) - (match[2] is not None)
        if depth > _MOST_LEVELS:
            raise NotStrictJsonError("this is nested too deeply")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise NotStrictJsonError("a name is given twice")
    return found


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > _LONGEST_INTEGER:
        raise NotStrictJsonError("a number is too long")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise NotStrictJsonError("a number is too large")
    return number


def _no_constant(_name: str) -> float:
    raise NotStrictJsonError("this is no number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_finite, parse_constant=_no_constant
)
