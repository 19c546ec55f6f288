"""A log in one SQLite file: the same lines, each a row."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from durwan.audit.entry import read_line
from durwan.audit.medium import Durable
from durwan.audit.recorder import AuditDamagedError
from durwan.audit.streams import Stream

NAME: Final = "log.sqlite"
# `duaf` in ASCII: by it a file says that it is a log.
_APPLICATION: Final = 0x64756166
_FORM: Final = 1
# Before this version, two processes that write to one file through a write-ahead log could corrupt it.
_SAFE_LOG: Final = (3, 51, 3)
_TABLE: Final = "CREATE TABLE line (seq INTEGER PRIMARY KEY, segment INTEGER NOT NULL, content BLOB NOT NULL)"
_INDEX: Final = "CREATE INDEX line_segment ON line (seq) WHERE segment = 1"


class SqliteFile:
    """The file of one stream. See `Medium`.

    Its one connection is the only one that writes. Each step is a transaction, which is on disk at its end.

    Args:
        stream: where it is.
        most_bytes: how many bytes of lines a segment has, about: what is read when the log is opened.
        most_seconds: how long one segment is written.
        deadline: how many seconds a step may wait for those who read.
    """

    def __init__(self, stream: Stream, *, most_bytes: int, most_seconds: float, deadline: float = 1.0) -> None:
        self._stream = stream
        self._path = stream.path / NAME
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._deadline = deadline
        self._connection: sqlite3.Connection | None = None
        # Connections of a parent process: closing them here would give up locks that the parent holds.
        self._left: list[sqlite3.Connection] = []
        self._bytes = 0
        self._begun = 0.0

    @property
    def is_full(self) -> bool:
        """See `Medium`."""
        return self._bytes >= self._most_bytes or time.monotonic() - self._begun >= self._most_seconds

    def recover(self, synced: int | None, watched: Collection[int]) -> Durable:
        """See `Medium`. A crash leaves nothing that is not whole: SQLite itself takes that back."""
        self.close()
        connection = self._connection = self._connect()
        if synced is not None:
            # What was not acknowledged and may be there all the same.
            with _Step(connection):
                connection.execute("DELETE FROM line WHERE seq >= ?", (synced,))
        found = _read(connection, self._path, watched)
        if synced is not None and found.chain.size != synced:
            raise AuditDamagedError(f"{self._path} has lost lines: {synced} were on disk, {found.chain.size} are left")
        return found

    def begin(self, first: int, line: bytes) -> None:
        """See `Medium`."""
        self._bytes, self._begun = 0, time.monotonic()
        self._insert([(first, 1, line)])

    def write(self, first: int, lines: Sequence[bytes]) -> None:
        """See `Medium`."""
        self._insert([(first + place, 0, line) for place, line in enumerate(lines)])

    def close(self) -> None:
        """See `Medium`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()

    def leave(self) -> None:
        """See `Medium`."""
        if self._connection is not None:
            self._left.append(self._connection)
            self._connection = None

    def _insert(self, rows: Sequence[tuple[int, int, bytes]]) -> None:
        if self._connection is None:
            raise OSError("the file is not open")
        with _Step(self._connection):
            self._connection.executemany("INSERT INTO line VALUES (?, ?, ?)", rows)
        self._bytes += sum(len(line) for _, _, line in rows)

    def _connect(self) -> sqlite3.Connection:
        if not self._path.exists():
            # Made before SQLite does, which would let others read it.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self._path, timeout=self._deadline, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, self._path)
        except BaseException:
            connection.close()
            raise
        self._stream.sync()
        return connection


class _Step:
    """One transaction, undone if it is left with an exception."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            # Also where the end of it failed: a transaction that stays open keeps everybody else out.
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        sound = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "") not in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            raise
        sound = False
    if not sound:
        raise AuditDamagedError(f"{path} is damaged: move its directory away, and a new log is begun")
    mode = "WAL" if sqlite3.sqlite_version_info >= _SAFE_LOG else "DELETE"
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("PRAGMA synchronous = FULL")
    form = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if form == 0 and tables == 0:
        with _Step(connection):
            for statement in (_TABLE, _INDEX, f"PRAGMA user_version = {_FORM}"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    elif form != _FORM or connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise AuditDamagedError(f"{path} is no log of this version: name another directory")


def _read(connection: sqlite3.Connection, path: Path, watched: Collection[int]) -> Durable:
    """What stands in the file from its newest segment on."""
    first = connection.execute("SELECT max(seq) FROM line WHERE segment = 1").fetchone()[0] or 0
    found = Durable(first, watched)
    rows = connection.execute("SELECT seq, content FROM line WHERE seq >= ? ORDER BY seq", (first,)).fetchall()
    for seq, line in rows:
        if type(line) is not bytes or seq != found.chain.size or not found.take(read_line(line)):
            raise AuditDamagedError(
                f"line {found.chain.size} of the log, in {path}, was changed: durwan audit verify {path.parent} says "
                "more. Move that directory away, and a new log is begun"
            )
    return found


__all__ = ["NAME", "SqliteFile"]
