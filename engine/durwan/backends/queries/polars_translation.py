"""Conditions as a polars expression over columns of natural types. See `forms.py` for which these are.

Decimals are computed with as 128-bit integers, in units of 1e-18, which hold every sum of 18+18 digits; addresses as 16
bytes; instants and durations as milliseconds; sets and networks are lists.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from durwan.backends.columns.polars_interface import pl
from durwan.backends.queries.address_ranges import breaks, in_sixteen, ranges_in_sixteen
from durwan.backends.queries.forms import is_unicode
from durwan.backends.queries.translation import Term, Translation
from durwan.backends.queries.turns import Turns
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.model.types import TIME_MAX, TIME_MIN, Type
from durwan.model.values import EXACT

_ONE: Final = 10**18
_MOST: Final = _ONE * _ONE - 1
_WIDE: Final = pl.Int128()
_RANGE: Final = pl.Struct({"first": pl.Binary(), "last": pl.Binary()})
_SCOPES: Final = types.SetOf(types.Scope())
# So many values or ranges are looked for one by one.
_FEW: Final = 20
_COMPARE: Final[Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip


def natural_type(declared: Type) -> pl.DataType:
    """The type that the column of an attribute has."""
    match declared:
        case types.Number():
            return pl.Decimal(38, 18)
        case types.Network():
            return pl.List(_RANGE)
        case types.Time():
            return pl.Datetime("ms", "UTC")
        case types.Duration():
            return pl.Duration("ms")
        case types.SetOf(element):
            return pl.List(_computed_type(element))
        case _:
            return _computed_type(declared)


def natural_schema(declared: Mapping[str, Type]) -> pl.Schema:
    """The types of columns, by name, of these attributes."""
    return pl.Schema({column: natural_type(each) for column, each in declared.items()})


def _computed_type(declared: Type) -> pl.DataType:
    """The type of what is computed with."""
    match declared:
        case types.Bool():
            return pl.Boolean()
        case types.Int() | types.Time() | types.Duration():
            return pl.Int64()
        case types.Number():
            return _WIDE
        case types.Address():
            return pl.Binary()
        case types.Network() | types.SetOf():
            return natural_type(declared)
        case types.String() | types.Scope():
            return pl.String()


class PolarsTranslation(Translation[pl.Expr]):
    """Translates the condition of a filter for polars."""

    @staticmethod
    def can_hold(value: object) -> bool:  # noqa: D102 - as in the base
        return is_unicode(value)

    # --------------------------------------------------------------------------------------------------------- values

    def read(self, column: pl.Expr, declared: Type) -> Term[pl.Expr]:  # noqa: D102 - as in the base
        return Term(declared, (_read(column, declared),))

    def unknown(self, declared: Type) -> Term[pl.Expr]:  # noqa: D102 - as in the base
        return Term(declared, (pl.lit(None, dtype=_computed_type(declared)),))

    def literal(self, value: Any, declared: Type) -> Term[pl.Expr]:  # noqa: D102 - as in the base
        return Term(declared, (pl.lit(_form(value, declared), dtype=_computed_type(declared)),))

    def default(self, term: Term[pl.Expr], fallback: Term[pl.Expr]) -> Term[pl.Expr]:  # noqa: D102 - as in the base
        return Term(term.type, (pl.coalesce(term.value, fallback.value),))

    def decimal_of(self, term: Term[pl.Expr]) -> Term[pl.Expr]:  # noqa: D102 - as in the base
        return Term(types.Number(), (term.value.cast(_WIDE) * pl.lit(_ONE, dtype=_WIDE),))

    def sum(  # noqa: D102 - as in the base
        self, sign: str, left: Term[pl.Expr], right: Term[pl.Expr], result: Type
    ) -> Term[pl.Expr]:
        one, other = left.value.cast(_WIDE), right.value.cast(_WIDE)
        return _fitting(one + other if sign == "+" else one - other, result)

    def product(self, term: Term[pl.Expr], factor: int | Decimal, result: Type) -> Term[pl.Expr]:  # noqa: D102 - as in the base
        value = term.value.cast(_WIDE)
        if not isinstance(result, types.Number):
            return _fitting(value * _wide(int(factor)), result)
        over, under = factor.as_integer_ratio()
        if over == 0:
            return Term(result, (value * 0,))
        # What is multiplied must be divisible by `under`, since both have no divisor in common; then nothing is lost.
        quotient, most = value // _wide(under), _MOST // abs(over)
        fits = (value % _wide(under) == 0) & quotient.is_between(_wide(-most), _wide(most))
        return Term(result, (_where(fits, quotient) * _wide(over),))

    # ---------------------------------------------------------------------------------------------------------- truth

    def all_of(self, truths: Sequence[pl.Expr]) -> pl.Expr:  # noqa: D102 - as in the base
        return pl.all_horizontal(truths)

    def any_of(self, truths: Sequence[pl.Expr]) -> pl.Expr:  # noqa: D102 - as in the base
        return pl.any_horizontal(truths)

    def negated(self, truth: pl.Expr) -> pl.Expr:  # noqa: D102 - as in the base
        return ~truth

    def is_known(self, value: pl.Expr) -> pl.Expr:  # noqa: D102 - as in the base
        return value.is_not_null()

    def where_known(self, term: Term[pl.Expr], *, truth: bool) -> pl.Expr:  # noqa: D102 - as in the base
        return _where(term.value.is_not_null(), pl.lit(truth))

    # ---------------------------------------------------------------------------------------------------------- tests

    def compared(self, sign: str, left: Term[pl.Expr], right: Term[pl.Expr]) -> pl.Expr:  # noqa: D102 - as in the base
        return _COMPARE[sign](left.value, right.value)

    def is_member(self, term: Term[pl.Expr], members: Sequence[Any]) -> pl.Expr:  # noqa: D102 - as in the base
        forms = [_form(each, term.type) for each in members]
        return term.value.is_in(pl.Series(forms, dtype=_computed_type(term.type)).implode())

    def in_network(self, address: Term[pl.Expr], network: NetworkSet) -> pl.Expr:  # noqa: D102 - as in the base
        found = ranges_in_sixteen(network)
        if len(found) <= _FEW:
            return self.any_of([address.value.is_between(pl.lit(first), pl.lit(last)) for first, last in found])
        passed = pl.lit(pl.Series(breaks(found), dtype=pl.Binary)).search_sorted(address.value, side="right")
        return _where(address.value.is_not_null(), passed % 2 == 1)

    def in_network_of(self, address: Term[pl.Expr], network: Term[pl.Expr]) -> pl.Expr:  # noqa: D102 - as in the base
        asked = pl.struct(address.value.alias("address"), network.value.alias("ranges"))
        return asked.map_batches(_in_ranges, return_dtype=pl.Boolean(), is_elementwise=True)

    def in_window(self, instant: Term[pl.Expr], found: Turns) -> pl.Expr:  # noqa: D102 - as in the base
        starts = pl.lit(pl.Series(found.starts, dtype=pl.Int64))
        answers = pl.lit(pl.Series([None, *found.answers], dtype=pl.Boolean))
        passed = starts.search_sorted(instant.value, side="right")
        return _where(instant.value.is_not_null(), answers.gather(passed))

    def like(self, text: Term[pl.Expr], parts: Sequence[str]) -> pl.Expr:  # noqa: D102 - as in the base
        if len(parts) == 1:
            return text.value == pl.lit(parts[0])
        # The engine behind it takes time in proportion to the text.
        return text.value.str.contains(f"(?s)\\A{'.*'.join(map(_regular, parts))}\\z")

    def has(self, held: Term[pl.Expr], one: Term[pl.Expr]) -> pl.Expr:  # noqa: D102 - as in the base
        found = held.value.list.contains(one.value)
        if held.type == _SCOPES:
            included = [(one.value == scope) & self._holds(held, scope) for scope in self._holders]
            found = self.any_of([found, *included])
        return _where(held.value.is_not_null() & one.value.is_not_null(), found)

    def has_at_least(self, held: Term[pl.Expr], wanted: Sequence[Any], least: int) -> pl.Expr:  # noqa: D102 - as in the base
        if len(wanted) <= _FEW or held.type == _SCOPES:
            among = pl.sum_horizontal([self._holds(held, each) for each in wanted])
        else:
            among = held.value.list.unique().list.eval(pl.element().is_in(list(wanted))).list.sum()
        return _where(held.value.is_not_null(), among.fill_null(0) >= least)

    def _holds(self, held: Term[pl.Expr], value: Any) -> pl.Expr:
        """Whether a set has a value; a scope also where it has one that includes it."""
        values = [value, *(self._holders.get(value, ()) if held.type == _SCOPES else ())]
        return pl.any_horizontal([held.value.list.contains(each) for each in values])

    @cached_property
    def _holders(self) -> dict[str, list[str]]:
        """The scopes that include each scope, itself apart."""
        found: dict[str, list[str]] = {}
        for holder, included in self.inclusions():
            found.setdefault(included, []).append(holder)
        return found


def _where(test: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(test).then(value)


def _wide(number: int) -> pl.Expr:
    return pl.lit(number, dtype=_WIDE)


def _fitting(exact: pl.Expr, result: Type) -> Term[pl.Expr]:
    """A number, if its type holds it. Casts ask that, so that the number stands but once."""
    if isinstance(result, types.Number):
        return Term(result, (exact.cast(pl.Decimal(36, 0), strict=False).cast(_WIDE),))
    return Term(result, (exact.cast(pl.Int64(), strict=False),))


def _form(value: Any, declared: Type) -> Any:
    """A value in the form that is computed with."""
    match declared:
        case types.Number():
            return int(EXACT.multiply(Decimal(value), Decimal(_ONE)))
        case types.Address():
            return in_sixteen(value)
        case _:
            return value


# ----------------------------------------------------------------------------------------------------------- reading


def _read(column: pl.Expr, declared: Type) -> pl.Expr:
    match declared:
        case types.Number(low, high):
            number = column.cast(natural_type(declared), strict=False).to_physical()
            least, most = (-_MOST, _MOST) if low is None else (_form(low, declared), _form(high, declared))
            return _where(number.is_between(_wide(least), _wide(most)), number)
        case types.Address():
            return _where(column.bin.size() == 16, column)
        case types.Time():
            instant = column.dt.epoch("ms")
            return _where(instant.is_between(TIME_MIN, TIME_MAX), instant)
        case types.Duration():
            return column.dt.total_milliseconds()
        case types.SetOf(element):
            return _where(_are_valid(column, element), column)
        case types.Network():
            return _where(column.list.eval(pl.element().is_not_null()).list.all(), column)
        case types.Int(int()) | types.String(tuple()):
            return _where(_is_valid(column, declared), column)
        case _:
            return column


def _is_valid(value: pl.Expr, declared: Type) -> pl.Expr:
    """Whether a value is within the range or the closed set of its type; false or null for null."""
    match declared:
        case types.Int(int() as low, int() as high):
            return value.is_between(low, high)
        case types.String(tuple() as choices):
            return value.is_in(list(choices))
        case _:
            return value.is_not_null()


def _are_valid(column: pl.Expr, element: types.String | types.Scope | types.Int) -> pl.Expr:
    """Whether all members of a list are of a type; null for null."""
    if element in {types.String(), types.Scope(), types.Int()}:
        return ~column.list.contains(None)
    return column.list.eval(_is_valid(pl.element(), element).fill_null(value=False)).list.all()


def _in_ranges(asked: pl.Series) -> pl.Series:
    """Whether each address is in one of the ranges beside it."""
    rows = asked.struct.unnest().with_row_index("row")
    one = rows.explode("ranges").drop_nulls(["address", "ranges"]).unnest("ranges")
    inside = pl.col("address").is_between(pl.col("first"), pl.col("last"))
    found = one.group_by("row").agg(inside.any().alias("inside"))
    joined = rows.join(found, on="row", how="left", maintain_order="left")
    known = pl.col("address").is_not_null() & pl.col("ranges").is_not_null()
    return joined.select(_where(known, pl.col("inside").fill_null(value=False))).to_series()


def _regular(text: str) -> str:
    """A regular expression for a text."""
    return "".join(each if each.isascii() and each.isalnum() else f"\\x{{{ord(each):X}}}" for each in text)


__all__ = ["PolarsTranslation", "natural_schema"]
