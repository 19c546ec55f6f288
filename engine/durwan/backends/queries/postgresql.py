"""Conditions as PostgreSQL understands them, from 14 on. See `forms.py` for what its columns hold.

Numbers, instants and durations are computed with as `numeric`, which is exact and never raises for being too large. A
parameter is cast where it stands, so that a driver need not know its type.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from durwan.backends.queries.fragments import Fragment, junction, listed, parameter, sql
from durwan.backends.queries.sql_translation import SqlTranslation, if_known
from durwan.backends.queries.translation import Term, truth
from durwan.backends.queries.turns import Turns
from durwan.model import types
from durwan.model.address import NetworkSet, format_address
from durwan.model.types import INT64_MAX, INT64_MIN, Type

# So many ranges are compared one by one; more are searched.
_FEW: Final = 20
_MEMBER: Final = Fragment(("durwan_one",))
_MAPPED: Final = "inet '::ffff:0.0.0.0/96'"
# The first and the last instants, as `timestamptz` has them.
_FIRST: Final = "timestamptz '0001-01-01 00:00:00+00'"
_IS_INT: Final = f"{{}} BETWEEN {INT64_MIN} AND {INT64_MAX}"
_BEYOND: Final = "timestamptz '10000-01-01 00:00:00+00'"


class PostgresqlTranslation(SqlTranslation):
    """Translates the condition of a filter for PostgreSQL."""

    # -------------------------------------------------------------------------------------------------------- values

    def read(self, column: Fragment, declared: Type) -> Term[Fragment]:  # noqa: D102 - as in the base
        return Term(declared, (self._read_column(column, declared),))

    def _read_column(self, column: Fragment, declared: Type) -> Fragment:
        match declared:
            case types.Bool():
                return column
            case types.Time():
                test = f"{{c}} >= {_FIRST} AND {{c}} < {_BEYOND}"
                return sql(f"CASE WHEN {test} THEN floor(extract(epoch FROM {{c}}) * 1000) END", c=column)
            case types.Address():
                return self._read_address(column)
            case types.Network():
                return self._read_network(column)
            case types.SetOf(element):
                return self._read_set(column, element)
            case types.Int() | types.Duration() | types.Number():
                return _valid(sql("CAST({} AS numeric)", column), declared)
            case types.String() | types.Scope():
                return _valid(sql('(CAST({} AS text) COLLATE "C")', column), declared)

    def _read_address(self, column: Fragment) -> Fragment:
        """One address; an IPv4-mapped one as the IPv4 address that it is."""
        is_one = sql("masklen({c}) = CASE family({c}) WHEN 4 THEN 32 ELSE 128 END", c=column)
        return self.steps.bind(sql("CASE WHEN {} THEN {} END", is_one, _unmapped(column)))

    def _read_network(self, column: Fragment) -> Fragment:
        is_odd = f"durwan_one IS NULL OR (durwan_one <<= {_MAPPED} AND masklen(durwan_one) < 128)"
        return self._read_array(sql("CAST({} AS cidr[])", column), sql(is_odd))

    def _read_set(self, column: Fragment, element: types.String | types.Scope | types.Int) -> Fragment:
        is_odd = sql("{} IS NULL", _valid(_MEMBER, element))
        array = self._read_array(sql(f"CAST({{}} AS {_ARRAYS[type(element)]})", column), is_odd)
        return self._with_included(array) if isinstance(element, types.Scope) else array

    def _read_array(self, column: Fragment, is_odd: Fragment) -> Fragment:
        """An array of which no member is odd."""
        array = self.steps.bind(column)
        none = sql("NOT EXISTS (SELECT 1 FROM {} WHERE {})", _members(array), is_odd)
        return self.steps.bind(sql("CASE WHEN {} THEN {} END", none, array))

    def _with_included(self, array: Fragment) -> Fragment:
        """Scopes with all that they include."""
        pairs = self.inclusions()
        if not pairs:
            return array
        found = sql(
            "({array} || ARRAY(SELECT durwan_included FROM unnest({holders}, {included}) "
            "AS durwan_list(durwan_holder, durwan_included) WHERE durwan_holder = ANY({array})))",
            array=array,
            holders=_cast([holder for holder, _ in pairs], "text[]"),
            included=_cast([included for _, included in pairs], "text[]"),
        )
        return self.steps.bind(if_known([array], found))

    def unknown(self, declared: Type) -> Term[Fragment]:  # noqa: D102 - as in the base
        return Term(declared, (sql(f"CAST(NULL AS {_type_of(declared)})"),))

    def literal(self, value: Any, declared: Type) -> Term[Fragment]:  # noqa: D102 - as in the base
        match declared:
            case types.Bool():
                return truth(sql("TRUE" if value else "FALSE"))
            case types.Address():
                return Term(declared, (_cast(format_address(value), "inet"),))
            case _:
                return Term(declared, (_cast(value, _type_of(declared)),))

    def default(self, term: Term[Fragment], fallback: Term[Fragment]) -> Term[Fragment]:  # noqa: D102 - as in the base
        return Term(term.type, (sql("coalesce({}, {})", term.value, fallback.value),))

    def decimal_of(self, term: Term[Fragment]) -> Term[Fragment]:  # noqa: D102 - as in the base
        return Term(types.Number(), term.values)

    # --------------------------------------------------------------------------------------------------------- tests

    def sum(self, sign: str, left: Term[Fragment], right: Term[Fragment], result: Type) -> Term[Fragment]:  # noqa: D102 - as in the base
        return self._fitting(sql(f"({{}} {sign} {{}})", left.value, right.value), result)

    def product(self, term: Term[Fragment], factor: int | Decimal, result: Type) -> Term[Fragment]:  # noqa: D102 - as in the base
        return self._fitting(sql("({} * {})", term.value, _cast(factor, "numeric")), result)

    def _fitting(self, number: Fragment, result: Type) -> Term[Fragment]:
        """The number, if its type holds it."""
        bound = self.steps.bind(number)
        test = _is_decimal(bound) if isinstance(result, types.Number) else sql(_IS_INT, bound)
        return Term(result, (sql("CASE WHEN {} THEN {} END", test, bound),))

    def is_member(self, term: Term[Fragment], members: Sequence[Any]) -> Fragment:  # noqa: D102 - as in the base
        values = list(members)
        if isinstance(term.type, types.Address):
            values = [format_address(each) for each in members]
        elif isinstance(term.type, types.Number):
            # A driver takes lists of one type alone.
            values = [Decimal(each) for each in members]
        return sql("({} = ANY({}))", term.value, _cast(values, f"{_type_of(term.type)}[]"))

    def in_network(self, address: Term[Fragment], network: NetworkSet) -> Fragment:  # noqa: D102 - as in the base
        found = [(format_address(each.first), format_address(each.last)) for each in network.ranges()]
        place = self.steps.bind(address.value)
        if len(found) <= _FEW:
            tests = [sql("({} BETWEEN {} AND {})", place, *(_cast(end, "inet") for end in ends)) for ends in found]
            return junction("OR", tests)
        return sql("(mod(width_bucket({}, {}), 2) = 1)", place, _cast(_breaks(network), "inet[]"))

    def in_network_of(self, address: Term[Fragment], network: Term[Fragment]) -> Fragment:  # noqa: D102 - as in the base
        place = self.steps.bind(address.value)
        members, one = _members(network.value), _unmapped(_MEMBER)
        found = sql("EXISTS (SELECT 1 FROM {} WHERE {} <<= {})", members, place, one)
        return if_known([place, network.value], found)

    def in_window(self, instant: Term[Fragment], found: Turns) -> Fragment:  # noqa: D102 - as in the base
        starts, answers = _cast(found.starts, "bigint[]"), _cast(found.answers, "boolean[]")
        return sql("({})[width_bucket(CAST({} AS bigint), {})]", answers, instant.value, starts)

    def like(self, text: Term[Fragment], parts: Sequence[str]) -> Fragment:  # noqa: D102 - as in the base
        pattern = "%".join("".join(f"\\{each}" if each in "\\%_" else each for each in part) for part in parts)
        return sql("({} LIKE {})", text.value, _cast(pattern, "text"))

    def has(self, held: Term[Fragment], one: Term[Fragment]) -> Fragment:  # noqa: D102 - as in the base
        wanted = self.steps.bind(one.value)
        return if_known([wanted], sql("({} = ANY({}))", wanted, held.value))

    def has_at_least(self, held: Term[Fragment], wanted: Sequence[Any], least: int) -> Fragment:  # noqa: D102 - as in the base
        found = sql(
            "((SELECT count(DISTINCT durwan_one) FROM {} WHERE durwan_one = ANY({})) >= {})",
            _members(held.value),
            _cast(list(wanted), _type_of(held.type)),
            _cast(least, "bigint"),
        )
        return if_known([held.value], found)


_ARRAYS: Final[dict[type[Type], str]] = {types.String: "text[]", types.Scope: "text[]", types.Int: "numeric[]"}
_TYPES: Final[dict[type[Type], str]] = {
    types.Bool: "boolean", types.String: "text", types.Scope: "text", types.Address: "inet", types.Network: "cidr[]"
}  # fmt: skip


def _valid(value: Fragment, declared: Type) -> Fragment:
    """The value, where it is one of its type, within its range or closed set."""
    tests: list[Fragment] = []
    if isinstance(declared, types.Number):
        tests.append(_is_decimal(value))
    match declared:
        case types.Int(int() as low, int() as high) | types.Number(Decimal() as low, Decimal() as high):
            tests.append(sql("{} BETWEEN {} AND {}", value, _cast(low, "numeric"), _cast(high, "numeric")))
        case types.String(tuple() as choices):
            tests.append(sql("{} = ANY({})", value, _cast(list(choices), "text[]")))
        case _:
            pass
    return sql("CASE WHEN {} THEN {} END", listed(tests, " AND "), value) if tests else value


def _is_decimal(number: Fragment) -> Fragment:
    """Whether 18 digits before the point and 18 after it hold a number."""
    return sql("abs({n}) < 1000000000000000000 AND {n} = trunc({n}, 18)", n=number)


def _type_of(declared: Type) -> str:
    """The type of the values that are computed with."""
    if isinstance(declared, types.SetOf):
        return _ARRAYS[type(declared.element)]
    return _TYPES.get(type(declared), "numeric")


def _cast(value: Any, name: str) -> Fragment:
    return sql(f"CAST({{}} AS {name})", parameter(value))._replace(depth=0)


def _members(array: Fragment) -> Fragment:
    """The members of an array, as rows."""
    return sql("unnest({}) AS durwan_list(durwan_one)", array)


def _unmapped(address: Fragment) -> Fragment:
    """An address or a network of one address, an IPv4-mapped one as the IPv4 address that it is."""
    ipv4 = "inet '0.0.0.0' + (CAST({a} AS inet) - inet '::ffff:0.0.0.0')"
    return sql(f"CASE WHEN {{a}} <<= {_MAPPED} THEN {ipv4} ELSE CAST({{a}} AS inet) END", a=address)


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
