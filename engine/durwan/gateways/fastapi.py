"""FastAPI: the action stands on the route that does it.

    app = FastAPI()

    @app.post("/orders", dependencies=[Depends(authorize("orders.create", request={"symbol": "body.symbol"}))])
    async def create(order: Order) -> None: ...

    protect(app, Gate(Parts(engine=engine, router=Router(routes_of(app, engine), rules), authenticator=authenticator)))

Nothing of the application runs before the middleware has let the request through: no body is read by a model, and a
route that names no action has no route at the gate either. The dependency then makes sure that what was decided is what
the route says, so that a forgotten middleware refuses everything. With a file of routes, name the same actions in both,
and leave `routes_of` out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from durwan.credentials.refusals import refuse
from durwan.errors import DurwanError, PolicyError
from durwan.gateways.answer import About, Answer, Answers
from durwan.gateways.asgi import Admitted, DurwanMiddleware
from durwan.gateways.gate import Gate
from durwan.routing.route import RouteTable
from durwan.routing.routes_file import read_routes
from durwan.runtime.engine import Engine


class FastAPINotInstalledError(DurwanError):
    """FastAPI is not there."""

    def __init__(self) -> None:
        super().__init__("durwan.gateways.fastapi needs FastAPI: pip install fastapi")


try:
    from fastapi import FastAPI, routing
    from fastapi.requests import HTTPConnection, Request
    from fastapi.responses import Response
except ModuleNotFoundError as error:
    raise FastAPINotInstalledError from error

_PARAMETER: Final = re.compile(r"\{(\w+)(?::(\w+))?\}")


class AppNotProtectedError(DurwanError):
    """An application that cannot be protected as it is written."""


class RefusedError(DurwanError):
    """A request that an application refuses by an answer of the gate; `protect` has it answered so.

    Attributes:
        answer: the answer.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(f"refused: {answer.code}")


def ensure(answer: Answer) -> Answer:
    """The answer, where it allows.

    Raises:
        RefusedError: it does not.
    """
    if not answer.allowed:
        raise RefusedError(answer)
    return answer


class Authorize:
    """A dependency: the request was allowed to do what the route does. Made by `authorize`."""

    def __init__(self, action: str, fields: Mapping[str, Any]) -> None:
        self.action = action
        self.fields = fields
        self.routes: set[str] = set()

    async def __call__(self, connection: HTTPConnection) -> Admitted:
        """What is known of the request.

        Raises:
            RefusedError: nobody has decided about it, or about something else.
        """
        admitted = connection.scope.get("durwan")
        routed = admitted.answer.routed if isinstance(admitted, Admitted) else None
        if routed is None or routed.route.action != self.action or not self._is_at(routed.route.key):
            raise RefusedError(Answers().refused("", refuse("not_ready"), About()))
        assert isinstance(admitted, Admitted)  # noqa: S101 - or there were no route
        return admitted

    def _is_at(self, key: str) -> bool:
        """Whether a route of the gate is one of those that this stands on, where that is known."""
        return not self.routes or key in self.routes


def authorize(
    action: str,
    *,
    request: Mapping[str, str] | None = None,
    public: bool = False,
    idempotency: str | None = None,
) -> Authorize:
    """A dependency that says what a route does: `Depends(authorize("orders.create"))`. It returns an `Admitted`.

    Args:
        action: what is asked for.
        request: where attributes come from, as in a file of routes: `{"symbol": "body.symbol"}`, or with their
            contexts `{"order.symbol": "query.symbol"}`.
        public: whether it is asked for without a credential. The policy decides nevertheless.
        idempotency: the header by which a repeated request is known.
    """
    attributes = {name if "." in name else f"request.{name}": source for name, source in (request or {}).items()}
    fields: dict[str, Any] = {"action": action}
    fields |= {"attributes": attributes} if attributes else {}
    fields |= {"public": True} if public else {}
    fields |= {"idempotency": idempotency} if idempotency is not None else {}
    return Authorize(action, fields)


def routes_of(app: FastAPI, engine: Engine) -> RouteTable:
    """The routes of an application that say by `authorize` what they do.

    There is no other way in: not to the pages of its documentation, nor to anything that is mounted.

    Raises:
        AppNotProtectedError: a route says two things.
        PolicyError: a path, an action or an attribute is not one that a file of routes could have.
    """
    routes: dict[str, Mapping[str, Any]] = {}
    for route in _routes(app):
        found = set(_said(getattr(route, "dependant", None)))
        if len(found) > 1:
            actions = " and ".join(sorted(each.action for each in found))
            raise AppNotProtectedError(f"{route.path} says that it does {actions}: leave one of them")
        for said in found:
            for method in sorted(getattr(route, "methods", None) or {"GET"}):
                key = f"{method} {_PARAMETER.sub(_parameter, route.path)}"
                routes.setdefault(key, said.fields)
                said.routes.add(key)
    content = json.dumps({"routes": routes}).encode()
    file, report = read_routes("the routes of the application", content, engine.compiled.program.schema)
    if file is None:
        raise PolicyError(report)
    return file.table


def protect(app: FastAPI, gate: Gate, *, trailers_apart: bool = False) -> None:
    """Puts a gate before an application. What is added to it later, such as CORS, stands before the gate.

    Args:
        app: the application.
        gate: what decides.
        trailers_apart: see `DurwanMiddleware`.

    Raises:
        AppNotProtectedError: the application has a root path of its own.
    """
    if app.root_path:
        raise AppNotProtectedError("FastAPI(root_path=...) renames requests: write app = DurwanMiddleware(app, gate)")
    app.add_middleware(DurwanMiddleware, gate=gate, trailers_apart=trailers_apart)
    app.add_exception_handler(RefusedError, _answered)


def _answered(_request: Request, error: Exception) -> Response:
    """What `Starlette.add_exception_handler` wants: the answer that an exception carries."""
    assert isinstance(error, RefusedError)  # noqa: S101 - it is registered for no other
    response = Response(error.answer.body, error.answer.status)
    response.raw_headers.extend(error.answer.headers)
    return response


def _routes(app: FastAPI) -> Iterator[Any]:
    """The routes of an application, also those of its routers; newer versions keep these apart."""
    contexts: Any = getattr(routing, "iter_route_contexts", iter)
    yield from contexts(app.routes)


def _said(dependant: Any) -> Iterator[Authorize]:
    """What a route says that it does. The attributes are those of FastAPI's own classes, which have no types."""
    if dependant is None:
        return
    if isinstance(dependant.call, Authorize):
        yield dependant.call
    for each in dependant.dependencies:
        yield from _said(each)


def _parameter(found: re.Match[str]) -> str:
    return f"{{{found[1]}*}}" if found[2] == "path" else f"{{{found[1]}}}"


__all__ = [
    "AppNotProtectedError",
    "Authorize",
    "FastAPINotInstalledError",
    "RefusedError",
    "authorize",
    "ensure",
    "protect",
    "routes_of",
]
