"""F12 in short; `python -m tests.faults.raw_http` does the same for longer."""

from __future__ import annotations

from pathlib import Path

from tests.faults.raw_http import run


def test_nothing_passes_that_was_not_allowed(tmp_path: Path) -> None:
    """Of some hundred mutated requests, those alone reach the application that were allowed, by either parser."""
    counts = run(tmp_path, 400, seed=3)
    assert counts.faults == []
    assert counts.mutations == 400
    # Some got through, and some did not: the mutations are worth something.
    assert all(each > 10 for each in counts.reached.values())
    assert all(each.get(400, 0) > 10 and each.get(401, 0) > 10 for each in counts.statuses.values())


def test_a_missing_gate_is_noticed(tmp_path: Path) -> None:
    """Without the middleware, the same requests are counted as faults."""
    counts = run(tmp_path, 20, seed=3, unprotected=True)
    assert len(counts.faults) > 10
