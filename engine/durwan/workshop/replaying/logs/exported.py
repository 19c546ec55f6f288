"""The audit log's export in Parquet: a row for each decision, its request as a JSON text in `contexts`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from durwan.backends.columns.polars_interface import pl
from durwan.workshop.replaying.logs.broken import BrokenRecords
from durwan.workshop.replaying.logs.parsing import NoRecordError, Record, read_object
from durwan.workshop.replaying.logs.plain_columns import PlainColumns
from durwan.workshop.replaying.logs.sources import RECORDED

_STEP: Final = 16_384
_COLUMNS: Final = ("now", "action", "contexts", *RECORDED)


def is_export(schema: Mapping[str, pl.DataType]) -> bool:
    """Whether a Parquet file with these columns is such an export."""
    return schema.keys() >= {"now", "contexts"} and schema["contexts"] == pl.String


class ExportedFile:
    """One such file. See `LogFile`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.position = 0
        self._scan = pl.scan_parquet(path)
        self._first = 0
        self.rows: int | None = int(self._scan.select(pl.len()).collect().item())

    def only(self, first: int, rows: int) -> None:
        """Leaves some of its rows, from one on that is counted from zero."""
        self._scan = self._scan.slice(first, rows)
        self._first, self.rows = first, rows

    def steps(self, broken: BrokenRecords, attributes: Collection[str]) -> Iterator[PlainColumns]:
        """See `LogFile`."""
        names = columns_read(self._scan.collect_schema())
        done = 0
        for frame in self._scan.select(names).collect_batches(chunk_size=_STEP, maintain_order=True):
            first = self._first + done + 1
            places = [(self.path, first + row) for row in range(frame.height)]
            found = read_rows(frame, places, broken, attributes)
            done += frame.height
            self.position = self.size * done // max(self.rows or 0, 1)
            if found.height:
                yield found


def columns_read(names: Iterable[str]) -> list[str]:
    """Which of some columns are read."""
    return [name for name in _COLUMNS if name in names]


def read_rows(
    frame: pl.DataFrame, places: Iterable[tuple[Path | str, int]], broken: BrokenRecords, attributes: Collection[str]
) -> PlainColumns:
    """The requests in some rows.

    Args:
        frame: the rows.
        places: in which file each row stands, and where there, counted from one.
        broken: to whom those go that are no records.
        attributes: which will be asked for.
    """
    kept: list[int] = []
    records: list[Record] = []
    found = PlainColumns(attributes, lambda row: _request(frame.row(kept[row], named=True)))
    for number, (place, row) in enumerate(zip(places, frame.iter_rows(named=True), strict=True)):
        try:
            records.append((_request(row), row))
            kept.append(number)
        except NoRecordError as error:
            broken.add(*place, str(error), json.dumps(row))
    found.add(records)
    found.size = sum(len(row["contexts"] or "") for _, row in records if row is not None)
    return found


def _request(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["now"] is None or row["contexts"] is None:
        raise NoRecordError("the audit log could not record this request")
    return {**read_object(row["contexts"].encode()), "action": row.get("action"), "now": row["now"]}
