"""The fault programs of audit logs, for as long as a test may take; each has a longer version started by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from durwan.audit.settings import Kind
from tests.audit_logs import KINDS
from tests.faults import audit_crashes, audit_edits, audit_failures, audit_kills


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_that_is_killed_loses_no_record(tmp_path: Path, kind: Kind) -> None:
    """F9: what was acknowledged is in the log, once, and the log is whole."""
    counts = audit_kills.run(tmp_path, kind, kills=4)
    assert (counts.kills, counts.lost, counts.twice, counts.findings) == (4, 0, 0, 0)
    assert counts.acknowledged > 4


@pytest.mark.parametrize("name", audit_crashes.RUNS)
def test_a_log_may_end_at_any_byte(tmp_path: Path, name: str) -> None:
    """F10: cut off, exactly the lines before are recovered; no bit is flipped unnoticed."""
    counts = audit_crashes.RUNS[name](tmp_path, 811)
    assert counts.places > 20
    assert (counts.wrong, counts.missed, counts.misnamed) == (0, 0, 0), counts


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("error", audit_failures.ERRORS)
def test_no_call_that_fails_loses_or_forges_anything(tmp_path: Path, kind: Kind, error: str, *, strict: bool) -> None:
    """F11: strict logs refuse, relaxed ones count, both recover, and the log is whole after each."""
    case = audit_failures.Case(kind=kind, strict=strict, error=error, times=2, step=31)
    counts = audit_failures.run(tmp_path, case)
    assert counts.failed_calls >= 2
    assert counts.bad == 0, counts


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_edit_is_found_and_named(tmp_path: Path, kind: Kind) -> None:
    """F21: with the number of the first line that is wrong, with checkpoints where only they can show it."""
    counts = audit_edits.edit_all(tmp_path, kind, 400, 2)
    assert (counts.edits, counts.missed, counts.misnamed) == (2 * len(audit_edits.EDITS), 0, [])


def test_a_bit_that_is_flipped_is_found_and_named(tmp_path: Path) -> None:
    """F21: wherever it is."""
    counts = audit_edits.flip_all(tmp_path / "log", 200, 199)
    assert counts.edits > 400
    assert (counts.missed, counts.misnamed) == (0, [])
