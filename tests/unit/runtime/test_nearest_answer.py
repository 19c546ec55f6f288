"""The process that looks for nearest changes: what it answers, and that nothing waits for it or falls with it."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from durwan import Engine
from durwan.program.explanation import Explanation

NOW = 1_772_442_000_000  # 2026-03-02T09:00:00Z
POLICY = """
actions { a }
context risk { score : int 0..100 }
allow b on a when risk.score < 70 and client.ip in key.networks
"""
REQUEST: dict[str, Any] = {
    "action": "a",
    "now": NOW,
    "risk": {"score": 80},
    "client": {"ip": "10.0.0.1"},
    "key": {"networks": ["10.0.0.0/8"]},
}


@pytest.fixture
def engine() -> Engine:
    """An engine with a clock that stands still."""
    return Engine.from_sources({"a.policy": POLICY}, clock=lambda: NOW)


def test_a_refusal_is_explained_with_the_nearest_change(engine: Engine) -> None:
    """The change stands beside the rules, and after it the request is allowed."""
    explanation = engine.explain(REQUEST)
    (change,) = explanation.nearest
    assert change.text == "at a risk score of 69 or less"
    assert change.as_dict()["changes"] == [
        {"path": "risk.score", "value": 69, "region": {"low": None, "high": 69}, "text": change.text}
    ]
    assert engine.decide(change.apply(REQUEST)).allowed
    assert (explanation.never, explanation.unanswered) == ((), "")


def test_what_is_allowed_needs_no_change(engine: Engine) -> None:
    """For an allowed request, and where it is not asked for, nobody looks for a change."""
    assert engine.explain(REQUEST | {"risk": {"score": 1}}).nearest == ()
    silent = engine.explain(REQUEST, nearest=False)
    assert (silent.nearest, silent.never, silent.unanswered) == ((), (), "")


def test_what_may_change_is_passed_on(engine: Engine) -> None:
    """Of a request in which only the address may change, the score stays."""
    explanation = engine.explain(REQUEST, may_change=["client.*"])
    assert explanation.never == ("no_rule_allows",)
    assert explanation.never_conditions == ("risk.score < 70",)


def test_requests_that_mean_nothing(engine: Engine) -> None:
    """An action that nobody declared is never allowed; of an instant that cannot be read nothing is known."""
    assert engine.explain({"action": "z"}).never == ("unknown_action",)
    assert "cannot be read" in engine.explain(REQUEST | {"now": "soon"}).unanswered


def test_without_the_solver(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the solver is not installed the explanation says how to install it, and is otherwise complete."""
    (tmp_path / "z3.py").write_text("raise ImportError('not installed')\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # pyright: ignore[reportUnknownMemberType] - pytest does not say
    explanation = engine.explain(REQUEST)
    assert "pip install 'durwan[check]'" in explanation.unanswered
    assert explanation.rules


def test_without_a_process(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be started, or it fails, the explanation says so."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    assert "No such file" in engine.explain(REQUEST).unanswered
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'out of memory' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    assert "out of memory" in engine.explain(REQUEST).unanswered


def test_a_process_that_hangs(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not answer is ended a few seconds after its time."""
    hanging = tmp_path / "python"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(hanging))
    assert engine.explain(REQUEST, seconds=0.1).unanswered.startswith("not found within")


def test_no_time(engine: Engine) -> None:
    """A search that has no time finds nothing out and says so."""
    assert engine.explain(REQUEST, seconds=0).unanswered == "it was not found in time"


def test_from_threads(engine: Engine) -> None:
    """Several threads may ask at once."""
    found: list[Explanation] = []
    threads = [threading.Thread(target=lambda: found.append(engine.explain(REQUEST))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert [len(each.nearest) for each in found] == [1, 1, 1]


def test_the_solver_is_not_loaded_where_decisions_are_made(engine: Engine) -> None:
    """Asking for a change loads nothing of the solver into the process that asks."""
    before = {name for name in sys.modules if name.startswith("durwan.backends.solver.nearest")}
    engine.explain(REQUEST)
    assert {name for name in sys.modules if name.startswith("durwan.backends.solver.nearest")} == before
