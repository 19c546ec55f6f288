"""Requests that Spark read, as one file of a log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from durwan.backends.columns.batch import NOW
from durwan.backends.columns.polars_interface import pl
from durwan.workshop.replaying.logs.broken import BrokenRecords
from durwan.workshop.replaying.logs.exported import is_export, read_rows
from durwan.workshop.replaying.logs.nested import NO_INSTANT, NestedColumns
from durwan.workshop.replaying.logs.sources import Columns

# Where a request stands: its file, and its row there counted from zero.
FILE: Final = "durwan file"
ROW: Final = "durwan row"


class ArrowFile:
    """Arrow batches of requests. See `LogFile`.

    Args:
        batches: their columns are those of a log, and `FILE` and `ROW`.
    """

    size = position = 0
    rows: int | None = None

    def __init__(self, batches: Iterable[Any]) -> None:
        self.path = Path("Spark")
        self._batches = batches

    def steps(self, broken: BrokenRecords, attributes: Collection[str]) -> Iterator[Columns]:
        """See `LogFile`."""
        for batch in self._batches:
            frame = pl.DataFrame(batch)
            places: list[tuple[str, int]] = frame.select(FILE, pl.col(ROW) + 1).rows()
            requests = frame.drop(FILE, ROW)
            if is_export(requests.schema):
                columns = read_rows(requests, places, broken, attributes)
                if columns.height:
                    yield columns
            else:
                yield NestedColumns(_kept(requests, places, broken))


def _kept(requests: pl.DataFrame, places: Sequence[tuple[str, int]], broken: BrokenRecords) -> pl.DataFrame:
    """The requests that say when they were; the others are broken records."""
    missing = requests.get_column(NOW).is_null()
    if not missing.any():
        return requests
    texts = requests.filter(missing).select(pl.struct(pl.all()).struct.json_encode()).to_series()
    rows: list[int] = missing.arg_true().to_list()
    for row, text in zip(rows, texts.to_list(), strict=True):
        file, place = places[row]
        broken.add(file, place, NO_INSTANT, text)
    return requests.filter(~missing)


__all__ = ["FILE", "ROW", "ArrowFile"]
