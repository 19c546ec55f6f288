"""Files of routes: what they hold, and each mistake that can be made in them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from durwan.diagnostics import Diagnostic
from durwan.errors import PolicyError
from durwan.model import types
from durwan.model.schema import Schema
from durwan.routing.route import AttributeSource, RouteTable
from durwan.routing.routes_file import RoutesFileError, load_routes, read_routes

SCHEMA = Schema(
    actions=frozenset({"orders.read", "orders.create", "orders.cancel"}),
    attributes={
        "request.symbol": types.String(),
        "request.quantity": types.Number(),
        "request.weight": types.Int(1, 100),
        "request.post_only": types.Bool(),
        "request.order_type": types.String(("limit", "market")),
        "request.path": types.String(),
        "client.ip": types.Address(),
        "key.id": types.String(),
    },
)


def read(text: str, schema: Schema | None = SCHEMA) -> tuple[RouteTable | None, list[Diagnostic]]:
    found, report = read_routes("routes.yaml", textwrap.dedent(text).encode(), schema)
    return None if found is None else found.table, report


def test_a_file_of_routes_is_read() -> None:
    """Methods, templates, actions, sources with the declared types, constants, defaults and the rest are taken over."""
    table, report = read("""
        defaults:
          attributes:
            request.symbol: header.X-Symbol
          constants:
            request.weight: 1
        routes:
          GET /orders/{id}: orders.read
          POST /orders:
            action: orders.create
            attributes:
              request.symbol: body.order.symbol
              request.quantity: {from: body/order/quan~1tity, type: decimal}
            constants:
              request.weight: 5
            idempotency: Idempotency-Key
          GET /book/{rest*}:
            action: orders.read
            public: true
    """)
    assert report == []
    assert table is not None
    plain, creating, book = table
    assert (plain.method, plain.template, plain.action) == ("GET", "/orders/{id}", "orders.read")
    assert plain.sources == (
        AttributeSource(attribute="request.symbol", place="header", name="x-symbol", type=types.String()),
    )
    assert plain.constants == {"request": {"weight": 1}}
    assert not plain.reads_body
    assert creating.sources == (
        AttributeSource(attribute="request.symbol", place="body", name=("order", "symbol"), type=types.String()),
        AttributeSource(attribute="request.quantity", place="body", name=("order", "quan/tity"), type=types.Number()),
    )
    assert creating.constants == {"request": {"weight": 5}}
    assert creating.idempotency == "idempotency-key"
    assert creating.reads_body
    assert book.is_public
    assert table.headers == {"x-symbol", "idempotency-key"}


def _route(inner: str, key: str = "POST /orders/{id}") -> str:
    lines = textwrap.indent(textwrap.dedent(inner), "    ")
    return f"routes:\n  {key}:\n{lines}"


# What is written, the code, and the text that is underlined.
MISTAKES = [
    ("- a\n", "P0901", "- a"),
    ("routes: 5\n", "P0901", "5"),
    ("{}\n", "P0901", "{}"),
    (_route("action: orders.read\npublic: 'yes'"), "P0901", "'yes'"),
    (_route("action: orders.read\nidempotency: a b"), "P0901", "a b"),
    (_route("action: orders.read\nattributes: {request.symbol: 5}"), "P0901", "5"),
    (_route("action: orders.read\nconstants: {request.symbol: {a: b}}"), "P0901", "{a: b}"),
    (
        _route("action: orders.read\nattributes: {request.symbol: path.id}\nconstants: {request.symbol: A}"),
        "P0901",
        "request.symbol",
    ),
    (_route("action: orders.read\nidempotence: X"), "P0902", "idempotence"),
    ("route: {}\nroutes: {}\n", "P0902", "route"),
    ("zzzzzzzz: {}\nroutes: {}\n", "P0902", "zzzzzzzz"),
    ("routes:\n  GET /a: [orders.read]\n", "P0901", "[orders.read]"),
    ("routes:\n  GET /a:\n    - orders.read\n", "P0901", "- orders.read"),
    (_route("action: 5"), "P0904", "POST /orders/{id}"),
    (_route("action: orders.read\nattributes: {request.weight: {count: query.a}}"), "P0908", "query.a"),
    (_route("action: orders.read\nattributes: {zzzzzzzz.zzzzzz: query.a}"), "P0911", "zzzzzzzz.zzzzzz"),
    (_route("action: orders.read\nconstants: {request.symbol: [1, {}]}"), "P0901", "[1, {}]"),
    ("routes: {\n", "P0504", ""),
    (_route("action: orders.read", "get /orders"), "P0903", "get /orders"),
    (_route("action: orders.read", "GET orders"), "P0903", "GET orders"),
    (_route("public: true"), "P0904", "POST /orders/{id}"),
    (_route("action: orders.read", "GET /a//b"), "P0905", "GET /a//b"),
    (_route("action: orders.read", "GET /a/x{id}"), "P0905", "GET /a/x{id}"),
    (_route("action: orders.read", "GET /{a}/{a}"), "P0905", "GET /{a}/{a}"),
    (_route("action: orders.read", "GET /{a*}/b"), "P0905", "GET /{a*}/b"),
    (_route("action: orders.read", "GET /%61"), "P0905", "GET /%61"),
    ("routes:\n  GET /{a}: orders.read\n  GET /{b}: orders.create\n", "P0906", "GET /{b}"),
    ("routes:\n  GET /{a}/x: orders.read\n  GET /y/{b}: orders.create\n", "P0907", "GET /y/{b}"),
    ("routes:\n  GET /{a}/x: orders.read\n  GET /y/{b*}: orders.create\n", "P0907", "GET /y/{b*}"),
    (_route("action: orders.read\nattributes: {request.symbol: path.other}"), "P0908", "path.other"),
    (_route("action: orders.read\nattributes: {request.symbol: cookie.x}"), "P0908", "cookie.x"),
    (
        _route("action: orders.read\nattributes: {request.symbol: header.Authorization}"),
        "P0908",
        "header.Authorization",
    ),
    (_route("action: orders.read\nattributes: {request.symbol: header.a_b}"), "P0908", "header.a_b"),
    (_route("action: orders.read\nattributes: {request.symbol: 'query.a[]'}"), "P0908", "'query.a[]'"),
    (_route("action: orders.read\nattributes: {request.symbol: body.a-b}"), "P0908", "body.a-b"),
    (_route("action: orders.read\nattributes: {request.symbol: body/a~2}"), "P0908", "body/a~2"),
    (_route("action: orders.read\nattributes: {request.symbol: {from: body.a, type: text}}"), "P0909", "text"),
    (_route("action: orders.raed"), "P0910", "orders.raed"),
    (_route("action: orders.read\nattributes: {request.simbol: body.a}"), "P0911", "request.simbol"),
    (_route("action: orders.read\nattributes: {request.symbol: {from: body.a, type: int}}"), "P0912", "int"),
    (_route("action: orders.read\nconstants: {request.weight: 0}"), "P0912", "0"),
    (_route("action: orders.read\nconstants: {request.order_type: stop}"), "P0912", "stop"),
    (_route("action: orders.read\nattributes: {client.ip: header.X-Real-IP}"), "P0913", "client.ip"),
    (_route("action: orders.read\nattributes: {key.id: query.key}"), "P0913", "key.id"),
    (_route("action: orders.read\nattributes: {request.path: query.path}"), "P0913", "request.path"),
]


@pytest.mark.parametrize(("text", "code", "underlined"), MISTAKES)
def test_each_mistake_is_reported_where_it_stands(text: str, code: str, underlined: str) -> None:
    """One mistake gives one diagnostic, of its code, which underlines what is wrong; and there is no table."""
    table, report = read(text)
    assert [(item.code, item.span.text) for item in report] == [(code, underlined)]
    assert table is None


def test_constants_are_read_as_they_are_written() -> None:
    """A decimal keeps its digits, and what is not known to a schema is taken as it is."""
    table, report = read("routes: {GET /a: {action: orders.read, constants: {request.quantity: 2.50}}}")
    assert report == []
    assert table is not None
    assert [route.constants for route in table] == [{"request": {"quantity": "2.5"}}]
    table, report = read("routes: {GET /a: {action: x, constants: {request.tags: [a, b], request.on: true}}}", None)
    assert report == []
    assert table is not None
    assert len(table) == 1
    assert [route.constants for route in table] == [{"request": {"tags": ["a", "b"], "on": True}}]


def test_all_mistakes_of_a_file_are_reported_at_once() -> None:
    """A file with many mistakes is reported as a whole, in source order."""
    _, report = read("""
        routes:
          GET /orders: orders.raed
          post /orders: orders.create
          DELETE /orders/{id}:
            action: orders.cancel
            attributes:
              request.simbol: path.id
              request.symbol: path.no
    """)
    assert [item.code for item in report] == ["P0910", "P0903", "P0911", "P0908"]
    assert report[0].help == "did you mean `orders.read`?"
    assert report[2].help == "did you mean `request.symbol`?"


def test_narrower_templates_are_no_mistake() -> None:
    """A literal beside a parameter, a parameter beside the rest, and the same path for two methods are taken."""
    table, report = read("""
        routes:
          GET /orders/{id}: orders.read
          GET /orders/open: orders.read
          GET /orders/{rest*}: orders.read
          DELETE /orders/{id}: orders.cancel
          GET /: orders.read
    """)
    assert report == []
    assert table is not None


def test_a_file_is_loaded(tmp_path: Path) -> None:
    """`load_routes` reads a file, and says what is wrong with one that cannot be read."""
    file = tmp_path / "routes.yaml"
    file.write_text("routes:\n  GET /orders: anything.at_all\n")
    assert [route.action for route in load_routes(file)] == ["anything.at_all"]
    with pytest.raises(PolicyError, match="P0910"):
        load_routes(file, SCHEMA)
    with pytest.raises(RoutesFileError, match="cannot be read"):
        load_routes(tmp_path / "none.yaml")
