"""Logs of one JSON object a line: plain requests, and the audit log's own lines and exports."""

from __future__ import annotations

import gzip
import io
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

from durwan.runtime.garbage import without_collecting
from durwan.workshop.replaying.logs.broken import BrokenRecords
from durwan.workshop.replaying.logs.parsing import NoRecordError, Record, read_record, read_records
from durwan.workshop.replaying.logs.plain_columns import PlainColumns

# What a text is that is written nowhere.
MOST_LINE: Final = 1 << 24
# So many lines are read at once. What they become is then still in the processor's cache.
_PIECE: Final = 64
_PIECE_BYTES: Final = 1 << 18


class LinesFile:
    """One file of lines, packed by gzip or not.

    Attributes:
        path: the file.
        size: how many bytes it has.
        position: how many of them were read.
        rows: None, since nobody counted the lines.
        first: from which byte on it is read.
        lines: how many lines were read.
    """

    rows: int | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.position = self.first = self.lines = 0
        self._length: int | None = None

    @property
    def is_packed(self) -> bool:
        """Whether it is packed, and therefore read as a whole or not at all."""
        return self.path.suffix == ".gz"

    def only(self, first: int, length: int) -> None:
        """Leaves some of its bytes: whole lines of a file that is not packed."""
        self.first, self._length = first, length

    def steps(self, broken: BrokenRecords, attributes: Collection[str]) -> Iterator[PlainColumns]:
        """See `LogFile`.

        Raises:
            OSError: it cannot be read.
        """
        with self.path.open("rb") as file:
            file.seek(self.first)
            self.lines = 0
            pieces = _pieces(_lines(file, is_packed=self.is_packed, length=self._length))
            while (step := self._step(pieces, broken, attributes)).height:
                self.position = file.tell()
                yield step
            self.position = self.size

    def _step(self, pieces: Iterator[list[bytes]], broken: BrokenRecords, attributes: Collection[str]) -> PlainColumns:
        """The next requests; none at the end."""
        kept: list[bytes] = []

        def again(row: int) -> dict[str, Any]:
            return cast("Record", read_record(kept[row]))[0]

        step = PlainColumns(attributes, again)
        with without_collecting():
            for lines in pieces:
                found = zip(lines, self._read(lines, broken), strict=True)
                records = [(line, each) for line, each in found if each is not None]
                step.add([each for _, each in records])
                kept += [line for line, _ in records]
                step.size += sum(map(len, lines))
                if step.is_full:
                    break
        return step

    def _read(self, lines: list[bytes], broken: BrokenRecords) -> list[Record | None]:
        first = self.lines + 1
        self.lines += len(lines)
        found = read_records(lines) if max(map(len, lines)) < MOST_LINE else None
        return [self._read_one(*each, broken) for each in enumerate(lines, first)] if found is None else found

    def _read_one(self, place: int, line: bytes, broken: BrokenRecords) -> Record | None:
        reason = f"a line of more than {MOST_LINE:,} bytes"
        if len(line) < MOST_LINE:
            try:
                return read_record(line)
            except NoRecordError as error:
                reason = str(error)
        broken.add(self.path, place, reason, line, self.first)
        return None


def line_starts(path: Path, size: int) -> Iterator[int]:
    """The first byte of a file, and that of the first line after every so many bytes.

    Raises:
        OSError: it cannot be read.
    """
    start = 0
    with path.open("rb") as file:
        while True:
            yield start
            # From the byte before: a line may begin just there.
            file.seek(start + size - 1)
            while (rest := file.readline(MOST_LINE)) and not rest.endswith(b"\n"):
                pass
            start = file.tell()
            if not rest or not file.peek(1):
                return


def _lines(file: IO[bytes], *, is_packed: bool, length: int | None) -> Iterator[bytes]:
    """The lines, or those in some bytes; of one that is far too long its beginning."""
    unpacked = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=file))) if is_packed else file
    left = math.inf if length is None else length
    while left > 0 and (line := unpacked.readline(MOST_LINE)):
        yield line
        left -= len(line)
        while len(line) == MOST_LINE and not line.endswith(b"\n"):
            line = unpacked.readline(MOST_LINE)
            left -= len(line)


def _pieces(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    """The lines, some at a time."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if len(piece) == _PIECE or size >= _PIECE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece
