"""One task, done: some requests compared, as far as other processes are concerned."""

from __future__ import annotations

from typing import NamedTuple

from durwan.workshop.replaying.flips import Flips, flips_of
from durwan.workshop.replaying.logs import RecordedRequests
from durwan.workshop.replaying.logs.lines import LinesFile
from durwan.workshop.replaying.question import Question
from durwan.workshop.replaying.tasks.partial import Partial
from durwan.workshop.replaying.tasks.places import Lines


class Done(NamedTuple):
    """What a task found, in how many requests, and how many lines its pieces have."""

    partial: Partial
    requests: int
    lines: list[Lines]


def do(log: RecordedRequests, question: Question) -> Done:
    """Compares the requests of a task.

    Raises:
        DurwanError: they cannot be read.
    """
    flips = Flips(question.amounts)
    requests = 0
    for recorded in log.batches(question.attributes):
        flips.add(flips_of(recorded, question, flips.ranks))
        requests += recorded.rows
    lines = [(str(each.path), each.first, each.lines) for each in log.files if isinstance(each, LinesFile)]
    return Done(Partial(flips, log.broken.reasons), requests, lines)


__all__ = ["Done", "do"]
