"""Small policies, requests about them, and what these leave to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from durwan.compilation import Compilation, compile_policy
from durwan.diagnostics import Source, Span
from durwan.language.policy_set import read_mapping
from durwan.workshop.coverage import Coverage, measure, plan
from durwan.workshop.test_files import Case

NOW = 1_772_442_000_000  # 2026-03-02T09:00:00Z, a Monday

VOCABULARY = """\
actions { orders.create orders.cancel }
scopes { orders.write }
context risk { score : int 0..100  as_of : time }
context request { size : decimal 0..1_000  lots : int 0..1_000 }
allow everything on orders.cancel
"""

Requests = Mapping[str, Mapping[str, Any]]


def compiled(policy: str, files: Mapping[str, str] | None = None) -> Compilation:
    found = compile_policy(read_mapping({"a.policy": VOCABULARY + policy, **(files or {})}))
    assert found.program is not None, found.diagnostics
    return found


def case(name: str, request: Mapping[str, Any], *, skip: str | None = None) -> Case:
    """A case about `orders.create`, unless the request says otherwise."""
    nowhere = Span(Source("tests/a.yaml", ""), 0, 0)
    whole = {"action": "orders.create", **request}
    return Case(title=name, name=name, span=nowhere, request=whole, expected={}, skip=skip)


def covered(policy: str, requests: Requests, files: Mapping[str, str] | None = None) -> Coverage:
    """What these requests show of the policy."""
    found = compiled(policy, files)
    assert found.program is not None
    cases = [case(name, request) for name, request in requests.items()]
    return measure(plan(found.program, found.modules), cases, lambda: NOW, found.keys.get)


def wanted(coverage: Coverage) -> set[str]:
    """The words of what is missing, those of the vocabulary's own rule left out."""
    return {target.wanted for target in coverage.missing if target.owner != "allow everything"}


def assert_each_is_needed(
    policy: str, needed: Requests, left: Mapping[str, set[str]], files: Mapping[str, str] | None = None
) -> None:
    """All requests together leave nothing missing; without one of them, exactly what `left` says is."""
    assert wanted(covered(policy, needed, files)) == set()
    without = {
        name: wanted(covered(policy, {other: each for other, each in needed.items() if other != name}, files))
        for name in needed
    }
    assert without == {name: left.get(name, set()) for name in needed}
