"""`policy-check diff`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from durwan import Engine
from tests.unit.cli.conftest import Call

POLICY = """\
actions { pay look }
context risk { score : int 0..100 }

deny risky
  on pay
  when risk.score >= 90

allow look on look
allow pay on pay when risk.score is known
"""


@pytest.fixture
def sides(tmp_path: Path) -> tuple[str, str]:
    """A policy set, and the same with a limit of risk that is one higher."""
    for name, text in (("old", POLICY), ("new", POLICY.replace(">= 90", "> 90"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.policy").write_text(text, encoding="utf-8")
    return str(tmp_path / "old"), str(tmp_path / "new")


def test_each_difference_has_a_request_that_shows_it(call: Call, sides: tuple[str, str]) -> None:
    """The one request that is decided otherwise is found, and both engines confirm it."""
    ended = call("diff", *sides, "-f", "json")
    assert ended.code == 0
    document = json.loads(ended.out)
    assert document["same"] is False
    (found,) = document["differences"]
    assert (found["action"], found["kind"]) == ("pay", "allowed")
    assert (found["before"]["effect"], found["before"]["rule"]) == ("deny", "risky")
    assert (found["after"]["effect"], found["after"]["rule"]) == ("allow", "pay")
    assert found["request"]["risk"] == {"score": 90}
    before, after = (Engine.load(side).decide(found["request"]) for side in sides)
    assert (before.allowed, after.allowed) == (False, True)


@pytest.mark.parametrize(("fail_on", "swapped", "code"), [("allow", False, 1), ("allow", True, 0), ("any", True, 1)])
def test_what_fails(call: Call, sides: tuple[str, str], fail_on: str, swapped: bool, code: int) -> None:
    """With --fail-on allow only what is newly allowed fails, with any every difference."""
    old, new = reversed(sides) if swapped else sides
    assert call("diff", old, new, "--fail-on", fail_on).code == code


def test_nothing_differs(call: Call, sides: tuple[str, str]) -> None:
    """The same set is the same: that is proved, and said."""
    ended = call("diff", sides[0], sides[0], "--fail-on", "any")
    assert ended.code == 0
    assert ended.out.startswith("No request is decided differently: proved for all requests.")
    assert json.loads(call("diff", sides[0], sides[0], "-f", "json").out)["same"] is True


def test_for_people(call: Call, sides: tuple[str, str]) -> None:
    """Newly allowed requests come first, each group with who decided before and after, and a request."""
    lines = call("diff", *sides).out.splitlines()
    assert lines[0] == "newly allowed: 1 group of requests"
    assert lines[1] == "  pay: denied by `risky` (403 risky) -> allowed by `pay`"
    assert lines[4].split() == ["risk", "score", "90"]
    assert lines[-1].startswith("1 group of differences")


def test_markdown_cannot_be_written_into(call: Call, tmp_path: Path) -> None:
    """A text that would close the fence of its request cannot: what it holds stays inside."""
    for name, text in (("old", '"a"'), ("new", '"```\\n# hello"')):
        (tmp_path / name).mkdir()
        source = f"actions {{ pay }}\nallow pay on pay when key.owner == {text}\n"
        (tmp_path / name / "a.policy").write_text(source, encoding="utf-8")
    ended = call("diff", str(tmp_path / "old"), str(tmp_path / "new"), "-f", "markdown")
    assert ended.code == 0
    assert ended.out.count("```") % 2 == 0
    assert "\n# hello" not in ended.out
    assert "### Newly allowed: 1 group of requests" in ended.out


def test_a_side_that_does_not_exist(call: Call, sides: tuple[str, str]) -> None:
    """A side that is neither a path nor a revision is refused."""
    ended = call("diff", sides[0], "no/such:place")
    assert ended.code == 2
    assert "is neither a path nor REVISION:DIRECTORY" in ended.err


def test_a_side_that_does_not_compile(call: Call, sides: tuple[str, str]) -> None:
    """The exit code is 3, and it is said which side."""
    (Path(sides[1]) / "b.policy").write_text("deny {", encoding="utf-8")
    ended = call("diff", *sides)
    assert ended.code == 3
    assert ended.out.startswith(f"{sides[1]}:\n")


def test_undecided_is_never_same(call: Call, sides: tuple[str, str]) -> None:
    """What is not compared in time is undecided: neither same nor different, and the exit code is 4."""
    ended = call("diff", sides[0], sides[0], "--timeout", "0.0001", "-f", "json")
    assert ended.code == 4
    document = json.loads(ended.out)
    assert document["same"] is None
    # While a child that is late is replaced, another one may still answer.
    assert set(document["undecided"]) & {"look", "pay"}


def test_a_key_that_was_changed_is_compared_too(call: Call, sides: tuple[str, str]) -> None:
    """With the same policies, what a key was given is a difference for requests with that key, and for no others."""
    for side, account in zip(sides, ("", ", account: acme"), strict=True):
        root = Path(side)
        (root / "a.policy").write_text(POLICY.replace("risk.score is known", "key.account is known"), encoding="utf-8")
        (root / "keys").mkdir()
        (root / "keys" / "all.yaml").write_text(f"keys:\n  - {{id: desk-7{account}}}\n  - {{id: desk-8}}\n")
    document = json.loads(call("diff", *sides, "-f", "json").out)
    assert [(each["action"], each["key"], each["kind"]) for each in document["differences"]] == [
        ("pay", "desk-7", "allowed")
    ]
    request = document["differences"][0]["request"]
    assert request["key"] == "desk-7"
    before, after = (Engine.load(side).decide(request) for side in sides)
    assert (before.allowed, after.allowed) == (False, True)
