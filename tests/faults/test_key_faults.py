"""Keys under faults, in short; the programs beside this file do the same for longer."""

from __future__ import annotations

from pathlib import Path

from tests.faults.key_kills import run


def test_a_process_that_is_killed_while_it_rotates_keys_loses_nothing(tmp_path: Path) -> None:
    """After eight kills at random moments, every secret that anybody was given works, and both files are whole."""
    counts = run(tmp_path, kills=8, seed=7)
    assert counts.kills == 8
    assert counts.rotations >= 8
    assert counts.faults() == 0, counts
