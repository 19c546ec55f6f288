"""Sessions: opened after authentication, found by a secret identifier, ended at once where they have to end.

How long a session may live is for the policies to say, which see what is at risk: they read when it began and when it
was last active. What is remembered here has two ends of its own beside that, so that nothing is remembered for ever.

What counts as activity is what was *allowed*: `settle` is told of every decision. If asking were enough, a request that
is refused because the session was idle for too long would make it active again, and the next one would pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Protocol

from durwan.credentials.key_store import KeyStore
from durwan.credentials.refusals import Refusal, refuse
from durwan.credentials.sealing import KeyedHash
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import is_secret_text, new_secret_text
from durwan.credentials.session import Holder, Session, SessionRecordError, session_from
from durwan.model.address import parse_address
from durwan.model.decision import Decision
from durwan.state.store import Record

_KIND: Final = "session"
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_HOUR: Final = 3_600_000


class SessionRecords(Protocol):
    """Where sessions are remembered: the part of `durwan.state.StateStore` that is used here. See there.

    Every operation raises `StateUnavailableError` where it cannot be done; that is never taken for an answer.
    """

    def put(self, record: Record, *, cap: int, now: int) -> tuple[str, ...]:
        """Keeps a record, and forgets the oldest of its owner beyond `cap`: their ids."""
        ...

    def get(self, kind: str, record_id: str, *, now: int) -> Record | None:
        """The record; None where there is none."""
        ...

    def update(self, record: Record, *, now: int) -> bool:
        """Replaces a record that is still there. Whether it was."""
        ...

    def delete(self, kind: str, record_id: str) -> None:
        """Forgets a record."""
        ...

    def newest_of(self, kind: str, owner: str, *, now: int) -> tuple[Record, ...]:
        """All records of an owner."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What is the same for all sessions. Times are in milliseconds.

    Attributes:
        most: how many a key or person can have open; one more ends the oldest. Deribit has 16.
        touch_every: how often at most it is written down that a session is active.
        longest_idle: after which time without anything allowed it is forgotten, whatever the policies say.
        longest_life: after which time it is forgotten in any case.
        environment: what the gateway is for, such as `production`; it shows in the form of identifiers.
    """

    most: int = 16
    touch_every: int = 5_000
    longest_idle: int = 24 * _HOUR
    longest_life: int = 30 * 24 * _HOUR
    environment: str | None = None


_SETTINGS: Final = SessionSettings()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request comes from: its address, and the connection that it came on; None for what is not known.

    A session is bound to what is not None of the place that it was opened at or given.
    """

    address: str | None = None
    connection: str | None = None


