"""The routes of a server, which follow its policy set: read again whenever that is reloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.model.schema import Schema
from durwan.routing import RequestRules, Routed, Router, RouteTable
from durwan.routing.routes_file import load_routes

_BY_ITSELF = "routes.yaml"


def routes_path(policies: Path, named: Path | None) -> Path | None:
    """The file of routes: as it is named, else that of the policy set; None where there is none."""
    if named is not None:
        return named
    own = policies / _BY_ITSELF
    return own if own.is_file() else None


class FollowedRoutes:
    """A router whose table can be another one from one request to the next.

    Args:
        path: the file of routes; None for no routes, and then nothing is found.
        rules: which requests are taken up.
        schema: what the policies declare, now and whenever they are reloaded.

    Raises:
        PolicyError: the file has mistakes.
        RoutesFileError: it cannot be read.
    """

    def __init__(self, path: Path | None, rules: RequestRules, schema: Callable[[], Schema]) -> None:
        self._path = path
        self._rules = rules
        self._schema = schema
        self._router = self._made()

    @property
    def table(self) -> RouteTable:
        """The routes as they are now."""
        return self._router.table

    @property
    def rules(self) -> RequestRules:
        """Which requests are taken up."""
        return self._rules

    def read(self, raw: RawRequest) -> Routed | Refusal:
        """As `Router.read`."""
        return self._router.read(raw)

    def address_of(self, raw: RawRequest) -> str | Refusal:
        """As `Router.address_of`."""
        return self._router.address_of(raw)

    def reload(self) -> None:
        """Reads the file again.

        Raises:
            DurwanError: it has mistakes now, or cannot be read; then the routes stay as they were.
        """
        self._router = self._made()

    def _made(self) -> Router:
        table = RouteTable(()) if self._path is None else load_routes(self._path, self._schema())
        return Router(table, self._rules)


__all__ = ["FollowedRoutes", "routes_path"]
