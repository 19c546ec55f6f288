"""Conditions as SQLite understands them, from 3.35 on. See `forms.py` for what its columns hold.

SQLite lets any column hold anything, so that every read asks what it is; and its arithmetic goes over to floating point
where 64 bits do not hold a result, by which an overflow is known.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from durwan.backends.queries.address_ranges import breaks, in_sixteen, ranges_in_sixteen
from durwan.backends.queries.filter_error import NoFormError
from durwan.backends.queries.forms import JSON_NUL
from durwan.backends.queries.fragments import Fragment, junction, listed, parameter, sql
from durwan.backends.queries.sql_translation import SqlTranslation, if_known
from durwan.backends.queries.sqlite_decimals import DecimalPairs, pair_of
from durwan.backends.queries.translation import Term, truth
from durwan.backends.queries.turns import Turns
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.model.types import TIME_MAX, TIME_MIN, Type

# So many values or ranges are compared one by one; more are looked up.
_FEW: Final = 20
# SQLite refuses longer patterns.
_LONGEST_PATTERN: Final = 50_000
# Digits of an instant, counted from the first one that there is.
_INSTANT_DIGITS: Final = 15
_MEMBER: Final = Fragment(("durwan_one.value",))
# How many entries of a packed table are not above what is wanted, by halving.
_SEARCH: Final = """\
(WITH RECURSIVE durwan_search(durwan_low, durwan_high) AS (SELECT 0, {count} UNION ALL \
SELECT CASE WHEN substr({table}, 1 + {width} * ((durwan_low + durwan_high) / 2), {width}) <= {wanted} \
THEN (durwan_low + durwan_high) / 2 + 1 ELSE durwan_low END, \
CASE WHEN substr({table}, 1 + {width} * ((durwan_low + durwan_high) / 2), {width}) <= {wanted} \
THEN durwan_high ELSE (durwan_low + durwan_high) / 2 END \
FROM durwan_search WHERE durwan_low < durwan_high) \
SELECT durwan_low FROM durwan_search WHERE durwan_low = durwan_high)"""


class SqliteTranslation(SqlTranslation):
    """Translates the condition of a filter for SQLite."""

    # -------------------------------------------------------------------------------------------------------- values

    def read(self, column: Fragment, declared: Type) -> Term[Fragment]:  # noqa: D102 - as in the base
        match declared:
            case types.Number(low, high):
                return self._pairs.read(column, low, high)
            case types.SetOf(element):
                return Term(declared, (self._read_set(column, element),))
            case types.Network():
                return Term(declared, (self._read_network(column),))
            case _:
                return Term(declared, (_read_one(column, declared),))

    @property
    def _pairs(self) -> DecimalPairs:
        return DecimalPairs(self.steps)

    def unknown(self, declared: Type) -> Term[Fragment]:  # noqa: D102 - as in the base
        null = sql("NULL")
        return Term(declared, (null, null) if isinstance(declared, types.Number) else (null,))

    def literal(self, value: Any, declared: Type) -> Term[Fragment]:  # noqa: D102 - as in the base
        match declared:
            case types.Bool():
                return truth(sql("TRUE" if value else "FALSE"))
            case types.Number():
                return Term(declared, tuple(map(parameter, pair_of(value))))
            case types.Address():
                return Term(declared, (parameter(in_sixteen(value)),))
            case _:
                return Term(declared, (parameter(value),))

    def default(self, term: Term[Fragment], fallback: Term[Fragment]) -> Term[Fragment]:  # noqa: D102 - as in the base
        pairs = zip(term.values, fallback.values, strict=True)
        return Term(term.type, tuple(sql("coalesce({}, {})", *pair) for pair in pairs))

    def decimal_of(self, term: Term[Fragment]) -> Term[Fragment]:  # noqa: D102 - as in the base
        return self._pairs.of_int(term.value)

    # --------------------------------------------------------------------------------------------------------- tests

    def sum(self, sign: str, left: Term[Fragment], right: Term[Fragment], result: Type) -> Term[Fragment]:  # noqa: D102 - as in the base
        if isinstance(result, types.Number):
            return self._pairs.sum(sign, left, right)
        return Term(result, (self._whole(sql(f"({{}} {sign} {{}})", left.value, right.value)),))

    def product(self, term: Term[Fragment], factor: int | Decimal, result: Type) -> Term[Fragment]:  # noqa: D102 - as in the base
        if isinstance(result, types.Number):
            return self._pairs.product(term, factor)
        return Term(result, (self._whole(sql("({} * {})", term.value, parameter(factor))),))

    def _whole(self, number: Fragment) -> Fragment:
        """The number, if 64 bits held it."""
        return sql("CASE WHEN typeof({n}) = 'integer' THEN {n} END", n=self.steps.bind(number))

    def is_member(self, term: Term[Fragment], members: Sequence[Any]) -> Fragment:  # noqa: D102 - as in the base
        if isinstance(term.type, types.Number):
            rows = [sql("({}, {})", *self.literal(each, term.type).values) for each in members]
            return sql("(({}, {}) IN (VALUES {}))", *term.values, listed(rows))
        if isinstance(term.type, types.Bool | types.Address):
            return sql("({} IN ({}))", term.value, listed([self.literal(each, term.type).value for each in members]))
        return sql("({} IN {})", term.value, _one_of(members))

    def in_network(self, address: Term[Fragment], network: NetworkSet) -> Fragment:  # noqa: D102 - as in the base
        found = ranges_in_sixteen(network)
        place = self.steps.bind(address.value)
        if len(found) <= _FEW:
            tests = [sql("({} BETWEEN {} AND {})", place, parameter(first), parameter(last)) for first, last in found]
            return junction("OR", tests)
        return if_known([place], sql("({} % 2 = 1)", self._places(breaks(found), 16, place)))

    def in_network_of(self, address: Term[Fragment], network: Term[Fragment]) -> Fragment:  # noqa: D102 - as in the base
        place = self.steps.bind(address.value)
        found = sql(
            "EXISTS (SELECT 1 FROM json_each({}) AS durwan_one "
            "WHERE hex({}) BETWEEN substr(durwan_one.value, 1, 32) AND substr(durwan_one.value, 33))",
            network.value,
            place,
        )
        return if_known([place, network.value], found)

    def in_window(self, instant: Term[Fragment], found: Turns) -> Fragment:  # noqa: D102 - as in the base
        digits = sql(
            f"CASE WHEN {{t}} BETWEEN {TIME_MIN} AND {TIME_MAX} "
            f"THEN CAST(printf('%0{_INSTANT_DIGITS}d', {{t}} + {-TIME_MIN}) AS BLOB) END",
            t=self.steps.bind(instant.value),
        )
        starts = [f"{start - TIME_MIN:0{_INSTANT_DIGITS}d}".encode() for start in found.starts]
        answers = "".join({True: "t", False: "f", None: "u"}[answer] for answer in found.answers)
        place = self._places(starts, _INSTANT_DIGITS, self.steps.bind(digits))
        return sql("CASE substr({}, {}, 1) WHEN 't' THEN TRUE WHEN 'f' THEN FALSE END", parameter(answers), place)

    def _places(self, table: Sequence[bytes], width: int, wanted: Fragment) -> Fragment:
        """How many entries of a sorted table are not above what is wanted; none for NULL."""
        packed, count = parameter(b"".join(table)), parameter(len(table))
        return self.steps.bind(sql(_SEARCH, table=packed, count=count, width=parameter(width), wanted=wanted))

    def like(self, text: Term[Fragment], parts: Sequence[str]) -> Fragment:  # noqa: D102 - as in the base
        pattern = "*".join("".join(f"[{each}]" if each in "*?[" else each for each in part) for part in parts)
        if len(pattern.encode()) > _LONGEST_PATTERN:
            raise NoFormError("SQLite takes patterns of at most 50,000 bytes")
        return sql("({} GLOB {})", text.value, parameter(pattern))

    # ---------------------------------------------------------------------------------------------- sets and networks

    def has(self, held: Term[Fragment], one: Term[Fragment]) -> Fragment:  # noqa: D102 - as in the base
        wanted = self.steps.bind(one.value)
        return if_known([held.value, wanted], sql("({} IN ({}))", wanted, _members(held.value)))

    def has_at_least(self, held: Term[Fragment], wanted: Sequence[Any], least: int) -> Fragment:  # noqa: D102 - as in the base
        found = sql(
            "((SELECT count(DISTINCT durwan_one.value) FROM json_each({}) AS durwan_one "
            "WHERE durwan_one.value IN {}) >= {})",
            held.value,
            _one_of(wanted),
            parameter(least),
        )
        return if_known([held.value], found)

    def _read_set(self, column: Fragment, element: types.String | types.Scope | types.Int) -> Fragment:
        kind = "integer" if isinstance(element, types.Int) else "text"
        one = _read_one(_MEMBER, element)
        array = self._read_array(column, sql(f"durwan_one.type <> '{kind}' OR {{}} IS NULL", one))
        return self._with_included(array) if isinstance(element, types.Scope) else array

    def _read_network(self, column: Fragment) -> Fragment:
        is_odd = "durwan_one.type <> 'text' OR length({one}) <> 64 OR {one} GLOB '*[^0-9A-F]*'"
        return self._read_array(column, sql(is_odd, one=_MEMBER))

    def _read_array(self, column: Fragment, is_odd: Fragment) -> Fragment:
        """The text of a JSON array of which no member is odd."""
        # Each of these is asked only after the one before it, or it would raise.
        array = self.steps.bind(
            sql(
                "CASE WHEN typeof({c}) = 'text' THEN CASE WHEN json_valid({c}) AND instr({c}, {nul}) = 0 "
                "THEN CASE WHEN json_type({c}) = 'array' THEN {c} END END END",
                c=column,
                nul=parameter(JSON_NUL),
            )
        )
        whole = "CASE WHEN NOT EXISTS (SELECT 1 FROM json_each({array}) AS durwan_one WHERE {odd}) THEN {array} END"
        return self.steps.bind(sql(whole, array=array, odd=is_odd))

    def _with_included(self, array: Fragment) -> Fragment:
        """Scopes with all that they include."""
        pairs = self.inclusions()
        if not pairs:
            return array
        included = sql(
            "(SELECT json_group_array(durwan_scope) FROM (SELECT value AS durwan_scope FROM json_each({array}) UNION "
            "SELECT json_extract(durwan_pair.value, '$[1]') FROM json_each({pairs}) AS durwan_pair "
            "WHERE json_extract(durwan_pair.value, '$[0]') IN ({members})))",
            array=array,
            pairs=parameter(json.dumps(pairs)),
            members=_members(array),
        )
        return self.steps.bind(if_known([array], included))


def _one_of(values: Sequence[str] | Sequence[int]) -> Fragment:
    if len(values) <= _FEW:
        return sql("({})", listed([parameter(each) for each in values]))
    return sql("({})", _members(parameter(json.dumps(values))))


def _members(array: Fragment) -> Fragment:
    """The members of a JSON array."""
    return sql("SELECT durwan_one.value FROM json_each({}) AS durwan_one", array)


def _read_one(column: Fragment, declared: Type) -> Fragment:
    """A value of a type that one column of SQLite has; NULL where it is not of the type."""
    match declared:
        case types.Bool():
            test = sql("typeof({c}) = 'integer' AND {c} IN (0, 1)", c=column)
        case types.Int(int() as low, int() as high):
            bounds = sql("{} AND {}", parameter(low), parameter(high))
            test = sql("typeof({c}) = 'integer' AND {c} BETWEEN {bounds}", c=column, bounds=bounds)
        case types.Time():
            test = sql(f"typeof({{c}}) = 'integer' AND {{c}} BETWEEN {TIME_MIN} AND {TIME_MAX}", c=column)
        case types.Int() | types.Duration():
            test = sql("typeof({c}) = 'integer'", c=column)
        case types.String(tuple() as choices):
            test = sql("typeof({c}) = 'text' AND {c} IN ({all})", c=column, all=listed([*map(parameter, choices)]))
        case types.Address():
            test = sql("typeof({c}) = 'blob' AND length({c}) = 16", c=column)
        case _:  # a string or a scope; what has a NUL in it is another text to some functions than to others
            test = sql("typeof({c}) = 'text' AND instr({c}, char(0)) = 0", c=column)
    return sql("CASE WHEN {} THEN {} END", test, column)


__all__ = ["SqliteTranslation"]
