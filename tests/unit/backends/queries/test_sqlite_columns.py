"""What columns of SQLite say, whatever is in them, and what its parser takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from durwan.backends.queries.filter_error import FilterError
from durwan.backends.queries.forms import stored
from durwan.model import types
from durwan.model.types import INT64_MAX, INT64_MIN
from durwan.model.values import read_value
from durwan.program import nodes
from durwan.program.nodes import Expression
from tests.unit.backends.queries.asking import attribute, condition, in_sqlite, program_of
from tests.unit.model.test_values import NAMES, SOURCES, TYPES

HOUR = 3_600_000


@pytest.mark.parametrize("name", TYPES)
def test_every_value_of_the_corpus_is_known_as_it_is_to_the_reference(name: str) -> None:
    """What a request says, written into the column of its attribute, is known there just where it is known."""
    declared = TYPES[name]
    rows: list[dict[str, Any]] = []
    wanted: list[tuple[bool]] = []
    for source in SOURCES:
        value = read_value(declared, eval(source, dict(NAMES)))  # noqa: S307 - the corpus is ours
        try:
            rows.append({"a.b": stored(value, declared, "sqlite")})
        except FilterError:
            continue
        wanted.append((value is not None,))
    asked = nodes.IsKnown(operand=attribute("a.b", declared))
    assert in_sqlite(program_of({"a.b": declared}), [asked], rows) == wanted
    assert (True,) in wanted or name == "ip"  # the corpus has no address


# For each type, what a column of SQLite may hold that is not of the type.
NOT: Mapping[str, Sequence[object]] = {
    "bool": [2, -1, 1.0, "1", "true", b"\1"],
    "int": [1.5, "1", b"1", 2.0**63, "x"],
    "int 0..100": [-1, 101, 50.0, "50", INT64_MAX, INT64_MIN],
    "decimal": [0.5, 1e300, "", "-", ".5", "5.", "1e3", "01", "--1", "+1", " 1", "1\0", "1,0", "1.2.3", "1" * 19,
                "0." + "0" * 18 + "1", b"1", "NaN", 10**18, INT64_MIN, "٣"],
    "decimal 0..1": ["1.000000000000000001", "-0.1", 2, -1, 0.5],
    "string": [1, 1.5, b"a", "a\0b"],
    "choices": ["FALSE", " 1", 1, b"1"],
    "ip": ["10.0.0.1", b"\x0a\0\0\1", b"1" * 15, b"1" * 17, 1],
    "network": ["", "x", "{}", '["10.0.0.0/8"]', '["' + "0" * 63 + '"]', '["' + "g" * 64 + '"]', "[1]", "[null]", 1],
    "time": [1.5, "2026-03-02T09:00:00Z", 10**18, -(10**18)],
    "duration": [1.5, "5m"],
    "scope": [1, b"read"],
    "set of string": ["", "x", "[", "{}", '"a"', "[1]", "[null]", '[["a"]]', '["a",true]', '["a\\u0000"]', b'["a"]', 1],
    "set of scope": ["read", '["read",1]'],
    "set of int": ["[1.0]", '["1"]', "[true]", "[9223372036854775808]", "[null]", "1"],
    "set of choices": ['["c"]', '["a","c"]'],
}  # fmt: skip


@pytest.mark.parametrize("name", NOT)
def test_what_is_not_of_its_type_is_unknown(name: str) -> None:
    """A column of SQLite may hold anything; what is not in the form of its attribute is unknown, and raises nothing."""
    asked = nodes.IsKnown(operand=attribute("a.b", TYPES[name]))
    rows = [{"a.b": each} for each in (*NOT[name], None)]
    assert in_sqlite(program_of({"a.b": TYPES[name]}), [asked], rows) == [(False,)] * len(rows)


def test_a_column_compares_by_code_point_however_it_is_declared() -> None:
    """A column that ignores case elsewhere does not here, neither for `==` nor for `in`, `like` and `has`."""
    text = attribute("a.b", types.String())
    conditions = [
        condition("==", text, nodes.StringLiteral(value="buy")),
        condition("in_set", text, nodes.LiteralSet(members=frozenset({"buy", "sell"}), element=types.String())),
        condition("like", text, nodes.StringLiteral(value="b*")),
        condition("has", attribute("a.c", types.SetOf(types.String())), text),
    ]
    program = program_of({"a.b": types.String(), "a.c": types.SetOf(types.String())})
    rows = [{"a.b": "BUY", "a.c": '["buy"]'}, {"a.b": "buy", "a.c": '["buy"]'}]
    assert in_sqlite(program, conditions, rows, "COLLATE NOCASE") == [(False,) * 4, (True,) * 4]


def test_deep_conditions_do_not_exceed_what_a_parser_of_sql_takes() -> None:
    """64 levels of brackets and a hundred sums are computed in steps, and mean what they mean."""
    flag, number = attribute("a.flag", types.Bool()), attribute("a.number", types.Int())
    nested: Expression = flag
    for _ in range(32):
        either = nodes.Or(operands=(flag, nodes.Not(operand=flag)))
        nested = nodes.Not(operand=nodes.And(operands=(nested, either)))
    total: Expression = number
    for _ in range(100):
        total = nodes.Operation(operator="+", operands=(total, nodes.IntLiteral(value=1)), type=types.Int())
    conditions = [nested, condition("==", total, nodes.IntLiteral(value=107))]
    rows = [{"a.flag": 1, "a.number": 7}, {"a.flag": 0, "a.number": 8}, {}]
    got = in_sqlite(program_of({"a.flag": types.Bool(), "a.number": types.Int()}), conditions, rows)
    assert got == [(True, True), (False, False), (None, None)]


def test_texts_that_no_column_can_hold_are_nobodys() -> None:
    """What is compared with a text of half a surrogate pair is different from it, where it is known at all."""
    text, held = attribute("a.b", types.String()), attribute("a.c", types.SetOf(types.String()))
    odd = nodes.StringLiteral(value="\ud800")
    members = nodes.LiteralSet(members=frozenset({"\ud800", "a"}), element=types.String())
    pattern = nodes.StringLiteral(value="\0*")
    conditions = [
        condition("==", text, odd), condition("!=", odd, text), condition("in_set", text, members),
        condition("has", held, odd), condition("has_any", held, members), condition("has_all", held, members),
        condition("like", text, pattern),
    ]  # fmt: skip
    program = program_of({"a.b": types.String(), "a.c": types.SetOf(types.String())})
    got = in_sqlite(program, conditions, [{"a.b": "a", "a.c": '["a"]'}, {"a.b": "b", "a.c": "[]"}, {}])
    assert got == [(False, True, True, False, True, False, False), (False, True) + (False,) * 5, (None,) * 7]
    with pytest.raises(FilterError, match="default"):
        in_sqlite(program, [condition("==", nodes.Default(operand=text, fallback=odd), text)], [])
