"""Putting the request of a case together: fixtures one over the other, and every combination of a matrix."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, TypeGuard

_LONGEST = 80


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid upon `base`: mappings are merged to any depth, everything else, null included, replaces.

    The result shares no mapping with either.
    """
    merged: dict[str, Any] = dict(base)
    for key, value in over.items():
        if _is_mapping(value):
            below = merged.get(key)
            merged[key] = merge(below if _is_mapping(below) else {}, value)
        else:
            merged[key] = value
    return merged


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def nested(path: str, value: object) -> dict[str, Any]:
    """`client.ip` and a value as `{"client": {"ip": value}}`."""
    *outer, last = path.split(".")
    found: dict[str, Any] = {last: value}
    for name in reversed(outer):
        found = {name: found}
    return found


def combinations(matrix: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Every choice of one value for each path, the last path varying fastest; one empty choice for an empty matrix."""
    for values in product(*matrix.values()):
        yield dict(zip(matrix, values, strict=True))


def combination_count(matrix: Mapping[str, Sequence[Any]]) -> int:
    """How many cases a matrix makes."""
    return math.prod(len(values) for values in matrix.values())


def label(choice: Mapping[str, Any]) -> str:
    """What tells one combination from the others in the name of its case: `action=orders.read, client.ip=null`."""
    return ", ".join(f"{path}={_short(value)}" for path, value in choice.items())


def blocked_path(request: Mapping[str, Any], path: str) -> str | None:
    """The part of a dotted path that a request holds a plain value at, so that nothing can be set below it."""
    here: object = request
    names = path.split(".")
    for depth, name in enumerate(names[:-1], 1):
        here = here.get(name) if _is_mapping(here) else None
        if here is not None and not _is_mapping(here):
            return ".".join(names[:depth])
    return None


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # Values that differ mostly do so at one of their ends.
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 + 1 :]}"
