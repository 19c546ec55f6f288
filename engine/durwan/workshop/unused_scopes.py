"""Scopes that a key holds and does not need: judged by what it asked for, not by what it might.

A scope was needed if some request that is allowed would not have been allowed without it. The policies themselves say
so, by deciding the request once more for the same key without the scope; nobody has to write down which action needs
which scope, and a scope that another one includes is found as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from durwan.credentials.key_hygiene import KeyFinding
from durwan.model.decision import Decision

_Decide = Callable[[Mapping[str, Any]], Decision]


def unused_scopes(
    decide: _Decide, keys: Iterable[tuple[str, Mapping[str, object]]], requests: Iterable[Mapping[str, Any]]
) -> list[KeyFinding]:
    """The scopes that no request needed, of keys of which some request is allowed.

    Args:
        decide: decides by the policies; see `Engine.decide`.
        keys: the attributes of each key, with its id.
        requests: what was asked for, each with its own `now`, by the id of its key or with its attributes.
    """
    asked: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for request in requests:
        asked[_key_of(request)].append(request)
    return [finding for key_id, record in keys for finding in _of_key(decide, key_id, record, asked[key_id])]


def _of_key(
    decide: _Decide, key_id: str, record: Mapping[str, object], requests: Sequence[Mapping[str, Any]]
) -> list[KeyFinding]:
    allowed = [each for each in requests if decide({**each, "key": dict(record)}).allowed]
    if not allowed:
        return []
    given = record.get("scopes")
    scopes = [str(each) for each in cast("list[object]", given)] if isinstance(given, (list, tuple)) else []
    words = f"none of the {len(allowed)} requests of it that are allowed needs"
    return [
        KeyFinding(key_id, "unused_scope", f"{words} {scope}", "medium")
        for scope in scopes
        if not _is_needed(decide, {**record, "scopes": [each for each in scopes if each != scope]}, allowed)
    ]


def _is_needed(decide: _Decide, without: dict[str, object], allowed: Iterable[Mapping[str, Any]]) -> bool:
    return any(not decide({**each, "key": without}).allowed for each in allowed)


def _key_of(request: Mapping[str, Any]) -> str:
    key = request.get("key")
    return str(cast("dict[str, object]", key).get("id", "")) if isinstance(key, dict) else str(key)


__all__ = ["unused_scopes"]
