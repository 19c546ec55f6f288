"""R5 to R7: no value is taken for another one, and numbers are exact."""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import json
import math
import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from durwan.workshop.request_text import RequestTextError, read_json
from tests.security.hostile import Agreeable, AgreeableInt, AgreeableSet, AgreeableText
from tests.security.policies import codes_of, decide

CORPORA = Path(__file__).parents[1] / "corpora"

# --------------------------------------------------------------------------------- R5, the corpus crossed with itself

_NAMES = {
    "decimal": decimal, "fractions": fractions, "datetime": dt, "float": float, "type": type, "str": str,
    "object": object, "set": set, "complex": complex,
}  # fmt: skip
# The first entry of the corpus is a note.
_TEXTS = [entry["py"] for entry in json.loads((CORPORA / "values.json").read_text(encoding="utf-8"))[1:]]
VALUES: list[Any] = [eval(text, {"__builtins__": {}, **_NAMES}) for text in _TEXTS]  # noqa: S307 - our own corpus

_INT64 = range(-(2**63), 2**63)
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def _exact(raw: object) -> Fraction | None:
    """The number that a value is, if it is one, by no code of ours."""
    if type(raw) is int:
        return Fraction(raw)
    if type(raw) is float:
        return Fraction(repr(raw)) if math.isfinite(raw) else None
    if type(raw) is Decimal:
        return Fraction(raw) if raw.is_finite() else None
    # Of the texts in the corpus one is a number.
    return Fraction(1) if type(raw) is str and raw == "1" else None


def _int(raw: object) -> int | None:
    number = _exact(raw)
    if number is None or number.denominator != 1 or int(number) not in _INT64:
        return None
    return int(number)


def _decimal(raw: object) -> Fraction | None:
    number = _exact(raw)
    if number is None or abs(number) >= 10**18 or (number * 10**18).denominator != 1:
        return None
    return number


def _time(raw: object) -> int | None:
    if type(raw) is dt.datetime and raw.tzinfo is not None:
        return int(raw.timestamp()) * 1000
    return raw if type(raw) is int and abs(raw) < 10**13 else None


def _duration(raw: object) -> int | None:
    return raw if type(raw) is int and raw in _INT64 else None


# For each type: what the corpus holds of it, and the comparisons that it has.
_ALL = tuple(_ORDER)
_KINDS: dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "bool": (lambda raw: raw if type(raw) is bool else None, ("==", "!=")),
    "int": (_int, _ALL),
    "decimal": (_decimal, _ALL),
    "string": (lambda raw: raw if type(raw) is str else None, ("==", "!=")),
    "scope": (lambda raw: raw if type(raw) is str else None, ("==", "!=")),
    "ip": (lambda _: None, ("==", "!=")),
    "time": (_time, _ALL),
    "duration": (_duration, _ALL),
}


def _policy(kind: str, tests: list[str]) -> str:
    """One action for each test: its allow applies where it is true, its shadow where it is not false."""
    lines = [
        f"context v {{ left : {kind}  right : {kind} }}",
        "scopes { s }",
        f"actions {{ {' '.join(f't{number}' for number in range(len(tests)))} }}",
    ]
    for number, test in enumerate(tests):
        lines.append(f"allow true{number} on t{number} when {test}")
        lines.append(f"shadow deny not_false{number} on t{number} when {test}")
    return "\n".join(lines)


def _truth(text: str, number: int, values: dict[str, Any]) -> bool | None:
    """The three-valued truth of a test, as every evaluator sees it."""
    decision = decide(text, {"action": f"t{number}", "v": values})
    if decision.allowed:
        assert decision.shadows
        return True
    return None if decision.shadows else False


@pytest.mark.parametrize("kind", _KINDS)
def test_comparisons_of_the_corpus(kind: str) -> None:
    """Every value compared with every other is what exact types say, or unknown; nothing is coerced, nothing raises."""
    read, comparisons = _KINDS[kind]
    text = _policy(kind, [f"v.left {symbol} v.right" for symbol in comparisons])
    known = [read(value) for value in VALUES]
    for left, known_left in zip(VALUES, known, strict=True):
        for right, known_right in zip(VALUES, known, strict=True):
            for number, symbol in enumerate(comparisons):
                if known_left is None or known_right is None:
                    expected = None
                else:
                    expected = _ORDER[symbol](known_left, known_right)
                found = _truth(text, number, {"left": left, "right": right})
                assert found is expected, (symbol, repr(left)[:40], repr(right)[:40])


