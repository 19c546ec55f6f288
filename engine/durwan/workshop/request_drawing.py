"""Requests for people: a line for each context, in the order in which one asks who, from where, what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from durwan.diagnostics.terminal import visible

_FIRST: Final = ("action", "now", "key", "token", "client", "session", "gateway")


def draw_request(request: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a request, none of which a hostile text can break out of."""
    names = [name for name in _FIRST if name in request]
    names += [name for name in request if name not in _FIRST]
    width = max(len(name) for name in names)
    for name in names:
        yield visible(f"{name:<{width}}  {_drawn(request[name])}")


def _drawn(said: object) -> str:
    if isinstance(said, Mapping):
        fields = cast("Mapping[str, object]", said)
        return ", ".join(f"{name} {_drawn(value)}" for name, value in fields.items())
    return said if isinstance(said, str) and said else json.dumps(said, ensure_ascii=False, default=str)
