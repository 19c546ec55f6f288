"""One session: what is remembered of it, and what policies are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from durwan.errors import DurwanError


class SessionRecordError(DurwanError):
    """What the state holds of a session cannot be read: it is no session."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose session it is: an API key, by its id, or a person, by the subject of a token."""

    kind: Literal["key", "subject"]
    id: str

    @property
    def owner(self) -> str:
        """Its name among the owners of records."""
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as it is remembered. Times are milliseconds since the epoch.

    Attributes:
        id: the hash of the secret identifier; this one may be shown and logged.
        holder: whose it is.
        kind: what it is, in the words of the policies: `login`, `websocket`, `fix`.
        started: when it was opened.
        last_seen: when something was last allowed in it, up to `touch_every` milliseconds too early.
        mfa_at: when a second factor was last shown; None if never.
        mfa_methods: those that were shown then.
        address: the packed address that it is bound to, in hex; None for any.
        connection: the connection that it is bound to; None for any.
        attributes: what else policies may read, as plain data: what their `context session` declares.
    """

    id: str
    holder: Holder
    kind: str
    started: int
    last_seen: int
    mfa_at: int | None = None
    mfa_methods: tuple[str, ...] = ()
    address: str | None = None
    connection: str | None = None
    attributes: Mapping[str, object] = field(default_factory=dict[str, object])

    def context(self) -> dict[str, object]:
        """The `session` context that `decide` takes."""
        found: dict[str, object] = {
            **self.attributes, "id": self.id, "kind": self.kind, "started": self.started, "last_seen": self.last_seen,
        }  # fmt: skip
        if self.mfa_at is not None:
            found |= {"mfa_at": self.mfa_at, "mfa_methods": list(self.mfa_methods)}
        return found

    def as_bytes(self) -> bytes:
        """What is kept of it beside its id."""
        plain = {name: value for name, value in asdict(self).items() if name != "id"}
        return json.dumps(plain, separators=(",", ":"), allow_nan=False).encode()


def session_from(session_id: str, value: bytes) -> Session:
    """The session that was kept.

    Raises:
        SessionRecordError: it is damaged, or of another version.
    """
    try:
        plain: dict[str, Any] = json.loads(value)
        holder = Holder(**plain.pop("holder"))
        methods = tuple(plain.pop("mfa_methods"))
        found = Session(id=session_id, holder=holder, mfa_methods=methods, **plain)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise SessionRecordError("a session cannot be read: whoever brings it has to log in again") from None
    times = (found.started, found.last_seen, found.mfa_at)
    if any(type(each) is not int for each in times[:2]) or type(found.mfa_at) not in (int, type(None)):
        raise SessionRecordError("a session has no times: whoever brings it has to log in again")
    return found


__all__ = ["Holder", "Session", "SessionRecordError", "session_from"]
