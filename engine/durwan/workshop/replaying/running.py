"""A whole replay on one machine."""

from __future__ import annotations

from collections.abc import Callable

from durwan.runtime.garbage import without_collecting
from durwan.workshop.replaying.flips import Flips, flips_of
from durwan.workshop.replaying.logs import RecordedBatch, RecordedRequests, of_each_batch
from durwan.workshop.replaying.processes.running import replay_in_processes, worthwhile
from durwan.workshop.replaying.question import Question


def replay(
    log: RecordedRequests, question: Question, told: Callable[[int], None] = lambda _: None, *, processes: int = 1
) -> Flips:
    """Compares all requests of a log, in bounded memory.

    Args:
        log: the requests.
        question: what is asked of them.
        told: is told how many requests were looked at.
        processes: how many processes may compare. They are used where lines are many, which Python reads on one
            processor at a time; then the keys of both sides have to be `StaticKeys`, to travel.

    Raises:
        DurwanError: the log cannot be read.
    """
    tasks = worthwhile(log.files, processes)
    if tasks:
        return replay_in_processes(log, tasks, question, processes, told)
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