_UNARY: dict[str, list[tuple[str, Callable[[Any], bool]]]] = {
    "string": [
        ('v.left in { "", "false", "admin\\n" }', lambda raw: raw in ("", "false", "admin\n")),
        ('v.left not in { "", "false", "admin\\n" }', lambda raw: raw not in ("", "false", "admin\n")),
        ('v.left like "admin*"', lambda raw: raw.startswith("admin")),
        ('v.left like "*se"', lambda raw: raw.endswith("se")),
        ('v.left like "*x*"', lambda raw: "x" in raw),
    ],
    "bool": [
        ("v.left", lambda raw: raw),
        ("not v.left", lambda raw: not raw),
        ("v.left and true", lambda raw: raw),
        ("v.left or false", lambda raw: raw),
    ],
    "int": [
        ("v.left in { 0, 1 }", lambda raw: raw in (0, 1)),
        ("v.left + 0 == v.left", lambda _: True),
        ("v.left * 1 == v.left", lambda _: True),
    ],
    "ip": [("v.left in { 0.0.0.0/0, ::/0 }", lambda _: True)],
}  # fmt: skip


@pytest.mark.parametrize("kind", _UNARY)
def test_tests_of_the_corpus(kind: str) -> None:
    """Membership, patterns, networks and conditions are asked of every value, and answer for exact types alone."""
    read, _ = _KINDS[kind]
    tests = _UNARY[kind]
    text = _policy(kind, [test for test, _ in tests])
    for value in VALUES:
        known = read(value)
        for number, (test, meaning) in enumerate(tests):
            expected = None if known is None else meaning(known)
            assert _truth(text, number, {"left": value}) is expected, (test, repr(value)[:40])


@pytest.mark.parametrize("kind", _KINDS)
def test_what_is_known_of_the_corpus(kind: str) -> None:
    """`is known` and `is unknown` are never unknown themselves, and true for exact types alone."""
    read, _ = _KINDS[kind]
    text = _policy(kind, ["v.left is known", "v.left is unknown"])
    for value in VALUES:
        assert _truth(text, 0, {"left": value}) is (read(value) is not None), repr(value)[:40]
        assert _truth(text, 1, {"left": value}) is (read(value) is None), repr(value)[:40]


def test_members_of_the_corpus() -> None:
    """A set holds a value only where all members, and the value, are exactly of its type."""
    text = (
        "context v { held : set of string  one : string }\nactions { t0 }\n"
        "allow true0 on t0 when v.held has v.one\nshadow deny not_false0 on t0 when v.held has v.one\n"
    )
    for held in VALUES:
        for one in VALUES:
            exact = type(held) is str and type(one) is str
            expected = held == one if exact else None
            assert _truth(text, 0, {"held": [held], "one": one}) is expected, (repr(held)[:40], repr(one)[:40])


@pytest.mark.parametrize(
    "condition",
    [
        "1 == true", '"1" == 1', "key.revoked == 1", 'key.revoked == "true"', 'request.weight == "1"',
        "request.weight == true", "request.symbol == 1", "request.symbol == true", "request.weight",
        "request.symbol", "not request.weight", "request.weight and key.revoked", "key.created == 5m",
        'client.ip == "10.0.0.1"', "now == 1772442000000", 'request.symbol < "b"', "key.revoked < true",
        "request.symbol in { 1 }", "key.symbols has 1", "client.ip < 10.0.0.1", 'request.weight like "1*"',
        'request.symbol + "a" == "b"', "request.weight default true == 1", "key.scopes == key.symbols",
    ],
)  # fmt: skip
def test_types_do_not_mix(condition: str) -> None:
    """A policy that compares values of different types does not compile."""
    codes = codes_of({"a.policy": f"scopes {{ s }}\nactions {{ a }}\nallow x on a when {condition}\n"})
    assert codes
    assert all(code.startswith("P03") for code in codes), codes


def test_objects_that_agree_with_everything_are_unknown() -> None:
    """A subclass of a built-in type, or a foreign object, is never taken for what it claims to be."""
    text = """
    context v { text : string  side : "buy" | "sell"  count : int  names : set of string  grants : set of scope }
    scopes { s }
    actions { a }
    allow x on a
      when v.text == "secret" or v.text in { "secret" } or v.text like "s*" or v.side == "buy" or v.count == 7
        or v.count in { 7 } or v.names has "secret" or v.names has all of { "secret" } or v.grants has s
        or v.grants has at least 1 of { s }
    """
    agreeable = [Agreeable(), AgreeableText("x"), AgreeableInt(5), AgreeableSet({"x"}), [AgreeableText("x")]]
    for value in agreeable:
        for name in ("text", "side", "count", "names", "grants"):
            for given in (value, [value]):
                assert decide(text, {"action": "a", "v": {name: given}}).code == "no_rule_allows", (name, type(value))


# ------------------------------------------------------------------------------------------------ R6, NaN and infinity

