"""Reading values: what is known, what is unknown, and that nothing raises or turns into something else."""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import json
from collections.abc import Mapping
from datetime import UTC, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durwan.model import types
from durwan.model.types import INT64_MAX, INT64_MIN, TIME_MAX, TIME_MIN
from durwan.model.values import (
    StringSet,
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
    read_value,
    sorted_values,
    within_digits,
)

CORPUS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "corpora" / "values.json").read_text(encoding="utf-8")
)
NAMES: Mapping[str, object] = {"decimal": decimal, "fractions": fractions, "datetime": dt}
SOURCES: list[str] = [row["py"] for row in CORPUS if "py" in row]

TYPES: Mapping[str, types.Type] = {
    "bool": types.Bool(),
    "int": types.Int(),
    "int 0..100": types.Int(0, 100),
    "decimal": types.Number(),
    "decimal 0..1": types.Number(Decimal(0), Decimal(1)),
    "string": types.String(),
    "choices": types.String(("", "1", "false")),
    "ip": types.Address(),
    "network": types.Network(),
    "time": types.Time(),
    "duration": types.Duration(),
    "scope": types.Scope(),
    "set of string": types.SetOf(types.String()),
    "set of scope": types.SetOf(types.Scope()),
    "set of int": types.SetOf(types.Int()),
    "set of choices": types.SetOf(types.String(("a", "b"))),
}
NUMBERS = {"int", "decimal", "time", "duration"}
SMALL = NUMBERS | {"int 0..100", "decimal 0..1"}
TEXTS = {"string", "scope"}
EMPTY = {"network", "set of string", "set of scope", "set of int", "set of choices"}
# As which types each value of the corpus is known; as every other type it is unknown.
KNOWN: Mapping[str, set[str]] = {
    "True": {"bool"},
    "False": {"bool"},
    "0": SMALL,
    "-0.0": {"int", "int 0..100", "decimal", "decimal 0..1"},
    "1": SMALL,
    "1.0": {"int", "int 0..100", "decimal", "decimal 0..1"},
    '"1"': {*TEXTS, "int", "int 0..100", "decimal", "decimal 0..1", "choices"},
    "2**53": {"int", "decimal", "duration"},
    "2**53+1": {"int", "decimal", "duration"},
    "float(2**53)": {"int", "decimal"},
    "0.1+0.2": {"decimal", "decimal 0..1"},
    'decimal.Decimal("0.3")': {"decimal", "decimal 0..1"},
    '""': {*TEXTS, "choices"},
    '" "': TEXTS,
    '"admin\\n"': TEXTS,
    '"admin\\x00"': TEXTS,
    '"\\ud800"': TEXTS,
    '"\\u212a"': TEXTS,
    '"e\\u0301"': TEXTS,
    '"\\u00e9"': TEXTS,
    '"false"': {*TEXTS, "choices"},
    "[]": EMPTY,
    "set()": EMPTY,
    "datetime.datetime(2024,1,1,tzinfo=datetime.timezone.utc)": {"time"},
    '"x"*10_000_000': TEXTS,
}


def corpus_value(source: str) -> Any:
    return eval(source, dict(NAMES))  # noqa: S307 - our own corpus


def test_the_table_of_known_values_is_about_the_corpus() -> None:
    """Every row of the table is a row of the corpus."""
    assert set(KNOWN) <= set(SOURCES)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("source", SOURCES, ids=[source[:40] for source in SOURCES])
def test_every_value_of_the_corpus_as_every_type(source: str, kind: str) -> None:
    """Known exactly where the table says so; nothing raises."""
    found = read_value(TYPES[kind], corpus_value(source))
    assert (found is not None) == (kind in KNOWN.get(source, set()))


@pytest.mark.parametrize("kind", TYPES)
def test_a_known_value_has_the_type_it_was_read_as(kind: str) -> None:
    """A bool is never a number and a number never a bool; text stays text, except for exact numbers."""
    exact: dict[str, tuple[type, ...]] = {
        "bool": (bool,), "int": (int,), "int 0..100": (int,), "decimal": (int, Decimal), "decimal 0..1": (int, Decimal),
        "string": (str,), "choices": (str,), "scope": (str,), "time": (int,), "duration": (int,),
    }  # fmt: skip
    for source in SOURCES:
        found = read_value(TYPES[kind], corpus_value(source))
        if found is not None and kind in exact:
            assert type(found) in exact[kind]
        if kind in {"string", "scope", "choices"} and found is not None:
            assert found == corpus_value(source)


