"""F11: the nth call to the system fails, for every n: what was acknowledged is in the log, and nothing else is wrong.

python -m tests.faults.audit_failures
"""

from __future__ import annotations

import argparse
import errno
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

from durwan.audit.log import AuditLog
from durwan.audit.reading import streams_in
from durwan.audit.recorder import AuditSetupError, AuditUnavailableError
from durwan.audit.settings import Kind, LogSettings
from tests.audit_logs import KINDS, names_in, record, signing_key, verified

_CALLS: Final = ("open", "write", "fsync", "ftruncate", "close", "mkdir", "unlink", "fstat")
_RECORDS: Final = 24
_LONGEST: Final = 30.0
# An error of the system, and the one that SQLite makes of it.
ERRORS: Final[dict[str, tuple[Callable[[], Exception], Callable[[], Exception]]]] = {
    "EIO": (lambda: OSError(errno.EIO, os.strerror(errno.EIO)), lambda: sqlite3.OperationalError("disk I/O error")),
    "ENOSPC": (lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), lambda: sqlite3.OperationalError("full")),
    "EMFILE": (lambda: OSError(errno.EMFILE, os.strerror(errno.EMFILE)), lambda: sqlite3.OperationalError("no file")),
    "memory": (MemoryError, MemoryError),
    "timeout": (lambda: TimeoutError(errno.ETIMEDOUT, "timed out"), lambda: sqlite3.OperationalError("locked")),
}


@dataclass
class Counts:
    """What came of a run."""

    runs: int = 0
    failed_calls: int = 0
    refused: int = 0
    lost: int = 0
    twice: int = 0
    findings: int = 0
    uncaught: int = 0
    stuck: int = 0
    miscounted: int = 0

    @property
    def bad(self) -> int:
        return self.lost + self.twice + self.findings + self.uncaught + self.stuck + self.miscounted


class Fault:
    """Fails the nth call, and as many after it as are to fail, once it is armed."""

    def __init__(self, at: int, times: int, make: Callable[[], Exception]) -> None:
        self.at = at
        self.times = times
        self.make = make
        self.calls = 0
        self.failed = 0
        self.half = False

    def strike(self) -> None:
        self.calls += 1
        if self.at <= self.calls < self.at + self.times:
            self.failed += 1
            raise self.make()


def _failing_connection(fault: Fault) -> type[sqlite3.Connection]:
    class Connection(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            # A commit that fails may have been done all the same.
            if arguments[0] == "COMMIT" and fault.at % 2:
                super().execute(*arguments)
                fault.strike()
                return self.cursor()
            fault.strike()
            return super().execute(*arguments)

        def executemany(self, *arguments: Any) -> sqlite3.Cursor:
            fault.strike()
            return super().executemany(*arguments)

    return Connection


@contextmanager
def system_that_fails(fault: Fault) -> Generator[None]:
    """Calls to the system, in this process, that fail as the fault says."""
    real = {name: getattr(os, name) for name in _CALLS}
    connect = sqlite3.connect

    def failing(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if name == "write" and fault.calls + 1 == fault.at:
                # Half of it is there when the disk is full.
                real["write"](arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            if name == "close":
                real["close"](*arguments)
                return fault.strike()
            fault.strike()
            return real[name](*arguments, **named)

        return call

    def connecting(*arguments: Any, **named: Any) -> sqlite3.Connection:
        fault.strike()
        return connect(*arguments, factory=_failing_connection(fault), **named)

    for name in _CALLS:
        setattr(os, name, failing(name))
    sqlite3.connect = connecting  # type: ignore[assignment]
    try:
        yield
    finally:
        for name, call in real.items():
            setattr(os, name, call)
        sqlite3.connect = connect


def settings(kind: Kind, *, strict: bool) -> LogSettings:
    return LogSettings(
        kind=kind, strict=strict, segment_bytes=4_000, checkpoint_records=5, checkpoint_seconds=60, retry_seconds=0.002,
        signing_key=signing_key(), deadline=5, most_waiting=8,
    )  # fmt: skip


def _strict(folder: Path, kind: Kind, counts: Counts) -> set[str]:
    """What a strict log acknowledges of some records; whatever it does not is a refusal."""
    acknowledged: set[str] = set()
    try:
        log = AuditLog(folder, settings(kind, strict=True))
    except (AuditUnavailableError, AuditSetupError):
        return acknowledged
    for number in range(_RECORDS):
        try:
            log.append(record(number)).wait()
            acknowledged.add(str(number))
        except AuditUnavailableError:
            counts.refused += 1
            _until_available(log, counts)
    try:
        log.close()
    except AuditUnavailableError:
        counts.refused += 1
    return acknowledged


def _relaxed(folder: Path, kind: Kind, counts: Counts) -> int | None:
    """How many records a relaxed log says that it has lost; None if it could not even be opened."""
    try:
        log = AuditLog(folder, settings(kind, strict=False))
    except (AuditUnavailableError, AuditSetupError):
        return None
    for number in range(_RECORDS):
        log.append(record(number)).wait()
        if number % 4 == 3:
            _until_written(log)
    _until_available(log, counts)
    _until_written(log)
    try:
        log.close()
    except AuditUnavailableError:
        counts.refused += 1
    return log.status().lost


def _until_written(log: AuditLog) -> None:
    end = time.monotonic() + 0.1
    while log.status().waiting and time.monotonic() < end:
        time.sleep(0.0005)


def _until_available(log: AuditLog, counts: Counts) -> None:
    end = time.monotonic() + _LONGEST
    while not log.status().available:
        if time.monotonic() > end:
            counts.stuck += 1
            return
        time.sleep(0.001)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A log, and what its system does: `times` calls in a row fail, from every `step`th call on in turn."""

    kind: Kind
    strict: bool
    error: str
    times: int = 1
    step: int = 1


def one(folder: Path, case: Case, fault: Fault, counts: Counts) -> bool:
    """One run; whether the fault came to pass."""
    lost: int | None = None
    acknowledged: set[str] = set()
    with system_that_fails(fault):
        if case.strict:
            acknowledged = _strict(folder, case.kind, counts)
        else:
            lost = _relaxed(folder, case.kind, counts)
    counts.runs += 1
    counts.failed_calls += fault.failed
    AuditLog(folder, settings(case.kind, strict=True)).close()
    found = Counter(names_in(folder))
    counts.lost += sum(name not in found for name in acknowledged)
    counts.twice += sum(count > 1 for count in found.values())
    counts.findings += sum(verified(stream).finding is not None for stream in streams_in(folder))
    counts.miscounted += lost is not None and lost + len(found) != _RECORDS
    return fault.failed > 0


def run(folder: Path, case: Case) -> Counts:
    """Runs until there are no more calls to fail."""
    counts = Counts()
    uncaught: list[object] = []
    hook, threading.excepthook = threading.excepthook, uncaught.append
    make = ERRORS[case.error][case.kind == "sqlite"]
    at = 1
    try:
        while one(folder / f"{at}", case, Fault(at, case.times, make), counts):
            at += case.step
    finally:
        threading.excepthook = hook
    counts.uncaught = len(uncaught)
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the counts; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=KINDS, action="append")
    kinds = parser.parse_args(arguments).kind or KINDS
    bad = 0
    for kind, strict, error, times in product(kinds, (True, False), ERRORS, (1, 3)):
        case = Case(kind=kind, strict=strict, error=error, times=times)
        with tempfile.TemporaryDirectory() as folder:
            counts = run(Path(folder), case)
        print(f"{case}: {counts}", flush=True)
        bad += counts.bad
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
