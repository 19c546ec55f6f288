"""`durwan routes`: show, match and import."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from durwan.cli.durwan import main
from durwan.language.policy_set import read_directory
from durwan.workshop.bundling import build_bundle
from durwan.workshop.release import release
from tests.reference_set import ROOT
from tests.unit.cli.conftest import Ended

Durwan = Callable[..., Ended]

OPENAPI = """
openapi: 3.0.3
paths:
  /v1/orders:
    get:
      operationId: listOrders
      parameters: [{name: symbol, in: query, schema: {type: string}}, {name: page, in: query, schema: {type: integer}}]
"""


@pytest.fixture
def durwan(capsys: pytest.CaptureFixture[str]) -> Durwan:
    """Calls `durwan routes` with the words given."""

    def call(*words: str | Path) -> Ended:
        code = main(["routes", *map(str, words)])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return call


def test_routes_are_shown(durwan: Durwan) -> None:
    """Each route stands on a line, and below it its attributes, with their types and what is constant."""
    done = durwan("show", "--routes", ROOT)
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "POST /v1/orders orders.create (once per idempotency-key)" in lines
    assert 'request.order_type = body.type ("limit" | "market")' in lines
    assert "request.orders = 1" in lines
    shown = durwan("show", "--routes", ROOT, "-f", "json").json["routes"]
    assert {route["template"] for route in shown} >= {"/v1/orders", "/v1/orders/{order}"}


def test_routes_of_a_bundle_and_of_a_file_are_shown(durwan: Durwan, tmp_path: Path) -> None:
    """A gateway that has a bundle or a file alone can be asked as well."""
    bundle = tmp_path / "set.bundle"
    bundle.write_bytes(build_bundle(release(read_directory(ROOT)), version=1))
    assert durwan("show", "--routes", bundle).out == durwan("show", "--routes", ROOT).out
    file = tmp_path / "r.yaml"
    file.write_text("routes:\n  GET /a/{b}: {action: a.b, public: true, attributes: {request.n: {count: body.c}}}\n")
    assert durwan("show", "--routes", file).out == "GET  /a/{b}  a.b  (public)\n       request.n = count of body.c\n"


def test_a_request_is_matched(durwan: Durwan, tmp_path: Path) -> None:
    """The route, its action and all attributes are said; and which of them are absent."""
    body = tmp_path / "order.json"
    body.write_text('{"symbol": "BTC-PERP", "quantity": 2.50}')
    done = durwan("match", "POST", "/v1/orders", "--routes", ROOT, "--body", body)
    assert done.code == 0
    assert "POST /v1/orders  orders.create" in done.out
    assert "request.quantity = '2.50'" in done.out
    assert "request.price is unknown: there is no body.price" in done.out
    found = durwan("match", "DELETE", "/v1/orders/%37?symbol=A", "--routes", ROOT, "-f", "json").json
    assert found["route"]["action"] == "orders.cancel"
    assert found["path"] == "/v1/orders/7"
    assert found["parameters"] == {"order": "7"}
    assert found["attributes"] == {"request": {"weight": 1, "symbol": "A"}}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("GET", "/v1/order"), "route_unknown", "the nearest are /v1/orders"),
        (("GET", "/zzzzzzzzzzzzzzzzzzzzzz"), "route_unknown", "durwan routes show"),
        (("PUT", "/v1/orders"), "method_not_allowed", "DELETE, GET, HEAD, POST"),
        (("GET", "/v1//orders"), "target_refused", "segment 2 is empty"),
        (("GET", "/v1/%2e%2e/orders"), "target_refused", "segment 2, '%2e%2e', can be read in more than one way"),
        (("GET", "v1"), "target_refused", "a target begins with a slash"),
        (("get", "/v1"), "method_refused", ""),
        (("GET", "/v1/orders?symbol=A&symbol=B"), "attribute_malformed", ""),
        (("GET", "/v1/orders", "-H", "X-Original-URL: /a"), "header_refused", ""),
    ],
)
def test_a_refusal_is_explained(durwan: Durwan, words: tuple[str, ...], code: str, said: str) -> None:
    """The code of the refusal is given, and what a person may have meant."""
    done = durwan("match", *words, "--routes", ROOT)
    assert done.code == 1
    assert code in done.out
    assert said in done.out
    found = durwan("match", *words, "--routes", ROOT, "-f", "json")
    assert found.code == 1
    assert found.json["refusal"]["code"] == code


def test_wrong_calls_say_what_to_do(durwan: Durwan, tmp_path: Path) -> None:
    """A set without routes, a path that is not there and a header without a colon are usage errors."""
    (tmp_path / "a.policy").write_text("actions { a.b }\n")
    for words, said in (
        (("show", "--routes", tmp_path), "has no routes"),
        (("show", "--routes", tmp_path / "none"), "does not exist"),
        (("match", "GET", "/", "--routes", ROOT, "-H", "x"), "is no header"),
        (("match", "GET", "/", "--routes", ROOT, "--body", tmp_path / "none"), "cannot be read"),
        (("import", tmp_path / "none"), "cannot be read"),
        (("shwo",), "did you mean durwan routes show?"),
    ):
        done = durwan(*words)
        assert done.code == 2
        assert said in done.err


def test_a_document_is_imported(durwan: Durwan, tmp_path: Path) -> None:
    """The file of routes goes to the output, and what was left out to standard error."""
    document, routes = tmp_path / "openapi.yaml", tmp_path / "routes.yaml"
    document.write_text(OPENAPI)
    done = durwan("import", document, "-o", routes, "--policies", ROOT)
    assert (done.code, done.out) == (0, "")
    assert "request.page is not declared" in done.err
    assert "action: orders.read" in routes.read_text()
    assert durwan("show", "--routes", routes).code == 0
    plain = durwan("import", document, "-f", "json")
    assert "GET /v1/orders" in json.loads(plain.out)["routes"]


def test_a_document_that_needs_repair_is_a_finding(durwan: Durwan, tmp_path: Path) -> None:
    """What was imported with a mistake is written all the same, with exit code 1."""
    document = tmp_path / "openapi.yaml"
    document.write_text(OPENAPI + "  /v1/time: {get: {}}\n")
    done = durwan("import", document, "--policies", ROOT)
    assert done.code == 1
    assert "P0910" in done.err
    assert "time.read" in done.out