_NOT_FINITE: list[Any] = [
    math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity"),
    json.loads("NaN"), json.loads("1e309"), json.loads("-Infinity"), "NaN", "Infinity", "1e309", 10**400,
    Decimal("1e400"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["int", "decimal", "int 0..100", "decimal 0..100"])
@pytest.mark.parametrize("score", _NOT_FINITE)
def test_what_is_no_number_is_unknown(kind: str, score: object) -> None:
    """NaN and the infinities, however they came, are unknown: no comparison with them, nor its negation, is true."""
    text = (
        f"context risk {{ score : {kind} }}\nactions {{ a b c d }}\n"
        "allow a1 on a when risk.score <= 80\nallow a2 on a when not (risk.score > 80)\n"
        "allow b1 on b when risk.score == risk.score\nallow b2 on b when risk.score != risk.score\n"
        "allow c1 on c when risk.score in { 1, 2 }\nallow c2 on c when risk.score not in { 1, 2 }\n"
        "allow d1 on d\ndeny d2 on d when risk.score > 80\n"
    )
    for action in "abc":
        assert decide(text, {"action": action, "risk": {"score": score}}).code == "no_rule_allows"
    assert decide(text, {"action": "d", "risk": {"score": score}}).rule == "d2"


def test_a_set_with_what_is_no_number_is_unknown() -> None:
    """A set that holds NaN is unknown as a whole, though Python says that the same NaN is in it."""
    text = "context v { lots : set of int }\nactions { a }\nallow x on a when v.lots has 1\n"
    for value in _NOT_FINITE:
        assert not decide(text, {"action": "a", "v": {"lots": [1, value]}}).allowed
    assert decide(text, {"action": "a", "v": {"lots": [1, 1.0, "1"]}}).allowed


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e309", "-1e400"])
def test_the_reader_of_requests_refuses_what_is_no_number(number: str) -> None:
    """The command line refuses a JSON request with such a number, instead of deciding it."""
    with pytest.raises(RequestTextError):
        read_json(f'{{"action": "a", "risk": {{"score": {number}}}}}'.encode())


# --------------------------------------------------------------------------------------------------- R7, number edges

_NUMBERS = "context v { count : int  amount : decimal }\nactions { a }\nallow x on a when "


@pytest.mark.parametrize(
    ("condition", "values", "true"),
    [
        ("v.count == 9_007_199_254_740_992", {"count": 2**53}, True),
        ("v.count == 9_007_199_254_740_992", {"count": 2**53 + 1}, False),
        ("v.count == 9_007_199_254_740_993", {"count": float(2**53)}, False),
        ("v.count < 9_007_199_254_740_993", {"count": 2**53}, True),
        ("v.amount == 9_007_199_254_740_993", {"amount": 2**53 + 1}, True),
        ("v.amount == 9_007_199_254_740_993", {"amount": float(2**53)}, False),
        ("v.amount == -0.23", {"amount": "-0.23"}, True),
        ("v.amount == -0.23", {"amount": "0.23"}, False),
        ("v.amount != 0.23", {"amount": -0.23}, True),
        ("v.amount < 0", {"amount": "-0.0001"}, True),
        ("v.amount == 0", {"amount": -0.0}, True),
        ("v.amount == 0", {"amount": "-0"}, True),
        ("v.count == 9_223_372_036_854_775_807", {"count": 2**63 - 1}, True),
        ("v.count > 0", {"count": 2**63}, False),
        ("v.count < 0", {"count": -(2**63)}, True),
        ("v.count < 0", {"count": -(2**63) - 1}, False),
        ("v.count > 0", {"count": 10**400}, False),
        ("v.count == v.amount", {"count": 1, "amount": "1.000000000000000000"}, True),
        ("v.count + 1 > v.count", {"count": 2**63 - 2}, True),
        ("v.count + 1 > v.count", {"count": 2**63 - 1}, False),
        ("v.count * -1 > 0", {"count": -(2**63)}, False),
    ],
)
def test_numbers_are_exact(condition: str, values: dict[str, Any], *, true: bool) -> None:
    """Whole numbers and decimals compare by their exact value, and overflow proves nothing."""
    assert decide(_NUMBERS + condition, {"action": "a", "v": values}).allowed is true


@pytest.mark.parametrize(
    "text",
    [
        "1_000", "\u0661\u0662", " 12 ", "12 ", "\t12", "12\n", "+12", "012", "0x10", "1e3", "1E3", "1.", ".5", "--1",
        "- 1", "1,000", "\uff11", "\u00b2", "1\u200b", "\u22121", "", "-", "1.2.3", "1_", "nan", "inf", "0b1", "1j",
        "1" * 5000, "0." + "1" * 5000,
    ],
)  # fmt: skip
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    """Only ASCII digits in their one form are a number: no other digits, separators, signs or spaces."""
    for name in ("count", "amount"):
        condition = f"v.{name} is known"
        assert not decide(_NUMBERS + condition, {"action": "a", "v": {name: text}}).allowed


@pytest.mark.parametrize(
    "literal", ["\u0661\u0662", "012", "1__0", "_1", "1_", "0x10", "1e3", "9223372036854775808", ".5"]
)
def test_what_only_looks_like_a_literal_is_none(literal: str) -> None:
    """A policy with a number in another form does not compile."""
    assert codes_of({"a.policy": f"{_NUMBERS}v.count == {literal}\n"})
