"""Key hygiene by the scopes that a policy set declares; the rules stand in `durwan.credentials.key_hygiene`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from durwan.credentials.key_hygiene import KeyFinding, key_findings, roles_by_name
from durwan.program.program import Program


def hygiene(program: Program, keys: Iterable[tuple[str, Mapping[str, object]]], now: int) -> list[KeyFinding]:
    """What is to be said about keys, in their order; `now` in milliseconds since the epoch."""
    return key_findings(keys, roles_by_name(program.schema.scopes), now)


__all__ = ["KeyFinding", "hygiene"]
