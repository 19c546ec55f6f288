"""`policy-check prove`, and proofs in `policy-check`."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from durwan import Engine
from tests.unit.cli.conftest import Call

POLICY = """\
actions { pay }
context risk { score : int 0..100 }

deny risky
  when risk.score >= 90

allow pay
  on pay
  when key.account is known

# Nobody is that calm.
invariant never_above_ninety
  never allow on *
  when risk.score > 90

invariant never_at_eighty_nine
  never allow on pay
  when risk.score == 89
"""


@pytest.fixture
def promising(tmp_path: Path) -> Path:
    """A policy set that keeps one of two promises."""
    (tmp_path / "a.policy").write_text(POLICY, encoding="utf-8")
    return tmp_path


def test_a_broken_promise_is_shown_with_its_request(call: Call, promising: Path) -> None:
    """One invariant is proved, the other refuted by a request that the engine allows; the exit code is 1."""
    ended = call("prove", str(promising), "-f", "json")
    assert ended.code == 1
    document = json.loads(ended.out)
    assert document["version"] == 1
    assert document["command"] == "prove"
    verdicts = {each["name"]: each["verdict"] for each in document["invariants"]}
    assert verdicts == {"never_above_ninety": "proved", "never_at_eighty_nine": "refuted"}
    proved, refuted = document["invariants"]
    assert proved["request"] is None
    assert refuted["request"]["risk"]["score"] == 89
    assert Engine.load(promising).decide(refuted["request"]).allowed
    assert (refuted["file"], refuted["line"]) == (str(promising / "a.policy"), 16)


def test_for_people(call: Call, promising: Path) -> None:
    """A refutation names the invariant, the rule that allows, and the request; the last line counts."""
    ended = call("prove", str(promising))
    assert ended.code == 1
    first = ended.out.splitlines()
    assert first[0].endswith("a.policy:16:11 never_at_eighty_nine")
    assert "  pay can be allowed by pay:" in first
    assert "    risk    score 89" in first
    assert "2 invariants: 1 proved, 1 refuted" in first[-1]


def test_only_some(call: Call, promising: Path) -> None:
    """With --run only invariants are proved whose name matches."""
    ended = call("prove", str(promising), "--run", "ninety")
    assert ended.code == 0
    assert ended.out.startswith("1 invariant: 1 proved for all requests")


def test_nothing_promised(call: Call, promising: Path) -> None:
    """Where no invariant is left nothing was proved, which is a finding."""
    ended = call("prove", str(promising), "--run", "no such name")
    assert ended.code == 1


def test_a_set_that_does_not_compile(call: Call, promising: Path) -> None:
    """The exit code is 3, and nothing is said to be proved."""
    (promising / "b.policy").write_text("deny {", encoding="utf-8")
    ended = call("prove", str(promising), "-f", "json")
    assert ended.code == 3
    assert json.loads(ended.out)["invariants"] == []


@pytest.mark.parametrize("word", ["0", "-1", "soon", "nan", "inf"])
def test_no_deadline(call: Call, promising: Path, word: str) -> None:
    """A deadline that is no time is refused with what to write instead."""
    ended = call("prove", str(promising), f"--timeout={word}")
    assert ended.code == 2
    assert "write it as 30 or 0.5" in ended.err


def test_undecided_is_never_proved(call: Call, promising: Path) -> None:
    """What is not decided in time is undecided, and the exit code is 4."""
    ended = call("prove", str(promising), "--timeout", "0.0001", "--no-cache", "-f", "json")
    assert ended.code == 4
    assert {each["verdict"] for each in json.loads(ended.out)["invariants"]} == {"undecided"}


def test_kept_proofs_are_asked_again(call: Call, promising: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A second run gives the same verdicts; after a change of the policy they are found out anew."""
    cache = tmp_path_factory.mktemp("cache")
    first, second = (call("prove", str(promising), "--cache", str(cache), "-f", "json") for _ in range(2))
    assert json.loads(first.out)["invariants"] == json.loads(second.out)["invariants"]
    text = (promising / "a.policy").read_text(encoding="utf-8")
    (promising / "a.policy").write_text(text.replace(">= 90", ">= 95"), encoding="utf-8")
    third = json.loads(call("prove", str(promising), "--cache", str(cache), "-f", "json").out)
    assert {each["verdict"] for each in third["invariants"]} == {"refuted"}


def test_check_counts_proofs(call: Call, promising: Path) -> None:
    """A broken promise makes the whole check fail, and is a failed test for those who read JUnit."""
    assert call(str(promising)).code == 1
    tree = ET.fromstring(call(str(promising), "-f", "junit").out)  # noqa: S314 - our own output
    failed = [case.get("name") for case in tree.iter("testcase") if case.find("failure") is not None]
    assert "never_at_eighty_nine" in failed
    assert "proved    1 proved, 1 refuted" in call(str(promising)).out
    assert call(str(promising), "--no-prove").code == 0
