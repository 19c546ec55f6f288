"""Requests from JSON text: what has two meanings is refused (R53)."""

from __future__ import annotations

import time

import pytest

from durwan.workshop.request_text import RequestTextError, read_json, read_requests


def refusal(text: str | bytes) -> str:
    with pytest.raises(RequestTextError) as caught:
        read_requests(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return str(caught.value)


def test_one_object() -> None:
    """An object is one request."""
    found = read_requests(b'{"action": "orders.create", "risk": {"score": 12, "x": [true, null, 1.5, -3]}}')
    assert found == ([{"action": "orders.create", "risk": {"score": 12, "x": [True, None, 1.5, -3]}}], False)


def test_array_of_objects() -> None:
    """An array is several requests, and one object in an array is not the same as one object."""
    assert read_requests(b'[{"action": "a"}, {}]') == ([{"action": "a"}, {}], True)
    assert read_requests(b"[{}]") == ([{}], True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "a request is a JSON object, not a number"),
        ("null", "a request is a JSON object, not null"),
        ('"x"', "a request is a JSON object, not a string"),
        ("true", "a request is a JSON object, not a boolean"),
        ("[]", "the array holds no request"),
        ("[{}, [1]]", "a request is a JSON object, but number 2 of the array is an array"),
        ('{"a": 1, "a": 2}', 'the key "a" stands twice in one object'),
        ('{"x": {"a": 1, "\\u0061": 2}}', 'the key "a" stands twice in one object'),
        ('{"a": NaN}', "NaN is not JSON; leave the attribute out where its value is not known"),
        ('{"a": -Infinity}', "-Infinity is not JSON; leave the attribute out where its value is not known"),
        ('{"a": 1e400}', "a number beyond what a float can hold: 1e400"),
        ('{"a": 12345678901234567890}', "an integer of more than 19 digits: 12345678901234567890…"),
        ('{"a": "\\ud800"}', "a string holds half of a surrogate pair, which is no character"),
        ('{"\\udc00": 1}', "a string holds half of a surrogate pair, which is no character"),
        ('{"a": [["\\ud800\\ud800"]]}', "a string holds half of a surrogate pair, which is no character"),
        ('{"a": 1,}', "the request is not JSON: "),
        ("", "the request is not JSON: expecting value at line 1, column 1"),
        ("{'a': 1}", "the request is not JSON: "),
        ('{"a": 01}', "the request is not JSON: "),
        ('{"a": "\x01"}', "the request is not JSON: "),
        ("{} {}", "the request is not JSON: extra data at line 1, column 4"),
        ("\ufeff{}", "the request begins with a byte order mark; save it as UTF-8 without one"),
    ],
)
def test_refused_text(text: str, message: str) -> None:
    """Each is refused with a reason that says what to change."""
    assert refusal(text).startswith(message)


@pytest.mark.parametrize("data", [b"\xff", b'{"a": "\xed\xa0\x80"}', b'{"a": "\xc0\xaf"}', '{"a":1}'.encode("utf-16")])
def test_other_encodings(data: bytes) -> None:
    """Only UTF-8 is read: no surrogates, no overlong forms, no UTF-16."""
    assert refusal(data).startswith("the request is not UTF-8")


def test_surrogate_pair_is_a_character() -> None:
    """An escaped pair is one character, and fine."""
    assert read_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_nesting() -> None:
    """32 levels are read, 33 are not, brackets in strings do not count, and a million of them are refused quickly."""
    assert read_json(b"[" * 32 + b"]" * 32)
    assert refusal("[" * 33 + "]" * 33) == "the request is nested deeper than 32"
    assert read_json(b'{"a": "' + b"[" * 100 + b'", "b": "\\"[[[["}')
    began = time.perf_counter()
    assert refusal("[" * 1_000_000) == "the request is nested deeper than 32"
    assert refusal('{"a":' * 1_000_000) == "the request is nested deeper than 32"
    assert time.perf_counter() - began < 2


def test_nineteen_digits() -> None:
    """The greatest and the least 64-bit integer are read exactly."""
    assert read_json(b"[9223372036854775807, -9223372036854775808]") == [2**63 - 1, -(2**63)]
