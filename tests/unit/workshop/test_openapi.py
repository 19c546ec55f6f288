"""OpenAPI documents: what becomes a route, and what is said to be left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from durwan.errors import PolicyError
from durwan.routing.routes_file import read_routes
from durwan.workshop.openapi import OpenApiError, read_document, routes_of
from tests.reference_set import reference_program

DOCUMENT = """
openapi: 3.1.0
info: {title: exchange, version: "1"}
servers: [{url: "https://api.example.com/v1/"}]
security: [{key: []}]
paths:
  /orders:
    get:
      operationId: listOrders
      parameters:
        - {name: symbol, in: query, schema: {type: [string, "null"]}}
        - {name: pageSize, in: query, schema: {type: integer}}
        - {name: sid, in: cookie, schema: {type: string}}
        - {name: filter, in: query, schema: {type: object}}
        - {name: ids, in: query, schema: {type: array, items: {type: string}}}
        - {name: ids, in: header, schema: {type: array, items: {type: integer}}}
        - {name: X_Odd, in: header, schema: {type: string}}
        - {name: "%", in: query, schema: {type: string}}
        - {name: either, in: query, schema: {anyOf: [{type: string}]}}
        - {name: side, in: query, schema: {enum: [buy, sell]}}
    post:
      x-action: orders.create
      parameters: [{$ref: "#/components/parameters/once"}]
      requestBody: {$ref: "#/components/requestBodies/order"}
  /orders/{orderId}:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string}}]
    delete: {operationId: cancelOrder}
    trace: {}
  /time:
    get: {security: []}
  /uploads:
    put:
      operationId: upload
      requestBody: {content: {text/csv: {schema: {type: string}}}}
  /choices:
    post:
      operationId: orders.amend
      requestBody: {content: {application/json: {schema: {oneOf: [{type: object}]}}}}
webhooks: {}
components:
  parameters:
    once: {name: Idempotency-Key, in: header, schema: {type: string}}
  requestBodies:
    order: {content: {application/json: {schema: {$ref: "#/components/schemas/order"}}}}
  schemas:
    base: {type: object, properties: {symbol: {type: string}, at: {type: string, format: date-time}}}
    order:
      allOf: [{$ref: "#/components/schemas/base"}]
      properties:
        quantity: {type: number}
        postOnly: {type: boolean}
        legs: {type: array, items: {type: object}}
        stop: {type: object, properties: {price: {type: number}, "in-force": {type: integer}}}
        loop: {$ref: "#/components/schemas/loop"}
        other: {$ref: "other.yaml#/x"}
    loop: {$ref: "#/components/schemas/loop"}
"""


def imported(text: str = DOCUMENT, **options: Any) -> Any:
    """What comes of a document."""
    return routes_of(read_document("openapi.yaml", text.encode()), **options)


def test_a_document_becomes_a_file_of_routes() -> None:
    """Templates, proposed actions, parameters and simple members of bodies are taken over, with their types."""
    found = imported()
    assert found.is_sound
    read, report = read_routes("routes.yaml", found.text.encode())
    assert report == []
    assert read is not None
    shown = {route.key: (route.action, {each.attribute: str(each) for each in route.sources}) for route in read.table}
    assert shown == {
        "GET /v1/orders": (
            "orders.list",
            {
                "request.symbol": "query.symbol",
                "request.page_size": "query.pageSize",
                "request.ids": "query.ids",
                "request.side": "query.side",
            },
        ),
        "POST /v1/orders": (
            "orders.create",
            {
                "request.symbol": "body.symbol",
                "request.at": "body.at",
                "request.quantity": "body.quantity",
                "request.post_only": "body.postOnly",
                "request.stop_price": "body.stop.price",
                "request.stop_in_force": "body/stop/in-force",
            },
        ),
        "DELETE /v1/orders/{order_id}": ("order.cancel", {"request.order_id": "path.order_id"}),
        "GET /v1/time": ("time.read", {}),
        "PUT /v1/uploads": ("upload", {}),
        "POST /v1/choices": ("orders.amend", {}),
    }
    types = {each.attribute: str(each.type) for route in read.table for each in route.sources if each.type is not None}
    assert types == {
        "request.page_size": "int",
        "request.ids": "set of string",
        "request.at": "time",
        "request.quantity": "decimal",
        "request.post_only": "bool",
        "request.stop_price": "decimal",
        "request.stop_in_force": "int",
    }
    by_key = {route.key: route for route in read.table}
    assert by_key["POST /v1/orders"].idempotency == "idempotency-key"
    assert [key for key, route in by_key.items() if route.is_public] == ["GET /v1/time"]


def test_what_is_left_out_is_said() -> None:
    """Cookies, objects in queries, lists of objects, other documents, other bodies and choices are named."""
    said = "\n".join(imported().left_out)
    for part in (
        "sid in cookie",
        "filter",
        "legs",
        "X_Odd",
        "%",
        "either",
        "header.ids",
        "loop",
        "other.yaml#/x",
        "is not JSON",
        "several forms",
        "TRACE",
        "webhooks",
    ):
        assert part in said


def test_declared_actions_are_preferred() -> None:
    """With a vocabulary, names of operations find their actions, and what is not declared is left out and said."""
    found = imported(schema=reference_program().schema, prefix="/v2")
    read, _ = read_routes("routes.yaml", found.text.encode())
    assert read is not None
    actions = {route.key: route.action for route in read.table}
    assert actions["GET /v2/orders"] == "orders.read"
    assert actions["DELETE /v2/orders/{order_id}"] == "orders.cancel"
    creating = next(route for route in read.table if route.key == "POST /v2/orders")
    assert [each.attribute for each in creating.sources] == ["request.symbol", "request.quantity", "request.post_only"]
    assert not found.is_sound
    assert any("time.read" in line and "not declared" in line for line in found.left_out)
    assert any("request.stop_price is not declared" in line for line in found.left_out)


def test_a_document_of_json_is_read() -> None:
    """JSON is read as strictly as YAML is, at any size that such documents have."""
    text = json.dumps({"openapi": "3.0.3", "paths": {"/a b": {}, "/a": {"get": {"operationId": "x"}}}})
    found = routes_of(read_document("openapi.json", text.encode()))
    assert "GET /a: x" in found.text
    assert routes_of({"openapi": "3.0.0"}).text == "routes: {}\n"


@pytest.mark.parametrize("text", ["swagger: '2.0'\n", "openapi: 2.0\n", "- a\n", "openapi: 3.2.0\n"])
def test_other_documents_are_refused(text: str) -> None:
    """Only versions 3.0 and 3.1 are read."""
    with pytest.raises(OpenApiError, match=r"3\.0 or 3\.1"):
        read_document("openapi.yaml", text.encode())


def test_a_document_with_mistakes_is_refused() -> None:
    """What is no YAML, or YAML that could be read in two ways, is reported with its place."""
    with pytest.raises(PolicyError, match="P0505"):
        read_document("openapi.yaml", b"openapi: 3.0.0\nopenapi: 3.1.0\n")


def test_routes_that_have_to_be_repaired_are_said() -> None:
    """Two paths that differ in the names of parameters alone make a file with a mistake, which is told."""
    text = """
openapi: 3.0.0
paths:
  /a/{x}: {get: {operationId: readA}}
  /a/{y}: {get: {operationId: readB}}
  /a/{z}.json: {get: {operationId: readC}}
"""
    found = imported(text)
    assert not found.is_sound
    assert {line.split()[3] for line in found.left_out if line.startswith("to be repaired")} == {"P0906", "P0905"}