_ANYWHERE: Final = Place()


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was opened, or goes on under another identifier.

    Attributes:
        identifier: the secret that its owner shows from now on; it is kept nowhere here.
        session: the session.
        ended: the ids of the sessions that had to make room for it.
    """

    identifier: Secret
    session: Session
    ended: tuple[str, ...] = ()


class Sessions:
    """The sessions that gateways remember together. Safe from any thread.

    Args:
        records: where they are remembered.
        hashing: the keyed hash under which identifiers are kept, the same at every gateway:
            `SealingKey.keyed_hash("sessions")`; for a store in memory `KeyedHash.for_this_process()`.
        clock: milliseconds since the epoch.
        settings: what is the same for all sessions.
    """

    def __init__(
        self,
        records: SessionRecords,
        hashing: KeyedHash,
        clock: Callable[[], int],
        settings: SessionSettings = _SETTINGS,
    ) -> None:
        self._records = records
        self._hashing = hashing
        self._clock = clock
        self._settings = settings
        self._keys: KeyStore | None = None

    def open(
        self,
        holder: Holder,
        kind: str,
        *,
        bound_to: Place = _ANYWHERE,
        mfa_methods: Collection[str] = (),
        attributes: Mapping[str, object] = _NOTHING,
    ) -> Opened:
        """Opens a session for somebody who has just been authenticated.

        Args:
            holder: who that is.
            kind: what kind of session it is, in the words of the policies.
            bound_to: the only place that it can be used from.
            mfa_methods: the second factors that were shown just now.
            attributes: what else policies may read, as plain data.

        Raises:
            ValueError: the address is none.
            StateUnavailableError: it cannot be remembered, and is not open.
        """
        now = self._clock()
        identifier = self._new_identifier()
        session = Session(
            id=self._hash(identifier), holder=holder, kind=kind, started=now, last_seen=now,
            mfa_at=now if mfa_methods else None, mfa_methods=tuple(sorted(mfa_methods)),
            address=_packed(bound_to.address), connection=bound_to.connection, attributes=dict(attributes),
        )  # fmt: skip
        ended = self._records.put(self._record(session), cap=self._settings.most, now=now)
        return Opened(identifier, session, ended)

    def find(self, identifier: str, place: Place = _ANYWHERE, holder: Holder | None = None) -> Session | Refusal:
        """The session of an identifier that came with a request, or why there is none. It is not activity yet.

        Args:
            identifier: as it came.
            place: where it came from.
            holder: who sent the request, where something else than the session says so; None where nothing does.

        Raises:
            StateUnavailableError: nobody can tell; the request must be refused.
        """
        if not is_secret_text(identifier, "dws"):
            return refuse("session_invalid")
        now = self._clock()
        session_id = self._hash(Secret(identifier.encode()))
        record = self._records.get(_KIND, session_id, now=now)
        if record is None:
            return refuse("session_invalid")
        try:
            found = session_from(session_id, record.value)
        except SessionRecordError:
            return refuse("session_invalid")
        return self._refusal(found, now) or _mismatch(found, place, holder) or found

    def settle(self, session: Session, decision: Decision) -> None:
        """What a decision means for the session that it was about: activity if allowed, its end if it asks for a login.

        Raises:
            StateUnavailableError: it cannot be written down. A login that is asked for was answered all the same.
        """
        if any(remedy.kind == "login" for remedy in decision.remedies):
            self._records.delete(_KIND, session.id)
        elif decision.allowed:
            self._touch(session)

    def elevate(self, identifier: str, mfa_methods: Collection[str], place: Place = _ANYWHERE) -> Opened | Refusal:
        """Has a session go on with second factors that were shown just now, under a new identifier.

        The old identifier is worth nothing from then on: whoever knew it before did not show the second factor. Only
        what was shown now counts as shown at `mfa_at`; an older and stronger factor does not become fresh by a weaker.

        Raises:
            StateUnavailableError: it cannot be written down; the session stays as it was, or is over.
        """
        found = self.find(identifier, place)
        if isinstance(found, Refusal):
            return found
        now = self._clock()
        fresh = self._new_identifier()
        session = replace(found, id=self._hash(fresh), mfa_at=now, mfa_methods=tuple(sorted(mfa_methods)))
        # The old one makes room first, so that it is not another session that the cap ends. Whoever ended it meanwhile
        # meant the session, which then must not go on.
        if not self._records.update(self._record(found), now=now):
            return refuse("session_invalid")
        self._records.delete(_KIND, found.id)
        ended = self._records.put(self._record(session), cap=self._settings.most, now=now)
        return Opened(fresh, session, ended)

    def end(self, identifier: str) -> None:
        """Logs out: the session is over before this returns.

        Raises:
            StateUnavailableError: nobody can tell whether it is.
        """
        self._records.delete(_KIND, self._hash(Secret(identifier.encode())))

    def end_all(self, holder: Holder) -> int:
        """Ends every session of a key or a person; how many there were.

        Raises:
            StateUnavailableError: nobody can tell whether all of them are over.
        """
        records = self._records.newest_of(_KIND, holder.owner, now=self._clock())
        for record in records:
            self._records.delete(_KIND, record.id)
        return len(records)

    def all_of(self, holder: Holder) -> tuple[Session, ...]:
        """The sessions of a key or a person, the newest first.

        Raises:
            StateUnavailableError: nobody can tell.
            SessionRecordError: one is damaged.
        """
        records = self._records.newest_of(_KIND, holder.owner, now=self._clock())
        return tuple(session_from(record.id, record.value) for record in records)

    def follow(self, keys: KeyStore) -> None:
        """From now on, ends the sessions of keys that are revoked or gone, before the revoking call returns."""
        self._keys = keys
        keys.listen(self._keys_changed)

    def _keys_changed(self, changed: Collection[str] | None) -> None:
        if self._keys is None:
            return
        for key_id in changed or ():
            if not self._keys.is_good(key_id):
                self.end_all(Holder("key", key_id))

    def _touch(self, session: Session) -> None:
        now = self._clock()
        if now - session.last_seen >= self._settings.touch_every:
            self._records.update(self._record(replace(session, last_seen=now)), now=now)

    def _record(self, session: Session) -> Record:
        settings = self._settings
        expires = min(session.started + settings.longest_life, session.last_seen + settings.longest_idle)
        return Record(
            kind=_KIND, id=session.id, owner=session.holder.owner, value=session.as_bytes(), expires=expires
        )  # fmt: skip

    def _refusal(self, session: Session, now: int) -> Refusal | None:
        settings = self._settings
        over = now - session.started >= settings.longest_life or now - session.last_seen >= settings.longest_idle
        return refuse("session_expired") if over else None

    def _new_identifier(self) -> Secret:
        return Secret(new_secret_text("dws", self._settings.environment).encode())

    def _hash(self, identifier: Secret) -> str:
        return self._hashing.of(identifier.reveal())


def _mismatch(found: Session, place: Place, holder: Holder | None) -> Refusal | None:
    """Whether somebody else, or somebody elsewhere, brings the identifier."""
    packed = None if place.address is None else parse_address(place.address)
    wrong = (
        (holder is not None and holder != found.holder)
        or (found.address is not None and (packed is None or packed.hex() != found.address))
        or (found.connection is not None and place.connection != found.connection)
    )
    return refuse("session_mismatch") if wrong else None


def _packed(address: str | None) -> str | None:
    if address is None:
        return None
    found = parse_address(address)
    if found is None:
        raise ValueError("a session is to be bound to an address, and this is none")
    return found.hex()


__all__ = ["Opened", "Place", "SessionRecords", "SessionSettings", "Sessions"]
