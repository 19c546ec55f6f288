"""Requests as columns: one for each attribute, in the one form in which its type is computed with.

| type | column |
|---|---|
| `bool` | Boolean |
| `int` | Int64 |
| `time`, `duration` | Int64, milliseconds |
| `decimal` | Int128, in units of 1e-18, which holds every sum of 18+18 digits exactly |
| `string`, `scope` | String, or UInt32 as below where there are few different ones |
| `ip` | Int128: the IPv6 address, or the IPv4-mapped one, less 2**127, so that order is the order of addresses |
| `network`, `set of T` | UInt32: a place in a table of the different values that occur |

The action counts in a table as well. Null is unknown. What a column cannot hold, such as a text with half a surrogate
pair, is named in `Batch.beyond`: those rows are for another evaluator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from durwan.backends.columns.polars_interface import pl
from durwan.model import types
from durwan.model.request import Attributes, KeyLookup, no_keys
from durwan.model.schema import Schema
from durwan.model.types import Type
from durwan.model.values import EXACT, Value, read_time

ACTION: Final = "action"
NOW: Final = "now"
# How many units a decimal of one has.
ONE: Final = 10**18
_MIDDLE: Final = 1 << 127
_MAPPED: Final = 0xFFFF << 32


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some requests.

    Attributes:
        frame: a column for each attribute, by its path, and `action` and `now`.
        tables: the values that a column counts in, by its name: of `action`, of each `network` and `set`, and of those
            texts that count.
        beyond: the rows that columns cannot hold, in ascending order.
    """

    frame: pl.DataFrame
    tables: Mapping[str, Sequence[Value]] = field(default_factory=dict[str, Sequence[Value]])
    beyond: tuple[int, ...] = ()

    def of(self, paths: Iterable[str]) -> Batch:
        """Some of its attributes: rows are taken out of few columns much faster than out of all."""
        return replace(self, frame=self.frame.select(ACTION, NOW, *paths))

    def at(self, rows: pl.Series) -> Batch:
        """Some of its rows."""
        return Batch(frame=self.frame[rows], tables=self.tables, beyond=beyond_at(self.beyond, rows))


def beyond_at(beyond: Sequence[int], rows: pl.Series) -> tuple[int, ...]:
    """The places among some rows of those that columns cannot hold."""
    if not beyond:
        return ()
    return tuple(rows.is_in(pl.Series(beyond, dtype=pl.UInt32).implode()).fill_null(value=False).arg_true())


def data_type(declared: Type) -> pl.DataType:
    """The type of the column of an attribute."""
    match declared:
        case types.Bool():
            return pl.Boolean()
        case types.Int() | types.Time() | types.Duration():
            return pl.Int64()
        case types.Number() | types.Address():
            return pl.Int128()
        case types.String() | types.Scope():
            return pl.String()
        case types.Network() | types.SetOf():
            return pl.UInt32()


def is_coded(declared: Type) -> bool:
    """Whether the column of an attribute counts in a table."""
    return isinstance(declared, types.Network | types.SetOf)


def units(number: int | Decimal) -> int:
    """A number in units of 1e-18, exactly.

    Raises:
        ValueError: it has more than 18 digits after the point.
    """
    if type(number) is int:
        return number * ONE
    scaled = EXACT.multiply(Decimal(number), Decimal(ONE))
    whole = int(scaled)
    if scaled != whole:
        raise ValueError(f"{number} has more than 18 digits after the point")
    return whole


def place(packed: bytes) -> int:
    """The number of an address, as its column has it."""
    number = int.from_bytes(packed, "big")
    return (number | _MAPPED if len(packed) == 4 else number) - _MIDDLE


def batch_of(requests: Iterable[Mapping[str, Any]], schema: Schema, keys: KeyLookup = no_keys) -> Batch:
    """Requests of any kind, each attribute read just as the reference evaluator reads it."""
    writers = {path: _Writer(declared) for path, declared in schema.attributes.items()}
    actions: dict[str, int] = {}
    codes: list[int | None] = []
    instants: list[int | None] = []
    beyond: list[int] = []
    for row, request in enumerate(requests):
        attributes = Attributes(schema, request, keys)
        action, now = _head(request)
        codes.append(None if action is None else actions.setdefault(action, len(actions)))
        instants.append(now)
        held = [writer.write(attributes.read(path)) for path, writer in writers.items()]
        if not all(held):
            beyond.append(row)
    columns = [pl.Series(ACTION, codes, dtype=pl.UInt32()), pl.Series(NOW, instants, dtype=pl.Int64())]
    columns += [pl.Series(path, writer.values, dtype=writer.data_type) for path, writer in writers.items()]
    tables: dict[str, Sequence[Value]] = {
        path: tuple(writer.table) for path, writer in writers.items() if is_coded(writer.declared)
    }
    tables[ACTION] = tuple(actions)
    return Batch(frame=pl.DataFrame(columns), tables=tables, beyond=tuple(beyond))


def _head(request: Mapping[str, Any]) -> tuple[str | None, int | None]:
    try:
        action, now = request.get("action"), request.get("now")
    except Exception:  # noqa: BLE001 - a foreign mapping may raise anything; then it says nothing
        return None, None
    return action if type(action) is str else None, read_time(now)


class _Writer:
    """Writes one column, and its table."""

    def __init__(self, declared: Type) -> None:
        self.declared = declared
        self.data_type = data_type(declared)
        self.values: list[Any] = []
        self.table: dict[Value, int] = {}

    def write(self, value: Any) -> bool:
        """Whether the column holds the value; where it does not, it says unknown."""
        if type(value) is str and not is_text(value):
            self.values.append(None)
            return False
        self.values.append(None if value is None else self._form(value))
        return True

    def _form(self, value: Any) -> Any:
        match self.declared:
            case types.Number():
                return units(value)
            case types.Address():
                return place(value)
            case types.Network() | types.SetOf():
                return self.table.setdefault(value, len(self.table))
            case _:
                return value


def is_text(value: str | None) -> bool:
    """Whether a text can be written in UTF-8: it has no half of a surrogate pair."""
    if value is None or value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
