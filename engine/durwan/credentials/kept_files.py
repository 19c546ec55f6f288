"""Files that must never be half written, lost, or read by others."""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from durwan.errors import DurwanError


class KeptFileError(DurwanError):
    """A file cannot be read or written, or others may do with it what they must not; the text says what to do."""


def read_whole(path: Path, most_bytes: int, what: str) -> bytes:
    """The content of a file; `what` names it in errors, as `the key file`.

    Raises:
        KeptFileError: it cannot be read, or is too large.
    """
    return _read(path, most_bytes, what, forbidden=0, advice="")


def read_private(path: Path, most_bytes: int, what: str) -> bytes:
    """The content of a file that nobody but its owner can read or write.

    Raises:
        KeptFileError: others can, it belongs to somebody else, it cannot be read, or is too large.
    """
    return _read(path, most_bytes, what, forbidden=0o077, advice="chmod 600")


def read_guarded(path: Path, most_bytes: int, what: str) -> bytes:
    """The content of a file that its owner alone can write, and at most his group can read.

    Raises:
        KeptFileError: as `read_private`.
    """
    return _read(path, most_bytes, what, forbidden=0o037, advice="chmod 600, or 640 for a gateway of its group,")


def _read(path: Path, most_bytes: int, what: str, *, forbidden: int, advice: str) -> bytes:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise KeptFileError(f"{what} {path} cannot be read: {error.strerror or error}") from None
    if os.name == "posix" and forbidden:
        if stat.S_IMODE(found.st_mode) & forbidden:
            raise KeptFileError(f"{what} {path} is open to others: {advice} {path}, and think of who may have read it")
        if found.st_uid not in {0, os.geteuid()}:
            raise KeptFileError(f"{what} {path} belongs to another user, who can change it at will")
    if len(content) > most_bytes:
        raise KeptFileError(f"{what} {path} has more than {most_bytes} bytes")
    return content


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Writes a file so that there is the old content or the new one, whoever reads and whenever power fails.

    Whoever calls it is alone with the file: see `alone`. A file that is there keeps its mode; a new one gets
    `mode`, as far as the process's umask leaves it. It returns when the content is on disk.

    Raises:
        KeptFileError: it cannot be written; then the old content is there.
    """
    # Through a symbolic link, to where it leads.
    path = Path(os.path.realpath(path))
    # One name for all writers, of whom there is one at a time: what a killed one leaves, the next one clears away.
    temporary = path.with_name(f".{path.name}.new")
    try:
        with suppress(FileNotFoundError):
            temporary.unlink()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a path cannot open a descriptor
            with suppress(FileNotFoundError):
                os.chmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))  # noqa: PTH101 - of a descriptor
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise KeptFileError(f"{path} cannot be written: {error.strerror or error}") from None


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def alone(*paths: Path) -> Generator[None]:
    """No other process changes these files meanwhile; it waits for one that does. Killing it gives the locks back.

    What is locked is the directories that the files are in, so that no files of locks are left lying there.

    Raises:
        KeptFileError: a directory cannot be opened.
    """
    with ExitStack() as locks:
        for directory in sorted({Path(os.path.realpath(path)).parent for path in paths}):
            locks.enter_context(_locked(directory))
        yield


@contextmanager
def _locked(directory: Path) -> Generator[None]:
    try:
        descriptor = os.open(directory, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise KeptFileError(f"the directory {directory} cannot be used: {error.strerror}") from None
    try:
        with suppress(ImportError):  # pragma: no branch - of Windows alone
            locks: Any = importlib.import_module("fcntl")
            locks.flock(descriptor, locks.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


__all__ = ["KeptFileError", "alone", "read_guarded", "read_private", "read_whole", "write_whole"]