class Text(str):
    """A text that is equal to everything."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return str.__hash__(self)


class Number(int):
    """A number that compares as it likes."""

    def __le__(self, other: object) -> bool:
        return True

    def __ge__(self, other: object) -> bool:
        return True


class Fraction(float):
    """A float of a kind of its own."""


class Exact(Decimal):
    """A decimal of a kind of its own."""


class Items(list[str]):
    """A list that iterates as it likes."""


class Moment(dt.datetime):
    """A point in time of a kind of its own."""


def _text(_: object) -> type[str]:
    return str


# An object that says that it is a str.
DISGUISE: object = type("Disguise", (), {"__class__": property(_text)})()


class Bomb:
    """Raises whatever is asked of it."""

    def __eq__(self, other: object) -> NoReturn:
        raise ZeroDivisionError

    def __hash__(self) -> NoReturn:
        raise ZeroDivisionError

    def __bool__(self) -> NoReturn:
        raise ZeroDivisionError

    def __iter__(self) -> NoReturn:
        raise ZeroDivisionError

    def __len__(self) -> NoReturn:
        raise ZeroDivisionError

    def __getattr__(self, name: str) -> NoReturn:
        raise ZeroDivisionError


class Broken(tzinfo):
    """A time zone that fails."""

    def utcoffset(self, moment: dt.datetime | None, /) -> NoReturn:
        raise ZeroDivisionError(str(moment))

    def dst(self, moment: dt.datetime | None, /) -> NoReturn:
        raise ZeroDivisionError(str(moment))

    def tzname(self, moment: dt.datetime | None, /) -> NoReturn:
        raise ZeroDivisionError(str(moment))


HOSTILE: list[object] = [
    Text("1"), Number(1), Fraction(1.0), Exact(1), Items(["a"]), Moment(2024, 1, 1, tzinfo=UTC), DISGUISE, Bomb(),
    [Bomb()], [Text("a")], {Text("a")}, (Number(1),), [["a"]], [None], [True], [b"a"], [1.5], bytearray(b"1"),
    memoryview(b"1"),
    range(3), iter(["a"]), {"a": 1}.keys(), {"a": 1}, dt.date(2024, 1, 1), timedelta(1), dt.time(1),
    type, object,
    len, Ellipsis, NotImplemented, b"10.0.0.1", 1j, fractions.Fraction(1),
    dt.datetime(2024, 1, 1, tzinfo=Broken()),
]  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("index", range(len(HOSTILE)))
def test_foreign_objects_are_unknown_as_every_type(index: int, kind: str) -> None:
    """Subclasses, look-alikes and objects that raise: none of them is asked anything."""
    assert read_value(TYPES[kind], HOSTILE[index]) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (INT64_MAX, INT64_MAX), (INT64_MIN, INT64_MIN), (INT64_MAX + 1, None), (INT64_MIN - 1, None),
        (str(INT64_MAX), INT64_MAX),
        (str(INT64_MIN), INT64_MIN), (str(INT64_MAX + 1), None), ("0", 0), ("-0", 0), ("00", None), ("+1", None),
        ("1.0", None),
        ("1e3", None), ("1_000", None), (" 1", None), ("1\n", None), ("\u0661", None), ("\uff11", None),
        ("0x1", None), ("", None),
        ("-", None), ("9" * 5_000, None), (2.0**62, 2**62), (2.0**63, None), (-(2.0**63), INT64_MIN), (1e300, None),
        (0.5, None),
        (float("nan"), None), (float("inf"), None), (Decimal("3.0"), 3), (Decimal("3E+2"), 300), (Decimal("3.5"), None),
        (Decimal("1E+999999"), None), (Decimal("1E-999999"), None), (Decimal("NaN"), None), (Decimal("sNaN"), None),
        (Decimal("-Infinity"), None), (Decimal(INT64_MAX), INT64_MAX), (Decimal(INT64_MAX) + 1, None), (True, None),
    ],
)  # fmt: skip
def test_an_int_is_exact_or_unknown(raw: object, expected: int | None) -> None:
    """64 bits; text in one form only; floats and decimals where they are integral."""
    found = read_value(types.Int(), raw)
    assert found == expected
    assert found is None or type(found) is int


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2500.00", Decimal(2500)), ("0.1", Decimal("0.1")), (0.1, Decimal("0.1")), (1e-7, Decimal("1E-7")),
        (2.5, Decimal("2.5")),
        (10**18 - 1, 10**18 - 1), (10**18, None), (-(10**18), None),
        ("9" * 18 + "." + "9" * 18, Decimal("9" * 18 + "." + "9" * 18)),
        ("9" * 19, None), ("0." + "0" * 17 + "1", Decimal("1E-18")), ("0." + "0" * 18 + "1", None),
        ("1." + "0" * 30, Decimal(1)),
        ("1." + "0" * 65, None), ("1.", None), (".5", None), ("+1", None), ("1e3", None), ("01", None),
        ("-0.0", Decimal(0)),
        ("1,5", None), ("1 ", None), ("\u0661", None), ("NaN", None), ("Infinity", None), (1e18, None),
        (1e17, Decimal(10**17)),
        (float("nan"), None), (5e-324, None), (Decimal("1E+17"), Decimal(10**17)), (Decimal("1E+18"), None),
        (Decimal("1E-18"), Decimal("1E-18")), (Decimal("1E-19"), None), (Decimal("0E-999999"), Decimal(0)),
        (Decimal("1.0000000000000000000"), Decimal(1)), (Decimal("sNaN"), None), (Decimal("Infinity"), None),
        (True, None),
        (Decimal("0E+999999"), Decimal(0)), (Decimal("1E+999999"), None), (Decimal("1E-999999"), None), (False, None),
    ],
)  # fmt: skip
def test_a_decimal_is_exact_or_unknown(raw: object, expected: Decimal | int | None) -> None:
    """18 digits before and 18 after the point; a float by its shortest form."""
    assert read_value(types.Number(), raw) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1970-01-01T00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T19:00:00-05:00", 0), ("1970-01-01T00:00:00-00:00", 0), ("1970-01-01T00:00:00.001Z", 1),
        ("1970-01-01T00:00:00.0019999Z", 1), ("1969-12-31T23:59:59.9999Z", -1), ("1970-01-01T00:00:00.5Z", 500),
        ("0001-01-01T00:00:00Z", TIME_MIN), ("9999-12-31T23:59:59.999Z", TIME_MAX),
        ("9999-12-31T23:59:59.9999Z", TIME_MAX),
        ("0001-01-01T00:00:00+00:01", None), ("9999-12-31T23:59:59-00:01", None), ("0000-01-01T00:00:00Z", None),
        ("10000-01-01T00:00:00Z", None), ("2024-02-29T00:00:00Z", 1_709_164_800_000), ("2023-02-29T00:00:00Z", None),
        ("2016-12-31T23:59:60Z", None), ("2024-01-01T24:00:00Z", None), ("2024-01-01T24:00Z", None),
        ("2024-01-01", None),
        ("2024-01-01T00:00:00", None), ("2024-01-01T00:00.5Z", None), ("2024-01-01 00:00:00Z", None),
        ("2024-1-1T00:00:00Z", None),
        ("20240101T000000Z", None), ("2024-W01-1T00:00:00Z", None), ("2024-01-01T00:00:00+0100", None),
        ("2024-13-01T00:00:00Z", None),
        ("2024-01-01T00:00:00+24:00", None), ("2024-01-01T00:00:00+01:60", None), ("2024-01-01T00:00:00,5Z", None),
        ("", None),
        ("2024-01-01T00:00:00Z\n", None), (" 2024-01-01T00:00:00Z", None), ("\u0662024-01-01T00:00:00Z", None),
        ("now", None),
        ("2024-01-01T00:00:00.Z", None), ("2024-01-01T00:00:00." + "0" * 70 + "Z", None), ("1704067200000", None),
    ],
)  # fmt: skip
def test_an_instant_is_rfc_3339_text(text: str, expected: int | None) -> None:
    """With an offset always; what is finer than a millisecond is cut off; leap seconds and 24:00 are none."""
    assert parse_instant(text) == expected
    assert read_value(types.Time(), text) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (0, 0), (TIME_MIN, TIME_MIN), (TIME_MAX, TIME_MAX), (TIME_MIN - 1, None), (TIME_MAX + 1, None),
        (10**400, None), (0.0, None),
        (True, None), (dt.datetime(2024, 1, 1), None),  # noqa: DTZ001
        (dt.datetime(1970, 1, 1, tzinfo=UTC), 0),
        (dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (dt.datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0),
        (dt.datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), None),
        (dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), TIME_MAX),
        (dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=1))), None),
        (dt.datetime(1970, 1, 1, tzinfo=timezone(timedelta(microseconds=1))), -1),
    ],
)  # fmt: skip
def test_a_time_is_an_aware_datetime_or_milliseconds(raw: object, expected: int | None) -> None:
    """Within the years 1 to 9999, in UTC; a naive datetime and a float are unknown."""
    assert read_value(types.Time(), raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("250ms", 250), ("30s", 30_000), ("15m", 900_000), ("8h", 28_800_000), ("90d", 7_776_000_000),
        ("1h30m", 5_400_000), (0, 0),
        ("0s", 0), (-5, -5), (INT64_MAX, INT64_MAX), (INT64_MAX + 1, None), ("1h 30m", None), ("-5m", None),
        ("5", None), ("m", None),
        ("", None), ("1.5h", None), ("5M", None), ("5m\n", None), ("\u0665m", None), ("9" * 20 + "s", None),
        ("1w", None),
        ("106751991168d", None), ("106751991167d", 106_751_991_167 * 86_400_000), (5.0, None), (True, None),
        (timedelta(1), None),
        ("1s" * 60, None),
    ],
)  # fmt: skip
def test_a_duration_is_milliseconds_or_text(raw: object, expected: int | None) -> None:
    """Text in the language's form; 64 bits."""
    assert read_value(types.Duration(), raw) == expected


