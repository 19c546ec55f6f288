"""The OPA-compatible endpoint, as the plugins of APISIX and Kong ask and read it, and for plain requests."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from durwan.gateways.opa import request_of
from tests.serving import Running
from tests.venues import CLIENT, HOST, Venue

PATH = "/v1/data/durwan"


def apisix(method: str, path: str, headers: dict[str, Any], query: Any = None, client: str = CLIENT) -> dict[str, Any]:
    """What the plugin of APISIX sends; Lua does not tell an empty table from an empty list."""
    request: dict[str, Any] = {
        "scheme": "https", "method": method, "host": HOST, "port": 443, "path": path,
        "headers": {"host": HOST, **headers}, "query": query or [],
    }  # fmt: skip
    variables = {"remote_addr": client, "remote_port": "51000", "server_addr": "10.0.0.1", "server_port": "443"}
    return {"input": {"type": "http", "request": request, "var": variables}}


def kong(method: str, path: str, headers: dict[str, Any], query: object = None, **others: Any) -> dict[str, Any]:
    """What the plugin of Kong sends."""
    http = {"host": HOST, "port": "443", "tls": {}, "method": method, "scheme": "https", "path": path,
            "querystring": query or {}, "headers": {"host": HOST, **headers}, **others}  # fmt: skip
    return {"input": {"request": {"http": http}, "client_ip": CLIENT}}


FORMS: list[Any] = [apisix, kong]


@pytest.mark.parametrize("form", FORMS)
def test_a_token_goes_on(server: Running, venue: Venue, form: Any) -> None:
    """The result is an object with `allow`, and headers for what stands behind the gateway; the status is 200."""
    response = server.post(PATH, form("GET", "/orders/7", venue.bearer))
    result = response.json["result"]
    assert (response.status, result["allow"]) == (200, True)
    assert result["headers"]["x-durwan-key"] == "reader"
    assert server.post(f"{PATH}/allow", form("GET", "/orders/7", venue.bearer)).json == {"result": True}


REFUSED = [
    ("GET", "/orders", 401, "credential_missing"),
    ("GET", "/nowhere", 404, "route_unknown"),
    ("GET", "/orders/../x", 400, "target_refused"),
    ("GET", "/orders/%2e", 400, "target_refused"),
    ("GET", "/orders/a b", 400, "target_refused"),
    ("GET", "/orders/é", 400, "target_refused"),
    ("GET", "/orders/;x", 400, "target_refused"),
    ("GET", "/orders?x", 400, "target_refused"),
    ("GET", "", 400, "target_refused"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("asked", REFUSED)
def test_a_refusal_can_be_passed_on(server: Running, form: Any, asked: tuple[str, str, int, str]) -> None:
    """Each plugin finds the status under the name that it reads, and the problem body as text or as an object."""
    method, path, status, code = asked
    response = server.post(PATH, form(method, path, {}))
    result = response.json["result"]
    assert (response.status, result["allow"]) == (200, False)
    assert result["status_code"] == result["status"] == status
    assert json.loads(result["reason"]) == result["message"]
    assert result["message"]["code"] == code
    assert result["headers"]["content-type"] == "application/problem+json"
    assert server.post(f"{PATH}/allow", form(method, path, {})).json == {"result": False}


@pytest.mark.parametrize("form", FORMS)
def test_what_came_twice_is_refused(server: Running, venue: Venue, form: Any) -> None:
    """A list stands for several header lines of one name."""
    token = venue.bearer["authorization"]
    result = server.post(PATH, form("GET", "/orders", {"authorization": [token, token]})).json["result"]
    assert (result["allow"], result["message"]["code"]) == (False, "header_refused")


def test_a_client_is_not_where_it_says(server: Running, venue: Venue) -> None:
    """The address is the one that the gateway saw, whatever the client's own header names."""
    asked = apisix("GET", "/orders", {**venue.bearer, "x-forwarded-for": CLIENT}, client="198.51.100.1")
    assert server.post(PATH, asked).json["result"]["message"]["code"] == "ip_not_allowed"


GET = {"method": "GET", "path": "/status"}


