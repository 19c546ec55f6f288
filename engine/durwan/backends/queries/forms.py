"""In which form the columns of a table have to hold the attributes that a filter asks for.

| type | SQLite | PostgreSQL | polars |
|---|---|---|---|
| `bool` | INTEGER 0 or 1 | `boolean` | Boolean |
| `int` | INTEGER | `bigint`, `integer`, `smallint` | Int64 |
| `decimal` | TEXT as in a request, or INTEGER | `numeric` | Decimal(38, 18) |
| `string`, `scope` | TEXT | `text` | String |
| `ip` | BLOB of 16 bytes, IPv4 in its mapped form | `inet` | Binary, likewise |
| `network` | TEXT: JSON array of ranges: first and last address in 32 + 32 capital hexadecimal digits | `cidr[]` \
| List(Struct(first: Binary, last: Binary)) |
| `time` | INTEGER, milliseconds since the epoch | `timestamptz` | Datetime in UTC |
| `duration` | INTEGER, milliseconds | `bigint`, milliseconds | Duration |
| `set of T` | TEXT: JSON array | `text[]`, `bigint[]` | List(String), List(Int64) |

NULL is unknown. So is, in SQLite, whatever else a column holds than this, a REAL among it; and everywhere a value
outside the declared range or closed set. A column of SQLite for a decimal is declared TEXT, or 0.1 becomes a REAL.
Scopes are held as they were given: what they include, the filter knows.

What a table cannot hold: a text with half of a surrogate pair; in SQL, one with a NUL character; in a set in SQLite,
one that has the letters of the escape for it in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from durwan.backends.queries.address_ranges import in_sixteen, ranges_in_sixteen
from durwan.backends.queries.filter_error import FilterError
from durwan.model import types
from durwan.model.address import format_address
from durwan.model.types import Type
from durwan.model.values import Value

Form = Literal["sqlite", "postgresql", "polars"]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# In a JSON text this ends a string of SQLite early.
JSON_NUL: Final = "\\u0000"


def is_unicode(value: object) -> bool:
    """Whether a value is no text with half of a surrogate pair."""
    return type(value) is not str or value.isascii() or not any("\ud800" <= each <= "\udfff" for each in value)


def is_text(value: object) -> bool:
    """Whether a database can hold a value: it is no text with half of a surrogate pair, or with a NUL."""
    return is_unicode(value) and not (type(value) is str and "\0" in value)


def stored(value: Value | None, declared: Type, form: Form) -> Any:
    """A value as a column has it; None where it is unknown.

    Raises:
        FilterError: no column can hold it.
    """
    if value is None:
        return None
    members: Iterable[object] = value if isinstance(value, frozenset) else (value,)
    if not all(map(is_unicode if form == "polars" else is_text, members)):
        raise FilterError("a text with a NUL or half of a surrogate pair cannot be held by a column")
    return _STORED[form](value, declared)


def _in_sqlite(value: Any, declared: Type) -> Any:
    match declared:
        case types.Bool():
            return int(value)
        case types.Number():
            return f"{Decimal(value):f}"
        case types.Address():
            return in_sixteen(value)
        case types.Network():
            return json.dumps([(first + last).hex().upper() for first, last in ranges_in_sixteen(value)])
        case types.SetOf():
            text = json.dumps(sorted(value))
            if JSON_NUL in text:
                raise FilterError(f"a text with {JSON_NUL} cannot be held by a set in SQLite")
            return text
        case _:
            return value


def _in_postgresql(value: Any, declared: Type) -> Any:
    match declared:
        case types.Number():
            return Decimal(value)
        case types.Address():
            return format_address(value)
        case types.Network():
            return value.networks()
        case types.Time():
            return _EPOCH + timedelta(milliseconds=value)
        case types.SetOf():
            return sorted(value)
        case _:
            return value


def _in_polars(value: Any, declared: Type) -> Any:
    match declared:
        case types.Number():
            return Decimal(value)
        case types.Address():
            return in_sixteen(value)
        case types.Network():
            return [{"first": first, "last": last} for first, last in ranges_in_sixteen(value)]
        case types.SetOf():
            return sorted(value)
        case _:
            return value


_STORED: Final[Mapping[Form, Callable[[Any, Type], Any]]] = {
    "sqlite": _in_sqlite,
    "postgresql": _in_postgresql,
    "polars": _in_polars,
}

__all__ = ["JSON_NUL", "Form", "is_text", "is_unicode", "stored"]
