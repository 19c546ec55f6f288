"""The audit log: takes records from every thread, and has one that writes them."""

from __future__ import annotations

import atexit
import sqlite3
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final
from weakref import WeakSet

from durwan.audit.batch import AT_ONCE, Batch
from durwan.audit.ledger import Ledger, tell
from durwan.audit.record import DecisionRecord
from durwan.audit.recorder import AuditUnavailableError, Receipt
from durwan.audit.settings import Alarm, AlarmKind, LogSettings
from durwan.audit.text_form import TextForm
from durwan.forking import start_anew_after_fork

_LONGEST_RETRY: Final = 30.0
_SECONDS_BETWEEN_NOTES: Final = 1.0
# As many are made into lines in a few milliseconds, for which the first of them waits.
_MOST_OF_A_BATCH: Final = 256
# How long the writer of a relaxed log, for which nobody waits, lets records come together: waking it, and syncing the
# disk, for each of them would take longer than all the rest.
_GATHERING: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStatus:
    """How a log is doing; nothing in it says anything of any request.

    Attributes:
        available: whether it can be written, as far as is known.
        stream: the directory that this process writes; empty before the first record of a child process.
        lines: how many lines it has on disk.
        written: how many records this process has written.
        lost: how many it has given up: in a strict log they were answered by refusals, in a relaxed one they are gone.
        waiting: how many wait to be written.
        failures: how often writing failed.
        problem: what is wrong while it is not available; empty otherwise.
    """

    available: bool
    stream: str
    lines: int
    written: int
    lost: int
    waiting: int
    failures: int
    problem: str


