"""Deciding recorded requests: by columns, and by the generated evaluator those that columns cannot hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from durwan.backends.bytecode import Evaluator
from durwan.backends.columns.evaluator import ColumnsEvaluator
from durwan.backends.columns.polars_interface import pl
from durwan.workshop.replaying.logs.recorded import RecordedBatch, Side

_Found = TypeVar("_Found")


def of_each_batch(
    batches: Iterator[RecordedBatch], work: Callable[[RecordedBatch], _Found], threads: int = 2
) -> Iterator[_Found]:
    """What is found in each batch, in their order, several worked on at once.

    polars lets other threads run while it computes, and computes most of the time; so a second thread keeps a second
    processor busy. At most one batch more than there are threads is held in memory.

    Args:
        batches: the batches.
        work: called with each, from any thread, and with several at once.
        threads: how many at once.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[_Found]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(work, batch))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


class Decided(NamedTuple):
    """The codes of outcomes, which count in `ColumnsEvaluator.outcomes`, and how many columns could not decide."""

    codes: pl.Series
    beyond: int


def decide_recorded(
    evaluator: ColumnsEvaluator, generated: Evaluator, recorded: RecordedBatch, side: Side | None = None
) -> Decided:
    """Decides some recorded requests.

    Args:
        evaluator: what decides nearly all of them.
        generated: the generated evaluator of the same program, with the same keys.
        recorded: the requests.
        side: by what they are read; None for that by which the log was opened.
    """
    batch = recorded.batch if side is None else recorded.batch_for(side)
    codes = evaluator.codes(batch)
    if batch.beyond:
        requests = recorded.requests(batch.beyond)
        found = [evaluator.code_of(generated.decide_carefully(request).outcome) for request in requests]
        codes = codes.scatter(batch.beyond, found)
    return Decided(codes, len(batch.beyond))
