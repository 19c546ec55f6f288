"""One SQLite file with one connection to it, through which every step is one transaction that is on disk at its end."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Final

from durwan.forking import start_anew_after_fork
from durwan.state.errors import StateSetupError, StateUnavailableError

_FORM: Final = 1
_PAGE: Final = 4096
# Before this version, two processes that write to one file through a write-ahead log could corrupt it.
_SAFE_LOG: Final = (3, 51, 3)
_TABLES: Final = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE nonce (key BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX nonce_expires ON nonce (expires);
CREATE TABLE rising (key BLOB PRIMARY KEY, numbers TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE log (key BLOB PRIMARY KEY, entries BLOB NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX log_expires ON log (expires);
CREATE TABLE record (place INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, owner BLOB NOT NULL,
  content BLOB NOT NULL, expires INTEGER NOT NULL);
CREATE INDEX record_owner ON record (owner, place);
CREATE INDEX record_expires ON record (expires);
CREATE TABLE revocation (generation INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
  until INTEGER NOT NULL);
CREATE INDEX revocation_until ON revocation (until);
"""


class StateFile:
    """The file, opened when it is first needed, and again in a child process and after an error of the disk.

    Args:
        path: the file; it is made if there is none, for its owner alone.
        deadline: how many seconds a step may wait for others.
        most_bytes: how large the file may become; beyond, it is full.
        since: from when on it remembers, if it is new.
    """

    def __init__(self, path: Path, *, deadline: float, most_bytes: int, since: int | None) -> None:
        self.name = f"the state file {path.name}"
        self._path = path
        self._deadline = deadline
        self._most_bytes = most_bytes
        self._since = since
        self._closed = False
        # Connections of a parent process: closing them here would give up locks that the parent holds.
        self._left: list[sqlite3.Connection] = []
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()
        start_anew_after_fork(self)

    def start_anew(self) -> None:
        """In a child process: a connection of its own."""
        self._lock = Lock()
        if self._connection is not None:
            self._left.append(self._connection)
            self._connection = None

    @contextmanager
    def step(self, *, writes: bool = True) -> Generator[sqlite3.Connection, None, None]:
        """One transaction, during which nobody else writes if this one does; undone if left with an exception.

        Raises:
            StateUnavailableError: it could not be begun in time, or not be written.
        """
        if not self._lock.acquire(timeout=self._deadline):
            raise StateUnavailableError(self.name, "too many wait for it")
        try:
            with self._translated():
                connection = self._open()
                connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    self._undo(connection)
                    raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """Closes the file for good."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def check(self) -> None:
        """Opens the file.

        Raises:
            StateSetupError: it is damaged, or no state file of this version.
            StateUnavailableError: it cannot be opened now.
        """
        with self.step():
            pass

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise StateUnavailableError(self.name, "it was closed")
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if not self._path.exists():
            # Made before SQLite does, which would let others read it.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=self._deadline, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise StateSetupError(f"{self.name} is damaged: put a sound copy in its place, or remove it")
        mode = "WAL" if sqlite3.sqlite_version_info >= _SAFE_LOG else "DELETE"
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA max_page_count = {self._most_bytes // _PAGE}")
        connection.execute("BEGIN IMMEDIATE")
        form = connection.execute("PRAGMA user_version").fetchone()[0]
        if form == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._make(connection)
        elif form != _FORM:
            connection.execute("ROLLBACK")
            raise StateSetupError(f"{self.name} is not a state file of this version: name another file")
        connection.execute("COMMIT")

    def _make(self, connection: sqlite3.Connection) -> None:
        for statement in _TABLES.split(";\n"):
            connection.execute(statement)
        settings = {"since": self._since, "horizon": -1, "epoch": secrets.token_hex(8)}
        connection.executemany("INSERT INTO setting VALUES (?, ?)", settings.items())
        connection.execute(f"PRAGMA user_version = {_FORM}")

    def _undo(self, connection: sqlite3.Connection) -> None:
        """Ends a transaction that failed; a connection on which even that fails is not used again."""
        if not connection.in_transaction:
            return
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._connection = None
            with suppress(sqlite3.Error):
                connection.close()

    @contextmanager
    def _translated(self) -> Generator[None, None, None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            problem = getattr(error, "sqlite_errorname", "") or "SQLITE_ERROR"
            if problem in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
                raise StateSetupError(f"{self.name} is damaged: put a sound copy in its place, or remove it") from error
            raise StateUnavailableError(self.name, f"{problem}: {error}") from error
        except OSError as error:
            raise StateUnavailableError(self.name, error.strerror or "it cannot be opened") from error


__all__ = ["StateFile"]
