"""A whole replay on one machine: two batches at a time, since the columns leave Python to itself most of the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from durwan.workshop.replaying.flips import Flips, flips_of
from durwan.workshop.replaying.logs import RecordedRequests
from durwan.workshop.replaying.question import Question

_AT_ONCE: Final = 2


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
    waiting: deque[tuple[int, Future[Flips]]] = deque()

    def settle() -> None:
        rows, future = waiting.popleft()
        found.add(future.result())
        told(rows)

    with ThreadPoolExecutor(_AT_ONCE) as workers:
        for recorded in log.batches():
            work = workers.submit(flips_of, recorded, question, found.ranks)
            waiting.append((recorded.first + recorded.rows, work))
            # Results are added in the order of the log, and nobody reads far ahead of what is being decided.
            if len(waiting) > _AT_ONCE - 1:
                settle()
        while waiting:
            settle()
    return found


__all__ = ["replay"]
