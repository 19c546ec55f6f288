"""State in one SQLite file: for the gateways of one machine, and for what has to outlive its process."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from durwan.state.amounts import Counted, all_counted
from durwan.state.errors import StateUnavailableError
from durwan.state.identity import identity
from durwan.state.memory_span import earliest_use, forgotten_text
from durwan.state.observations import Buckets, Members
from durwan.state.record_text import name_to_text, record_from_bytes, record_to_bytes, revocation_from
from durwan.state.rising import RisingNumbers, check_rising
from durwan.state.sliding_log import SlidingLog
from durwan.state.sqlite_file import StateFile
from durwan.state.store import (
    MOST_NEWS,
    LimitCharge,
    Observed,
    Record,
    Revocation,
    RevocationNews,
    Sighted,
    Sighting,
    Tally,
    UsedUp,
)

# How long to sleep between two looks for news, in seconds.
_LOOK: Final = 0.1
# How often what has expired is deleted, in milliseconds of the callers' clock.
_SWEEP: Final = 1000


class SqliteState:
    """State in one file, which survives a killed process and, as far as the disk keeps its word, a power failure.

    Several processes of one machine may share the file; it must not lie on a network file system.

    Args:
        path: the file, made if there is none.
        deadline: how many seconds an operation may wait for the others.
        most_bytes: how large the file may become; beyond, it is full, and refuses what needs more room.
        since: the present instant. Given, a file that is new refuses nonces that may have been used before it was
            made, so that losing the file opens no window for replays; None takes them.

    Raises:
        StateSetupError: the file is damaged, or something else.
        StateUnavailableError: it cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        deadline: float = 0.25,
        most_bytes: int = 1 << 30,
        since: int | None = None,
    ) -> None:
        self._file = StateFile(Path(path), deadline=deadline, most_bytes=most_bytes, since=since)
        self._swept = -1
        self._file.check()

    @property
    def durable(self) -> bool:
        """True."""
        return True

    def accept_once(self, scope: str, nonce: str, *, expires: int, now: int, issued: int | None = None) -> bool:
        """See `StateStore`."""
        key = _key("nonce", scope, nonce)
        with self._file.step() as connection:
            self._sweep(connection, now)
            since, horizon = _setting(connection, "since"), _setting(connection, "horizon")
            earliest = earliest_use(issued, expires, now)
            if since is not None and earliest < since:
                raise StateUnavailableError(self._file.name, forgotten_text(earliest, since))
            # What expired is forgotten: if the clock was set back since, it would look new.
            if expires <= now or expires <= horizon:
                return False
            found = connection.execute("INSERT INTO nonce VALUES (?, ?) ON CONFLICT DO NOTHING", (key, expires))
            return found.rowcount == 1

    def accept_rising(self, scope: str, number: int, *, window: int = 0) -> bool:
        """See `StateStore`."""
        check_rising(number, window)
        key = _key("rising", scope)
        with self._file.step() as connection:
            row = connection.execute("SELECT numbers FROM rising WHERE key = ?", (key,)).fetchone()
            numbers = RisingNumbers() if row is None else RisingNumbers.from_text(row[0])
            accepted = numbers.accept(number, window)
            if accepted:
                connection.execute("INSERT OR REPLACE INTO rising VALUES (?, ?)", (key, numbers.to_text()))
            return accepted

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """See `StateStore`."""
        found = all_counted(charges)
        with self._file.step() as connection:
            self._sweep(connection, now)
            logs = [_log(connection, each) for each in found]
            used_up = _used_up(charges, found, logs, now)
            if not used_up:
                _enter(connection, found, logs, now)
            return used_up

    def peek(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """See `StateStore`."""
        found = all_counted(charges)
        with self._file.step(writes=False) as connection:
            return _used_up(charges, found, [_log(connection, each) for each in found], now)

    def observe(self, tallies: Sequence[Tally], sightings: Sequence[Sighting], *, now: int) -> Observed:
        """See `StateStore`."""
        with self._file.step() as connection:
            self._sweep(connection, now)
            return Observed(
                tuple([_tallied(connection, each, now) for each in tallies]),
                tuple([_sighted(connection, each, now) for each in sightings]),
            )

    def put(self, record: Record, *, cap: int, now: int) -> tuple[str, ...]:
        """See `StateStore`."""
        key, owner = _key("record", record.kind, record.id), _key("owner", record.kind, record.owner)
        with self._file.step() as connection:
            self._sweep(connection, now)
            connection.execute(
                "INSERT OR REPLACE INTO record (key, owner, content, expires) VALUES (?, ?, ?, ?)",
                (key, owner, record_to_bytes(record), record.expires),
            )
            beyond = connection.execute(
                "SELECT place, content FROM record WHERE owner = ? AND expires > ? ORDER BY place DESC "
                "LIMIT -1 OFFSET ?",
                (owner, now, cap),
            ).fetchall()
            connection.executemany("DELETE FROM record WHERE place = ?", [(place,) for place, _ in beyond])
        return tuple(record_from_bytes(content).id for _, content in reversed(beyond))

    def keep_first(self, record: Record, *, now: int) -> Record:
        """See `StateStore`."""
        key, alone = _key("record", record.kind, record.id), _key("alone", record.kind, record.id)
        with self._file.step() as connection:
            self._sweep(connection, now)
            row = connection.execute("SELECT content FROM record WHERE key = ? AND expires > ?", (key, now)).fetchone()
            if row is None:
                connection.execute(
                    "INSERT OR REPLACE INTO record (key, owner, content, expires) VALUES (?, ?, ?, ?)",
                    (key, alone, record_to_bytes(record), record.expires),
                )
        return record if row is None else record_from_bytes(row[0])

    def get(self, kind: str, record_id: str, *, now: int) -> Record | None:
        """See `StateStore`."""
        key = _key("record", kind, record_id)
        with self._file.step(writes=False) as connection:
            row = connection.execute("SELECT content FROM record WHERE key = ? AND expires > ?", (key, now)).fetchone()
        return None if row is None else record_from_bytes(row[0])

    def update(self, record: Record, *, now: int) -> bool:
        """See `StateStore`."""
        key = _key("record", record.kind, record.id)
        with self._file.step() as connection:
            found = connection.execute(
                "UPDATE record SET content = ?, expires = ? WHERE key = ? AND expires > ?",
                (record_to_bytes(record), record.expires, key, now),
            )
            return found.rowcount == 1

    def delete(self, kind: str, record_id: str) -> None:
        """See `StateStore`."""
        with self._file.step() as connection:
            connection.execute("DELETE FROM record WHERE key = ?", (_key("record", kind, record_id),))

    def newest_of(self, kind: str, owner: str, *, now: int) -> tuple[Record, ...]:
        """See `StateStore`."""
        with self._file.step(writes=False) as connection:
            rows = connection.execute(
                "SELECT content FROM record WHERE owner = ? AND expires > ? ORDER BY place DESC",
                (_key("owner", kind, owner), now),
            ).fetchall()
        return tuple(record_from_bytes(content) for (content,) in rows)

    def revoke(self, revocation: Revocation, *, now: int) -> None:
        """See `StateStore`."""
        name = name_to_text(revocation)
        with self._file.step() as connection:
            self._sweep(connection, now)
            known = connection.execute("SELECT until FROM revocation WHERE name = ?", (name,)).fetchone()
            until = revocation.until if known is None else max(revocation.until, known[0])
            connection.execute("INSERT OR REPLACE INTO revocation (name, until) VALUES (?, ?)", (name, until))

    def revoked_since(self, known: RevocationNews | None, *, now: int) -> RevocationNews:
        """See `StateStore`."""
        with self._file.step(writes=False) as connection:
            epoch = str(_setting(connection, "epoch"))
            after = known.generation if known is not None and known.epoch == epoch else 0
            last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'revocation'").fetchone()
            rows = connection.execute(
                "SELECT generation, name, until FROM revocation WHERE generation > ? ORDER BY generation LIMIT ?",
                (after, MOST_NEWS),
            ).fetchall()
        complete = len(rows) < MOST_NEWS
        return RevocationNews(
            epoch=epoch,
            generation=(last[0] if last else 0) if complete else rows[-1][0],
            revocations=tuple(revocation_from(name, until) for _, name, until in rows if until > now),
            complete=complete,
        )

    def wait_for_news(self, seconds: float) -> None:
        """See `StateStore`; it does not look, and returns after a tenth of a second at the latest."""
        time.sleep(min(seconds, _LOOK))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __repr__(self) -> str:
        return f"<SqliteState: {self._file.name}>"

    def _sweep(self, connection: sqlite3.Connection, now: int) -> None:
        """Deletes what has expired; what that is of nonces is remembered as their horizon."""
        if self._swept <= now < self._swept + _SWEEP:
            return
        latest = connection.execute("SELECT max(expires) FROM nonce WHERE expires <= ?", (now,)).fetchone()[0]
        if latest is not None:
            connection.execute("UPDATE setting SET value = max(value, ?) WHERE name = 'horizon'", (latest,))
            connection.execute("DELETE FROM nonce WHERE expires <= ?", (now,))
        connection.execute("DELETE FROM log WHERE expires <= ?", (now,))
        connection.execute("DELETE FROM record WHERE expires <= ?", (now,))
        connection.execute("DELETE FROM revocation WHERE until <= ?", (now,))
        self._swept = now


def _key(kind: str, *parts: str) -> bytes:
    return bytes.fromhex(identity(kind, *parts))


def _setting(connection: sqlite3.Connection, name: str) -> Any:  # a column that holds texts and numbers
    return connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()[0]


def _log(connection: sqlite3.Connection, charge: Counted) -> SlidingLog:
    row = connection.execute("SELECT entries FROM log WHERE key = ?", (bytes.fromhex(charge.key),)).fetchone()
    return SlidingLog() if row is None else SlidingLog.from_bytes(row[0])


def _kept(connection: sqlite3.Connection, key: bytes) -> bytes | None:
    row = connection.execute("SELECT entries FROM log WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def _tallied(connection: sqlite3.Connection, tally: Tally, now: int) -> int:
    watch, who, add = tally
    key = _key("tally", watch.name, str(watch.period), who)
    kept = _kept(connection, key)
    buckets = Buckets() if kept is None else Buckets.from_bytes(kept)
    count = buckets.step(watch, add, now)
    _keep(connection, key, kept or b"", buckets.to_bytes(), buckets.expires(watch))
    return count


def _sighted(connection: sqlite3.Connection, sighting: Sighting, now: int) -> Sighted:
    watch, who, member, add = sighting
    key = _key("sighting", watch.name, str(watch.period), who)
    kept = _kept(connection, key)
    members = Members() if kept is None else Members.from_bytes(kept)
    found = members.step(watch, identity("member", member), now, add=add)
    _keep(connection, key, kept or b"[]", members.to_bytes(), members.expires(watch))
    return found


def _keep(connection: sqlite3.Connection, key: bytes, before: bytes, after: bytes, expires: int) -> None:
    if after != before:
        connection.execute("INSERT OR REPLACE INTO log VALUES (?, ?, ?)", (key, after, expires))


def _used_up(
    charges: Sequence[LimitCharge], found: Sequence[Counted], logs: Sequence[SlidingLog], now: int
) -> tuple[UsedUp, ...]:
    return tuple(
        UsedUp(charge=charge, retry_at=log.retry_at(each, now))
        for charge, each, log in zip(charges, found, logs, strict=True)
        if not log.has_room(each, now)
    )


def _enter(connection: sqlite3.Connection, found: Sequence[Counted], logs: Sequence[SlidingLog], now: int) -> None:
    for each, log in zip(found, logs, strict=True):
        expires = log.add(each, now)
        row = (bytes.fromhex(each.key), log.to_bytes(), expires)
        connection.execute("INSERT OR REPLACE INTO log VALUES (?, ?, ?)", row)


__all__ = ["SqliteState"]
