"""`policy-check sample-log`: what it writes can be replayed, is the same again, and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Call
from tests.unit.workshop.least_privilege.desk import KEYS, POLICY


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy set with keys, in the current directory."""
    (tmp_path / "desk" / "keys").mkdir(parents=True)
    (tmp_path / "desk" / "desk.policy").write_text(POLICY)
    (tmp_path / "desk" / "keys" / "desk.yaml").write_text(KEYS)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "desk"


@pytest.mark.parametrize("name", ["log.parquet", "log.jsonl"])
def test_what_it_writes_is_replayed(call: Call, desk: Path, name: str) -> None:
    """The policies decide as was recorded, all of the requests; every one of them is within its days."""
    ended = call("sample-log", desk, "--log", name, "--requests", "2_000", "--days", "2")
    assert (ended.code, ended.out) == (0, f"2,000 requests of 3 keys: --log {name}\n")
    found = call("replay", "recorded", desk, "--log", name, "--until", "2026-03-03T00:00:00Z", "-f", "json").json
    assert (found["requests"], found["flips"]) == (2_000, 0)
    counts = {(each["before"], each["after"]): each["count"] for each in found["effects"]}
    assert 1_000 < counts["allow", "allow"] < 2_000


def test_the_seed_says_which(call: Call, desk: Path, tmp_path: Path) -> None:
    """The same seed gives the same log, another one another."""
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        ended = call("sample-log", desk, "--log", f"{name}.jsonl", "--requests", "50", "--seed", seed, "-f", "json")
        assert (ended.code, ended.json["requests"], ended.json["keys"]) == (0, 50, 3)
    first, again, other = ((tmp_path / f"{name}.jsonl").read_bytes() for name in "abc")
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--log", "here.jsonl"], "here.jsonl is there already: name a file that is not"),
        (["--log", "log.csv"], "let it end in .parquet or .jsonl"),
        (["--log", "log.jsonl", "--start", "tomorrow"], "--start tomorrow is no instant: write it as 2026-"),
        (["--log", "log.jsonl", "--requests", "0"], "0 is no number from 1 to 1000000000"),
        (["--log", "log.jsonl", "--days", "-1"], "-1 is no number from 1 to 3650"),
        (["--log", "log.jsonl", "--keys", "none.yaml"], "none.yaml"),
    ],
)  # fmt: skip
def test_what_cannot_be_made(call: Call, desk: Path, tmp_path: Path, words: list[str], said: str) -> None:
    """Each is refused with what to do; nothing is overwritten, and nothing half-made stays."""
    (tmp_path / "here.jsonl").write_text("mine")
    ended = call("sample-log", desk, *words)
    assert ended.code == 2
    assert said in ended.err
    assert (tmp_path / "here.jsonl").read_text() == "mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["desk", "here.jsonl"]


def test_a_set_without_keys(call: Call, desk: Path) -> None:
    """Somebody has to ask."""
    (desk / "keys" / "desk.yaml").unlink()
    ended = call("sample-log", desk, "--log", "log.jsonl")
    assert ended.code == 2
    assert "needs keys that ask" in ended.err
