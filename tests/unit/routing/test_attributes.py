"""Attributes of a request: read from where their route says, as their types, in one way or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from durwan.credentials.refusals import Refusal
from durwan.model import types
from durwan.model.types import Type
from durwan.routing import AttributeSource, Route, Routed, RouteTable
from durwan.routing.route import Place
from tests.requests_of import read, request

JSON = (b"content-type", b"application/json")


def source(place: Place, name: str | tuple[str, ...], declared: Type | None = None, **more: Any) -> AttributeSource:
    """The source of `request.value`."""
    return AttributeSource(attribute="request.value", place=place, name=name, type=declared, **more)


def attributes(
    route: AttributeSource,
    target: bytes = b"/orders/17",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    body: bytes = b"",
) -> Mapping[str, Mapping[str, Any]] | str:
    """The attributes that one source finds, or the code of the refusal."""
    table = RouteTable([Route(method="POST", template="/orders/{id}", action="a", sources=(route,))])
    raw = request(target, headers, method="POST", body=body)
    found = read(raw, table)
    assert isinstance(found, Routed)
    taken = found.attributes(raw)
    return taken.code if isinstance(taken, Refusal) else taken


def query(text: bytes, declared: Type | None = None) -> Any:
    """What `value` in a query is read as; None where it is absent."""
    found = attributes(source("query", "value", declared), b"/orders/17?" + text)
    return found if isinstance(found, str) else found.get("request", {}).get("value")


def body(text: bytes, declared: Type | None = None, *path: str, **more: Any) -> Any:
    """What the member `value` of a body is read as; None where it is absent."""
    found = attributes(source("body", path or ("value",), declared, **more), headers=(JSON,), body=text)
    return found if isinstance(found, str) else found.get("request", {}).get("value")


def test_each_place_is_read() -> None:
    """The query, the path, a header and the body each give the value that stands there."""
    assert attributes(source("query", "v"), b"/orders/17?v=a%20b") == {"request": {"value": "a b"}}
    assert attributes(source("path", "id"), b"/orders/%C3%A9") == {"request": {"value": "é"}}
    assert attributes(source("header", "x-v"), headers=((b"X-V", b" a \t"),)) == {"request": {"value": "a"}}
    assert attributes(source("body", ("v",)), headers=(JSON,), body=b'{"v": "a"}') == {"request": {"value": "a"}}
    assert attributes(source("query", "v")) == {}


def test_constants_and_attributes_stand_together() -> None:
    """A route's constants come with what it reads, and no request changes them."""
    route = Route(
        method="GET", template="/a", action="a", sources=(source("query", "v"),), constants={"request": {"weight": 5}}
    )
    for _ in range(2):
        raw = request(b"/a?v=1")
        found = read(raw, RouteTable([route]))
        assert isinstance(found, Routed)
        assert found.attributes(raw) == {"request": {"weight": 5, "value": "1"}}
    assert route.constants == {"request": {"weight": 5}}
    plain = Route(method="GET", template="/b", action="b", constants={"request": {"weight": 2}})
    found = read(request(b"/b"), RouteTable([plain]))
    assert isinstance(found, Routed)
    assert found.attributes(request(b"/b")) == {"request": {"weight": 2}}


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        (types.Int(), b"5", 5), (types.Int(), b"-5", -5), (types.Int(1, 9), b"9", 9), (types.Bool(), b"true", True),
        (types.Bool(), b"false", False), (types.Number(), b"2500.00", "2500.00"), (types.String(), b"5", "5"),
        (types.String(("limit", "market")), b"limit", "limit"), (types.Address(), b"1.1.1.1", "1.1.1.1"),
        (types.Time(), b"2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z"), (types.Duration(), b"1h30m", "1h30m"),
        (types.SetOf(types.String()), b"a,b", ["a", "b"]), (types.SetOf(types.Int()), b"1,2", [1, 2]),
        (types.SetOf(types.String()), b"", []), (types.Network(), b"10.0.0.0/8,1.1.1.1", ["10.0.0.0/8", "1.1.1.1"]),
        (None, b"5", "5"),
    ],
)  # fmt: skip
def test_text_is_read_as_its_type(declared: Type | None, text: bytes, value: object) -> None:
    """The declared type alone makes a number, a truth value or a set of text."""
    found = query(b"value=" + text, declared)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (types.Int(), b"05"), (types.Int(), b"-0"), (types.Int(), b"1.0"), (types.Int(), b"1e3"), (types.Int(), b"1_0"),
        (types.Int(), b"%D9%A1"), (types.Int(), b"%205"), (types.Int(), b""), (types.Int(), b"9223372036854775808"),
        (types.Int(1, 9), b"10"), (types.Bool(), b"1"), (types.Bool(), b"True"), (types.Bool(), b"yes"),
        (types.Number(), b"NaN"), (types.Number(), b"1e3"), (types.Number(), b"1."), (types.Number(), b"%2B1"),
        (types.String(("limit", "market")), b"stop"), (types.Address(), b"1.1.1"), (types.Address(), b"1.1.1.1:80"),
        (types.Time(), b"2026-03-02"), (types.Duration(), b"90"), (types.SetOf(types.Int()), b"1,,2"),
        (types.Network(), b"10.0.0.1/8"), (types.String(), b"%ff"), (types.String(), b"a%00"),
        (types.String(), b"%E2%80%AE"),
    ],
)  # fmt: skip
def test_text_that_is_not_of_its_type_is_refused(declared: Type, text: bytes) -> None:
    """Every type has one way to be written."""
    assert query(b"value=" + text, declared) == "attribute_malformed"


