"""The fault programs, for as long as a test may take; each has a longer version that is started by hand."""

from __future__ import annotations

from pathlib import Path

from tests.faults import kills, reload_under_load, threads


def test_reloads_under_load_change_no_answer() -> None:
    """F3: every answer is that of a policy which decided at some moment of the call; nothing broken ever decides."""
    found = reload_under_load.run_both(reloads=30, broken_each=5)
    for counts in found.values():
        assert counts.faults() == 0, found
        assert counts.decisions > 10_000
        assert (counts.reloads, sum(counts.refused.values())) == (24, 6)
        assert counts.revisions_seen > 12
    assert set(found["bundles"].refused) == {
        "bad signature", "older version", "parse error", "failing self-test", "empty",
    }  # fmt: skip
    assert set(found["directories"].refused) == {"parse error", "failing self-test", "empty"}


def test_threads_that_change_everything_at_once_change_no_answer() -> None:
    """F5: each decision is right for a policy, a key and an instant that held at some moment of the call."""
    found = threads.run_both(seconds=3)
    for counts in found:
        assert counts.faults() == 0, found
        assert counts.decisions > 1_000
        assert min(counts.reloads, counts.revocations, counts.steps) > 0


def test_a_process_that_is_killed_while_it_reloads_leaves_nothing_behind(tmp_path: Path) -> None:
    """F19: the next one is served at once, by nothing older, and the repository is as it was."""
    counts = kills.run(tmp_path, kills=6)
    assert counts.faults() == 0, counts
    assert counts.kills == 6
