"""What an engine decides by: a policy set that compiled, and what is made of it before the first request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from durwan.credentials.keys import KeySource
from durwan.diagnostics import Diagnostic
from durwan.program.program import Program
from durwan.routing.route import RouteTable


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """A case that a policy set must pass before it may decide: the set's manifest names it under `must_pass`.

    `request` is what `Engine.decide` takes, as plain data; it brings its own `now` and, where it names a key by its id,
    that key is one of the set's own. `expected` are fields of the decision, as `Decision.as_dict` prints them.
    """

    name: str
    request: Mapping[str, Any]
    expected: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A policy set that compiled.

    `revision` is the digest of the program; `diagnostics` are its warnings; `keys` are the set's own keys; `self_tests`
    are run before it may decide; `routes` are the set's own, None where it has none.
    """

    program: Program
    revision: str
    diagnostics: tuple[Diagnostic, ...] = ()
    keys: KeySource
    self_tests: tuple[SelfTest, ...] = ()
    routes: RouteTable | None = None
