"""A log divided into tasks of about the same size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from durwan.workshop.replaying.logs import RecordedRequests
from durwan.workshop.replaying.logs.exported import ExportedFile
from durwan.workshop.replaying.logs.lines import LinesFile, line_starts
from durwan.workshop.replaying.logs.nested import STEP, NestedFile
from durwan.workshop.replaying.logs.recorded import log_file
from durwan.workshop.replaying.logs.sources import LogFile
from durwan.workshop.replaying.question import Question

# A task takes some seconds: handing it out vanishes beside it, and little is lost with a machine.
MOST: Final = 64 << 20
_LEAST: Final = 1 << 20
# So many tasks for each core, that none waits long for the slowest.
_ROUNDS: Final = 3


class Piece(NamedTuple):
    """A file, or some of its rows: from one on, counted from zero, so many; all where there are none said.

    Of a file of lines, these are bytes in place of rows.
    """

    path: str
    first: int | None = None
    rows: int | None = None


class Task(NamedTuple):
    """Some pieces, in the order of the log, and how many bytes they are, about."""

    pieces: list[Piece]
    size: int


def divide(files: Sequence[LogFile], cores: int) -> list[Task]:
    """The tasks of a log, in its order.

    Files of Parquet are divided, and those of lines that are not packed; packed ones and the parts of prepared logs are
    handed out whole.

    Raises:
        OSError: a file of lines cannot be read.
    """
    whole = sum(file.size for file in files)
    size = min(max(whole // (cores * _ROUNDS), _LEAST), MOST)
    tasks: list[Task] = []
    room = 0
    for file in files:
        for bytes_, piece in _pieces(file, size):
            if room < bytes_ // 2:
                tasks.append(Task([], 0))
                room = size
            tasks[-1] = Task([*tasks[-1].pieces, piece], tasks[-1].size + bytes_)
            room -= bytes_
    return tasks


def _pieces(file: LogFile, size: int) -> Iterator[tuple[int, Piece]]:
    if file.size <= size:
        yield max(file.size, 1), Piece(str(file.path))
    elif isinstance(file, NestedFile | ExportedFile) and file.rows:
        yield from _of_rows(file, file.rows, size)
    elif isinstance(file, LinesFile) and not file.is_packed:
        starts = [each for each in line_starts(file.path, size) if each < file.size]
        for first, end in pairwise([*starts, file.size]):
            yield end - first, Piece(str(file.path), first, end - first)
    else:
        yield file.size, Piece(str(file.path))


def _of_rows(file: LogFile, rows: int, size: int) -> Iterator[tuple[int, Piece]]:
    steps = -(-rows * size // file.size // STEP)
    length = max(steps, 1) * STEP
    for first in range(0, rows, length):
        count = min(length, rows - first)
        yield file.size * count // rows, Piece(str(file.path), first, count)


def opened(pieces: Iterable[Piece], question: Question, aside: Path) -> RecordedRequests:
    """The requests of a task.

    Raises:
        LogError: a file cannot be read.
    """
    files = [_opened(piece, question.contexts) for piece in pieces]
    return RecordedRequests(files, question.programs[0].side, aside)


def _opened(piece: Piece, contexts: frozenset[str]) -> LogFile:
    file = log_file(Path(piece.path), contexts)
    if isinstance(file, NestedFile | ExportedFile | LinesFile) and piece.first is not None and piece.rows is not None:
        file.only(piece.first, piece.rows)
    return file


__all__ = ["MOST", "Piece", "Task", "divide", "opened"]
