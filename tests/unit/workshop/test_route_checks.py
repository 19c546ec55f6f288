"""Routes and rules beside each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from durwan.compilation import Compilation, compile_policy
from durwan.language.policy_set import read_mapping
from durwan.model.values import parse_instant
from durwan.runtime.bundle import BundleError, read_bundle
from durwan.workshop.bundling import build_bundle
from durwan.workshop.release import released
from durwan.workshop.verification import verify
from tests.reference_set import reference_program, reference_set

POLICY = """\
actions { orders.read orders.create orders.cancel }
allow readers on orders.read when key.id is known
allow traders on orders.cancel when key.id is known
shadow allow trial on orders.create when key.id is known
"""
ROUTES = """\
routes:
  GET /orders: orders.read
  POST /orders: orders.create
"""
NOW = parse_instant("2026-03-02T09:00:00Z") or 0


def compiled(routes: str = ROUTES, policy: str = POLICY, **files: str) -> Compilation:
    """A policy set with these routes."""
    return compile_policy(read_mapping({"a.policy": policy, "routes.yaml": routes, **files}))


def found(compilation: Compilation) -> list[tuple[str, str, str]]:
    """The code, the file and the underlined text of what is said about routes."""
    diagnostics = verify(compilation, lambda: NOW, linted=True).diagnostics
    return [(each.code, each.span.source.path, each.span.text) for each in diagnostics if each.code.startswith("P09")]


def test_routes_that_nobody_is_allowed_are_reported() -> None:
    """A route whose action only a shadow rule allows is an error, and an allowed action without a route a warning."""
    assert found(compiled()) == [
        ("P0915", "a.policy", "orders.cancel"),
        ("P0914", "routes.yaml", "orders.create"),
    ]


def test_a_set_without_routes_is_not_asked_for_them() -> None:
    """Policies are used in other ways too."""
    compilation = compile_policy(read_mapping({"a.policy": POLICY}))
    assert compilation.routes is None
    assert found(compilation) == []


def test_a_missing_route_can_be_suppressed() -> None:
    """Where an action is asked for in another way, a comment says so."""
    policy = POLICY.replace(
        "actions { orders.read orders.create orders.cancel }",
        "actions {\n  orders.read orders.create\n  orders.cancel  # policy-check: ignore[P0915] by WebSocket alone\n}",
    )
    assert found(compiled(ROUTES.replace("  POST /orders: orders.create\n", ""), policy)) == []


def test_mistakes_of_routes_are_mistakes_of_the_set() -> None:
    """A set whose routes ask for what is not declared does not compile."""
    compilation = compiled("routes:\n  GET /orders: orders.raed\n")
    assert compilation.program is None
    assert [item.code for item in compilation.diagnostics] == ["P0910"]
    broken = compiled(ROUTES, POLICY + "nonsense")
    assert not any(item.code.startswith("P09") for item in broken.diagnostics)


def test_the_manifest_names_the_file() -> None:
    """Routes stand in `routes.yaml`, unless the manifest names another file."""
    named = {"policy.yaml": "routes: api/v1.yaml\n", "api/v1.yaml": "routes:\n  GET /other: orders.read\n"}
    routes = compiled(**named).routes
    assert routes is not None
    assert [route.template for route in routes.table] == ["/other"]


def test_every_action_of_the_reference_set_has_a_route() -> None:
    """The reference set is complete: nothing is said of its routes, and each has the weight that its limits need."""
    routes = reference_set().routes
    assert routes is not None
    assert {route.action for route in routes.table} == reference_program().schema.actions
    for route in routes.table:
        assert route.constants["request"]["weight"] >= 1
        assert route.is_public is False
    assert found(reference_set()) == []


def test_a_bundle_holds_the_routes() -> None:
    """A gateway that has nothing but a bundle has its routes; one of a set without routes has none."""
    with_routes = released(compiled("routes:\n  GET /orders/{id}: orders.read\n"))
    bundle = read_bundle(build_bundle(with_routes, version=1), trust=None, now_ms=NOW)
    assert bundle.compiled.routes is not None
    assert with_routes.routes is not None
    assert bundle.compiled.routes.routes == with_routes.routes.routes
    other = released(compiled("routes: {}\n", POLICY.replace("orders.read", "orders.look")))
    with pytest.raises(BundleError, match="not declared"):
        build_bundle(replace(other, routes=with_routes.routes), version=1)
    without = released(compile_policy(read_mapping({"a.policy": POLICY})))
    assert read_bundle(build_bundle(without, version=1), trust=None, now_ms=NOW).compiled.routes is None