@pytest.mark.parametrize(
    "given",
    [
        {"request": {"method": "GET"}, "var": {"remote_addr": CLIENT}},
        {"request": GET},
        {"request": {**GET, "method": 7}, "var": {"remote_addr": CLIENT}},
        {"request": {"http": GET}, "client_ip": 7},
        {"request": {"http": {**GET, "headers": []}}, "client_ip": CLIENT},
        {"request": {"http": {**GET, "headers": {"a": 1}}}, "client_ip": CLIENT},
        {"request": {"http": {**GET, "headers": {"host": HOST}, "querystring": 1}}, "client_ip": CLIENT},
        {"request": []},
        {},
        {"request": {"http": []}},
    ],
)
def test_half_a_request_is_refused(server: Running, given: dict[str, Any]) -> None:
    """What a plugin leaves out is not guessed."""
    response = server.post(PATH, {"input": given})
    assert (response.status, response.json["result"]["allow"]) == (200, False)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"input":1}', b'{"input":[]}', b"[]", b'{"input":{},"input":{}}', b"nonsense"]
)
def test_what_is_no_question_has_no_result(server: Running, body: bytes) -> None:
    """Without a result, every plugin refuses."""
    response = server.send("POST", PATH, {"content-type": "application/json"}, body)
    assert response.status == 400
    assert "result" not in response.json


def test_a_query_is_put_together_again(server: Running, venue: Venue) -> None:
    """Values are encoded as a client would have; a signature over what can be written in one way alone verifies."""
    query = {"a": ["1"], "b": "x y&c=d"}
    result = server.post(PATH, kong("GET", "/orders", venue.bearer, query)).json["result"]
    assert result["allow"] is True, result
    signed = {**dict(venue.signed("GET", "/orders?a=1&b=2"))}
    assert server.post(PATH, kong("GET", "/orders", signed, {"a": "1", "b": "2"})).json["result"]["allow"] is True
    other = {**dict(venue.signed("GET", "/orders?a=1&b=2"))}
    assert server.post(PATH, kong("GET", "/orders", other, {"a": "1", "b": "3"})).json["result"]["allow"] is False


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ({"a": True, "b": ["1", "2"]}, b"/x?a&b=1&b=2"), ({"a": ""}, b"/x?a="), ({"\u00e9": "&="}, b"/x?%C3%A9=%26%3D"),
        ([], b"/x"), (None, b"/x"), ({}, b"/x"),
    ],
)  # fmt: skip
def test_a_target_is_written_in_one_way(query: Any, target: bytes) -> None:
    """Names without a value, repeated names, and what has to be encoded."""
    found = request_of(kong("GET", "/x", {}, query)["input"], 0)
    assert isinstance(found, tuple)
    assert found[0].target == target


def test_a_body_that_did_not_come_is_missed(server: Running, venue: Venue) -> None:
    """Where a route reads the body and the plugin was not told to send it, nothing is allowed."""
    headers = {**dict(venue.signed("POST", "/orders", b'{"notional":"1"}')), "content-type": "application/json"}
    absent = kong("POST", "/orders", {**headers, "content-length": "16"})
    assert server.post(PATH, absent).json["result"]["message"]["code"] == "request_too_large"
    sent = kong("POST", "/orders", {**headers, "content-length": "16"}, body='{"notional":"1"}')
    assert server.post(PATH, sent).json["result"]["allow"] is True


def test_a_plain_request_is_decided(server: Running) -> None:
    """Whoever may call is trusted with a request as an engine takes it; the instant and the gateway are ours."""
    asked = {"action": "orders.read", "key": "reader", "client": {"ip": CLIENT}, "now": "1999-01-01T00:00:00Z"}
    assert server.post(PATH, {"input": asked}).json["result"]["allow"] is True
    elsewhere = {**asked, "client": {"ip": "198.51.100.1"}}
    assert server.post(PATH, {"input": elsewhere}).json["result"]["message"]["code"] == "ip_not_allowed"
    others: list[Any] = [None, 7, [], {}, "orders.sell", base64.b64encode(b"x").decode()]
    for action in others:
        assert server.post(PATH, {"input": {**asked, "action": action}}).json["result"]["allow"] is False


def test_no_other_document_is_there(server: Running) -> None:
    """One path is answered, and the one below it for a boolean."""
    assert server.post("/v1/data/other", {"input": {}}).status == 404
    assert server.post("/v1/data", {"input": {}}).status == 404
    assert server.send("GET", PATH).status == 405
