"""Logs in Parquet that were read once: each attribute a column in the form in which it is computed with.

A directory of parts. A part has these columns, and in its metadata, as a JSON object, the tables in which they count
and the rows of each attribute that columns cannot hold:

| column | holds |
|---|---|
| `action`, `now` | as in `durwan.backends.columns.batch` |
| `risk.score:int` | an attribute, by its path and its base type; none where nothing is known of it in the part |
| `key` | which of the ids of keys, where the request names its key by its id |
| `effect`, `rule`, `status`, `code` | what was decided, where that was recorded |
| `request` | the whole request as a JSON text, unless it was left out |

Columns that are not asked for are not read, so they cost nothing but room.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from durwan.backends.columns.batch import ACTION, NOW
from durwan.backends.columns.column import Column
from durwan.backends.columns.polars_interface import pl
from durwan.errors import DurwanError
from durwan.model.address import NetworkSet
from durwan.model.types import Type
from durwan.model.values import Value, read_value
from durwan.workshop.replaying.logs.broken import BrokenRecords
from durwan.workshop.replaying.logs.sources import RECORDED, Columns

VERSION: Final = 1
# Rows of a part: enough for what is done once a part to vanish, few enough for two at a time to be small. Where whole
# requests are long, so many bytes of them end a part: writing it takes several times as much memory.
PART: Final = 262_144
_PART_BYTES: Final = 128 << 20
# Rows of a row group: whole requests are long, and single ones are asked for. With fewer rows, reading the other
# columns takes a quarter longer.
GROUP: Final = 65_536
_META: Final = "durwan.prepared"
_KEY: Final = "key"
_REQUEST: Final = "request"


class PreparedLogError(DurwanError):
    """A prepared log that cannot be used; the text says what to do."""


class PreparedColumns:
    """One part. See `Columns`."""

    def __init__(self, path: Path, meta: Mapping[str, Any]) -> None:
        self.height: int = meta["rows"]
        self.masked: Counter[str] = Counter(meta["masked"])
        self._path = path
        self._tables: Mapping[str, list[Any]] = meta["tables"]
        self._beyond: Mapping[str, list[int]] = meta["beyond"]
        self._names = frozenset(pl.read_parquet_schema(path))
        self._series: dict[str, pl.Series] = {}

    def load(self, paths: Mapping[str, Type]) -> None:
        """See `Columns`."""
        wanted = {ACTION, NOW, _KEY, *(column_name(path, base) for path, base in paths.items())}
        self._read(wanted)

    def _read(self, names: Iterable[str]) -> None:
        missing = [name for name in names if name in self._names and name not in self._series]
        if missing:
            frame = pl.read_parquet(self._path, columns=missing, use_statistics=False)
            self._series.update((series.name, series) for series in frame)

    def _get(self, name: str) -> pl.Series | None:
        self._read([name])
        return self._series.get(name)

    def action(self) -> Column:
        """See `Columns`."""
        return self._coded(ACTION)

    def now(self) -> pl.Series:
        """See `Columns`."""
        return self._always(NOW)

    def _always(self, name: str) -> pl.Series:
        found = self._get(name)
        if found is None:
            raise PreparedLogError(
                f"{self._path} has no column {name!r}: the log was prepared for other policies; prepare it for these"
            )
        return found

    def column(self, path: str, base: Type) -> Column:
        """See `Columns`."""
        name = column_name(path, base)
        table = tuple(_values(self._tables[name], base)) if name in self._tables else None
        return Column(self._always(name), table, tuple(self._beyond.get(path, ())))

    def key_ids(self) -> Column:
        """See `Columns`."""
        return self._coded(_KEY)

    def _coded(self, name: str) -> Column:
        return Column(self._always(name), tuple(self._tables[name]))

    def recorded(self) -> pl.DataFrame | None:
        """See `Columns`."""
        self._read(RECORDED)
        columns = [self._series[name] for name in RECORDED if name in self._series]
        found = pl.DataFrame(columns) if columns else None
        return None if found is None or found.get_column("effect").null_count() == self.height else found

    def requests(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """See `Columns`. Only those row groups are read in which the rows are, one after the other."""
        if _REQUEST not in self._names:
            raise PreparedLogError(
                f"{self._path} was prepared without whole requests: prepare it with them for examples"
            )
        texts: dict[int, str] = {}
        for group in sorted({row // GROUP for row in rows}):
            found = pl.scan_parquet(self._path).select(_REQUEST).slice(group * GROUP, GROUP).collect().to_series()
            texts |= {row: found[row - group * GROUP] for row in rows if row // GROUP == group}
        return [json.loads(texts[row]) for row in rows]

    def texts(self) -> pl.Series | None:
        """See `Columns`."""
        return self._get(_REQUEST)


def column_name(path: str, base: Type) -> str:
    """The name of the column of an attribute."""
    return f"{path}:{base}"


def _values(raws: list[Any], base: Type) -> list[Value]:
    found = [read_value(base, raw) for raw in raws]
    return [value for value in found if value is not None]


def _plain(value: Any) -> Any:
    """A value of a table as JSON has it."""
    if isinstance(value, NetworkSet):
        return value.networks()
    return sorted(value) if isinstance(value, frozenset) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - members of one type


class PreparedFile:
    """One part of a prepared log. See `LogFile`."""

    def __init__(self, path: Path, meta: str) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.position = 0
        self._meta = json.loads(meta)
        if self._meta.get("version") != VERSION:
            raise PreparedLogError(f"{path} was prepared by another version of durwan: prepare the log again")
        self.rows: int | None = self._meta["rows"]

    def steps(self, broken: BrokenRecords, attributes: Collection[str]) -> Iterator[PreparedColumns]:
        """See `LogFile`: broken records were put aside when the log was prepared."""
        del broken, attributes
        self.position = self.size
        yield PreparedColumns(self.path, self._meta)


def prepared_file(path: Path) -> PreparedFile | None:
    """The part in a Parquet file; None where it is none."""
    meta = pl.read_parquet_metadata(path).get(_META)
    return None if meta is None else PreparedFile(path, meta)


# ------------------------------------------------------------------------------------------------------------ writing


def write_prepared(
    steps: Iterable[Columns], attributes: Iterable[tuple[str, Type]], folder: Path, *, whole: bool = True
) -> int:
    """Writes requests as a prepared log; how many.

    Args:
        steps: the requests.
        attributes: the paths and base types that are kept as columns.
        folder: where; it must not be there yet, and is there when all is written.
        whole: whether whole requests are kept beside the columns, for examples; they take most of the room.

    Raises:
        PreparedLogError: the folder is there already.
        OSError: it cannot be written.
    """
    if folder.exists():
        raise PreparedLogError(f"{folder} is there already: name a directory that is not")
    temporary = folder.with_name(f".{folder.name}.new")
    temporary.mkdir(parents=True)
    try:
        count = _write_parts(steps, _Part(tuple(attributes), whole=whole), temporary)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return count


def _write_parts(steps: Iterable[Columns], part: _Part, folder: Path) -> int:
    count = number = 0
    for step in steps:
        count += step.height
        part.add(step)
        if part.is_full:
            part.write(folder / f"part-{number:06}.parquet")
            part, number = part.next(), number + 1
    if part.height or not number:
        part.write(folder / f"part-{number:06}.parquet")
    return count


class _Part:
    def __init__(self, attributes: tuple[tuple[str, Type], ...], *, whole: bool) -> None:
        self.attributes = attributes
        self.height = 0
        self._bytes = 0
        self._whole = whole
        self._frames: list[pl.DataFrame] = []
        self._tables: dict[str, dict[Value, int]] = {ACTION: {}, _KEY: {}}
        self._beyond: dict[str, list[int]] = {}
        self._masked: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether no more rows should come to it."""
        return self.height >= PART or self._bytes >= _PART_BYTES

    def next(self) -> _Part:
        """The part after, still empty."""
        return _Part(self.attributes, whole=self._whole)

    def add(self, step: Columns) -> None:
        """Some more rows."""
        frame = [self._coded(ACTION, step.action()), step.now().alias(NOW), self._coded(_KEY, step.key_ids())]
        for path, base in self.attributes:
            column = step.column(path, base)
            frame.append(self._coded(column_name(path, base), column))
            self._beyond.setdefault(path, []).extend(self.height + row for row in column.beyond)
        self.height += step.height
        frame += self._recorded(step)
        texts = step.texts() if self._whole else None
        if texts is not None:
            self._bytes += int(texts.estimated_size())
            frame.append(texts.alias(_REQUEST))
        self._masked += step.masked
        self._frames.append(pl.DataFrame(frame))

    def _recorded(self, step: Columns) -> list[pl.Series]:
        found = step.recorded()
        if found is None:
            found = pl.DataFrame(schema=dict(RECORDED)).clear(step.height)
        return found.get_columns()

    def _coded(self, name: str, column: Column) -> pl.Series:
        """The column under its name; what counts in a table of the step counts in that of the part."""
        if column.table is None:
            return column.values.alias(name)
        table = self._tables.setdefault(name, {})
        codes = [table.setdefault(value, len(table)) for value in column.table]
        return pl.Series(codes, dtype=pl.UInt32).gather(column.values).alias(name)

    def write(self, path: Path) -> None:
        """All of it, to a file."""
        tables = {name: [_plain(value) for value in table] for name, table in self._tables.items()}
        frame = pl.concat(self._frames) if self._frames else pl.DataFrame()
        for attribute in self.attributes:
            name = column_name(*attribute)
            counted = _counted(frame, name)
            if counted is not None:
                frame = frame.with_columns(counted.values.alias(name))
                tables[name] = list(counted.table or ())
        beyond = {path: rows for path, rows in self._beyond.items() if rows}
        meta = {
            "version": VERSION, "rows": self.height, "tables": tables, "beyond": beyond, "masked": dict(self._masked)
        }  # fmt: skip
        frame.write_parquet(path, compression="lz4", row_group_size=GROUP, metadata={_META: json.dumps(meta)})


def _counted(frame: pl.DataFrame, name: str) -> Column | None:
    """A column of texts as numbers of its different ones; None where there are many, or where it has no texts."""
    if frame.schema.get(name) != pl.String:
        return None
    texts = frame.get_column(name)
    different = texts.drop_nulls().unique().sort()
    if len(different) * 16 > frame.height:
        return None
    return Column(texts.cast(pl.Enum(different)).to_physical().cast(pl.UInt32), tuple(different))


__all__ = ["PART", "PreparedLogError", "prepared_file", "write_prepared"]
