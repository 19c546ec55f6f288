"""One attribute as a column: read from plain values, kept without ranges and choices, narrowed to what a schema says.

The base of a type is the type without its range or its choices. What is read once as the base of its type can be
narrowed to every type of that base: two revisions may differ in ranges and read the same column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

from durwan.backends.columns.batch import beyond_at, data_type, is_coded, is_text, place, units
from durwan.backends.columns.polars_interface import pl
from durwan.model import types
from durwan.model.request import Attributes, KeyLookup
from durwan.model.schema import Schema
from durwan.model.types import TIME_MAX, TIME_MIN, Type, base_of
from durwan.model.values import Value, reader

# Values that equal each other across types, as 1 and True, are told apart by their type.
_EXACT_TEXT: Final = r"\A-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?\z"
_PLAIN: Final = frozenset({bool, int, float, str})


@dataclass(frozen=True)
class Column:
    """The values of one attribute.

    Attributes:
        values: in the form of `durwan.backends.columns.batch`.
        table: what the values count in, where they do.
        beyond: the rows that columns cannot hold.
    """

    values: pl.Series
    table: tuple[Value, ...] | None = None
    beyond: tuple[int, ...] = ()

    def texts(self, rows: pl.Series | None = None) -> pl.Series:
        """The values of a column of texts themselves; one that polars cannot hold is written with escapes.

        Args:
            rows: of which rows; None for all.
        """
        values = self.values if rows is None else self.values.gather(rows)
        if self.table is None:
            return values
        texts = [str(value).encode("utf-8", "backslashreplace").decode() for value in self.table]
        return pl.Series(texts or [None], dtype=pl.String).gather(values)

    def at(self, rows: pl.Series) -> Column:
        """The column of the values at some rows."""
        return Column(self.values.gather(rows), self.table, beyond_at(self.beyond, rows))


def unknown_column(base: Type, height: int) -> Column:
    """A column that knows nothing."""
    return Column(pl.Series([None], dtype=data_type(base)).new_from_index(0, height), () if is_coded(base) else None)


def column_of(raws: Sequence[Any], base: Type) -> Column:
    """Plain data, each different value read once, just as the reference evaluator reads it."""
    kinds = set(map(type, raws)) - {type(None)}
    if not kinds:
        return unknown_column(base, len(raws))
    return _of_one_kind(raws, kinds, base) or _of_values(raws, kinds, base)


def _of_one_kind(raws: Sequence[Any], kinds: set[type], base: Type) -> Column | None:
    """Values that are all of the kind that the column holds; None where not all are, or where it cannot hold one."""
    try:
        match base:
            case types.Bool() if kinds == {bool}:
                return Column(pl.Series(raws, dtype=pl.Boolean))
            case types.Int() | types.Duration() if kinds == {int}:
                return Column(pl.Series(raws, dtype=pl.Int64))
            case types.Time() if kinds == {int}:
                is_one = pl.col("value").is_between(TIME_MIN, TIME_MAX)
                return _where(Column(pl.Series(raws, dtype=pl.Int64)), is_one)
            case types.String() | types.Scope() if kinds == {str}:
                return Column(pl.Series(raws, dtype=pl.String))
            case types.Number() if kinds == {str}:
                return _of_exact_texts(pl.Series(raws, dtype=pl.String))
            case _:
                return None
    except (OverflowError, UnicodeEncodeError, TypeError):
        return None


def _of_exact_texts(texts: pl.Series) -> Column | None:
    """Texts of numbers that are all exact as they stand, with at most 18 digits before and after the point."""
    if not texts.str.contains(_EXACT_TEXT).all():
        return None
    return Column(texts.cast(pl.Decimal(38, 18)).to_physical().cast(pl.Int128))


def _of_values(raws: Sequence[Any], kinds: set[type], base: Type) -> Column:
    read, writer = reader(base), ColumnWriter(base)
    keys = _keys(raws, kinds)
    different = dict(zip(keys, raws, strict=True))
    for raw in different.values():
        writer.add(None if raw is None else read(raw))
    places = dict(zip(different, range(len(different)), strict=True))
    return writer.column().at(pl.Series(map(places.__getitem__, keys), dtype=pl.UInt32))


def _keys(raws: Sequence[Any], kinds: set[type]) -> Sequence[Any]:
    """For each value what only values have that are read as the same one; None for None."""
    if len(kinds) == 1 and kinds <= _PLAIN:
        return raws
    if kinds == {list} and set(map(type, chain.from_iterable(filter(None, raws)))) <= {str}:
        return [None if raw is None else tuple(raw) for raw in raws]
    return [None if raw is None else _sameness(raw) for raw in raws]


def _sameness(raw: object) -> object:
    """What equal values of one type have in common; what is read by itself has nothing in common with any."""
    kind = type(raw)
    return (kind, raw) if kind in _PLAIN else repr(raw) if kind is list else object()


class ColumnWriter:
    """Writes a column of values that were read already.

    Args:
        declared: their type.
        counting: whether texts are to count in a table.
    """

    def __init__(self, declared: Type, *, counting: bool = False) -> None:
        self._is_text = isinstance(declared, types.String | types.Scope)
        self._is_coded = is_coded(declared) or (counting and self._is_text)
        self._type = pl.UInt32() if self._is_coded else data_type(declared)
        self._forms: list[Any] = []
        self._table: dict[Value, int] = {}
        self._beyond: list[int] = []
        self._form = self._code if self._is_coded else _form_of(declared)

    def add(self, value: Any) -> None:
        """One row."""
        if value is None:
            self._forms.append(None)
        elif self._is_text and not is_text(value):
            self._beyond.append(len(self._forms))
            self._forms.append(None)
        else:
            self._forms.append(self._form(value) if self._form else value)

    def _code(self, value: Value) -> int:
        return self._table.setdefault(value, len(self._table))

    def column(self) -> Column:
        """What was written."""
        values = pl.Series(self._forms, dtype=self._type)
        return Column(values, tuple(self._table) if self._is_coded else None, tuple(self._beyond))


def _form_of(declared: Type) -> Callable[[Any], Any] | None:
    """What makes the form of a column of a value; None where the value is its own form."""
    match declared:
        case types.Number():
            return units
        case types.Address():
            return place
        case _:
            return None


# ---------------------------------------------------------------------------------------------------------- narrowing


def narrowed(column: Column, declared: Type, schema: Schema) -> Column:
    """A column of the base of a type as one of the type: what is outside its range or its choices is unknown.

    Who holds a scope holds all that the schema says it includes.
    """
    value = pl.col("value")
    match declared:
        case types.Int(low, high) if low is not None:
            return _where(column, value.is_between(pl.lit(low), pl.lit(high)))
        case types.Number(low, high) if low is not None and high is not None:
            least, most = (pl.lit(units(each), dtype=pl.Int128) for each in (low, high))
            return _where(column, value.is_between(least, most))
        case types.String() if declared != base_of(declared) and column.table is not None:
            return _of_members(column, reader(declared))
        case types.String(choices) if choices is not None:
            return _where(column, value.is_in(pl.Series(choices, dtype=pl.String).implode()))
        case types.SetOf(types.Scope()):
            return replace(column, table=tuple(schema.held(held) for held in column.table or ()))  # type: ignore[arg-type]
        case types.SetOf() if declared != base_of(declared):
            return _of_members(column, reader(declared))
        case _:
            return column


def _where(column: Column, condition: pl.Expr) -> Column:
    known = pl.when(condition).then(pl.col("value"))
    return replace(column, values=column.values.alias("value").to_frame().select(known).to_series())


def _of_members(column: Column, read: Callable[[object], Any]) -> Column:
    """A column that counts, unknown where what it counts is not what it should be."""
    known = {code: read(held) for code, held in enumerate(column.table or ())}
    codes = [None if value is None else code for code, value in known.items()]
    if None not in codes:
        return column
    return replace(column, values=pl.Series(codes, dtype=pl.UInt32).gather(column.values))


# --------------------------------------------------------------------------------------------------------------- keys


class KeyColumns:
    """The attributes of keys that requests name by their ids.

    Args:
        schema: what is declared.
        keys: how an id becomes the key's attributes. It is asked once about each id, or again after very many.
    """

    _MOST = 100_000

    def __init__(self, schema: Schema, keys: KeyLookup) -> None:
        self._schema = schema
        self._keys = keys
        self._found: dict[str, Attributes] = {}

    def completed(self, own: Column, path: str, ids: Column) -> Column:
        """The column of an attribute of `key`, where a key is named by its id with what the key then has.

        Args:
            own: what requests say themselves, narrowed.
            path: which attribute.
            ids: the ids, counted in a table.
        """
        if not ids.table:
            return own
        is_empty = own.values.null_count() == len(own.values)
        counting = is_empty or own.table is not None
        writer = ColumnWriter(self._schema.attributes[path], counting=counting)
        for key_id in ids.table:
            writer.add(self._attributes(str(key_id)).read(path))
        looked = writer.column()
        found = looked.values.gather(ids.values)
        beyond = own.beyond + beyond_at(looked.beyond, ids.values)
        if is_empty:
            return Column(found, looked.table, tuple(sorted(beyond)))
        if looked.table is None or own.table is None:
            return Column(_either(ids.values, found, own.values), None, tuple(sorted(beyond)))
        values = _either(ids.values, found + len(own.table), own.values)
        return Column(values, own.table + looked.table, tuple(sorted(beyond)))

    def _attributes(self, key_id: str) -> Attributes:
        if key_id not in self._found:
            if len(self._found) >= self._MOST:
                self._found = {}
            self._found[key_id] = Attributes(self._schema, {"key": key_id}, self._keys)
        return self._found[key_id]


def _either(ids: pl.Series, found: pl.Series, own: pl.Series) -> pl.Series:
    """What was found where there is an id, and else what the request says."""
    frame = pl.DataFrame([ids.alias("id"), found.alias("found"), own.alias("own")])
    return frame.select(pl.when(pl.col("id").is_not_null()).then("found").otherwise("own")).to_series()
