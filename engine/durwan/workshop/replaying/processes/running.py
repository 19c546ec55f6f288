"""A whole replay in several processes: the log handed out in tasks, what they found added up in the log's order."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from durwan.workshop.replaying.flips import Flips
from durwan.workshop.replaying.logs import LogError, RecordedRequests
from durwan.workshop.replaying.logs.exported import ExportedFile
from durwan.workshop.replaying.logs.lines import LinesFile
from durwan.workshop.replaying.logs.sources import LogFile
from durwan.workshop.replaying.processes.workers import workers
from durwan.workshop.replaying.question import Question
from durwan.workshop.replaying.tasks.partial import Partial
from durwan.workshop.replaying.tasks.pieces import Task, divide
from durwan.workshop.replaying.tasks.places import Places
from durwan.workshop.replaying.tasks.question_text import question_text

# So many bytes of lines are read in the time in which processes start twice.
WORTH: Final = 48 << 20
# How much shorter lines are that are packed.
_PACKED: Final = 8


def usable_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - where affinity is unknown


def worthwhile(files: Sequence[LogFile], processes: int) -> list[Task]:
    """The tasks into which a log is divided for several processes; none where one process is not slower."""
    if processes == 1 or sum(map(_lines_in, files)) < WORTH:
        return []
    try:
        tasks = divide(files, processes)
    except OSError as error:
        raise LogError(f"{error.filename} cannot be read: {error}") from error
    return tasks if len(tasks) > 1 else []


def _lines_in(file: LogFile) -> int:
    """How many bytes of lines, about, or of what is as slow to read."""
    packed = isinstance(file, ExportedFile) or (isinstance(file, LinesFile) and file.is_packed)
    return file.size * _PACKED if packed else file.size if isinstance(file, LinesFile) else 0


def replay_in_processes(
    log: RecordedRequests, tasks: Sequence[Task], question: Question, processes: int, told: Callable[[int], None]
) -> Flips:
    """Compares all requests of a log: the answer is that of one process, to the last example.

    Args:
        log: the requests.
        tasks: the log, divided.
        question: what is asked of them; the keys of its sides are `StaticKeys`.
        processes: how many processes compare, at most.
        told: is told how many requests were looked at.

    Raises:
        DurwanError: the log cannot be read, or a process was ended.
    """
    whole = Partial(Flips(question.amounts))
    places = Places()
    requests = 0
    with (
        tempfile.TemporaryDirectory(prefix="durwan-replay-") as folder,
        log.counting_anew() as broken,
        workers(question_text(question), min(processes, len(tasks))) as answers,
    ):
        asides = [Path(folder, f"{number}.jsonl") for number in range(len(tasks))]
        asked = [{"pieces": task.pieces, "aside": str(aside)} for task, aside in zip(tasks, asides, strict=True)]
        for task, aside, answer in zip(tasks, asides, answers(asked), strict=True):
            whole.add(Partial.of_text(answer["partial"]))
            places.count(answer["lines"])
            if aside.exists():
                with aside.open(encoding="ascii") as rows:
                    for row in rows:
                        places.keep(json.loads(row), broken)
                aside.unlink()
            log.read_elsewhere += task.size
            requests += answer["requests"]
            told(requests)
    return whole.flips


__all__ = ["WORTH", "replay_in_processes", "usable_processors", "worthwhile"]
