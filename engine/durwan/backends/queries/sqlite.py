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
from durwan.backends.queries.filter_error import FilterError
from durwan.backends.queries.forms import JSON_NUL, hexadecimal
from durwan.backends.queries.fragments import Fragment, junction, listed, parameter, sql
from durwan.backends.queries.sqlite_decimals import DecimalPairs, pair_of
from durwan.backends.queries.translation import Term, Translation, truth
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
# The names in a search, which no column of the asker has.
_SEARCH: Final = """(WITH RECURSIVE durwan_search(durwan_low, durwan_high) AS (SELECT 0, {} UNION ALL SELECT \
CASE WHEN substr({}, 1 + {} * ((durwan_low + durwan_high) / 2), {}) <= {} \
THEN (durwan_low + durwan_high) / 2 + 1 ELSE durwan_low END, \
CASE WHEN substr({}, 1 + {} * ((durwan_low + durwan_high) / 2), {}) <= {} \
THEN durwan_high ELSE (durwan_low + durwan_high) / 2 END \
FROM durwan_search WHERE durwan_low < durwan_high) \
SELECT durwan_low FROM durwan_search WHERE durwan_low = durwan_high)"""


class SqliteTranslation(Translation):
    """Translates the condition of a filter for SQLite."""

    # -------------------------------------------------------------------------------------------------------- values

    def read(self, column: Fragment, declared: Type) -> Term:  # noqa: D102 - as in the base
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

    def unknown(self, declared: Type) -> Term:  # noqa: D102 - as in the base
        null = sql("NULL")
        return Term(declared, (null, null) if isinstance(declared, types.Number) else (null,))

    def literal(self, value: Any, declared: Type) -> Term:  # noqa: D102 - as in the base
        match declared:
            case types.Bool():
                return truth(sql("TRUE" if value else "FALSE"))
            case types.Number():
                return Term(declared, tuple(map(parameter, pair_of(value))))
            case types.Address():
                return Term(declared, (parameter(in_sixteen(value)),))
            case _:
                return Term(declared, (parameter(value),))

    def default(self, term: Term, fallback: Term) -> Term:  # noqa: D102 - as in the base
        pairs = zip(term.values, fallback.values, strict=True)
        return Term(term.type, tuple(sql("coalesce({}, {})", *pair) for pair in pairs))

    def decimal_of(self, term: Term) -> Term:  # noqa: D102 - as in the base
        return self._pairs.of_int(term.value)

    # --------------------------------------------------------------------------------------------------------- tests

    def compared(self, sign: str, left: Term, right: Term) -> Fragment:  # noqa: D102 - as in the base
        if isinstance(left.type, types.Number):
            return sql(f"(({{}}, {{}}) {sign} ({{}}, {{}}))", *left.values, *right.values)
        return sql(f"({{}} {sign} {{}})", left.value, right.value)

    def sum(self, sign: str, left: Term, right: Term, result: Type) -> Term:  # noqa: D102 - as in the base
        if isinstance(result, types.Number):
            return self._pairs.sum(sign, left, right)
        return Term(result, (self._whole(sql(f"({{}} {sign} {{}})", left.value, right.value)),))

    def product(self, term: Term, factor: int | Decimal, result: Type) -> Term:  # noqa: D102 - as in the base
        if isinstance(result, types.Number):
            return self._pairs.product(term, factor)
        return Term(result, (self._whole(sql("({} * {})", term.value, parameter(factor))),))

    def _whole(self, number: Fragment) -> Fragment:
        """The number, if 64 bits held it."""
        bound = self.steps.bind(number)
        return sql("CASE WHEN typeof({}) = 'integer' THEN {} END", bound, bound)

    def is_member(self, term: Term, members: Sequence[Any]) -> Fragment:  # noqa: D102 - as in the base
        if isinstance(term.type, types.Number):
            rows = [sql("({}, {})", *self.literal(each, term.type).values) for each in members]
            return sql("(({}, {}) IN (VALUES {}))", *term.values, listed(rows))
        if isinstance(term.type, types.Bool | types.Address):
            return sql("({} IN ({}))", term.value, listed(self.literal_list(members, term.type)))
        return sql("({} IN {})", term.value, self._several(members))

    def _several(self, values: Sequence[str] | Sequence[int]) -> Fragment:
        if len(values) <= _FEW:
            return sql("({})", listed([parameter(each) for each in values]))
        return sql("(SELECT durwan_one.value FROM json_each({}) AS durwan_one)", parameter(json.dumps(values)))

    def in_network(self, address: Term, network: NetworkSet) -> Fragment:  # noqa: D102 - as in the base
        found = ranges_in_sixteen(network)
        place = self.steps.bind(address.value)
        if len(found) <= _FEW:
            tests = [sql("({} BETWEEN {} AND {})", place, parameter(first), parameter(last)) for first, last in found]
            return junction("OR", tests)
        passed = self._places(breaks(found), 16, place)
        return sql("CASE WHEN {} IS NOT NULL THEN ({} % 2 = 1) END", place, passed)

    def in_network_of(self, address: Term, network: Term) -> Fragment:  # noqa: D102 - as in the base
        place = self.steps.bind_always(sql("hex({})", address.value))
        return sql(
            "CASE WHEN {} IS NOT NULL AND {} IS NOT NULL THEN EXISTS (SELECT 1 FROM json_each({}) AS durwan_one "
            "WHERE {} BETWEEN substr(durwan_one.value, 1, 32) AND substr(durwan_one.value, 33)) END",
            address.value, network.value, network.value, place,
        )  # fmt: skip

    def in_window(self, instant: Term, found: Turns) -> Fragment:  # noqa: D102 - as in the base
        when = self.steps.bind(instant.value)
        digits = sql(
            f"CASE WHEN {{}} BETWEEN {TIME_MIN} AND {TIME_MAX} "
            f"THEN CAST(printf('%0{_INSTANT_DIGITS}d', {{}} + {-TIME_MIN}) AS BLOB) END",
            when, when,
        )  # fmt: skip
        starts = [f"{start - TIME_MIN:0{_INSTANT_DIGITS}d}".encode() for start in found.starts]
        answers = "".join({True: "t", False: "f", None: "u"}[answer] for answer in found.answers)
        place = self._places(starts, _INSTANT_DIGITS, self.steps.bind_always(digits))
        return sql("CASE substr({}, {}, 1) WHEN 't' THEN TRUE WHEN 'f' THEN FALSE END", parameter(answers), place)

    def _places(self, table: Sequence[bytes], width: int, wanted: Fragment) -> Fragment:
        """How many entries of a sorted table are not above what is wanted; none for NULL."""
        packed, wide = parameter(b"".join(table)), parameter(width)
        probe = (packed, wide, wide, wanted)
        return self.steps.bind(sql(_SEARCH, parameter(len(table)), *probe, *probe))

    def like(self, text: Term, parts: Sequence[str]) -> Fragment:  # noqa: D102 - as in the base
        pattern = "*".join("".join(f"[{each}]" if each in "*?[" else each for each in part) for part in parts)
        if len(pattern.encode()) > _LONGEST_PATTERN:
            raise FilterError("a `like` pattern is too long for SQLite, which takes 50,000 bytes")
        return sql("({} GLOB {})", text.value, parameter(pattern))

    # ---------------------------------------------------------------------------------------------- sets and networks

    def has(self, held: Term, one: Term) -> Fragment:  # noqa: D102 - as in the base
        wanted = self.steps.bind_always(one.value)
        return sql(
            "CASE WHEN {} IS NOT NULL AND {} IS NOT NULL "
            "THEN {} IN (SELECT durwan_one.value FROM json_each({}) AS durwan_one) END",
            held.value, wanted, wanted, held.value,
        )  # fmt: skip

    def has_at_least(self, held: Term, wanted: Sequence[Any], least: int) -> Fragment:  # noqa: D102 - as in the base
        return sql(
            "CASE WHEN {} IS NOT NULL THEN (SELECT count(DISTINCT durwan_one.value) FROM json_each({}) AS durwan_one "
            "WHERE durwan_one.value IN {}) >= {} END",
            held.value, held.value, self._several(wanted), parameter(least),
        )  # fmt: skip

    def _read_set(self, column: Fragment, element: types.String | types.Scope | types.Int) -> Fragment:
        array = self._read_array(column)
        kind = "integer" if isinstance(element, types.Int) else "text"
        one = _read_one(Fragment(("durwan_one.value",)), element)
        is_odd = sql(f"durwan_one.type <> '{kind}' OR {{}} IS NULL", one)
        valid = self.steps.bind(_where_none(array, is_odd))
        return self._with_included(valid) if isinstance(element, types.Scope) else valid

    def _read_network(self, column: Fragment) -> Fragment:
        array = self._read_array(column)
        is_odd = sql(
            "durwan_one.type <> 'text' OR length(durwan_one.value) <> 64 OR durwan_one.value GLOB '*[^0-9A-F]*'"
        )
        return self.steps.bind(_where_none(array, is_odd))

    def _read_array(self, column: Fragment) -> Fragment:
        """The text of a JSON array. Each question is asked only after the one before it, or it would raise."""
        return self.steps.bind(
            sql(
                "CASE WHEN typeof({}) = 'text' THEN CASE WHEN json_valid({}) AND instr({}, {}) = 0 "
                "THEN CASE WHEN json_type({}) = 'array' THEN {} END END END",
                column, column, column, parameter(JSON_NUL), column, column,
            )  # fmt: skip
        )

    def _with_included(self, array: Fragment) -> Fragment:
        """Scopes with all that they include."""
        held = self.program.schema.scopes
        pairs = sorted((one, each) for one, includes in held.items() for each in includes if each != one)
        if not pairs:
            return array
        return self.steps.bind(
            sql(
                "CASE WHEN {} IS NOT NULL THEN (SELECT json_group_array(durwan_scope) FROM ("
                "SELECT durwan_one.value AS durwan_scope FROM json_each({}) AS durwan_one UNION "
                "SELECT json_extract(durwan_pair.value, '$[1]') FROM json_each({}) AS durwan_pair "
                "WHERE json_extract(durwan_pair.value, '$[0]') IN "
                "(SELECT durwan_one.value FROM json_each({}) AS durwan_one))) END",
                array, array, parameter(json.dumps(pairs)), array,
            )  # fmt: skip
        )


