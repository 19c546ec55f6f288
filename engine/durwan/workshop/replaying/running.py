"""A whole replay on one machine."""

from __future__ import annotations

from collections.abc import Callable

from durwan.runtime.garbage import without_collecting
from durwan.workshop.replaying.flips import Flips, flips_of
from durwan.workshop.replaying.logs import RecordedBatch, RecordedRequests, of_each_batch
from durwan.workshop.replaying.question import Question


def replay(log: RecordedRequests, question: Question, told: Callable[[int], None] = lambda _: None) -> Flips:
    """Compares all requests of a log, in bounded memory.

    Args:
        log: the requests.
        question: what is asked of them.
        told: is told how many requests were looked at.

    Raises:
        DurwanError: the log cannot be read.
    """
    found = Flips(question.amounts)

    def look(recorded: RecordedBatch) -> tuple[int, Flips]:
        return recorded.first + recorded.rows, flips_of(recorded, question, found.ranks)

    with without_collecting():
        # What was found is added in the order of the log, whoever was quicker.
        for rows, flips in of_each_batch(log.batches(question.attributes), look):
            found.add(flips)
            told(rows)
    return found


__all__ = ["replay"]
