"""Logs in Parquet as other programs write them: a column for each context, a struct, its fields typed as they come.

| column | of a type | is read |
|---|---|---|
| booleans, integers, decimals, texts, aware timestamps | that holds such values | as it is, all rows at once |
| texts of numbers, lists, floats | any | each different value once, as `Engine.decide` reads it |
| timestamps without a zone, dates, binary | any | unknown, as everywhere |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from durwan.backends.columns.batch import ACTION, NOW, ONE
from durwan.backends.columns.column import Column, column_of, unknown_column
from durwan.backends.columns.polars_interface import pl
from durwan.model import types
from durwan.model.request import PLAIN
from durwan.model.types import TIME_MAX, TIME_MIN, Type
from durwan.workshop.replaying.logs.broken import BrokenRecords
from durwan.workshop.replaying.logs.sources import EFFECTS, RECORDED

STEP: Final = 65_536
_KEY: Final = "key"
_DIGITS: Final = 18
_OUTCOME: Final = "decision"
NO_INSTANT: Final = "it does not say when (`now`)"


class NestedColumns:
    """Requests in a frame with one column for each context. See `Columns`.

    Args:
        frame: its rows; `now` is null nowhere. A column `key` of texts holds ids of keys. A column `decision` holds
            what was decided.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.height = frame.height
        self.masked: Counter[str] = Counter()
        self._frame = frame
        self._read: dict[tuple[str, Type], Column] = {}

    def load(self, paths: Mapping[str, Type]) -> None:
        """See `Columns`: there is nothing to gain."""

    def action(self) -> Column:
        """See `Columns`."""
        return self._coded(ACTION)

    def now(self) -> pl.Series:
        """See `Columns`."""
        return self._typed(self._whole(NOW), types.Time()).values

    def column(self, path: str, base: Type) -> Column:
        """See `Columns`."""
        if (path, base) not in self._read:
            context, _, name = path.partition(".")
            series = self._whole(context)
            has_it = isinstance(series.dtype, pl.Struct) and name in series.struct.fields
            found = series.struct.field(name) if has_it else self._whole("")
            self._read[path, base] = self._typed(found, base)
        return self._read[path, base]

    def key_ids(self) -> Column:
        """See `Columns`."""
        return self._coded(_KEY)

    def _coded(self, name: str) -> Column:
        """The texts of a column, as numbers."""
        series = self._whole(name)
        if not _is_text(series.dtype):
            return Column(pl.Series([None], dtype=pl.UInt32).new_from_index(0, self.height), ())
        codes = _codes(series)
        return Column(codes.codes, tuple(codes.values))

    def recorded(self) -> pl.DataFrame | None:
        """See `Columns`."""
        series = self._whole(_OUTCOME)
        if not isinstance(series.dtype, pl.Struct):
            return None
        frame = series.struct.unnest()
        columns = [_as(frame, name, dtype) for name, dtype in RECORDED.items()]
        is_one = pl.col("effect").is_in(list(EFFECTS))
        return pl.DataFrame(columns).select(pl.when(is_one).then(pl.all()).name.keep())

    def requests(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """See `Columns`."""
        chosen = self._frame.drop(_OUTCOME, strict=False)[list(rows)]
        return [_without_nulls(row) for row in chosen.to_dicts()]

    def texts(self) -> pl.Series | None:
        """See `Columns`."""
        columns = [_for_json(series) for series in self._frame.drop(_OUTCOME, strict=False)]
        whole = pl.DataFrame([series for series in columns if series is not None])
        return whole.select(pl.struct(pl.all()).struct.json_encode()).to_series()

    def _whole(self, name: str) -> pl.Series:
        if name in self._frame.columns:
            return self._frame.get_column(name)
        return pl.Series(name, [None], dtype=pl.Null()).new_from_index(0, self.height)

    def _typed(self, series: pl.Series, base: Type) -> Column:
        if series.dtype == pl.Null:
            return unknown_column(base, self.height)
        native = _native(series, base)
        return _by_values(series, base) if native is None else Column(native)


def _for_json(series: pl.Series) -> pl.Series | None:
    """A column of which JSON says the same; None where it says nothing that any type could read."""
    # What polars compares its types with, type checkers do not know.
    dtype: Any = series.dtype
    if isinstance(dtype, pl.Struct):
        fields = [_for_json(field) for field in series.struct.unnest()]
        kept = [field for field in fields if field is not None]
        whole = pl.DataFrame([*kept, series.is_not_null().alias("$")])
        return (
            whole.select(pl.when("$").then(pl.struct(pl.exclude("$"))).alias(series.name)).to_series() if kept else None
        )
    if dtype.is_decimal() or dtype in (pl.Int128, pl.UInt128):
        return series.cast(pl.String)
    inner = dtype.inner if isinstance(dtype, pl.List | pl.Array) else dtype
    is_instant = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    is_plain = inner in (pl.Boolean, pl.Null) or inner.is_integer() or inner.is_float() or _is_text(inner)
    return series if is_plain or is_instant else None


def _as(frame: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Series:
    if name not in frame.columns:
        return pl.Series(name, [None], dtype=dtype).new_from_index(0, frame.height)
    return frame.get_column(name).cast(dtype, strict=False)


def _native(series: pl.Series, base: Type) -> pl.Series | None:
    """A column whose own type holds what is declared; None where its values have to be read one by one."""
    dtype = series.dtype
    match base:
        case types.Bool() if dtype == pl.Boolean:
            return series
        case types.String() | types.Scope() if _is_text(dtype):
            return series.cast(pl.String)
        case types.Int() | types.Duration() if dtype.is_integer():
            return series.cast(pl.Int64, strict=False)
        case types.Time() if dtype.is_integer():
            return _between(series.cast(pl.Int64, strict=False), TIME_MIN, TIME_MAX)
        case types.Time() if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
            finer = {"ns": 1_000_000, "us": 1_000, "ms": 1}[dtype.time_unit]
            return _between(series.cast(pl.Int64) // finer, TIME_MIN, TIME_MAX)
        case types.Number() if isinstance(dtype, pl.Decimal) and dtype.scale <= _DIGITS:
            exact = series.cast(pl.Decimal(38, _DIGITS), strict=False).to_physical()
            return _between(exact, 1 - ONE * ONE, ONE * ONE - 1)
        case types.Number() if dtype.is_integer():
            return _between(series.cast(pl.Int128), 1 - ONE, ONE - 1) * pl.Series([ONE], dtype=pl.Int128)
        case _:
            return None


def _between(series: pl.Series, least: int, most: int) -> pl.Series:
    column, dtype = pl.col("value"), series.dtype
    is_within = column.is_between(pl.lit(least, dtype=dtype), pl.lit(most, dtype=dtype))
    return series.alias("value").to_frame().select(pl.when(is_within).then(column)).to_series()


def _is_text(dtype: Any) -> bool:
    return dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)


class _Codes:
    """For each row which of the different values it has."""

    def __init__(self, codes: pl.Series, values: list[Any]) -> None:
        self.codes = codes
        self.values = values


def _codes(series: pl.Series) -> _Codes:
    """The different values, in the order in which they first occur; null is none of them."""
    frame = series.alias("value").to_frame()
    different = frame.unique(maintain_order=True).drop_nulls()
    found = frame.join(different.with_row_index("code"), on="value", how="left", maintain_order="left")
    return _Codes(found.get_column("code").cast(pl.UInt32), different.get_column("value").to_list())


def _by_values(series: pl.Series, base: Type) -> Column:
    if isinstance(series.dtype, pl.Struct):
        return unknown_column(base, len(series))
    if series.dtype.is_float():
        # A join finds no NaN, which is unknown anyway.
        series = series.fill_nan(None)
    codes = _codes(series)
    read = column_of(codes.values, base)
    return Column(read.values.gather(codes.codes), read.table)


def _without_nulls(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if type(value) is PLAIN:
            found[name] = {inner: each for inner, each in value.items() if each is not None}
        elif value is not None:
            found[name] = value
    return found


class NestedFile:
    """One Parquet file.

    Attributes:
        path: the file.
        size: how many bytes it has.
        position: how many of them were read, about.
        rows: how many rows it has.
    """

    def __init__(self, path: Path, contexts: frozenset[str]) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.position = 0
        self._scan = pl.scan_parquet(path)
        self._contexts = contexts
        self._first = 0
        self.rows: int | None = int(self._scan.select(pl.len()).collect().item())

    def only(self, first: int, rows: int) -> None:
        """Leaves some of its rows, from one on that is counted from zero."""
        self._scan = self._scan.slice(first, rows)
        self._first, self.rows = first, rows

    def steps(self, broken: BrokenRecords, attributes: Collection[str]) -> Iterator[NestedColumns]:
        """See `LogFile`."""
        del attributes
        schema = self._scan.collect_schema()
        wanted = columns_read(schema, self._contexts)
        done = 0
        for frame in self._scan.select(wanted).collect_batches(chunk_size=STEP, maintain_order=True):
            done += frame.height
            self.position = self.size * done // max(self.rows or 0, 1)
            yield NestedColumns(_kept(frame, self._first + done - frame.height, self.path, broken))


def columns_read(names: Iterable[str], contexts: frozenset[str]) -> list[str]:
    """Which of some columns are read: those of these contexts, and what is known of every request."""
    return [name for name in names if name in {ACTION, NOW, _OUTCOME, *contexts}]


def _kept(frame: pl.DataFrame, before: int, path: Path, broken: BrokenRecords) -> pl.DataFrame:
    """The rows that say when they were; the others are broken records."""
    if NOW not in frame.columns:
        frame = frame.with_columns(pl.lit(None, dtype=pl.Int64).alias(NOW))
    if not frame.get_column(NOW).null_count():
        return frame
    for row, text in (
        frame.with_row_index("row")
        .filter(pl.col(NOW).is_null())
        .select("row", pl.struct(pl.exclude("row")).struct.json_encode().alias("text"))
        .iter_rows()
    ):
        broken.add(path, before + row + 1, NO_INSTANT, text)
    return frame.filter(pl.col(NOW).is_not_null())
