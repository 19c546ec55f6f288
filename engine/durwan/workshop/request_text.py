"""Requests from JSON text, strictly: what two readers could understand differently is refused, not guessed."""

from __future__ import annotations

from typing import Any

from durwan.errors import DurwanError
from durwan.model import strict_json


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
        RequestTextError: it is not JSON that has a single meaning (see `durwan.model.strict_json`).
    """
    try:
        return strict_json.read_json(data, what="request")
    except strict_json.JsonTextError as error:
        raise RequestTextError(str(error)) from None


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "a number"
