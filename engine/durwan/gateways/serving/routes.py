"""The routes of a server: those of its policy set, which change with it, or those of a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.routing import RequestRules, Routed, Router, RouteTable
from durwan.routing.routes_file import load_routes
from durwan.runtime.policy import Compiled


@dataclass(frozen=True, slots=True)
class _Made:
    """A router, and the policy whose routes it has."""

    compiled: Compiled
    router: Router


class FollowedRoutes:
    """A router whose table is another one from the moment at which another policy decides.

    Args:
        path: a file of routes that stands for those of the policy set; None for its own.
        rules: which requests are taken up.
        compiled: the policy that decides now.

    Raises:
        PolicyError: the file has mistakes.
        RoutesFileError: it cannot be read.
    """

    def __init__(self, path: Path | None, rules: RequestRules, compiled: Callable[[], Compiled]) -> None:
        self._path = path
        self._rules = rules
        self._compiled = compiled
        self._given = None if path is None else load_routes(path, compiled().program.schema)
        self._made = self._make(compiled())

    @property
    def table(self) -> RouteTable:
        """The routes as they are now."""
        return self._router().table

    @property
    def rules(self) -> RequestRules:
        """Which requests are taken up."""
        return self._rules

    def read(self, raw: RawRequest) -> Routed | Refusal:
        """As `Router.read`."""
        return self._router().read(raw)

    def address_of(self, raw: RawRequest) -> str | Refusal:
        """As `Router.address_of`."""
        return self._router().address_of(raw)

    def reload(self) -> None:
        """Reads the file of routes again, where there is one.

        Raises:
            DurwanError: it has mistakes now, or cannot be read; then the routes stay as they were.
        """
        compiled = self._compiled()
        if self._path is not None:
            self._given = load_routes(self._path, compiled.program.schema)
        self._made = self._make(compiled)

    def _router(self) -> Router:
        made, compiled = self._made, self._compiled()
        if made.compiled is not compiled:
            made = self._made = self._make(compiled)
        return made.router

    def _make(self, compiled: Compiled) -> _Made:
        table = compiled.routes if self._given is None else self._given
        return _Made(compiled, Router(RouteTable(()) if table is None else table, self._rules))


__all__ = ["FollowedRoutes"]