def _where_none(array: Fragment, is_odd: Fragment) -> Fragment:
    """The array, if no member is odd."""
    return sql(
        "CASE WHEN NOT EXISTS (SELECT 1 FROM json_each({}) AS durwan_one WHERE {}) THEN {} END", array, is_odd, array
    )


def _read_one(column: Fragment, declared: Type) -> Fragment:
    """A value of a type that one column of SQLite has; NULL where it is not of the type."""
    match declared:
        case types.Bool():
            test = sql("typeof({}) = 'integer' AND {} IN (0, 1)", column, column)
        case types.Int(int() as low, int() as high):
            test = sql("typeof({}) = 'integer' AND {} BETWEEN {} AND {}", column, column, parameter(low), parameter(high))
        case types.Time():
            test = sql(f"typeof({{}}) = 'integer' AND {{}} BETWEEN {TIME_MIN} AND {TIME_MAX}", column, column)
        case types.Int() | types.Duration():
            test = sql("typeof({}) = 'integer'", column)
        case types.String(tuple() as choices):
            test = sql("typeof({}) = 'text' AND {} IN ({})", column, column, listed([*map(parameter, choices)]))
        case types.Address():
            test = sql("typeof({}) = 'blob' AND length({}) = 16", column, column)
        case _:  # a string or a scope; what has a NUL in it is another text to some functions than to others
            test = sql("typeof({}) = 'text' AND instr({}, char(0)) = 0", column, column)
    return sql("CASE WHEN {} THEN {} END", test, column)


__all__ = ["SqliteTranslation"]
