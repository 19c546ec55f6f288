"""A policy set in a directory, and `policy-check` called in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from durwan.cli import progress
from durwan.cli.policy_check import main
from tests.unit.workshop.policies import POLICY, TRADER

NOW = "2026-03-02T09:00:00Z"

CASES = """\
cases:
  - name: a trader trades
    with: [trader]
    expect: { effect: allow, rule: trade }
  - name: unknown scores
    with: [trader]
    matrix: { risk.score: [null, 101] }
    expect: { effect: deny, rule: risky }
  - name: nobody knows how old the score is
    with: [trader]
    request: { risk: { as_of: null } }
    expect: { effect: deny, rule: stale }
    skip: being discussed
"""


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of these tests lies in the cache of whoever runs them, nor the other way round."""
    monkeypatch.setenv("DURWAN_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is just now, what is said on standard error is the same."""
    monkeypatch.setattr(progress, "_QUIET_SECONDS", 3600.0)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls `policy-check` with the words given, at a time at which nothing of the policy set is in the past."""
    for name in ("CI", "NO_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)

    def call_(*words: str | Path) -> Ended:
        given: Sequence[str] = [str(word) for word in words]
        code = main(given)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return call_


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A policy set without a mistake, whose tests pass."""
    where = tmp_path / "desk"
    (where / "tests").mkdir(parents=True)
    (where / "policy.yaml").write_text("name: desk\n")
    (where / "desk.policy").write_text(POLICY)
    (where / "tests" / "cases.yaml").write_text(TRADER + CASES)
    return where


@pytest.fixture
def broken(directory: Path) -> Path:
    """A policy set with a mistake in it."""
    (directory / "desk.policy").write_text(POLICY.replace("risk.score >= 90", "risk.scor >= 90"))
    return directory


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    """A request that the policy set allows."""
    path = tmp_path / "request.json"
    request = {
        "action": "orders.create",
        "now": NOW,
        "key": {"id": "desk-7", "scopes": ["orders.write"], "networks": ["203.0.113.0/24"], "labels": []},
        "client": {"ip": "203.0.113.9"},
        "risk": {"score": 12, "as_of": "2026-03-02T08:59:50Z"},
        "request": {"notional": "2500.00"},
    }
    path.write_text(json.dumps(request))
    return path