class AuditLog:
    """Records decisions so that no later edit goes unnoticed. See `Recorder`; safe from any thread, and after a fork.

    Args:
        folder: where it is kept, a directory of streams. Each process writes one of its own; see `streams`.
        settings: how it is kept.

    Raises:
        AuditSetupError: it cannot be used as it is set up.
        AuditDamagedError: it was changed, or a part of it is gone.
        AuditUnavailableError: it cannot be opened now.
    """

    # Set anew in a child process.
    _lock: Lock
    _wake: Event
    _thread: Thread | None
    _ledger: Ledger | None
    _batches: deque[Batch]
    _waiting: int

    def __init__(self, folder: str | Path, settings: LogSettings | None = None) -> None:
        self._folder = Path(folder)
        self._settings = settings = settings or LogSettings()
        self._form = TextForm(settings.masking)
        self._strict = settings.strict
        self._most = settings.most_waiting
        self._closed = False
        self._begin()
        try:
            self._ledger = Ledger(self._folder, settings)
        except (OSError, sqlite3.Error, MemoryError) as error:
            raise AuditUnavailableError(f"the audit log {self._folder} cannot be opened: {_words(error)}") from error
        start_anew_after_fork(self)
        _LIVING.add(self)

    @property
    def strict(self) -> bool:
        """See `Recorder`."""
        return self._strict

    def append(self, record: DecisionRecord) -> Receipt:
        """See `Recorder`."""
        # Written out here, where all that it holds was just looked at, though the writing thread could do it.
        text = self._form.of(record)
        with self._lock:
            if self._refuses:
                self._lost += 1
                self._unwritten += 1
                if self._strict:
                    raise AuditUnavailableError(f"a decision could not be recorded: {self._reason}")
                self._wake.set()
                return AT_ONCE
            batch = self._batch()
            batch.records.append(text)
            self._waiting += 1
            if self._thread is None:
                self._thread = self._start()
        if not self._wake.is_set():
            self._wake.set()
        return batch if self._strict else AT_ONCE

    def status(self) -> LogStatus:
        """How it is doing."""
        with self._lock:
            ledger = self._ledger
            return LogStatus(
                available=not self._problem and not self._closed,
                stream="" if ledger is None else str(ledger.stream.path),
                lines=0 if ledger is None else ledger.size,
                written=self._written, lost=self._lost, waiting=self._waiting, failures=self._failures,
                problem=self._problem,
            )  # fmt: skip

    def close(self) -> None:
        """Writes what waits, then the last checkpoint, and gives the stream back. Takes no more records.

        Raises:
            AuditUnavailableError: what waited could not be written.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join(2 * self._settings.deadline)
            if thread.is_alive():
                raise AuditUnavailableError("the audit log is still being written: its disk does not answer")
        elif self._ledger is not None:
            self._end(self._ledger)
        if self._problem:
            raise AuditUnavailableError(
                f"the audit log was closed with {self._unwritten} records lost: {self._problem}"
            )

    def start_anew(self) -> None:
        """In a child process: everything of the parent's is left to it; the first record takes a stream."""
        for each in self._batches:
            each.start_anew()
        if self._ledger is not None:
            self._ledger.leave()
        # Kept: what is left to the parent must not be closed here, where it would be forgotten.
        self._parents = self._ledger
        self._begin()

    def _begin(self) -> None:
        self._lock = Lock()
        self._wake = Event()
        self._thread = self._ledger = None
        # The first one may be with the writing thread, and then takes no more.
        self._batches = deque()
        self._taken: Batch | None = None
        self._waiting = 0
        self._written = self._lost = self._failures = 0
        # How many records were given up that the log itself does not know of yet.
        self._unwritten = 0
        self._problem = ""
        self._retry = self._settings.retry_seconds
        self._retry_at = 0.0
        self._noted_at = 0.0

    def _start(self) -> Thread:
        thread = Thread(target=self._run, name="durwan-audit", daemon=True)
        thread.start()
        return thread

    def _batch(self) -> Batch:
        """The batch for the next record."""
        last = self._batches[-1] if self._batches else None
        if last is None or last is self._taken or len(last.records) >= _MOST_OF_A_BATCH:
            last = Batch(self._settings.deadline)
            self._batches.append(last)
        return last

    @property
    def _refuses(self) -> bool:
        if self._closed or self._waiting >= self._most:
            return True
        # A strict log that is known not to work makes nobody wait for it to find that out again.
        return self._strict and bool(self._problem) and time.monotonic() < self._retry_at

    @property
    def _reason(self) -> str:
        if self._closed:
            return "the log was closed"
        return self._problem or f"{self._most} records wait for the disk"

    # ------------------------------------------------------------------------------------------- the writing thread

    def _run(self) -> None:
        while True:
            self._wake.wait(self._seconds_to_next())
            self._gather()
            # Only now: as long as it is set, whoever hands a record over has no need to wake this thread.
            self._wake.clear()
            closing = self._closed
            batch = self._take()
            if batch is not None or not closing:
                self._step(batch)
            if closing and (self._problem or not self._batches):
                break
        while (batch := self._take()) is not None:
            self._give_up(batch)
        if self._ledger is not None:
            self._end(self._ledger)

    def _gather(self) -> None:
        """Waits for more records, unless a batch is full already, or nobody adds to it any more."""
        if not self._strict and not self._closed and len(self._batches) == 1:
            time.sleep(_GATHERING)

    def _take(self) -> Batch | None:
        """The records that are to be written now; they stay where they are until they are."""
        with self._lock:
            self._taken = self._batches[0] if self._batches else None
            return self._taken

    def _drop(self, batch: Batch) -> int:
        """These records wait no more; how many they are. The lock is held."""
        self._batches.popleft()
        self._taken = None
        self._waiting -= len(batch.records)
        return len(batch.records)

    def _seconds_to_next(self) -> float | None:
        if self._problem:
            return max(self._retry_at - time.monotonic(), 0)
        if self._batches:
            return 0
        return None if self._ledger is None else self._ledger.seconds_to_checkpoint

    def _step(self, batch: Batch | None) -> None:
        try:
            self._work(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, this was not written, and whoever waits must hear of it
            self._failed(batch, error)

    def _work(self, batch: Batch | None) -> None:
        if self._problem and time.monotonic() < self._retry_at and not self._closed:
            if batch is not None and self._strict:
                self._give_up(batch)
            return
        ledger = self._ledger = self._ledger or Ledger(self._folder, self._settings)
        if self._problem:
            self._recover(ledger)
        elif self._unwritten and time.monotonic() >= self._noted_at + _SECONDS_BETWEEN_NOTES:
            self._note_lost(ledger)
        if batch is not None:
            ledger.write(batch.records)
            with self._lock:
                self._written += self._drop(batch)
            batch.settle(None)
        elif ledger.seconds_to_checkpoint == 0:
            ledger.vouch()

    def _recover(self, ledger: Ledger) -> None:
        """After an error, makes sure of what is on disk and goes on."""
        with self._lock:
            lost = self._unwritten
        ledger.recover(lost, self._problem)
        with self._lock:
            self._unwritten -= lost
            self._problem, self._retry = "", self._settings.retry_seconds
        self._tell("recovered", f"the audit log is written again; {lost} records were given up meanwhile")

    def _note_lost(self, ledger: Ledger) -> None:
        """Says in the log how many records there was no room for."""
        with self._lock:
            lost = self._unwritten
        ledger.note_lost(lost)
        with self._lock:
            self._unwritten -= lost
        self._noted_at = time.monotonic()
        self._tell("lost", f"{lost} records came faster than they could be written, and were given up")

    def _failed(self, batch: Batch | None, error: Exception) -> None:
        words = _words(error)
        with self._lock:
            first = not self._problem
            self._failures += 1
            self._problem = words
            self._retry_at = time.monotonic() + self._retry
            self._retry = min(2 * self._retry, _LONGEST_RETRY)
        if first:
            self._tell("unavailable", f"the audit log cannot be written: {words}")
        # A relaxed log keeps what waits until it can be written, or there is no room for more.
        if batch is not None and (self._strict or self._closed):
            self._give_up(batch)

    def _give_up(self, batch: Batch) -> None:
        with self._lock:
            count = self._drop(batch)
            self._lost += count
            self._unwritten += count
        batch.settle(self._problem)

    def _end(self, ledger: Ledger) -> None:
        try:
            if self._unwritten and not self._problem:
                self._note_lost(ledger)
            ledger.give_up() if self._problem else ledger.close()
        except Exception as error:  # noqa: BLE001 - the records themselves are on disk
            self._tell("checkpoint", f"the last checkpoint of the log could not be written: {_words(error)}")

    def _tell(self, kind: AlarmKind, text: str) -> None:
        tell(self._settings, Alarm(kind, text))


# What a relaxed log still has in memory when Python ends is written before.
_LIVING: Final[WeakSet[AuditLog]] = WeakSet()


@atexit.register
def _close_living() -> None:
    for each in tuple(_LIVING):
        with suppress(AuditUnavailableError):
            each.close()


def _words(error: Exception) -> str:
    """What happened, without anything that might have been written."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") or type(error).__name__
    return type(error).__name__ if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"[:300]


__all__ = ["AuditLog", "LogStatus"]
