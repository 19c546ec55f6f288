"""A log in files that every machine sees, divided into tasks of about the same size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from durwan.workshop.replaying.logs import LogError, RecordedRequests
from durwan.workshop.replaying.logs.exported import ExportedFile
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
    """A file, or some of its rows: from one on, counted from zero, so many; all where there are none said."""

    path: str
    first: int | None = None
    rows: int | None = None


def divide(files: Sequence[LogFile], cores: int) -> list[list[Piece]]:
    """The pieces of each task, in the order of the log.

    Files of Parquet are divided; those of lines and the parts of prepared logs are handed out whole.
    """
    whole = sum(file.size for file in files)
    size = min(max(whole // (cores * _ROUNDS), _LEAST), MOST)
    tasks: list[list[Piece]] = []
    room = 0
    for file in files:
        for bytes_, piece in _pieces(file, size):
            if room < bytes_ // 2:
                tasks.append([])
                room = size
            tasks[-1].append(piece)
            room -= bytes_
    return tasks


def _pieces(file: LogFile, size: int) -> Iterator[tuple[int, Piece]]:
    path = str(file.path.resolve())
    if not isinstance(file, NestedFile | ExportedFile) or not file.rows or file.size <= size:
        yield max(file.size, 1), Piece(path)
        return
    steps = -(-file.rows * size // file.size // STEP)
    length = max(steps, 1) * STEP
    for first in range(0, file.rows, length):
        rows = min(length, file.rows - first)
        yield file.size * rows // file.rows, Piece(path, first, rows)


def opened(pieces: Iterable[Piece], question: Question, aside: Path) -> RecordedRequests:
    """The requests of a task.

    Raises:
        LogError: a file cannot be read.
    """
    files = [_opened(piece, question.contexts) for piece in pieces]
    return RecordedRequests(files, question.programs[0].side, aside)


def _opened(piece: Piece, contexts: frozenset[str]) -> LogFile:
    path = Path(piece.path)
    if not path.exists():
        raise LogError(f"{path} is not there on an executor: put the log where every machine sees it")
    file = log_file(path, contexts)
    if isinstance(file, NestedFile | ExportedFile) and piece.first is not None and piece.rows is not None:
        file.only(piece.first, piece.rows)
    return file


__all__ = ["MOST", "Piece", "divide", "opened"]
