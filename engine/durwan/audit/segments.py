"""A log in files: segments of lines, named by the number of their first line, so that names sort as lines do."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from durwan.audit.entry import lines_of, read_line
from durwan.audit.medium import Cut, Durable
from durwan.audit.recorder import AuditDamagedError
from durwan.audit.streams import Stream

SUFFIX: Final = ".jsonl"
_NAME = re.compile(rf"[0-9]{{16}}{re.escape(SUFFIX)}", re.ASCII)
_FLAGS: Final = os.O_CREAT | os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def segments_of(stream: Path) -> list[Path]:
    """The segments of a stream, in order."""
    return sorted(path for path in stream.iterdir() if _NAME.fullmatch(path.name))


def first_of(segment: Path) -> int:
    """The number of its first line, as its name says."""
    return int(segment.name.removesuffix(SUFFIX))


class SegmentFiles:
    """The files of one stream. See `Medium`.

    Args:
        stream: where they are.
        most_bytes: how large a segment becomes, about.
        most_seconds: how long one segment is written.
    """

    def __init__(self, stream: Stream, *, most_bytes: int, most_seconds: float) -> None:
        self._stream = stream
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._descriptor: int | None = None
        self._bytes = 0
        self._begun = 0.0

    @property
    def is_full(self) -> bool:
        """See `Medium`."""
        return self._bytes >= self._most_bytes or time.monotonic() - self._begun >= self._most_seconds

    def recover(self, synced: int | None, watched: Collection[int]) -> Durable:
        """See `Medium`. Only the last segment is read; it begins by what has to be known of all before."""
        self.close()
        cut = None
        for path in reversed(segments_of(self._stream.path)):
            scan = _Scan(path, synced, watched)
            found = scan.found
            if synced is not None and found.segment and found.chain.size != synced:
                raise AuditDamagedError(f"{path} has lost lines: {synced} were on disk, {found.chain.size} are left")
            if scan.rest:
                cut = self._cut(path, scan, aside=synced is None)
            if found.segment:
                found.cut = cut
                return found
            # A segment whose first line did not come about is no segment.
            path.unlink()
            self._stream.sync()
        if synced:
            raise AuditDamagedError(f"the log in {self._stream.path} is gone: {synced} lines of it were on disk")
        found = Durable()
        found.cut = cut
        return found

    def begin(self, first: int, line: bytes) -> None:
        """See `Medium`."""
        self.close()
        path = self._stream.path / f"{first:016}{SUFFIX}"
        self._descriptor = os.open(path, _FLAGS, 0o600)
        if os.fstat(self._descriptor).st_size:
            raise AuditDamagedError(f"{path} is there already, though the log has no line {first} yet")
        self._bytes, self._begun = 0, time.monotonic()
        self.write(first, [line])
        self._stream.sync()

    def write(self, first: int, lines: Sequence[bytes]) -> None:  # noqa: ARG002 - where a file ends is known
        """See `Medium`."""
        if self._descriptor is None:
            raise OSError("no segment was begun")
        content = b"".join(lines)
        _write_all(self._descriptor, content)
        os.fsync(self._descriptor)
        self._bytes += len(content)

    def close(self) -> None:
        """See `Medium`."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # Whatever it says, it is closed; what was on disk before is there.
            with suppress(Exception):
                os.close(descriptor)

    def leave(self) -> None:
        """See `Medium`."""
        self.close()

    def _cut(self, path: Path, scan: _Scan, *, aside: bool) -> Cut:
        """Cuts off what is not whole, after it was put aside."""
        kept = path.with_name(f"{path.name}.cut-{scan.good_bytes}-{time.time_ns() // 1_000_000}")
        if aside:
            _write_new(kept, scan.rest)
            self._stream.sync()
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        try:
            os.ftruncate(descriptor, scan.good_bytes)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return Cut(bytes=len(scan.rest), sha256=sha256(scan.rest).hexdigest(), file=kept.name if aside else "")


class _Scan:
    """A segment as it is read: the lines that are good, and the rest."""

    def __init__(self, path: Path, synced: int | None, watched: Collection[int]) -> None:
        content = path.read_bytes()
        self.found = Durable(first_of(path), watched)
        self.good_bytes = 0
        for line in lines_of(content):
            if self.found.chain.size == synced or not self.found.take(read_line(line)):
                break
            self.good_bytes += len(line)
        self.rest = content[self.good_bytes :]
        if synced is None:
            self._refuse_damage(path)

    def _refuse_damage(self, path: Path) -> None:
        """A crash leaves no whole line that was written after a bad one was on disk.

        Raises:
            AuditDamagedError: there is one.
        """
        for line in lines_of(self.rest):
            entry = read_line(line)
            if entry is not None and entry.synced > self.found.chain.size:
                raise AuditDamagedError(
                    f"line {self.found.chain.size} of the log, in {path}, was changed after it was on disk: durwan "
                    f"audit verify {path.parent} says more. Move that directory away, and a new log is begun"
                )


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["SUFFIX", "SegmentFiles", "first_of", "segments_of"]