@pytest.mark.parametrize(
    "text",
    [
        b"value=1&value=2", b"value=1&value=1", b"value=1&v%61lue=2", b"v%61lue=1&value=2", b"value=1&Value=2",
        b"VALUE=1",
        b"value%5B%5D=1", b"value=1&value%5B0%5D=2", b"value=1;x=2", b"a=1;value=2", b"value=a+b", b"value",
        b"value=1&value",
        b"+value=1", b"%20value=1",
    ],
)  # fmt: skip
def test_a_parameter_that_readers_see_differently_is_refused(text: bytes) -> None:
    """Given twice in whatever spelling, as a list, with `;` or `+`: which value counts, nobody knows."""
    assert query(text) == "attribute_malformed"


def test_other_parameters_may_come_as_they_like() -> None:
    """What no route reads is not looked at."""
    assert query(b"a=1&a=2&b&c=+&value=x&=&&d%5B%5D=1") == "x"
    assert query(b"values=1&val=2") is None


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        (types.Number(), b"2500.10", "2500.10"), (types.Number(), b"0.1", "0.1"), (types.Number(), b"5", 5),
        (types.Number(), b'"2500.10"', "2500.10"),
        (types.Number(), b"123456789012345678.123456789012345678", "123456789012345678.123456789012345678"),
        (types.Number(), b"1e3", "1000"), (types.Int(), b"5", 5), (types.Int(), b'"5"', "5"),
        (types.Bool(), b"true", True),
        (types.String(), b'"a"', "a"), (types.SetOf(types.String()), b'["a", "b"]', ["a", "b"]),
        (types.Network(), b'["10.0.0.0/8"]', ["10.0.0.0/8"]), (types.Time(), b"1772442000000", 1772442000000),
        (types.String(), b"null", None), (None, b"1.50", 1.5), (None, b"false", False),
    ],
)  # fmt: skip
def test_json_is_read_as_its_type(declared: Type | None, text: bytes, value: object) -> None:
    """Numbers keep every digit, and `null` is absent."""
    found = body(b'{"value": ' + text + b"}", declared)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (types.Number(), b"1234567890123456789.5"), (types.Number(), b"0.1234567890123456789"),
        (types.Number(), b"true"),
        (types.Number(), b"1e400"), (types.Int(), b"1.5"), (types.Int(), b"true"), (types.Bool(), b'"true"'),
        (types.Bool(), b"1"), (types.String(), b"5"), (types.String(), b"1.5"), (types.String(), b"{}"),
        (types.String(), b"[]"),
        (types.SetOf(types.String()), b'["a", 1]'), (types.SetOf(types.String()), b'[["a"]]'),
        (types.SetOf(types.String()), b'"a"'),
        (types.SetOf(types.String()), b'["a", null]'), (types.Address(), b"16843009"), (types.String(), b'"\\u202e"'),
        (None, b"{}"), (None, b"0.10000000000000001"), (None, b"[{}]"), (None, b'"\\u0000"'),
    ],
)  # fmt: skip
def test_json_that_is_not_of_its_type_is_refused(declared: Type | None, text: bytes) -> None:
    """Nothing is converted that the body did not say."""
    assert body(b'{"value": ' + text + b"}", declared) == "attribute_malformed"


