"""Deciding recorded requests: by columns, and by the generated evaluator those that columns cannot hold."""

from __future__ import annotations

from typing import NamedTuple

from durwan.backends.bytecode import Evaluator
from durwan.backends.columns.evaluator import ColumnsEvaluator
from durwan.backends.columns.polars_interface import pl
from durwan.workshop.replaying.logs.recorded import RecordedBatch, Side


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
