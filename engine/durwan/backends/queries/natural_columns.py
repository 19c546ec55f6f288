"""Conditions as a polars expression over columns of natural types. See `forms.py` for which these are.

What each column says is brought into the form in which recorded requests are computed with; from there on the same
translation does the work. Sets and networks are lists here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from durwan.backends.columns.batch import ONE, Batch, data_type, units
from durwan.backends.columns.expressions import Term, Translation
from durwan.backends.columns.polars_interface import pl
from durwan.backends.queries.forms import is_unicode
from durwan.backends.queries.translation import least_of
from durwan.backends.queries.turns import turns
from durwan.model import types
from durwan.model.types import TIME_MAX, TIME_MIN, Type
from durwan.model.window import Window
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Program

_SIGN: Final = -(1 << 127)
_MOST: Final = ONE * ONE - 1
_WIDTH: Final = 16
_SCOPES: Final = types.SetOf(types.Scope())
# So many values are looked for one by one.
_FEW: Final = 20
_RANGE: Final = pl.Struct({"first": pl.Binary(), "last": pl.Binary()})


def natural_type(declared: Type) -> pl.DataType:
    """The type that the column of an attribute has."""
    match declared:
        case types.Number():
            return pl.Decimal(38, 18)
        case types.Address():
            return pl.Binary()
        case types.Network():
            return pl.List(_RANGE)
        case types.Time():
            return pl.Datetime("ms", "UTC")
        case types.Duration():
            return pl.Duration("ms")
        case types.SetOf(element):
            return pl.List(data_type(element))
        case _:
            return data_type(declared)


def natural_schema(declared: Mapping[str, Type]) -> pl.Schema:
    """The types of columns, by name, of these attributes."""
    return pl.Schema({column: natural_type(each) for column, each in declared.items()})


class NaturalTranslation(Translation):
    """Translates the condition of a filter.

    Args:
        program: the policies.
        column: the name of the column of an attribute; None for an attribute that is known to be unknown.
        instants: outside these, whether an attribute lies in a window is unknown.
    """

    def __init__(self, program: Program, column: Callable[[str], str | None], instants: tuple[int, int]) -> None:
        super().__init__(program, Batch(frame=pl.DataFrame()))
        self._column = column
        self._instants = instants

    def term(self, expression: Expression) -> Term:
        """The column of any expression that has a value."""
        match expression:
            case nodes.Attribute(path=path, type=declared):
                name = self._column(path)
                column = pl.lit(None, dtype=natural_type(declared)) if name is None else pl.col(name)
                return Term(self._read(column, declared), declared)
            case _:
                return super().term(expression)

    # -------------------------------------------------------------------------------------------------------- reading

    def _read(self, column: pl.Expr, declared: Type) -> pl.Expr:
        match declared:
            case types.Number(low, high):
                number = column.cast(natural_type(declared), strict=False).to_physical()
                least, most = -_MOST if low is None else units(low), _MOST if high is None else units(high)
                return _where(number.is_between(*_literals(least, most, types.Number())), number)
            case types.Address():
                return _place(_where(column.bin.size() == _WIDTH, column))
            case types.Time():
                instant = column.dt.epoch("ms")
                return _where(instant.is_between(*_literals(TIME_MIN, TIME_MAX, declared)), instant)
            case types.Duration():
                return column.dt.total_milliseconds()
            case types.SetOf(element):
                return _where(_are_valid(column, element), column)
            case types.Network():
                return _where(column.list.eval(pl.element().is_not_null()).list.all(), column)
            case _:
                return _where(_is_valid(column, declared), column)

    # ---------------------------------------------------------------------------------------------------------- tests

    def _operation(self, operation: nodes.Operation) -> pl.Expr:
        for one, other in (operation.operands[:2], operation.operands[1::-1]):
            if isinstance(one, nodes.StringLiteral | nodes.ScopeLiteral) and not is_unicode(one.value):
                # No column has such a text.
                return _where(self.term(other).column.is_not_null(), pl.lit(operation.operator == "!="))
        return super()._operation(operation)

    def _members(self, expression: Expression) -> Iterable[Any]:
        return filter(is_unicode, super()._members(expression))

    def _of_set(self, name: str, held: Term, others: Sequence[Expression]) -> pl.Expr:
        if name == "has":
            return self._has(held, others[0])
        wanted = list(self._members(others[0]))
        least = least_of(name, self._constant(others[0]), others[1:])
        if len(wanted) <= _FEW or held.type == _SCOPES:
            among = pl.sum_horizontal([self._holds(held, each) for each in wanted] or [pl.lit(0)])
        else:
            among = held.column.list.unique().list.eval(pl.element().is_in(wanted)).list.sum().fill_null(0)
        return _where(held.column.is_not_null(), among >= least)

    def _has(self, held: Term, one: Expression) -> pl.Expr:
        if isinstance(one, nodes.Literal):
            return self._holds(held, one.value)
        wanted = self.term(one).column
        found = held.column.list.contains(wanted)
        if held.type == _SCOPES:
            for scope in self._holders:
                found |= (wanted == scope) & self._holds(held, scope)
        return _where(held.column.is_not_null() & wanted.is_not_null(), found)

    def _holds(self, held: Term, value: Any) -> pl.Expr:
        """Whether a set has a value; a scope also where it has one that includes it."""
        values = [value, *(self._holders.get(value, ()) if held.type == _SCOPES else ())]
        return pl.any_horizontal([held.column.list.contains(each) for each in values])

    @cached_property
    def _holders(self) -> dict[str, list[str]]:
        """The scopes that include each scope, itself apart."""
        found: dict[str, list[str]] = {}
        for holder, includes in self._program.schema.scopes.items():
            for each in includes - {holder}:
                found.setdefault(each, []).append(holder)
        return found

    def _in_networks_of(self, address: Term, network: Term) -> pl.Expr:
        asked = pl.struct(address.column.alias("address"), network.column.alias("ranges"))
        return asked.map_batches(_in_ranges_of, return_dtype=pl.Boolean(), is_elementwise=True)

    def _in_window(self, instant: Term, window: Window) -> pl.Expr:
        found = turns(window, *self._instants)
        starts = pl.lit(pl.Series(found.starts, dtype=pl.Int64))
        answers = pl.lit(pl.Series([None, *found.answers], dtype=pl.Boolean))
        passed = starts.search_sorted(instant.column, side="right")
        return _where(instant.column.is_not_null(), answers.gather(passed))


def _where(test: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(test).then(value)


def _literals(low: int, high: int, declared: Type) -> tuple[pl.Expr, pl.Expr]:
    return pl.lit(low, dtype=data_type(declared)), pl.lit(high, dtype=data_type(declared))


def _is_valid(value: pl.Expr, declared: Type) -> pl.Expr:
    """Whether a value is within the range or the closed set of its type; false or null for null."""
    match declared:
        case types.Int(int() as low, int() as high):
            return value.is_between(*_literals(low, high, declared))
        case types.String(tuple() as choices):
            return value.is_in(list(choices))
        case _:
            return value.is_not_null()


def _are_valid(column: pl.Expr, element: types.String | types.Scope | types.Int) -> pl.Expr:
    """Whether all members of a list are of a type; null for null."""
    if element in {types.String(), types.Scope(), types.Int()}:
        return ~column.list.contains(None)
    return column.list.eval(_is_valid(pl.element(), element).fill_null(value=False)).list.all()


def _place(packed: pl.Expr) -> pl.Expr:
    """The number of an address, as `durwan.backends.columns.batch.place` has it."""
    # Turning the highest bit makes of the order of unsigned numbers that of signed ones.
    return packed.bin.reinterpret(dtype=pl.Int128(), endianness="big").xor(pl.lit(_SIGN, dtype=pl.Int128()))


def _in_ranges_of(asked: pl.Series) -> pl.Series:
    """Whether each address is in one of the ranges beside it."""
    rows = asked.struct.unnest().with_row_index("row")
    one = rows.explode("ranges").drop_nulls(["address", "ranges"]).unnest("ranges")
    inside = pl.col("address").is_between(_place(pl.col("first")), _place(pl.col("last")))
    found = one.group_by("row").agg(inside.any().alias("inside"))
    joined = rows.join(found, on="row", how="left", maintain_order="left")
    known = pl.col("address").is_not_null() & pl.col("ranges").is_not_null()
    return joined.select(_where(known, pl.col("inside").fill_null(value=False))).to_series()


__all__ = ["NaturalTranslation", "natural_schema"]