@pytest.mark.parametrize("collection", [list, tuple, set, frozenset])
def test_sets_are_read_from_any_plain_collection(collection: type) -> None:
    """Duplicates count once; one member that is not of the type makes the whole unknown."""
    strings = types.SetOf(types.String())
    assert read_value(strings, collection(["a", "b"])) == frozenset({"a", "b"})
    assert read_value(strings, collection(["a", 1])) is None
    assert read_value(types.SetOf(types.Int()), collection([1, "2", 3.0])) == frozenset({1, 2, 3})
    assert read_value(types.SetOf(types.Int()), collection([1, "x"])) is None
    assert read_value(types.SetOf(types.Int(0, 5)), collection([1, 6])) is None
    assert read_value(types.SetOf(types.String(("a", "b"))), collection(["a", "c"])) is None
    network = read_value(types.Network(), collection(["10.0.0.0/8", "::1"]))
    assert network == read_value(types.Network(), ["::1", "10.0.0.0/8", "10.1.0.0/16"])
    assert read_value(types.Network(), collection(["10.0.0.1/8"])) is None
    assert read_value(types.Network(), network) is network


def test_duplicates_in_a_list_count_once_and_text_is_no_list() -> None:
    """A text is not a list of its letters, nor a network of one."""
    assert read_value(types.SetOf(types.String()), ["a", "a"]) == frozenset({"a"})
    assert read_value(types.SetOf(types.String()), "ab") is None
    assert read_value(types.Network(), "10.0.0.0/8") is None
    ready = StringSet({"a"})
    assert read_value(types.SetOf(types.String()), ready) is ready


