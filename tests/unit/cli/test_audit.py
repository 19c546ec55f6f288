"""`durwan audit`: what an auditor does with a log."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from durwan.audit.segments import segments_of
from durwan.cli.durwan import main
from durwan.credentials.ed25519 import private_key_of
from tests.audit_logs import NOW, record, write_log
from tests.unit.cli.conftest import Ended

Call = Callable[..., Ended]


@pytest.fixture
def audit(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls `durwan audit` in a directory of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Ended:
        code = main(["audit", *words])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return call


@pytest.fixture
def log(tmp_path: Path, audit: Call) -> Path:
    """A log that is signed with a key that `durwan audit keygen` made."""
    assert audit("keygen", "audit.pem").code == 0
    key = private_key_of((tmp_path / "audit.pem").read_bytes())
    (tmp_path / "kept").mkdir()
    records = [
        record("a"),
        record("b", effect="allow", status=200, code="allowed", rule="trade", time=NOW + 60_000),
        record("c", key="desk-8", action="orders.cancel", time=NOW + 120_000),
        record("d", key=None, subject="alice", action="account.read", effect="challenge", time=NOW + 180_000),
    ]
    write_log(tmp_path / "log", records, signing_key=key, checkpoints=tmp_path / "kept", origin="desk")
    return tmp_path / "log"


# ------------------------------------------------------------------------------------------------------------- verify


def test_a_whole_log_is_verified(audit: Call, log: Path) -> None:
    """With a key, against copies of checkpoints, and alone; it says what vouches for what."""
    ended = audit("verify", str(log), "--key", "audit.pem.pub", "--checkpoints", "kept")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].startswith("stream-1  desk/")
    assert lines[1:] == [
        "  whole  6 lines, 4 decisions",
        "  1 signed checkpoint, the last one of 5 lines; 1 are behind it",
    ]
    alone = audit("verify", str(log))
    assert alone.code == 0
    assert alone.out.endswith("  signatures of checkpoints were not looked at: --key FILE\n")
    form = audit("verify", str(log), "-f", "json").json
    assert (form["command"], form["good"], form["missing"]) == ("audit verify", True, [])
    (stream,) = form["streams"]
    assert (stream["lines"], stream["decisions"], stream["vouched"], stream["finding"]) == (6, 4, 5, None)


def test_what_was_changed_is_named(audit: Call, log: Path) -> None:
    """The number of the line, its file, and where it stands there."""
    (segment,) = segments_of(log / "stream-1")
    segment.write_bytes(segment.read_bytes().replace(b'"decision_id":"b"', b'"decision_id":"B"'))
    ended = audit("verify", str(log))
    assert ended.code == 1
    assert f"  changed  line 2, {segment.name}:3: it was changed: its hash is another\n" in ended.out
    form = audit("verify", str(log / "stream-1"), "-f", "json").json
    finding = {"seq": 2, "file": segment.name, "line": 3, "problem": "it was changed: its hash is another"}
    assert (form["good"], form["streams"][0]["finding"]) == (False, finding)


def test_a_log_that_is_gone_is_missed(audit: Call, log: Path, tmp_path: Path) -> None:
    """By the checkpoints that were kept of it; of one stream alone, others may be elsewhere."""
    write_log(tmp_path / "other", [record(1)], checkpoints=tmp_path / "kept", origin="other")
    ended = audit("verify", str(log), "--checkpoints", "kept")
    assert ended.code == 1
    assert "missing  the log other/" in ended.out
    assert len(audit("verify", str(log), "--checkpoints", "kept", "-f", "json").json["missing"]) == 1
    assert audit("verify", str(log / "stream-1"), "--checkpoints", "kept").code == 0
    (only_other,) = (each for each in (tmp_path / "kept").iterdir() if b"other/" in each.read_bytes())
    assert audit("verify", str(log / "stream-1"), "--checkpoints", str(only_other)).code == 1


def test_calls_that_cannot_be_followed(audit: Call, log: Path, tmp_path: Path) -> None:
    """Are told in a line what to do, with exit code 2."""
    (tmp_path / "bad").write_text("no checkpoints")
    (tmp_path / "empty").mkdir()
    for words, problem in (
        (("verify", "nowhere"), "nowhere is no directory of an audit log"),
        (("verify", "empty"), "there is no audit log in empty"),
        (("verify", str(log), "--key", "audit.pem"), "private key"),
        (("verify", str(log), "--checkpoints", "bad"), "breaks off"),
        (("show", str(log), "--since", "yesterday"), "--since yesterday is no instant and no duration"),
        (("export", str(log), "--to", "x.csv"), "let it end in .parquet or .jsonl"),
        (("prove", str(log), "5"), "no checkpoint vouches for record 5"),
        (("prove", str(log), "-1"), "numbered from 0"),
        (("check", "bad", "--key", "nowhere"), "nowhere"),
    ):
        ended = audit(*words)
        assert (ended.code, ended.out) == (2, ""), words
        assert problem in ended.err, words
        assert len(ended.err.splitlines()) == 1


# --------------------------------------------------------------------------------------------------------------- show


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "abcd"), ("--key desk-8", "c"), ("--action orders.*", "abc"), ("--action orders.cancel", "c"),
        ("--effect allow", "b"), ("--code risk_too_high", "acd"), ("--decision-id d", "d"), ("--last 2", "cd"),
        ("--last 0", "abcd"), ("--since 2026-03-02T09:01:00Z", "bcd"), ("--until 2026-03-02T09:01:00Z", "a"),
        ("--since 2026-03-02T09:01:00Z --until 2026-03-02T09:02:30Z --effect deny", "c"), ("--key nobody", ""),
        ("--until 1s", "abcd"),
    ],
)  # fmt: skip
def test_the_decisions_that_were_asked_for_are_shown(audit: Call, log: Path, words: str, expected: str) -> None:
    """For people and for programs alike."""
    form = audit("show", str(log), *words.split(), "-f", "json").json
    assert "".join(each["decision_id"] for each in form["decisions"]) == expected
    lines = audit("show", str(log), *words.split()).out.splitlines()
    assert len([line for line in lines if not line.startswith(" ")]) == len(expected)


def test_a_decision_is_a_line_and_more_if_asked_for(audit: Call, log: Path) -> None:
    """When, what was decided, about what, for whom, from where, by which rule, and how to find it again."""
    line = audit("show", str(log), "--effect", "allow").out
    assert line == (
        "2026-03-02T09:01:00Z  allow      orders.create  by desk-7  from 203.0.113.9  trade  200 allowed  b  "
        "stream-1:2\n"
    )
    whole = audit("show", str(log), "--decision-id", "d").out.splitlines()
    assert whole[0].startswith("2026-03-02T09:03:00Z  challenge  account.read  by alice  from ")
    assert '    client: {"country": "DE", "ip": "203.0.113.9"}' in whole
    assert '    because: ["risk.score"]' in whole
    assert audit("show", str(log), "--effect", "allow", "-v").out.count("\n") > 5


def test_what_is_not_whole_is_told_beside(audit: Call, log: Path) -> None:
    """The rest is shown all the same."""
    (segment,) = segments_of(log / "stream-1")
    segment.write_bytes(segment.read_bytes().replace(b'"decision_id":"b"', b'"decision_id":"B"'))
    ended = audit("show", str(log))
    assert ended.out.count("\n") == 3
    assert "1 lines of " in ended.err
    assert "durwan audit verify says more" in ended.err
    assert "1 lines of " in audit("export", str(log), "--to", "x.jsonl").err


# ------------------------------------------------------------------------------------------------------------- export


def test_decisions_are_exported(audit: Call, log: Path, tmp_path: Path) -> None:
    """The ones that were asked for, in the form that the name of the file says."""
    assert audit("export", str(log), "--to", "x.parquet", "--effect", "deny").out == "x.parquet: 2 decisions\n"
    assert pl.read_parquet(tmp_path / "x.parquet")["decision_id"].to_list() == ["a", "c"]
    ended = audit("export", str(log), "--to", "x.jsonl", "-f", "json")
    assert (ended.json["file"], ended.json["decisions"]) == ("x.jsonl", 4)
    rows = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert [each["decision_id"] for each in rows] == ["a", "b", "c", "d"]


# -------------------------------------------------------------------------------------------------------------- proofs


def test_a_record_is_proved_without_the_log(audit: Call, log: Path, tmp_path: Path) -> None:
    """To whoever has the public key; a proof that was changed proves nothing."""
    assert audit("prove", str(log), "2", "-o", "b.proof").code == 0
    checked = audit("check", "b.proof", "--key", "audit.pem.pub")
    assert checked.code == 0
    assert checked.out.startswith("proved  record 2 of desk/")
    form = audit("check", "b.proof", "--key", "audit.pem.pub", "-f", "json").json
    assert (form["good"], form["seq"], form["record"]["decision_id"]) == (True, 2, "b")
    text = (tmp_path / "b.proof").read_text()
    (tmp_path / "b.proof").write_text(text.replace("index 2", "index 1"))
    ended = audit("check", "b.proof", "--key", "audit.pem.pub")
    assert (ended.code, ended.out[:12]) == (1, "not proved  ")
    assert audit("check", "b.proof", "--key", "audit.pem.pub", "-f", "json").json["good"] is False
    assert audit("prove", str(log), "2", "--checkpoints", "kept", "-f", "json").json["proof"] == text


def test_a_stream_has_to_be_named_where_there_are_several(audit: Call, log: Path) -> None:
    """Numbers count within one stream."""
    (log / "stream-2").mkdir()
    (segment,) = segments_of(log / "stream-1")
    (log / "stream-2" / segment.name).write_bytes(segment.read_bytes())
    ended = audit("prove", str(log), "2")
    assert ended.code == 2
    assert "has 2 streams, stream-1, stream-2: name one of them" in ended.err
    assert audit("prove", str(log / "stream-1"), "2").code == 0


def test_the_commands_are_listed(audit: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """`durwan audit` lists them, and each explains itself."""
    assert "audit verify" in audit().out
    for name in ("verify", "show", "export", "prove", "check", "keygen"):
        ended = audit(name, "--help")
        assert ended.code == 0
        assert f"durwan audit {name}" in ended.out
    assert capsys.readouterr().err == ""
