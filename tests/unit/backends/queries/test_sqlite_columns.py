"""What columns of SQLite say, whatever is in them; and exact arithmetic in a database that has none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from durwan.backends.queries.filter_error import FilterError
from durwan.backends.queries.forms import stored
from durwan.model import types
from durwan.model.address import NetworkSet, network_range, parse_network
from durwan.model.calendar import Calendar
from durwan.model.request import Attributes, no_keys
from durwan.model.types import INT64_MAX, INT64_MIN, Type
from durwan.model.values import EXACT, read_value
from durwan.model.window import CalendarSpan, WeeklySpan, build_window
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import like, meaning_of
from durwan.program.reference import Evaluation
from tests.unit.backends.queries.asking import LONG, in_sqlite, program_of
from tests.unit.model.test_values import NAMES, SOURCES, TYPES

HOUR = 3_600_000


def _attribute(name: str, declared: Type) -> nodes.Attribute:
    return nodes.Attribute(path=name, type=declared)


def _test(operator: str, *operands: Expression) -> nodes.Operation:
    return nodes.Operation(operator=operator, operands=operands, type=types.Bool())


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
    condition = nodes.IsKnown(operand=_attribute("a.b", declared))
    assert in_sqlite(program_of({"a.b": declared}), [condition], rows) == wanted
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
    condition = nodes.IsKnown(operand=_attribute("a.b", TYPES[name]))
    rows = [{"a.b": each} for each in (*NOT[name], None)]
    assert in_sqlite(program_of({"a.b": TYPES[name]}), [condition], rows) == [(False,)] * len(rows)


def test_a_column_compares_by_code_point_however_it_is_declared() -> None:
    """A column that ignores case elsewhere does not here, neither for `==` nor for `in`, `like` and `has`."""
    text = _attribute("a.b", types.String())
    conditions = [
        _test("==", text, nodes.StringLiteral(value="buy")),
        _test("in_set", text, nodes.LiteralSet(members=frozenset({"buy", "sell"}), element=types.String())),
        _test("like", text, nodes.StringLiteral(value="b*")),
        _test("has", _attribute("a.c", types.SetOf(types.String())), text),
    ]
    program = program_of({"a.b": types.String(), "a.c": types.SetOf(types.String())})
    rows = [{"a.b": "BUY", "a.c": '["buy"]'}, {"a.b": "buy", "a.c": '["buy"]'}]
    assert in_sqlite(program, conditions, rows, "COLLATE NOCASE") == [(False,) * 4, (True,) * 4]


PATTERNS = ("*", "", "a*b", "*a", "[a]*", "?", "a?*", "%_", "*[^a]*", r"\*", "ab", "*]*", "é*", "a**b", "-*-")
TEXTS = ("", "a", "ab", "aXb", "AB", "[a]x", "?", "a?", "%_", "x[^a]", "*", "]", "é", "éa", "\n", "a\nb", "--", "-")


def test_patterns_mean_what_they_mean_to_the_reference() -> None:
    """No character of a pattern but the star is special."""
    text = _attribute("a.b", types.String())
    conditions = [_test("like", text, nodes.StringLiteral(value=pattern)) for pattern in PATTERNS]
    got = in_sqlite(program_of({"a.b": types.String()}), conditions, [{"a.b": each} for each in TEXTS])
    assert got == [tuple(like(text, pattern) for pattern in PATTERNS) for text in TEXTS]


# --------------------------------------------------------------------------------------------------------- arithmetic


def _decimal(random: Random) -> Decimal:
    """A decimal of 18+18 digits, often with few digits or at the edge."""
    digits = random.choice((1, 2, 9, 10, 17, 18, 19, 27, 35, 36))
    number = random.choice((10**digits - 1, 10 ** (digits - 1), random.randrange(10**digits)))
    zeros = random.choice((0, 0, 9, 18)) if digits <= 18 else 0
    return EXACT.scaleb(Decimal(random.choice((-1, 1)) * number * 10**zeros), -18)


def _number(random: Random) -> int | Decimal:
    if random.random() < 0.7:
        return _decimal(random)
    return random.choice((0, 1, -1, INT64_MAX, INT64_MIN, 10**18, random.randrange(-(10**18), 10**18)))


@pytest.mark.parametrize("operator", ["+", "-", "*"])
def test_arithmetic_on_decimals_is_exact_or_unknown(operator: str) -> None:
    """Sums, differences and products of 18+18 digits are those of the reference, and NULL where they overflow."""
    random, wanted_unknown = Random(operator), 0
    kinds: dict[type, Type] = {int: types.Int(), Decimal: types.Number()}
    for _ in range(150):
        right = _number(random)
        lefts = [_number(random) for _ in range(6)]
        kind = random.choice((int, Decimal))
        lefts = [each for each in lefts if type(each) is kind]
        if kind is int and type(right) is int:
            continue
        literal = nodes.IntLiteral(value=right) if isinstance(right, int) else nodes.DecimalLiteral(value=right)
        left = _attribute("a.left", kinds[kind])
        result = nodes.Operation(operator=operator, operands=(left, literal), type=types.Number())
        expected = [meaning_of(operator, types.Number())(each, right) for each in lefts]
        wanted_unknown += expected.count(None)
        rows = [
            {
                "a.left": stored(each, kinds[kind], "sqlite"),
                "a.sum": stored(Decimal(exact or 0), types.Number(), "sqlite"),
            }
            for each, exact in zip(lefts, expected, strict=True)
        ]
        exactly = [_test(sign, result, _attribute("a.sum", types.Number())) for sign in ("==", "<", ">", "<=")]
        got = in_sqlite(program_of({"a.left": kinds[kind], "a.sum": types.Number()}), exactly, rows)
        unknown = (None,) * 4
        assert got == [unknown if exact is None else (True, False, False, True) for exact in expected], (lefts, right)
    assert wanted_unknown > 20


def test_whole_numbers_overflow_into_unknown_and_stay_so() -> None:
    """A sum that 64 bits do not hold is unknown, and so is what is made of it, even if it would fit again."""
    number = _attribute("a.b", types.Int())

    def plus(left: Expression, value: int) -> nodes.Operation:
        return nodes.Operation(operator="+", operands=(left, nodes.IntLiteral(value=value)), type=types.Int())

    back = plus(plus(number, 1), -1)
    conditions = [
        _test("==", back, number),
        _test(">", nodes.Default(operand=back, fallback=nodes.IntLiteral(value=7)), nodes.IntLiteral(value=0)),
    ]
    got = in_sqlite(program_of({"a.b": types.Int()}), conditions, [{"a.b": INT64_MAX}, {"a.b": 5}, {"a.b": None}])
    assert got == [(None, True), (True, True), (None, True)]


def test_deep_conditions_do_not_exceed_what_a_parser_of_sql_takes() -> None:
    """64 levels of brackets and a hundred sums are computed in steps, and mean what they mean."""
    flag, number = _attribute("a.flag", types.Bool()), _attribute("a.number", types.Int())
    condition: Expression = flag
    for _ in range(32):
        condition = nodes.Not(
            operand=nodes.And(operands=(condition, nodes.Or(operands=(flag, nodes.Not(operand=flag)))))
        )
    total: Expression = number
    for _ in range(100):
        total = nodes.Operation(operator="+", operands=(total, nodes.IntLiteral(value=1)), type=types.Int())
    conditions = [condition, _test("==", total, nodes.IntLiteral(value=107))]
    rows = [{"a.flag": 1, "a.number": 7}, {"a.flag": 0, "a.number": 8}, {}]
    got = in_sqlite(program_of({"a.flag": types.Bool(), "a.number": types.Int()}), conditions, rows)
    assert got == [(True, True), (False, False), (None, None)]


# ------------------------------------------------------------------------------------------------------- large tables


def test_large_networks_and_sets_are_looked_up() -> None:
    """A network of a thousand ranges and a set of ten thousand members answer as the reference does."""
    random = Random(7)
    found = [network_range(random.randbytes(4), random.randrange(12, 33)) for _ in range(700)]
    found += [network_range(b"\x20\x01" + random.randbytes(14), random.randrange(20, 129)) for _ in range(300)]
    everything = parse_network("::/0")
    assert everything is not None
    numbers = frozenset(random.randrange(10**6) for _ in range(10_000))
    program = program_of(
        {"a.ip": types.Address(), "a.number": types.Int()},
        networks={"many": NetworkSet(found), "all6": NetworkSet([*found[:700], everything])},
        sets={"numbers": numbers},
    )
    address, number = _attribute("a.ip", types.Address()), _attribute("a.number", types.Int())
    conditions = [_test("in_network", address, nodes.NamedNetwork(name=name)) for name in ("many", "all6")]
    conditions.append(_test("in_set", number, nodes.NamedSet(name="numbers", element=types.Int())))
    edges = [edge for each in found for edge in (each.first, each.last)]
    asked = random.sample(edges, 200) + [_moved(each, step) for each in random.sample(edges, 200) for step in (-1, 1)]
    values = [random.choice((*sorted(numbers)[:500], *range(500))) for _ in asked]
    rows = [
        {"a.ip": stored(ip, types.Address(), "sqlite"), "a.number": value}
        for ip, value in zip(asked, values, strict=True)
    ]
    got = in_sqlite(program, conditions, [*rows, {}])
    wanted = [
        (ip in program.networks["many"], ip in program.networks["all6"], value in numbers)
        for ip, value in zip(asked, values, strict=True)
    ]
    assert got == [*wanted, (None, None, None)]
    assert {each[0] for each in wanted} == {each[2] for each in wanted} == {True, False}


def _moved(packed: bytes, step: int) -> bytes:
    number = (int.from_bytes(packed, "big") + step) % (1 << (8 * len(packed)))
    return number.to_bytes(len(packed), "big")


def test_attributes_lie_in_windows_as_the_reference_says() -> None:
    """Wall clocks, half-open ends and calendars: each edge of a window, and the instants beside it."""
    session = ((10 * HOUR, 12 * HOUR), (13 * HOUR, 17 * HOUR))
    calendar = Calendar("XTST", 0, 48 * HOUR, (session,))
    program = program_of(
        {"a.at": types.Time()},
        windows={
            "desk": build_window([WeeklySpan(frozenset(range(5)), 8 * HOUR, 18 * HOUR, "Europe/London")]),
            "night": build_window([WeeklySpan(frozenset({4, 5}), 22 * HOUR, 6 * HOUR, "America/New_York")]),
            "session": build_window([CalendarSpan("XTST", pre=HOUR)], [], {"XTST": calendar}),
        },
    )
    conditions = [
        _test("in_window", _attribute("a.at", types.Time()), nodes.NamedWindow(name=name)) for name in program.windows
    ]
    random = Random(3)
    instants = [hour * HOUR + step for hour in range(-24, 24 * 9) for step in (-1, 0)]
    instants += [random.randrange(-LONG, LONG) // HOUR * HOUR for _ in range(300)]
    got = in_sqlite(program, conditions, [{"a.at": instant} for instant in instants])
    wanted = [tuple(window.contains(instant) for window in program.windows.values()) for instant in instants]
    assert got == wanted
    assert {each[2] for each in wanted} == {True, False, None}


def test_texts_that_no_column_can_hold_are_nobodys() -> None:
    """What is compared with a text of half a surrogate pair is different from it, where it is known at all."""
    text, held = _attribute("a.b", types.String()), _attribute("a.c", types.SetOf(types.String()))
    odd = nodes.StringLiteral(value="\ud800")
    members = nodes.LiteralSet(members=frozenset({"\ud800", "a"}), element=types.String())
    pattern = nodes.StringLiteral(value="\0*")
    conditions = [
        _test("==", text, odd), _test("!=", odd, text), _test("in_set", text, members), _test("has", held, odd),
        _test("has_any", held, members), _test("has_all", held, members), _test("like", text, pattern),
    ]  # fmt: skip
    program = program_of({"a.b": types.String(), "a.c": types.SetOf(types.String())})
    got = in_sqlite(program, conditions, [{"a.b": "a", "a.c": '["a"]'}, {"a.b": "b", "a.c": "[]"}, {}])
    assert got == [(False, True, True, False, True, False, False), (False, True) + (False,) * 5, (None,) * 7]
    with pytest.raises(FilterError, match="default"):
        in_sqlite(program, [_test("==", nodes.Default(operand=text, fallback=odd), text)], [])


def test_networks_in_a_column_hold_addresses_as_the_reference_says() -> None:
    """Both families, mapped addresses among them, and a network of everything, which holds no IPv4 address."""
    texts: Sequence[Sequence[str]] = (["10.0.0.0/8"], ["::/0"], ["0.0.0.0/0", "2001:db8::/32"], ["::ffff:10.0.0.1"], [])
    addresses = ("10.0.0.1", "11.0.0.0", "2001:db8::1", "::1", "::ffff:10.0.0.1")
    attributes: dict[str, Type] = {"a.ip": types.Address(), "a.held": types.Network()}
    condition = _test("in_network", _attribute("a.ip", types.Address()), _attribute("a.held", types.Network()))
    program = program_of(attributes)
    requests = [{"a": {"ip": ip, "held": list(held)}} for held in texts for ip in addresses]
    read = [Attributes(program.schema, request, no_keys) for request in requests]
    rows = [{path: stored(each.read(path), kind, "sqlite") for path, kind in attributes.items()} for each in read]
    wanted = [(Evaluation(program, each, 0).read(condition).value,) for each in read]
    assert in_sqlite(program, [condition], rows) == wanted
    assert json.loads(str(rows[0]["a.held"])) == [
        "00000000000000000000FFFF0A000000" + "00000000000000000000FFFF0AFFFFFF"
    ]