@given(st.integers(TIME_MIN, TIME_MAX))
def test_an_instant_reads_back_as_it_is_written(milliseconds: int) -> None:
    """From the year 1 to the year 9999."""
    assert parse_instant(format_instant(milliseconds)) == milliseconds


@given(st.integers(0, INT64_MAX))
def test_a_duration_reads_back_as_it_is_written(milliseconds: int) -> None:
    """Any that 64 bits hold; a negative one has a sign in front, which the language does not read."""
    text = format_duration(milliseconds)
    assert parse_duration(text) == milliseconds
    assert format_duration(-milliseconds) == (f"-{text}" if milliseconds else "0s")


@given(st.decimals(allow_nan=True) | st.decimals(places=18, min_value=-(10**20), max_value=10**20, allow_nan=False))
def test_within_digits_never_rounds(number: Decimal) -> None:
    """A number is itself or unknown."""
    found = within_digits(number)
    if found is not None:
        assert found == number
        assert abs(found) < Decimal(10) ** 18
        exponent = found.as_tuple().exponent
        assert isinstance(exponent, int)
        assert exponent >= -18


def test_values_sort_alike_whatever_their_type() -> None:
    """Output must not depend on hashing."""
    assert sorted_values(frozenset({"b", "a"})) == ["a", "b"]
    assert sorted_values([2, "a", 1]) == [1, 2, "a"]