@pytest.mark.parametrize(
    "text",
    [
        b"{", b"[]", b'"value"', b"5", b'{"value": 1, "value": 2}', b'{"value": NaN}', b'{"value": Infinity}',
        b"\xef\xbb\xbf{}",
        b'{"value": "\\ud800"}', b'{"value": "\xff"}', b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"value": 12345678901234567890}',
        b'{"value": "a"} ', b'{"value": "a"}{}', b'{"x": {"y": 1, "y": 2}, "value": "a"}',
    ],
)  # fmt: skip
def test_a_body_that_readers_see_differently_is_refused(text: bytes) -> None:
    """Only strict JSON, and only an object, is read; trailing space is none of its matter."""
    assert body(text) == ("a" if text.endswith(b" ") else "attribute_malformed")


def test_names_that_differ_in_case_alone_are_refused() -> None:
    """Some readers do not see the difference, and take the last one."""
    assert body(b'{"value": "a", "Value": "b"}') == "attribute_malformed"
    assert body('{"risk": "a", "ri\u017fk": "b"}'.encode(), None, "risk") == "attribute_malformed"
    assert body(b'{"Value": "b"}') == "attribute_malformed"
    assert body(b'{"x": {"value": 1, "VALUE": 2}, "value": "a"}') == "a"


def test_a_path_into_a_body_leads_through_objects() -> None:
    """What is absent on the way is absent; what is no object is refused."""
    assert body(b'{"order": {"price": "5"}}', None, "order", "price") == "5"
    assert body(b"{}", None, "order", "price") is None
    assert body(b'{"order": null}', None, "order", "price") is None
    assert body(b'{"order": [{"price": 5}]}', None, "order", "price") == "attribute_malformed"
    assert body(b'{"order": "price"}', None, "order", "price") == "attribute_malformed"
    assert body(b"", None, "order") is None


def test_a_list_is_counted() -> None:
    """Where a route asks for the count, the members are not looked at, and what is no list is refused."""
    assert body(b'{"value": [{}, {}, 5]}', types.Int(), counts=True) == 3
    assert body(b'{"value": []}', types.Int(0, 9), counts=True) == 0
    assert body(b'{"value": []}', types.Int(1, 9), counts=True) == "attribute_malformed"
    assert body(b'{"value": {"a": 1}}', types.Int(), counts=True) == "attribute_malformed"
    assert body(b"{}", types.Int(), counts=True) is None


@pytest.mark.parametrize(
    "headers",
    [
        (), ((b"content-type", b"text/plain"),), ((b"content-type", b"application/x-www-form-urlencoded"),),
        ((b"content-type", b"xapplication/json"),), ((b"content-type", b"application/json; charset=utf-16"),),
        ((b"content-type", b"application/json; charset=utf-8; charset=utf-7"),), (JSON, (b"content-encoding", b"gzip")),
        ((b"content-type", b"application/jsonp"),),
    ],
)  # fmt: skip
def test_a_body_that_is_not_sent_as_json_is_refused(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """What stands behind the gate would read something else in it."""
    found = attributes(source("body", ("value",)), headers=headers, body=b'{"value": "a"}')
    assert found == "attribute_malformed"


@pytest.mark.parametrize("kind", [b"application/json", b"Application/JSON; charset=UTF-8", b"application/problem+json"])
def test_a_body_that_is_sent_as_json_is_read(kind: bytes) -> None:
    """In UTF-8, under any name of a media type that is JSON."""
    found = attributes(source("body", ("v",)), headers=((b"content-type", kind),), body=b'{"v": "a"}')
    assert found == {"request": {"value": "a"}}


def test_a_header_beyond_ascii_is_refused() -> None:
    """The router refuses it first; reading it from other bytes than were routed changes nothing."""
    route = Route(method="GET", template="/a", action="a", sources=(source("header", "x-v"),))
    raw = request(b"/a", ((b"x-v", b"a"),))
    found = read(raw, RouteTable([route]))
    assert isinstance(found, Routed)
    for headers in (((b"x-v", b"\xff"),), ((b"x-v", b"a"), (b"X-V", b"a"))):
        taken = found.attributes(request(b"/a", headers))
        assert isinstance(taken, Refusal)


def test_head_is_answered_by_the_route_of_get() -> None:
    """Where it has none of its own; what it asks for is the same."""
    routes = [Route(method="GET", template="/a", action="a"), Route(method="HEAD", template="/b", action="b")]
    found = read(request(b"/a", method="HEAD"), RouteTable(routes))
    assert isinstance(found, Routed)
    assert (found.method, found.route.action) == ("HEAD", "a")
    found = read(request(b"/b", method="GET"), RouteTable(routes))
    assert isinstance(found, Refusal)
    assert found.code == "method_not_allowed"
