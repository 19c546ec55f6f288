"""`policy-check report`: the page for auditors."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.repositories import Repository
from tests.unit.cli.conftest import NOW, Call
from tests.unit.workshop.report.sets import KEYS, Page

INVARIANTS = """
# What is refused stays refused.
invariant risky_never_trades
  never allow on orders.create
  when risk.score >= 90

invariant nobody_trades
  never allow on orders.create
"""


@pytest.fixture
def audited(directory: Path) -> Path:
    """The policy set with keys and invariants, of which one does not hold."""
    (directory / "keys").mkdir()
    (directory / "keys" / "keys.yaml").write_text(KEYS)
    (directory / "promises.policy").write_text(INVARIANTS)
    return directory


def test_a_page_for_auditors(call: Call, audited: Path, tmp_path: Path) -> None:
    """One file says which invariants hold, with a request where one does not, and what all keys can do."""
    place = tmp_path / "report.html"
    ended = call("report", audited, "--now", NOW, "-o", place)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    page = Page(place.read_text(encoding="utf-8"))
    assert "desk: who can do what" in page.text
    assert "1 of 2invariants proved" in page.text
    assert "risky_never_trades ✓ proved" in page.text
    assert "nobody_trades ✗ refuted" in page.text
    assert '"action": "orders.create"' in page.text
    assert {"rule-risky", "limit-order_rate", "invariant-nobody_trades", "keys-1", "keys-2"} <= set(page.ids)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


def test_the_same_twice(call: Call, audited: Path, tmp_path: Path) -> None:
    """The same policies at the same instant give the same bytes, whether proofs are kept or made anew."""
    pages: list[bytes] = []
    for number, more in enumerate(((), (), ("--no-cache",))):
        place = tmp_path / f"{number}.html"
        call("report", audited, "--now", NOW, "-o", place, *more)
        pages.append(place.read_bytes())
    assert pages[0] == pages[1] == pages[2]


def test_json_says_the_same(call: Call, audited: Path) -> None:
    """As JSON the report has the same content, in a document like that of every command."""
    document = call("report", audited, "--now", NOW, "-f", "json").json
    assert (document["version"], document["command"], document["made"]) == (1, "report", NOW)
    assert len(document["revision"]) == 64
    assert [(each["name"], each["verdict"]) for each in document["invariants"]] == [
        ("risky_never_trades", "proved"),
        ("nobody_trades", "refuted"),
    ]
    refuting = document["invariants"][1]
    assert refuting["request"]["action"] == "orders.create"
    assert refuting["decision"]["effect"] == "allow"
    assert [row["keys"] for row in document["access"]["rows"]] == [["desk-1", "desk-2"], ["reader"]]
    assert document["summary"]["tests"] == {"passed": 3, "failed": 0, "skipped": 1}


def test_what_thieves_could_do(call: Call, audited: Path, request_file: Path) -> None:
    """Of each key that rules tell apart the report says what a thief of it could do; a request shows each action."""
    exposures = call("report", audited, "--now", NOW, "-f", "json").json["exposures"]
    assert [(each["key"], each["stands_for"]) for each in exposures["keys"]] == [("desk-1", 1), ("reader", 0)]
    trader, reader = ({each["action"]: each for each in key["actions"]} for key in exposures["keys"])
    assert [action for action, each in trader.items() if each["possible"]] == ["orders.cancel", "orders.create"]
    assert trader["account.read"]["stopped_by"] == ["no_rule_allows"]
    assert not any(each["possible"] for each in reader.values())
    request_file.write_text(json.dumps(trader["orders.create"]["request"]))
    assert call("eval", audited, "--request", request_file, "-f", "json").json["effect"] == "allow"


def test_keys_of_a_file_and_assumptions(call: Call, audited: Path, tmp_path: Path) -> None:
    """Keys of a file take the place of the set's own, and what is assumed is said."""
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [{"id": "other", "scopes": [], "labels": []}]}))
    document = call("report", audited, "--keys", keys, "--fix", "risk.score=3", "-f", "json").json
    assert [row["name"] for row in document["access"]["rows"]] == ["other"]
    assert document["access"]["assumed"] == ["risk.score = 3"]


def test_a_git_revision(call: Call, tmp_path: Path) -> None:
    """A report on a git revision names it as it was asked for, and the commit."""
    repository = Repository(tmp_path / "set")
    commit = repository.commit_files(a__policy=b"actions { a.b }\nallow everything on a.b when key.id is known\n")
    origin = call("report", repository.path, "--ref", "main", "-f", "json").json["origin"]
    assert origin == {"ref": "main", "commit": commit}


def test_a_page_is_not_for_terminals(call: Call, audited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file to write to, a terminal is not filled with markup."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    ended = call("report", audited)
    assert ended.code == 2
    assert "-o report.html" in ended.err


def test_what_does_not_compile_has_no_report(call: Call, broken: Path) -> None:
    """A set with mistakes is not reported on: the mistakes are."""
    ended = call("report", broken, "-f", "json")
    assert ended.code == 3
    assert [each["severity"] for each in ended.json["diagnostics"]] == ["error"]


def test_broken_key_files(call: Call, audited: Path, tmp_path: Path) -> None:
    """Mistakes in a key file that was named are shown, and no report is made of half of it."""
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": [{"id": 3}]}')
    ended = call("report", audited, "--keys", keys)
    assert ended.code == 3
    assert "<!doctype" not in ended.out
