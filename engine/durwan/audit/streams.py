"""Streams: a log is a directory of them, and each is written by one process at a time.

Several worker processes that write one log would have to wait for each other at every record, or leave one of them to
write for all. Instead each takes a stream of its own, `stream-1`, `stream-2`, …: the first one that no other process
has. A process that ends gives its stream back, even if it is killed, and the next one goes on with it. So there are as
many streams as there ever were processes at once, no process has to be told its number, and a child process after a
fork simply takes the next.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from durwan.audit.recorder import AuditSetupError

_MOST: Final = 256
_PREFIX: Final = "stream-"


class Stream:
    """A stream that this process has, until it closes it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    def sync(self) -> None:
        """Returns when the names of its files are on disk."""
        if self._descriptor is None:
            raise OSError("the stream was given back")
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Gives it back. In a child process, the parent keeps it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(Exception):
                os.close(descriptor)


def take_stream(folder: Path) -> Stream:
    """The first stream of a log that no other process has; it is made if there is none.

    Raises:
        AuditSetupError: there are too many.
        OSError: the directory cannot be made or opened.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(1, _MOST + 1):
        path = folder / f"{_PREFIX}{number}"
        if not path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)
            _sync(folder)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            is_ours = _lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if is_ours:
            return Stream(path, descriptor)
        os.close(descriptor)
    raise AuditSetupError(f"all {_MOST} streams of the log {folder} are being written: give each gateway its own log")


def streams_of(folder: Path) -> list[Path]:
    """The streams of a log, in order; of a directory that is a stream itself, that one."""
    found = [path for path in folder.glob(f"{_PREFIX}*") if path.is_dir() and path.name[len(_PREFIX) :].isdigit()]
    return sorted(found, key=lambda path: int(path.name[len(_PREFIX) :])) or [folder]


def is_being_written(stream: Path) -> bool:
    """Whether a process has this stream."""
    descriptor = os.open(stream, os.O_RDONLY)
    try:
        return not _lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, shared: bool = False) -> bool:
    for locks in _locks():
        try:
            locks.flock(descriptor, (locks.LOCK_SH if shared else locks.LOCK_EX) | locks.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _locks() -> Iterator[Any]:
    with suppress(ImportError):  # pragma: no branch - of Windows alone
        yield importlib.import_module("fcntl")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["Stream", "is_being_written", "streams_of", "take_stream"]
