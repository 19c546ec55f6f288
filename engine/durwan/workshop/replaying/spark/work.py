"""What runs on the executors: Arrow batches in, Arrow batches of findings out.

A row of findings has the number of its task, its place among those of the task, a kind and a text:

| kind | text |
|---|---|
| `partial` | what the task found (`Partial`) |
| `broken` | a record that cannot be read, as it is kept aside |
| `lines` | how many lines its pieces have (`Lines`), as JSON |
| `error` | why nothing more can be read |

Functions travel as their names, and what they need as text: an executor runs its own durwan, and nothing that was sent.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from durwan.errors import DurwanError
from durwan.workshop.replaying.logs import LogError, RecordedRequests
from durwan.workshop.replaying.question import Question
from durwan.workshop.replaying.spark.arrow_file import ArrowFile
from durwan.workshop.replaying.tasks.partial import Partial
from durwan.workshop.replaying.tasks.pieces import Piece, opened
from durwan.workshop.replaying.tasks.question_text import read_question
from durwan.workshop.replaying.tasks.task import do

# Without types of its own.
pa: Any = import_module("pyarrow")

FINDINGS: Final = "task long, place long, kind string, text string"
PARTIAL, BROKEN, LINES, ERROR = "partial", "broken", "lines", "error"
_NAMES: Final = ("task", "place", "kind", "text")
# So many rows of findings at a time.
_MANY: Final = 4096
_Row = tuple[int, int, str, str]


def compare_files(question: str, tasks: str, batches: Iterable[Any]) -> Iterator[Any]:
    """Compares requests in files that every machine sees.

    Args:
        question: what is asked, as `question_text` writes it.
        tasks: the pieces of each task, as JSON.
        batches: the numbers of tasks.
    """
    divided = json.loads(tasks)
    for batch in batches:
        for number in batch.column(0).to_pylist():
            pieces = [Piece(*each) for each in divided[number]]
            yield from _batches(_found(number, question, partial(_opened, pieces)))


def compare_requests(question: str, batches: Iterable[Any]) -> Iterator[Any]:
    """Compares requests that Spark has read, from wherever it reads.

    Args:
        question: what is asked, as `question_text` writes it.
        batches: requests in the plain nested form or the audit log's export, each with its file and row.
    """
    # Only Spark itself knows which task this is.
    context: Any = import_module("pyspark").TaskContext.get()

    def log(asked: Question, aside: Path) -> RecordedRequests:
        return RecordedRequests([ArrowFile(batches)], asked.programs[0].side, aside)

    yield from _batches(_found(context.partitionId(), question, log))


def merge(batches: Iterable[Any]) -> Iterator[Any]:
    """Adds up what tasks found; errors are passed on."""
    whole: Partial | None = None
    errors: list[_Row] = []
    for batch in batches:
        for row in batch.to_pylist():
            if row["kind"] == ERROR:
                errors.append(cast("_Row", tuple(row[name] for name in _NAMES)))
                continue
            found = Partial.of_text(row["text"])
            if whole is None:
                whole = found
            else:
                whole.add(found)
    rows = errors if whole is None else [*errors, (0, 0, PARTIAL, whole.as_text())]
    yield from _batches(rows)


@lru_cache(maxsize=2)
def _asked(question: str) -> Question:
    """The question, compiled once for all tasks of a process."""
    return read_question(question)


def _found(task: int, question: str, log: Callable[[Question, Path], RecordedRequests]) -> Iterator[_Row]:
    with tempfile.TemporaryDirectory(prefix="durwan-replay-") as folder:
        aside = Path(folder, "broken.jsonl")
        try:
            asked = _asked(question)
            found = do(log(asked, aside), asked)
        except DurwanError as error:
            yield task, 0, ERROR, str(error)
            return
        if aside.exists():
            with aside.open(encoding="ascii") as lines:
                yield from ((task, place, BROKEN, line) for place, line in enumerate(lines, 1))
    if found.lines:
        yield task, 0, LINES, json.dumps(found.lines)
    yield task, 0, PARTIAL, found.partial.as_text()


def _opened(pieces: Sequence[Piece], question: Question, aside: Path) -> RecordedRequests:
    missing = next((each.path for each in pieces if not Path(each.path).exists()), None)
    if missing is not None:
        raise LogError(f"{missing} is not there on an executor: put the log where every machine sees it")
    return opened(pieces, question, aside)


def _batches(rows: Iterable[_Row]) -> Iterator[Any]:
    """Rows of findings as Arrow batches."""
    waiting: list[_Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _MANY:
            yield _batch(waiting)
            waiting = []
    if waiting:
        yield _batch(waiting)


def _batch(rows: list[_Row]) -> Any:
    types = (pa.int64(), pa.int64(), pa.string(), pa.string())
    columns = [pa.array(column, type_) for column, type_ in zip(zip(*rows, strict=True), types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=list(_NAMES))


__all__ = ["BROKEN", "ERROR", "FINDINGS", "LINES", "PARTIAL", "compare_files", "compare_requests", "merge"]
