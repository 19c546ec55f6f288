"""The log of one stream as one thread writes it: lines, segments, checkpoints."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from durwan import __version__
from durwan.audit.checkpoint_files import BESIDE, add_checkpoint, newest_beside
from durwan.audit.entry import CHECKPOINT, DECISION, SEGMENT
from durwan.audit.medium import Durable, Medium
from durwan.audit.note import Checkpoint, NoteError
from durwan.audit.recorder import AuditDamagedError, AuditSetupError
from durwan.audit.segments import SegmentFiles, segments_of
from durwan.audit.settings import Alarm, LogSettings
from durwan.audit.sqlite_file import NAME, SqliteFile
from durwan.audit.streams import Stream, take_stream
from durwan.credentials.ed25519 import raw_public_key

_VERSION: Final = 1


class Ledger:
    """The lines of one stream, which this process has.

    Whatever raises has written nothing that counts: `recover` is to be called before the next step.

    Args:
        folder: the log.
        settings: how it is kept.

    Raises:
        AuditSetupError: it cannot be used as it is set up.
        AuditDamagedError: it was changed, or lines of it are gone.
        OSError, sqlite3.Error: it cannot be opened.
    """

    def __init__(self, folder: Path, settings: LogSettings) -> None:
        self._settings = settings
        self.stream = take_stream(folder)
        try:
            self._medium = _medium_of(self.stream, settings)
        except BaseException:
            self.stream.close()
            raise
        try:
            self._open()
        except BaseException:
            self.give_up()
            raise

    @property
    def size(self) -> int:
        """How many lines there are."""
        return self._chain.size

    @property
    def seconds_to_checkpoint(self) -> float | None:
        """When a checkpoint is due because of time; None while there is nothing to vouch for."""
        if not self._uncovered:
            return None
        return max(self._covered_at + self._settings.checkpoint_seconds - time.monotonic(), 0)

    def write(self, records: Sequence[Mapping[str, Any] | str]) -> None:
        """Adds records, and returns when they are on disk."""
        if self._uncovered >= self._settings.checkpoint_records or self.seconds_to_checkpoint == 0:
            self.vouch()
        if self._medium.is_full:
            self._begin("full")
        self._write(DECISION, records)
        self._uncovered += len(records)

    def vouch(self) -> None:
        """Writes a checkpoint of all lines so far, and exports it."""
        checkpoint = Checkpoint(self._origin, self._chain.size, self._chain.root)
        if self._settings.signing_key is not None:
            checkpoint = checkpoint.signed(self._settings.signing_key)
        self._write(CHECKPOINT, [{"note": checkpoint.note, "time": self._settings.clock()}])
        self._uncovered, self._covered_at = 0, time.monotonic()
        self._export(checkpoint)

    def recover(self, lost: int, problem: str) -> None:
        """After an error: reads anew what is on disk, and goes on behind it in a new segment.

        Args:
            lost: how many records were given up meanwhile.
            problem: what had happened.
        """
        found = self._medium.recover(self._chain.size, ())
        if found.chain.prev != self._chain.prev:
            raise AuditDamagedError(f"the log in {self.stream.path} is not the one any more that was being written")
        self._begin("failed", lost=lost, problem=problem)

    def note_lost(self, lost: int) -> None:
        """Says in a new segment how many records came faster than they could be written."""
        self._begin("lost", lost=lost)

    def close(self) -> None:
        """Writes the last checkpoint, if there is anything to vouch for, and gives the stream back."""
        try:
            if self._uncovered:
                self.vouch()
        finally:
            self.give_up()

    def give_up(self) -> None:
        """Gives the stream back as it is."""
        self._medium.close()
        self.stream.close()

    def leave(self) -> None:
        """In a child process: leaves the stream to the parent."""
        self._medium.leave()
        self.stream.close()

    def _open(self) -> None:
        newest = _newest(self.stream.path)
        found = self._medium.recover(None, () if newest is None else (newest.size,))
        _check(found, newest, self.stream.path)
        self._chain = found.chain
        self._id: str = found.segment.get("id") or secrets.token_hex(8)
        # The same log goes on under the name by which it began: checkpoints of it are out there.
        self._origin: str = found.segment.get("origin") or f"{self._settings.origin}/{self._id}"
        self._uncovered, self._covered_at = self._chain.size - (newest.size + 1 if newest else 0), time.monotonic()
        if found.cut is not None:
            where = f"put aside as {found.cut.file}" if found.cut.file else "given up"
            self._alarm("torn", f"{found.cut.bytes} bytes at the end of {self.stream.path} were not whole: {where}")
        fields = {} if found.cut is None else {"cut": found.cut.as_dict()}
        self._begin("opened" if self._chain.size else "new", **fields)

    def _begin(self, why: str, **fields: Any) -> None:
        """Begins a segment."""
        settings = self._settings
        key = settings.signing_key
        record: dict[str, Any] = {
            "checkpoint_records": settings.checkpoint_records,
            "checkpoint_seconds": settings.checkpoint_seconds,
            "durwan": __version__,
            "edges": [each.hex() for each in self._chain.edges],
            "id": self._id,
            "key": None if key is None else raw_public_key(key).hex(),
            "masked": [list(each) for each in settings.masking.names],
            "origin": self._origin,
            "strict": settings.strict,
            "time": settings.clock(),
            "version": _VERSION,
            "why": why,
            **fields,
        }
        chain = self._chain.copy()
        first, line = chain.size, chain.line(SEGMENT, record, chain.size)
        self._medium.begin(first, line)
        self._chain = chain

    def _write(self, kind: str, records: Sequence[Mapping[str, Any] | str]) -> None:
        chain = self._chain.copy()
        first = chain.size
        lines = [chain.line(kind, record, first) for record in records]
        self._medium.write(first, lines)
        self._chain = chain

    def _export(self, checkpoint: Checkpoint) -> None:
        """To every file of checkpoints. The one in the log is there already, so that this is an alarm and no more."""
        folder = self._settings.checkpoints
        for path in (self.stream.path / BESIDE, *(() if folder is None else (folder / f"{self._id}.txt",))):
            try:
                add_checkpoint(path, checkpoint)
            except OSError as error:
                self._alarm(
                    "checkpoint", f"the checkpoint of {checkpoint.size} lines is not in {path}: {error.strerror}"
                )

    def _alarm(self, kind: Any, text: str) -> None:
        tell(self._settings, Alarm(kind, text))


def tell(settings: LogSettings, alarm: Alarm) -> None:
    """Tells an alarm to whoever asked to be told."""
    with suppress(Exception):  # the log goes on, whatever becomes of those whom it tells
        settings.on_alarm(alarm)


def _medium_of(stream: Stream, settings: LogSettings) -> Medium:
    most_bytes, most_seconds = settings.segment_bytes, settings.segment_seconds
    if settings.kind == "files":
        if (stream.path / NAME).exists():
            raise AuditSetupError(f"{stream.path} holds a log in SQLite: name another directory for one in files")
        return SegmentFiles(stream, most_bytes=most_bytes, most_seconds=most_seconds)
    if segments_of(stream.path):
        raise AuditSetupError(f"{stream.path} holds a log in files: name another directory for one in SQLite")
    return SqliteFile(stream, most_bytes=most_bytes, most_seconds=most_seconds)


def _newest(stream: Path) -> Checkpoint | None:
    try:
        return newest_beside(stream)
    except NoteError as error:
        raise AuditDamagedError(f"{stream / BESIDE} is damaged: {error}") from None


def _check(found: Durable, newest: Checkpoint | None, stream: Path) -> None:
    """A log must never vouch for what contradicts what it has vouched for.

    Raises:
        AuditDamagedError: its newest checkpoint is of other lines than it has.
    """
    if newest is None:
        return
    lost = found.chain.size < newest.size
    other = found.segment.get("origin") != newest.origin or found.roots.get(newest.size, newest.root) != newest.root
    if lost or other:
        raise AuditDamagedError(
            f"the log in {stream} is not the one that its checkpoint of {newest.size} lines vouches for: durwan audit "
            f"verify {stream} says more. Move that directory away, and a new log is begun"
        )


__all__ = ["Ledger", "tell"]
