"""Conditions as PostgreSQL understands them, from 14 on. See `forms.py` for what its columns hold.

Numbers, instants and durations are computed with as `numeric`, which is exact and never raises for being too large. A
parameter is cast where it stands, so that a driver need not know its type.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from durwan.backends.queries.fragments import Fragment, junction, parameter, sql
from durwan.backends.queries.translation import Term, Translation, truth
from durwan.backends.queries.turns import Turns
from durwan.model import types
from durwan.model.address import NetworkSet, format_address
from durwan.model.types import INT64_MAX, INT64_MIN, Type

# So many ranges are compared one by one; more are searched.
_FEW: Final = 20
_MAPPED: Final = "inet '::ffff:0.0.0.0/96'"
# The first and the last instants, as `timestamptz` has them.
_FIRST: Final = "timestamptz '0001-01-01 00:00:00+00'"
_BEYOND: Final = "timestamptz '10000-01-01 00:00:00+00'"


class PostgresqlTranslation(Translation):
    """Translates the condition of a filter for PostgreSQL."""

    # -------------------------------------------------------------------------------------------------------- values

    def read(self, column: Fragment, declared: Type) -> Term:  # noqa: D102 - as in the base
        return Term(declared, (self._read_column(column, declared),))

    def _read_column(self, column: Fragment, declared: Type) -> Fragment:
        match declared:
            case types.Bool():
                return column
            case types.Time():
                test = sql(f"{{}} >= {_FIRST} AND {{}} < {_BEYOND}", column, column)
                return sql("CASE WHEN {} THEN floor(extract(epoch FROM {}) * 1000) END", test, column)
            case types.Number():
                test = sql("abs({}) < 1000000000000000000 AND {} = trunc({}, 18)", column, column, column)
                return self._within(sql("CASE WHEN {} THEN {} END", test, column), declared)
            case types.Address():
                return self._read_address(column)
            case types.Network():
                return self._read_network(column)
            case types.SetOf(element):
                return self._read_set(column, element)
            case types.Int() | types.Duration():
                return self._within(sql("CAST({} AS numeric)", column), declared)
            case types.String() | types.Scope():
                return self._within(sql('(CAST({} AS text) COLLATE "C")', column), declared)

    def _within(self, value: Fragment, declared: Type) -> Fragment:
        """The value, where it is within the range or the closed set of its type."""
        match declared:
            case types.Int(int() as low, int() as high) | types.Number(Decimal() as low, Decimal() as high):
                test = sql("{} BETWEEN {} AND {}", value, _cast(low, "numeric"), _cast(high, "numeric"))
            case types.String(tuple() as choices):
                test = sql("{} = ANY({})", value, _cast(list(choices), "text[]"))
            case _:
                return value
        return sql("CASE WHEN {} THEN {} END", test, value)

    def _read_address(self, column: Fragment) -> Fragment:
        """One address; an IPv4-mapped one as the IPv4 address that it is."""
        return self.steps.bind(
            sql(
                "CASE WHEN masklen({}) <> CASE family({}) WHEN 4 THEN 32 ELSE 128 END THEN NULL ELSE {} END",
                column, column, _unmapped(column),
            )  # fmt: skip
        )

    def _read_network(self, column: Fragment) -> Fragment:
        array = self.steps.bind_always(sql("CAST({} AS cidr[])", column))
        return self.steps.bind(
            sql(
                "CASE WHEN NOT EXISTS (SELECT 1 FROM unnest({}) AS durwan_list(durwan_one) "
                f"WHERE durwan_one IS NULL OR (durwan_one <<= {_MAPPED} AND masklen(durwan_one) < 128)) THEN {{}} END",
                array, array,
            )  # fmt: skip
        )

    def _read_set(self, column: Fragment, element: types.String | types.Scope | types.Int) -> Fragment:
        array = self.steps.bind_always(sql(f"CAST({{}} AS {_ARRAYS[type(element)]})", column))
        one = Fragment(("durwan_one",))
        valid = self.steps.bind(
            sql(
                "CASE WHEN NOT EXISTS (SELECT 1 FROM unnest({}) AS durwan_list(durwan_one) WHERE {} IS NULL) THEN {} END",
                array, self._within(one, element), array,
            )  # fmt: skip
        )
        return self._with_included(valid) if isinstance(element, types.Scope) else valid

    def _with_included(self, array: Fragment) -> Fragment:
        """Scopes with all that they include."""
        held = self.program.schema.scopes
        pairs = sorted((one, each) for one, includes in held.items() for each in includes if each != one)
        if not pairs:
            return array
        holders, included = ([pair[place] for pair in pairs] for place in (0, 1))
        return self.steps.bind(
            sql(
                "CASE WHEN {} IS NOT NULL THEN {} || ARRAY(SELECT durwan_included FROM "
                "unnest({}, {}) AS durwan_list(durwan_holder, durwan_included) WHERE durwan_holder = ANY({})) END",
                array, array, _cast(holders, "text[]"), _cast(included, "text[]"), array,
            )  # fmt: skip
        )

    def unknown(self, declared: Type) -> Term:  # noqa: D102 - as in the base
        return Term(declared, (sql(f"CAST(NULL AS {_type_of(declared)})"),))

    def literal(self, value: Any, declared: Type) -> Term:  # noqa: D102 - as in the base
        match declared:
            case types.Bool():
                return truth(sql("TRUE" if value else "FALSE"))
            case types.Address():
                return Term(declared, (_cast(format_address(value), "inet"),))
            case _:
                return Term(declared, (_cast(value, _type_of(declared)),))

    def default(self, term: Term, fallback: Term) -> Term:  # noqa: D102 - as in the base
        return Term(term.type, (sql("coalesce({}, {})", term.value, fallback.value),))

    def decimal_of(self, term: Term) -> Term:  # noqa: D102 - as in the base
        return Term(types.Number(), term.values)

    # --------------------------------------------------------------------------------------------------------- tests

    def compared(self, sign: str, left: Term, right: Term) -> Fragment:  # noqa: D102 - as in the base
        return sql(f"({{}} {sign} {{}})", left.value, right.value)

    def sum(self, sign: str, left: Term, right: Term, result: Type) -> Term:  # noqa: D102 - as in the base
        return self._fitting(sql(f"({{}} {sign} {{}})", left.value, right.value), result)

    def product(self, term: Term, factor: int | Decimal, result: Type) -> Term:  # noqa: D102 - as in the base
        return self._fitting(sql("({} * {})", term.value, _cast(factor, "numeric")), result)

    def _fitting(self, number: Fragment, result: Type) -> Term:
        """The number, if its type holds it."""
        bound = self.steps.bind(number)
        if isinstance(result, types.Number):
            test = sql("abs({}) < 1000000000000000000 AND {} = trunc({}, 18)", bound, bound, bound)
        else:
            test = sql(f"{{}} BETWEEN {INT64_MIN} AND {INT64_MAX}", bound)
        return Term(result, (sql("CASE WHEN {} THEN {} END", test, bound),))

    def is_member(self, term: Term, members: Sequence[Any]) -> Fragment:  # noqa: D102 - as in the base
        values = list(members)
        if isinstance(term.type, types.Address):
            values = [format_address(each) for each in members]
        elif isinstance(term.type, types.Number):
            # A driver takes lists of one type alone.
            values = [Decimal(each) for each in members]
        return sql("({} = ANY({}))", term.value, _cast(values, f"{_type_of(term.type)}[]"))

    def in_network(self, address: Term, network: NetworkSet) -> Fragment:  # noqa: D102 - as in the base
        found = [(format_address(each.first), format_address(each.last)) for each in network.ranges()]
        place = self.steps.bind(address.value)
        if len(found) <= _FEW:
            tests = [sql("({} BETWEEN {} AND {})", place, *(_cast(end, "inet") for end in ends)) for ends in found]
            return junction("OR", tests)
        return sql("(mod(width_bucket({}, {}), 2) = 1)", place, _cast(_breaks(network), "inet[]"))

    def in_network_of(self, address: Term, network: Term) -> Fragment:  # noqa: D102 - as in the base
        place = self.steps.bind_always(address.value)
        return sql(
            "CASE WHEN {} IS NOT NULL AND {} IS NOT NULL THEN EXISTS (SELECT 1 FROM unnest({}) AS "
            "durwan_list(durwan_one) WHERE {} <<= {}) END",
            place, network.value, network.value, place, _unmapped(Fragment(("durwan_one",))),
        )  # fmt: skip

    def in_window(self, instant: Term, found: Turns) -> Fragment:  # noqa: D102 - as in the base
        starts, answers = _cast(found.starts, "bigint[]"), _cast(found.answers, "boolean[]")
        return sql("({})[width_bucket(CAST({} AS bigint), {})]", answers, instant.value, starts)

    def like(self, text: Term, parts: Sequence[str]) -> Fragment:  # noqa: D102 - as in the base
        pattern = "%".join("".join(f"\\{each}" if each in "\\%_" else each for each in part) for part in parts)
        return sql("({} LIKE {})", text.value, _cast(pattern, "text"))

    def has(self, held: Term, one: Term) -> Fragment:  # noqa: D102 - as in the base
        wanted = self.steps.bind(one.value)
        return sql("CASE WHEN {} IS NOT NULL THEN {} = ANY({}) END", wanted, wanted, held.value)

    def has_at_least(self, held: Term, wanted: Sequence[Any], least: int) -> Fragment:  # noqa: D102 - as in the base
        return sql(
            "CASE WHEN {} IS NOT NULL THEN (SELECT count(DISTINCT durwan_one) FROM unnest({}) AS "
            "durwan_list(durwan_one) WHERE durwan_one = ANY({})) >= {} END",
            held.value, held.value, _cast(list(wanted), _type_of(held.type)), _cast(least, "bigint"),
        )  # fmt: skip


_ARRAYS: Final[dict[type[Type], str]] = {types.String: "text[]", types.Scope: "text[]", types.Int: "numeric[]"}
_TYPES: Final[dict[type[Type], str]] = {
    types.Bool: "boolean", types.String: "text", types.Scope: "text", types.Address: "inet", types.Network: "cidr[]"
}  # fmt: skip


def _type_of(declared: Type) -> str:
    """The type of the values that are computed with."""
    if isinstance(declared, types.SetOf):
        return _ARRAYS[type(declared.element)]
    return _TYPES.get(type(declared), "numeric")


def _cast(value: Any, name: str) -> Fragment:
    return sql(f"CAST({{}} AS {name})", parameter(value))._replace(depth=0)


def _unmapped(address: Fragment) -> Fragment:
    """An address or a network of one address, an IPv4-mapped one as the IPv4 address that it is."""
    return sql(
        f"CASE WHEN {{}} <<= {_MAPPED} THEN inet '0.0.0.0' + (CAST({{}} AS inet) - inet '::ffff:0.0.0.0') "
        "ELSE CAST({} AS inet) END",
        address, address, address,
    )  # fmt: skip


def _breaks(network: NetworkSet) -> list[str]:
    """Where its ranges begin and end, in PostgreSQL's order: all of IPv4 comes before all of IPv6."""
    found = [*network.breaks4]
    if len(found) % 2:
        found.append(bytes(16))
    if network.breaks6[:1] == (bytes(16),) and found[-1:] == [bytes(16)]:
        found.pop()
        return [format_address(each) for each in (*found, *network.breaks6[1:])]
    return [format_address(each) for each in (*found, *network.breaks6)]


__all__ = ["PostgresqlTranslation"]
