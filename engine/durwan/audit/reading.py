"""The lines of a log, for whoever reads it; it may be written meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from durwan.audit.entry import MOST_LINE, read_line
from durwan.audit.recorder import AuditSetupError
from durwan.audit.segments import first_of, segments_of
from durwan.audit.sqlite_file import NAME
from durwan.audit.streams import streams_of

# A reader of a database holds up the writer for as long as a step of it takes.
_ROWS: Final = 1000
_TAIL: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A file of lines.

    Attributes:
        file: which.
        first: the number that its first line should have; None where its name does not say.
        is_last: whether no other comes after it.
    """

    file: Path
    first: int | None
    is_last: bool

    def lines(self) -> Iterator[bytes]:
        """Its lines with their line breaks. What should be one and cannot be is empty, or longer than any."""
        return _lines_of_file(self.file) if self.first is not None else _rows(self.file)


def streams_in(folder: Path) -> list[Path]:
    """The streams of a log; of a stream, itself.

    Raises:
        AuditSetupError: it is neither.
    """
    if not folder.is_dir():
        raise AuditSetupError(f"{folder} is no directory of an audit log")
    found = [path for path in streams_of(folder) if parts_of(path)]
    if not found:
        raise AuditSetupError(f"there is no audit log in {folder}")
    return found


def parts_of(stream: Path) -> list[Part]:
    """The files of a stream, in order."""
    if (stream / NAME).exists():
        return [Part(stream / NAME, None, is_last=True)]
    files = segments_of(stream)
    return [Part(file, first_of(file), file == files[-1]) for file in files]


def size_of(stream: Path) -> int:
    """About how many lines a stream has, without reading it."""
    last = parts_of(stream)[-1]
    if last.first is None:
        with closing(_connect(last.file)) as connection:
            return int(connection.execute("SELECT coalesce(max(seq) + 1, 0) FROM line").fetchone()[0])
    with last.file.open("rb") as file:
        file.seek(max(last.file.stat().st_size - _TAIL, 0))
        lines = file.read().splitlines(keepends=True)
    entries = (read_line(line) for line in reversed(lines))
    return next((entry.seq + 1 for entry in entries if entry is not None), last.first)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A line as it is shown.

    Attributes:
        stream: the name of the stream.
        seq: its number.
        kind: what it records.
        record: what is recorded.
    """

    stream: str
    seq: int
    kind: str
    record: dict[str, Any]


def records_of(stream: Path) -> Iterator[Recorded | None]:
    """Everything that a stream records, in its order; None for a line that is not whole. Nothing of it is verified."""
    for part in parts_of(stream):
        for line in part.lines():
            entry = read_line(line)
            try:
                yield None if entry is None else Recorded(stream.name, entry.seq, entry.kind, entry.record)
            except ValueError:
                yield None


def _lines_of_file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(MOST_LINE):
            yield line


def _rows(path: Path) -> Iterator[bytes]:
    seq = 0
    while True:
        with closing(_connect(path)) as connection:
            rows = connection.execute(
                "SELECT seq, content FROM line WHERE seq >= ? ORDER BY seq LIMIT ?", (seq, _ROWS)
            ).fetchall()
        if not rows:
            return
        for found, content in rows:
            # A row that stands elsewhere than its line says is not what was written.
            yield content if type(content) is bytes and found == seq else b""
            seq = found + 1


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, timeout=5)


def _quoted(path: Path) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - for this alone

    return quote(str(path.resolve()))


__all__ = ["Part", "Recorded", "parts_of", "records_of", "size_of", "streams_in"]
