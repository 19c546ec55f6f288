"""Files of checkpoints, which only grow: one beside the log, and one wherever they are to be kept from whoever has it.

A copy that the owner of the gateway cannot change is what makes an edit of the log visible to others: a directory of
another machine, a medium that is written once, or whatever fetches the file from time to time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from durwan.audit.note import Checkpoint, NoteError, as_notes, read_notes

BESIDE: Final = "checkpoints.txt"
_MOST_BYTES: Final = 1 << 28
_MOST_TAIL: Final = 1 << 16
_END: Final = b"\n\n\n"


def add_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Adds a checkpoint to a file, and returns when it is on disk.

    Raises:
        OSError: it cannot be written.
    """
    flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        # What a crash left of one is overwritten: no more than the end of the file after its last empty line.
        start = max(size - _MOST_TAIL, 0)
        os.lseek(descriptor, start, os.SEEK_SET)
        end = start + _whole(os.read(descriptor, _MOST_TAIL))
        os.ftruncate(descriptor, end)
        os.lseek(descriptor, end, os.SEEK_SET)
        content = memoryview(as_notes(checkpoint).encode())
        while content:
            content = content[os.write(descriptor, content) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_checkpoints(path: Path) -> list[Checkpoint]:
    """The checkpoints of a file, in its order.

    Raises:
        NoteError: it holds something else.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise NoteError(f"{path} has more than {_MOST_BYTES} bytes")
    try:
        return read_notes(content.decode())
    except UnicodeDecodeError:
        raise NoteError(f"{path} is no text") from None


def newest_beside(stream: Path) -> Checkpoint | None:
    """The last whole checkpoint of a stream; None where there is none.

    Raises:
        NoteError: the file holds something else.
        OSError: it cannot be read.
    """
    try:
        with (stream / BESIDE).open("rb") as file:
            file.seek(max((stream / BESIDE).stat().st_size - _MOST_TAIL, 0))
            content = file.read()
    except FileNotFoundError:
        return None
    whole = content[: _whole(content)]
    last = whole[whole.rfind(_END, 0, -len(_END)) + len(_END) :] if _END in whole[: -len(_END)] else whole
    try:
        found = read_notes(last.decode())
    except UnicodeDecodeError:
        raise NoteError(f"{stream / BESIDE} is no text") from None
    return found[-1] if found else None


def _whole(content: bytes) -> int:
    """How much of the end of a file consists of whole notes."""
    return content.rfind(_END) + len(_END) if _END in content else 0


__all__ = ["BESIDE", "add_checkpoint", "newest_beside", "read_checkpoints"]
