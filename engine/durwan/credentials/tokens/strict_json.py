"""JSON objects as they may come from strangers: only what means the same to every reader (RFC 7493, RFC 8259)."""

from __future__ import annotations

from typing import Any, Final

from durwan.model.strict_json import JsonTextError, read_json

# `dict` and `list` themselves; by these names a type checker knows what is in them.
_OBJECT: Final[type[dict[str, Any]]] = dict
_LIST: Final[type[list[Any]]] = list


class NotStrictJsonError(ValueError):
    """What was read is no JSON object, or one that two readers could understand differently."""


def read_object(raw: bytes) -> dict[str, Any]:
    """The members of a JSON object as `durwan.model.strict_json` reads them; whole numbers are `int`, others `float`.

    Raises:
        NotStrictJsonError: it is none. The text says nothing of what was read.
    """
    try:
        members = object_in(read_json(raw))
    except (JsonTextError, RecursionError):
        raise NotStrictJsonError("this is no strict JSON") from None
    if members is None:
        raise NotStrictJsonError("this is no JSON object")
    return members


def object_in(value: object) -> dict[str, Any] | None:
    """A value of JSON where it is an object; None where it is something else."""
    return value if type(value) is _OBJECT else None


def list_in(value: object) -> list[Any] | None:
    """A value of JSON where it is a list; None where it is something else."""
    return value if type(value) is _LIST else None
