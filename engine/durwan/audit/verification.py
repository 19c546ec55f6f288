"""Whether a log is as it was written: each line by its hash and its predecessor, all of them by checkpoints."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from durwan.audit.checkpoint_files import BESIDE, read_checkpoints
from durwan.audit.entry import CHECKPOINT, DECISION, SEGMENT, START, Chain, Entry, chain_of, follows, read_line
from durwan.audit.note import Checkpoint, NoteError, read_note
from durwan.audit.reading import Part, parts_of
from durwan.audit.streams import is_being_written

_STEP: Final = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is not as it was written.

    Attributes:
        seq: the number of the first line that is wrong or missing, or may be.
        file: in which file; empty where there is no such line.
        line: which line of the file, from 1; of a database, the number of its row from 1.
        problem: what is wrong.
    """

    seq: int
    file: str
    line: int
    problem: str


@dataclass(slots=True, kw_only=True)
class Verified:
    """What was found out about a stream.

    Attributes:
        stream: its directory.
        origin: the name of its log in checkpoints.
        lines: how many lines are good, up to the first finding.
        decisions: how many of these record decisions.
        root: the root of the tree of these lines.
        checkpoints: how many checkpoints agree with them.
        vouched: how many of them a checkpoint vouches for: a signed one, where keys were given.
        cuts: where an end that was not whole was cut off after a crash: the number of the line that says so.
        lost: how many records were given up because the log could not be written.
        notes: what is worth knowing and not wrong.
        finding: what is wrong; None if nothing is.
    """

    stream: Path
    origin: str = ""
    lines: int = 0
    decisions: int = 0
    root: bytes = b""
    checkpoints: int = 0
    vouched: int = 0
    cuts: list[int] = field(default_factory=list[int])
    lost: int = 0
    notes: list[str] = field(default_factory=list[str])
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line stands."""

    seq: int
    file: str
    line: int


class _WrongError(Exception):
    """Something is wrong: with the line at a place, or with one that is not there."""

    def __init__(self, place: _Place, problem: str) -> None:
        super().__init__(problem)
        self.finding = Finding(place.seq, place.file, place.line, problem)


class Verifier:
    """Verifies one stream.

    Args:
        stream: its directory.
        checkpoints: checkpoints that were kept elsewhere; those of other logs are passed over.
        keys: public keys, raw: if there are any, a checkpoint counts that one of them has signed.
        begins_at: the number of the first line that there has to be; lines before it may have been archived.
        advance: is called now and then with how many lines more have been read.
    """

    def __init__(
        self,
        stream: Path,
        *,
        checkpoints: Sequence[Checkpoint] = (),
        keys: Sequence[bytes] = (),
        begins_at: int = 0,
        advance: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._stream = stream
        self._given = checkpoints
        self._keys = keys
        self._begins_at = begins_at
        self._advance = advance
        self._chain = Chain(begins_at)
        self._expected: list[Checkpoint] = []
        self._was_signed = False
        self._counted = -1
        self._doubt: _WrongError | None = None
        # The line before, and the first one that no checkpoint vouches for.
        self._before: tuple[_Place, Entry] | None = None
        self._since = _Place(begins_at, "", 0)
        self.found = Verified(stream=stream)

    def verify(self) -> Verified:
        """What is found out.

        Raises:
            OSError, sqlite3.Error: it cannot be read.
        """
        try:
            self._read()
            self._end()
        except _WrongError as wrong:
            self.found.finding = wrong.finding
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorname", "") not in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
                raise
            file = parts_of(self._stream)[-1].file.name
            self.found.finding = Finding(self._chain.size, file, 0, "the database is damaged")
        self.found.lines, self.found.root = self._chain.size, self._chain.root
        return self.found

    def _read(self) -> None:
        for part in parts_of(self._stream):
            lines = part.lines()
            for number, line in enumerate(lines, 1):
                place = _Place(self._chain.size, part.file.name, number)
                entry = read_line(line)
                if entry is None:
                    if self._is_being_written(part, line):
                        return
                    raise _WrongError(place, _why_not_whole(line, self._chain.size))
                if self._before is None:
                    self._begin(place, entry)
                elif not follows(entry, self._chain):
                    self._blame(place, entry, next(lines, b""))
                if self._doubt is not None:
                    raise self._doubt
                self._look(place, entry, part)
                self._take(place, entry)

    def _take(self, place: _Place, entry: Entry) -> None:
        self._chain.add(entry.leaf)
        self._before = place, entry
        if self._expected and self._expected[-1].size == self._chain.size:
            try:
                self._compare(self._expected.pop())
            except _WrongError as wrong:
                # The next line may tell more exactly which one is wrong.
                self._doubt = wrong
        if self._chain.size % _STEP == 0:
            self._advance(_STEP)

    # ------------------------------------------------------------------------------------------------ line by line

    def _begin(self, place: _Place, entry: Entry) -> None:
        """The first line that there is."""
        chain = chain_of(entry) if entry.kind == SEGMENT else None
        place = _Place(min(entry.seq, self._begins_at), place.file, place.line)
        if chain is None or (entry.seq == 0 and entry.prev != START):
            raise _WrongError(place, "a log begins by a line of kind segment")
        if entry.seq != self._begins_at:
            problem = (
                f"lines {self._begins_at} to {entry.seq - 1} are missing"
                if entry.seq > self._begins_at
                else (f"the log begins at line {entry.seq}, not {self._begins_at}")
            )
            raise _WrongError(place, problem)
        self._chain = chain
        origin = entry.record.get("origin")
        self.found.origin = origin if type(origin) is str else ""
        self._expect(place)
        if self._expected and self._expected[-1].size == chain.size:
            self._compare(self._expected.pop())

    def _blame(self, place: _Place, entry: Entry, following: bytes) -> None:
        """Says which line is wrong where two do not fit together, as far as that can be told."""
        size = self._chain.size
        before_place, before = self._before or (place, entry)
        if entry.seq > size:
            raise _WrongError(place, f"lines {size} to {entry.seq - 1} are missing, or stand elsewhere")
        if entry.seq < size:
            if entry.prev == before.prev and entry.leaf != before.leaf:
                raise _WrongError(before_place, f"there are two lines {before.seq}: one was put in")
            raise _WrongError(place, f"line {entry.seq} stands here again")
        if entry.prev != self._chain.prev:
            # What the next line follows was there when that was written.
            after = read_line(following)
            if after is None or after.prev == entry.leaf.hex():
                raise _WrongError(before_place, f"it is not the line that line {size} was written after")
            raise _WrongError(place, "it does not follow the line before it")
        raise _WrongError(place, "it says that more lines were on disk than there were")

    def _look(self, place: _Place, entry: Entry, part: Part) -> None:
        try:
            record = entry.record
        except ValueError:
            raise _WrongError(place, "what it records is no JSON") from None
        if place.line == 1 and part.first is not None and (entry.kind != SEGMENT or part.first != entry.seq):
            raise _WrongError(place, f"the file begins with line {entry.seq}, not as its name says")
        if entry.kind == DECISION:
            self.found.decisions += 1
        elif entry.kind == SEGMENT:
            self._look_at_segment(place, entry)
        elif entry.kind == CHECKPOINT:
            self._look_at_checkpoint(place, record.get("note"))
        else:
            raise _WrongError(place, f"it is of a kind that nobody writes: {entry.kind}")

    def _look_at_segment(self, place: _Place, entry: Entry) -> None:
        record = entry.record
        chain = chain_of(entry)
        if chain is None or chain.edges != self._chain.edges or record.get("origin") != self.found.origin:
            raise _WrongError(place, "what it says of the lines before it is wrong")
        if "cut" in record:
            self.found.cuts.append(entry.seq)
        lost = record.get("lost", 0)
        self.found.lost += lost if type(lost) is int else 0

    def _look_at_checkpoint(self, place: _Place, note: object) -> None:
        try:
            checkpoint = read_note(note if type(note) is str else "")
        except NoteError as error:
            raise _WrongError(place, str(error)) from None
        if (checkpoint.origin, checkpoint.size) != (self.found.origin, self._chain.size):
            raise _WrongError(place, "it is a checkpoint of another log, or of another size")
        self._compare(checkpoint, place)

    def _is_being_written(self, part: Part, line: bytes) -> bool:
        if line.endswith(b"\n") or not line or not part.is_last or not is_being_written(self._stream):
            return False
        self.found.notes.append("it is being written: its last line is not whole yet")
        return True

    # ------------------------------------------------------------------------------------------------- checkpoints

    def _expect(self, place: _Place) -> None:
        """The checkpoints that are known beforehand, the largest first."""
        own: list[Checkpoint] = []
        try:
            own = read_checkpoints(self._stream / BESIDE)
        except FileNotFoundError:
            self.found.notes.append(f"there is no {BESIDE} beside it")
        except NoteError as error:
            raise _WrongError(_Place(place.seq, BESIDE, 0), str(error)) from None
        known = [each for each in (*own, *self._given) if each.origin == self.found.origin]
        before = [each for each in known if each.size < self._begins_at]
        if before:
            self.found.notes.append(f"{len(before)} checkpoints are of lines that are not here")
        self._expected = sorted((each for each in known if each.size >= self._begins_at), key=lambda each: -each.size)

    def _compare(self, checkpoint: Checkpoint, place: _Place | None = None) -> None:
        """Whether a checkpoint of all lines so far is of these lines."""
        while self._expected and self._expected[-1].size == checkpoint.size:
            self._compare(self._expected.pop())
        self._check_signature(checkpoint, place)
        if checkpoint.root != self._chain.root:
            since = self._since
            problem = f"lines {since.seq} to {checkpoint.size - 1} are not those that a checkpoint vouches for"
            raise _WrongError(since, problem)
        self.found.checkpoints += checkpoint.size != self._counted
        self._counted = checkpoint.size
        if not self._keys or self._was_signed:
            self.found.vouched = checkpoint.size
            before = self._before[0] if self._before else _Place(checkpoint.size, "", 0)
            self._since = _Place(checkpoint.size, before.file, before.line + 1)

    def _check_signature(self, checkpoint: Checkpoint, place: _Place | None) -> None:
        if not self._keys:
            return
        if any(checkpoint.is_signed_by(key) for key in self._keys):
            self._was_signed = True
        elif self._was_signed or checkpoint.signatures:
            where = place or self._since
            raise _WrongError(
                where, f"the checkpoint of {checkpoint.size} lines is not signed by any of the keys given"
            )

    def _end(self) -> None:
        """What can be said when all lines are read."""
        if self._doubt is not None:
            raise self._doubt
        last = self._before[0] if self._before else self._since
        behind = _Place(self._chain.size, last.file, last.line + 1)
        if self._expected:
            size = self._expected[0].size
            raise _WrongError(
                behind, f"lines {behind.seq} to {size - 1} are missing: a checkpoint vouches for {size} lines"
            )
        if self._keys and not self._was_signed:
            raise _WrongError(self._since, "no checkpoint of it is signed by any of the keys given")


def _why_not_whole(line: bytes, seq: int) -> str:
    if not line:
        return f"there is no line {seq}"
    return "it was changed: its hash is another" if line.endswith(b"\n") else "it breaks off"


__all__ = ["Finding", "Verified", "Verifier"]
