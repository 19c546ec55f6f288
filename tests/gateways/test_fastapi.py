"""FastAPI applications whose routes name their actions."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from durwan.errors import PolicyError
from durwan.gateways.asgi import Admitted, DurwanMiddleware
from durwan.gateways.fastapi import AppNotProtectedError, authorize, ensure, protect, routes_of
from tests.gateways.asgi_venue import Venue, exchange, serving, status

CREATE = authorize("orders.create", request={"quantity": "body.quantity"})


class Order(BaseModel):
    """The body of an order."""

    quantity: str


def application(reached: list[str]) -> FastAPI:
    app = FastAPI()
    orders = APIRouter(prefix="/orders")

    @orders.post("")
    async def _create(order: Order, admitted: Annotated[Admitted, Depends(CREATE)]) -> dict[str, Any]:
        reached.append("create")
        assert admitted.answer.identity is not None
        return {"quantity": order.quantity, "key": admitted.answer.identity.key}

    app.include_router(orders)

    @app.get(
        "/accounts/{account}/orders",
        dependencies=[Depends(authorize("orders.read", request={"account": "path.account"}))],
    )
    async def _read(account: str) -> str:
        reached.append("read")
        return account

    @app.get("/status", dependencies=[Depends(authorize("status.read", public=True))])
    def _status() -> str:
        reached.append("status")
        return "fine"

    @app.get("/admin", dependencies=[Depends(authorize("admin.read"))])
    def _admin() -> None:
        reached.append("admin")

    @app.get("/files/{path:path}", dependencies=[Depends(authorize("status.read"))])
    def _files(path: str) -> str:
        reached.append("files")
        return path

    @app.get("/forgotten")
    def _forgotten() -> None:
        reached.append("forgotten")

    @app.post("/later")
    async def _later(admitted: Annotated[Admitted, Depends(authorize("feed.open"))]) -> None:
        ensure(await admitted.connection.answer_async("feed.write", {"request": {"quantity": "11"}}))
        reached.append("later")

    @app.websocket("/feed")
    async def _feed(socket: WebSocket, _: Annotated[Admitted, Depends(authorize("feed.open"))]) -> None:
        await socket.accept()
        await socket.send_text("welcome")
        await socket.close()

    return app


class Site:
    """A way to ask an application behind the gate of a venue."""

    def __init__(self, venue: Venue, port: int) -> None:
        self.venue = venue
        self.port = port

    def ask(self, method: str, path: str, body: bytes = b"", *, known: bool = True) -> tuple[int, Any]:
        lines = (self.venue.bearer() if known else b"") + b"Content-Type: application/json\r\nConnection: close\r\n"
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n".encode()
        response = exchange(self.port, head + lines + b"\r\n" + body)
        return status(response), json.loads(response.partition(b"\r\n\r\n")[2] or b"null")


@pytest.fixture(name="reached")
def reached_fixture() -> list[str]:
    return []


@pytest.fixture(name="venue")
def venue_fixture(tmp_path: Path) -> Venue:
    return Venue(tmp_path)


@pytest.fixture(name="site")
def site_fixture(venue: Venue, reached: list[str]) -> Iterator[Site]:
    app = application(reached)
    protect(app, venue.with_routes(routes_of(app, venue.engine)))
    with serving(app, "httptools") as port:
        yield Site(venue, port)


def test_a_route_is_allowed_what_its_action_is(site: Site, reached: list[str]) -> None:
    """Attributes come from where the route says, and the handler is told who asks."""
    assert site.ask("POST", "/orders", b'{"quantity": "3"}') == (200, {"quantity": "3", "key": "desk-7"})
    assert site.ask("GET", "/accounts/a1/orders") == (200, "a1")
    assert site.ask("GET", "/status", known=False) == (200, "fine")
    assert site.ask("GET", "/files/a/b") == (200, "a/b")
    assert reached == ["create", "read", "status", "files"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("POST", "/orders", b'{"quantity": "11"}'), (403, "no_rule_allows")),
        (("POST", "/orders", b"{"), (400, "attribute_malformed")),
        (("GET", "/accounts/a2/orders", b""), (403, "no_rule_allows")),
        (("GET", "/accounts/a1%2forders/orders", b""), (400, "target_refused")),
        (("GET", "/admin", b""), (403, "no_rule_allows")),
        (("GET", "/forgotten", b""), (404, "route_unknown")),
        (("GET", "/docs", b""), (404, "route_unknown")),
        (("GET", "/openapi.json", b""), (404, "route_unknown")),
        (("DELETE", "/orders", b""), (405, "method_not_allowed")),
        (("POST", "/later", b""), (403, "no_rule_allows")),
    ],
)
def test_what_is_refused_is_a_problem(
    site: Site, reached: list[str], asked: tuple[str, str, bytes], expected: tuple[int, str]
) -> None:
    """A route that is refused, or that names no action, is not reached; the body says why, as everywhere."""
    found, said = site.ask(*asked)
    assert (found, said["code"]) == expected
    assert said["decision_id"]
    assert not reached


def test_nobody_is_asked_without_a_credential(site: Site, reached: list[str]) -> None:
    """Before a model reads a body, it is known who asks."""
    assert site.ask("POST", "/orders", b"{", known=False)[0] == 401
    assert not reached


def test_a_websocket_is_a_route(site: Site) -> None:
    """Its handshake is decided by the action that it names."""
    address = f"ws://127.0.0.1:{site.port}/feed"
    headers = {"Authorization": f"Bearer {site.venue.token}"}
    with connect(address, additional_headers=headers, proxy=None) as connection:
        assert connection.recv(5) == "welcome"
    with pytest.raises(InvalidStatus) as caught:
        connect(address, proxy=None)
    assert caught.value.response.status_code == 401


def test_a_forgotten_middleware_refuses_everything(reached: list[str]) -> None:
    """A dependency that finds no decision lets nobody through, and leaves a traceback for whoever forgot it."""
    with serving(application(reached), "h11") as port:
        for path in ("/status", "/admin", "/files/a"):
            assert (
                status(exchange(port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())) == 500
            )
    assert not reached


def test_another_action_than_the_routes_is_refused(venue: Venue, reached: list[str]) -> None:
    """Where a file of routes says one thing and the route another, nobody passes."""
    app = FastAPI()

    @app.get("/")
    def _status(_: Annotated[Admitted, Depends(authorize("admin.read"))]) -> None:
        reached.append("status")

    protect(app, venue.gate)
    with serving(app, "h11") as port:
        found, said = Site(venue, port).ask("GET", "/")
    assert (found, said["code"]) == (503, "not_ready")
    assert not reached


def test_another_route_with_the_same_action_is_refused(venue: Venue, reached: list[str]) -> None:
    """FastAPI takes the first route that fits, the gate the one that fits best; where they differ, nobody passes."""
    app = FastAPI()

    @app.get("/accounts/{account}", dependencies=[Depends(authorize("status.read"))])
    def _one(account: str) -> None:
        reached.append(account)

    @app.get("/accounts/own", dependencies=[Depends(authorize("status.read"))])
    def _own() -> None:
        reached.append("own")

    protect(app, venue.with_routes(routes_of(app, venue.engine)))
    with serving(app, "h11") as port:
        site = Site(venue, port)
        assert site.ask("GET", "/accounts/own")[0] == 503
        assert site.ask("GET", "/accounts/a1")[0] == 200
    assert reached == ["a1"]


def test_mistakes_are_found_when_the_application_starts(venue: Venue) -> None:
    """Two actions on one route, an action or attribute that is not declared, and a path that cannot be matched."""
    twice = FastAPI(dependencies=[Depends(authorize("status.read"))])
    twice.get("/a", dependencies=[Depends(authorize("admin.read"))])(lambda: None)
    with pytest.raises(AppNotProtectedError, match=r"/a says that it does admin\.read and status\.read"):
        routes_of(twice, venue.engine)
    for path, said in (
        ("/a", authorize("orders.creat")),
        ("/a", authorize("orders.create", request={"quantiti": "body.q"})),
        ("/a", authorize("orders.create", request={"quantity": "path.q"})),
        ("/a", authorize("orders.create", request={"key.account": "body.q"})),
        ("/a-{name}", authorize("orders.create")),
    ):
        app = FastAPI()
        app.get(path, dependencies=[Depends(said)])(lambda: None)
        with pytest.raises(PolicyError):
            routes_of(app, venue.engine)
    renamed = FastAPI()
    renamed.root_path = "/api"
    with pytest.raises(AppNotProtectedError, match="root_path"):
        protect(renamed, venue.gate)


def test_a_root_path_of_the_application_goes_outside(venue: Venue, reached: list[str]) -> None:
    """An application that a proxy knows by a prefix is wrapped, and found by what the proxy leaves."""
    app = application(reached)
    app.root_path = "/api"
    gate = venue.with_routes(routes_of(app, venue.engine))
    with serving(DurwanMiddleware(app, gate), "h11") as port:
        assert Site(venue, port).ask("GET", "/status") == (200, "fine")
        assert Site(venue, port).ask("GET", "/api/status")[0] == 404


def test_what_is_added_later_stands_before_the_gate(venue: Venue, reached: list[str]) -> None:
    """A browser asks beforehand and without a credential; whoever answers that stands before the gate."""
    app = application(reached)
    protect(app, venue.with_routes(routes_of(app, venue.engine)))
    app.add_middleware(CORSMiddleware, allow_origins=["https://a.example"], allow_methods=["POST"])
    with serving(app, "h11") as port:
        head = b"OPTIONS /orders HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nConnection: close\r\n"
        assert status(exchange(port, head + b"Access-Control-Request-Method: POST\r\n\r\n")) == 200
        assert Site(venue, port).ask("GET", "/admin")[0] == 403
    assert not reached


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def test_the_middleware_needs_no_framework() -> None:
    """Neither a framework nor a server is imported by the middleware, and none has to be there."""
    done = run_python(
        "import sys\n"
        "for name in ('starlette', 'fastapi', 'uvicorn', 'anyio'): sys.modules[name] = None\n"
        "import durwan.gateways.asgi"
    )
    assert done.returncode == 0, done.stderr


def test_a_missing_framework_says_how_to_get_it() -> None:
    """Without FastAPI, importing its adapter says what installs it."""
    done = run_python("import sys; sys.modules['fastapi'] = None\nimport durwan.gateways.fastapi")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("durwan.gateways.fastapi needs FastAPI: pip install fastapi")
