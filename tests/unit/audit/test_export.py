"""Decisions as a table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from durwan.audit.export import COLUMNS, ExportNotInstalledError, export_decisions
from durwan.audit.masking import Masking
from durwan.audit.reading import Recorded, records_of
from durwan.audit.recorder import AuditSetupError
from tests.audit_logs import CONTEXTS, NOW, record, write_log


def decisions(folder: Path, **settings: Any) -> list[Recorded]:
    records = [record(1), record(2, rule=None, key=None, subject="half \ud800 a pair", unknowns=("risk.score",))]
    stream = write_log(folder, records, **settings)
    return [each for each in records_of(stream) if each is not None and each.kind == "decision"]


def test_a_table_has_a_request_and_what_was_decided_in_each_row(tmp_path: Path) -> None:
    """In columns whose types hang on no row."""
    path = tmp_path / "decisions.parquet"
    assert export_decisions(decisions(tmp_path / "log"), path) == 2
    table = pl.read_parquet(path)
    assert tuple(table.columns) == COLUMNS
    assert table.schema["now"] == table.schema["seq"] == table.schema["status"] == pl.Int64
    assert table.schema["unknowns"] == pl.List(pl.String)
    first, second = table.to_dicts()
    assert json.loads(first.pop("contexts")) == CONTEXTS
    assert first == {
        "stream": "stream-1", "seq": 1, "now": NOW, "status": 403, "action": "orders.create", "effect": "deny",
        "rule": "risky", "code": "risk_too_high", "revision": "ab" * 32, "decision_id": "1", "method": "POST",
        "path": "/v1/orders", "address": "203.0.113.9", "key": "desk-7", "subject": None, "session": None,
        "because": ["risk.score"], "unknowns": [], "shadows": [],
    }  # fmt: skip
    assert (second["rule"], second["subject"], second["unknowns"]) == (None, "half \\ud800 a pair", ["risk.score"])


def test_nothing_has_the_same_types_as_something(tmp_path: Path) -> None:
    """A table without rows can be put beside one with some."""
    assert export_decisions([], tmp_path / "none.parquet") == 0
    export_decisions(decisions(tmp_path / "log"), tmp_path / "some.parquet")
    assert pl.read_parquet(tmp_path / "none.parquet").schema == pl.read_parquet(tmp_path / "some.parquet").schema


def test_lines_hold_the_contexts_as_they_are(tmp_path: Path) -> None:
    """Each is a JSON object of its own."""
    path = tmp_path / "decisions.jsonl"
    assert export_decisions(decisions(tmp_path / "log"), path) == 2
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert set(first) == set(COLUMNS)
    assert (first["contexts"], first["now"]) == (CONTEXTS, NOW)
    assert second["subject"] == "half \ud800 a pair"
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_masked_is_text_in_a_column(tmp_path: Path) -> None:
    """And a mapping among the contexts."""
    path = tmp_path / "decisions.parquet"
    export_decisions(decisions(tmp_path / "log", masking=Masking(mask=["address"])), path)
    row = pl.read_parquet(path).to_dicts()[0]
    assert row["address"] == '{"$masked":""}'
    assert json.loads(row["contexts"])["client"]["ip"] == {"$masked": ""}


def test_a_record_that_is_odd_has_a_row(tmp_path: Path) -> None:
    """Whatever stands in a log, also in one that is not ours."""
    odd = Recorded("stream-1", 1, "decision", {"time": "noon", "status": 2**70, "key": ["a"], "because": "risk"})
    for name in ("odd.parquet", "odd.jsonl"):
        assert export_decisions([odd, Recorded("stream-1", 2, "decision", {})], tmp_path / name) == 2
    row = pl.read_parquet(tmp_path / "odd.parquet").to_dicts()[0]
    assert (row["now"], row["status"], row["key"], row["because"]) == (None, None, '["a"]', None)


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    """What fails leaves nothing, and what was there before."""
    path = tmp_path / "decisions.jsonl"
    path.write_text("before")

    def broken() -> Any:
        yield from decisions(tmp_path / "log")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        export_decisions(broken(), path)
    assert path.read_text() == "before"
    assert {each.name for each in tmp_path.iterdir()} == {"decisions.jsonl", "log"}


def test_the_name_says_in_which_form(tmp_path: Path) -> None:
    """And a form that nobody knows is said."""
    with pytest.raises(AuditSetupError, match=r"\.parquet or \.jsonl"):
        export_decisions([], tmp_path / "decisions.csv")


def test_parquet_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how to install it."""
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ExportNotInstalledError, match=r"pip install 'durwan\[replay\]'"):
        export_decisions([], tmp_path / "decisions.parquet")
