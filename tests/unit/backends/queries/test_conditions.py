"""What conditions mean in each form of a query: exact numbers, patterns, large tables, windows, networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from durwan.model import types
from durwan.model.address import NetworkSet, network_range, parse_network
from durwan.model.calendar import Calendar
from durwan.model.request import Attributes, no_keys
from durwan.model.types import INT64_MAX, INT64_MIN, Type
from durwan.model.values import EXACT
from durwan.model.window import CalendarSpan, WeeklySpan, build_window
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import like, meaning_of
from durwan.program.reference import Evaluation
from tests.unit.backends.queries.asking import LONG, Ask, asking, attribute, condition, program_of

HOUR = 3_600_000


@pytest.fixture(scope="module", params=["sqlite", "polars", "postgresql"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """What asks a table; in PostgreSQL where there is one."""
    with asking(request.param) as asked:
        yield asked


PATTERNS = (
    "*", "", "a*b", "*a", "[a]*", "?", "a?*", "%_", "*[^a]*", r"\*", "ab", "*]*", "é*", "a**b", "-*-", "a\\b*", "*.",
    "# *",
)  # fmt: skip
TEXTS = (
    "", "a", "ab", "aXb", "AB", "[a]x", "?", "a?", "%_", "x[^a]", "*", "]", "é", "éa", "\n", "a\nb", "--", "-", "a\\b",
    "x.", "# \t", "aé\U0001f600b",
)  # fmt: skip


def test_patterns_mean_what_they_mean_to_the_reference(ask: Ask) -> None:
    """No character of a pattern but the star is special."""
    text = attribute("a.b", types.String())
    conditions = [condition("like", text, nodes.StringLiteral(value=pattern)) for pattern in PATTERNS]
    got = ask(program_of({"a.b": types.String()}), conditions, [{"a.b": each} for each in TEXTS])
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


KINDS: dict[type, Type] = {int: types.Int(), Decimal: types.Number()}


@pytest.mark.parametrize("operator", ["+", "-", "*"])
def test_arithmetic_on_decimals_is_exact_or_unknown(ask: Ask, operator: str) -> None:
    """Sums, differences and products of 18+18 digits are those of the reference, and null where they overflow."""
    random, unknown = Random(operator), 0
    for _ in range(80):
        right, kind = _number(random), random.choice((int, Decimal))
        lefts = [each for each in (_number(random) for _ in range(8)) if type(each) is kind]
        if kind is int and type(right) is int:
            continue
        literal = nodes.IntLiteral(value=right) if isinstance(right, int) else nodes.DecimalLiteral(value=right)
        operands = (attribute("a.left", KINDS[kind]), literal)
        result = nodes.Operation(operator=operator, operands=operands, type=types.Number())
        exact = [meaning_of(operator, types.Number())(each, right) for each in lefts]
        rows = [{"a.left": each, "a.sum": total or Decimal(0)} for each, total in zip(lefts, exact, strict=True)]
        tests = [condition(sign, result, attribute("a.sum", types.Number())) for sign in ("==", "<", ">", "<=")]
        got = ask(program_of({"a.left": KINDS[kind], "a.sum": types.Number()}), tests, rows)
        assert got == [(None,) * 4 if each is None else (True, False, False, True) for each in exact], (lefts, right)
        unknown += exact.count(None)
    assert unknown > 20


def test_whole_numbers_overflow_into_unknown_and_stay_so(ask: Ask) -> None:
    """A sum that 64 bits do not hold is unknown, and so is what is made of it, even if it would fit again."""
    number = attribute("a.b", types.Int())

    def plus(left: Expression, value: int) -> nodes.Operation:
        return nodes.Operation(operator="+", operands=(left, nodes.IntLiteral(value=value)), type=types.Int())

    back = plus(plus(number, 1), -1)
    seven = nodes.Default(operand=back, fallback=nodes.IntLiteral(value=7))
    conditions = [condition("==", back, number), condition("==", seven, nodes.IntLiteral(value=7))]
    got = ask(program_of({"a.b": types.Int()}), conditions, [{"a.b": INT64_MAX}, {"a.b": 5}, {"a.b": None}])
    assert got == [(None, True), (True, False), (None, True)]


# ------------------------------------------------------------------------------------------------------- large tables


def test_large_networks_and_sets_are_looked_up(ask: Ask) -> None:
    """A network of a thousand ranges and sets of ten thousand members answer as the reference does."""
    random = Random(7)
    found = [network_range(random.randbytes(4), random.randrange(12, 33)) for _ in range(700)]
    found += [network_range(b"\x20\x01" + random.randbytes(14), random.randrange(20, 129)) for _ in range(300)]
    ends = [each for text in ("::/0", "255.0.0.0/8") if (each := parse_network(text)) is not None]
    numbers = frozenset(random.randrange(10**6) for _ in range(10_000))
    networks = {"many": NetworkSet(found), "ends": NetworkSet([*found[:700], *ends])}
    names = frozenset(f"n{each}" for each in numbers)
    program = program_of(
        {"a.ip": types.Address(), "a.number": types.Int(), "a.held": types.SetOf(types.String())},
        networks=networks,
        sets={"numbers": numbers, "names": names},
    )
    held = attribute("a.held", types.SetOf(types.String()))
    wanted_names = nodes.NamedSet(name="names", element=types.String())
    conditions = [
        *(
            condition("in_network", attribute("a.ip", types.Address()), nodes.NamedNetwork(name=name))
            for name in networks
        ),
        condition("in_set", attribute("a.number", types.Int()), nodes.NamedSet(name="numbers", element=types.Int())),
        condition("has_any", held, wanted_names),
        condition("has_at_least", held, wanted_names, nodes.IntLiteral(value=2)),
    ]
    edges = [edge for each in (*found, *ends) for edge in (each.first, each.last)]
    asked = random.sample(edges, 200) + [_moved(each, step) for each in random.sample(edges, 200) for step in (-1, 1)]
    some = [*sorted(numbers)[:500], *range(500)]
    rows: list[dict[str, Any]] = [
        {"a.ip": ip, "a.number": random.choice(some), "a.held": frozenset(f"n{random.choice(some)}" for _ in range(2))}
        for ip in asked
    ]
    wanted = [
        (
            row["a.ip"] in networks["many"], row["a.ip"] in networks["ends"], row["a.number"] in numbers,
            bool(row["a.held"] & names), len(row["a.held"] & names) == 2,
        )
        for row in rows
    ]  # fmt: skip
    assert ask(program, conditions, [*rows, {}]) == [*wanted, (None,) * 5]
    assert all({each[at] for each in wanted} == {True, False} for at in range(5))


def _moved(packed: bytes, step: int) -> bytes:
    number = (int.from_bytes(packed, "big") + step) % (1 << (8 * len(packed)))
    moved = number.to_bytes(len(packed), "big")
    return packed if moved.startswith(bytes(10) + b"\xff\xff") else moved


def test_attributes_lie_in_windows_as_the_reference_says(ask: Ask) -> None:
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
    at = attribute("a.at", types.Time())
    conditions = [condition("in_window", at, nodes.NamedWindow(name=name)) for name in program.windows]
    random = Random(3)
    instants = [hour * HOUR + step for hour in range(-24, 24 * 9) for step in (-1, 0)]
    instants += [random.randrange(-LONG, LONG) // HOUR * HOUR for _ in range(300)]
    got = ask(program, conditions, [{"a.at": instant} for instant in instants])
    wanted = [tuple(window.contains(instant) for window in program.windows.values()) for instant in instants]
    assert got == wanted
    assert {each[2] for each in wanted} == {True, False, None}


def test_networks_in_a_column_hold_addresses_as_the_reference_says(ask: Ask) -> None:
    """Both families, mapped addresses among them, and a network of everything, which holds no IPv4 address."""
    texts: Sequence[Sequence[str]] = (["10.0.0.0/8"], ["::/0"], ["0.0.0.0/0", "2001:db8::/32"], ["::ffff:10.0.0.1"], [])
    addresses = ("10.0.0.1", "11.0.0.0", "2001:db8::1", "::1", "::ffff:10.0.0.1", None)
    attributes: dict[str, Type] = {"a.ip": types.Address(), "a.held": types.Network()}
    asked = condition("in_network", *(attribute(path, kind) for path, kind in attributes.items()))
    program = program_of(attributes)
    requests: list[dict[str, Any]] = [{"a": {"ip": ip, "held": [*held]}} for held in texts for ip in addresses]
    read = [Attributes(program.schema, each, no_keys) for each in (*requests, {"a": {"ip": "::1"}})]
    rows = [{path: each.read(path) for path in attributes} for each in read]
    wanted = [(Evaluation(program, each, 0).read(asked).value,) for each in read]
    assert ask(program, [asked], rows) == wanted
    assert {True, False, None} == {each for (each,) in wanted}
