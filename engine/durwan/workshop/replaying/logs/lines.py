"""Logs of one JSON object a line: plain requests, and the audit log's own lines and exports."""

from __future__ import annotations

import gzip
import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

from durwan.runtime.garbage import without_collecting
from durwan.workshop.replaying.logs.broken import BrokenRecords
from durwan.workshop.replaying.logs.parsing import NoRecordError, Record, read_record, read_records
from durwan.workshop.replaying.logs.plain_columns import PlainColumns

# What a text is that is written nowhere.
MOST_LINE: Final = 1 << 24
# So many requests make a step, or fewer where they are long: memory is bounded by their bytes.
STEP: Final = 65_536
STEP_BYTES: Final = 1 << 25
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
    """

    rows: int | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.position = 0

    def steps(self, broken: BrokenRecords, attributes: Collection[str]) -> Iterator[PlainColumns]:
        """See `LogFile`.

        Raises:
            OSError: it cannot be read.
        """
        with self.path.open("rb") as file:
            reading = _Reading(self.path, _lines(file, is_packed=self.path.suffix == ".gz"), broken)
            while (step := reading.step(attributes)).height:
                self.position = file.tell()
                yield step
            self.position = self.size


class _Reading:
    """One pass over the lines of a file."""

    def __init__(self, path: Path, lines: Iterator[bytes], broken: BrokenRecords) -> None:
        self._path = path
        self._broken = broken
        self._pieces = _pieces(lines)
        self._count = 0

    def step(self, attributes: Collection[str]) -> PlainColumns:
        """The next requests; none at the end."""
        kept: list[bytes] = []

        def again(row: int) -> dict[str, Any]:
            return cast("Record", read_record(kept[row]))[0]

        step, size = PlainColumns(attributes, again), 0
        with without_collecting():
            for lines in self._pieces:
                records = [(line, each) for line, each in zip(lines, self._read(lines), strict=True) if each is not None]
                step.add([each for _, each in records])
                kept += [line for line, _ in records]
                size += sum(map(len, lines))
                if step.height >= STEP or (step.height and size >= STEP_BYTES):
                    break
        return step

    def _read(self, lines: list[bytes]) -> list[Record | None]:
        before, self._count = self._count, self._count + len(lines)
        found = read_records(lines) if max(map(len, lines)) < MOST_LINE else None
        return [self._read_one(before + place, line) for place, line in enumerate(lines, 1)] if found is None else found

    def _read_one(self, place: int, line: bytes) -> Record | None:
        try:
            if len(line) == MOST_LINE:
                raise NoRecordError(f"a line of more than {MOST_LINE:,} bytes")
            return read_record(line)
        except NoRecordError as error:
            self._broken.add(self._path, place, str(error), line)
            return None


def _lines(file: IO[bytes], *, is_packed: bool) -> Iterator[bytes]:
    """The lines; of one that is far too long its beginning."""
    unpacked = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=file))) if is_packed else file
    while line := unpacked.readline(MOST_LINE):
        yield line
        while len(line) == MOST_LINE and not line.endswith(b"\n"):
            line = unpacked.readline(MOST_LINE)


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
