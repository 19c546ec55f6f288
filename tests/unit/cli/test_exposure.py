"""`policy-check exposure`: one key, all keys, a planned key, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import NOW, Call

KEYS = """\
keys:
  - id: desk-7
    scopes: [orders.write]
    networks: [203.0.113.0/24]
    labels: []
  - id: reader
    scopes: []
    networks: [203.0.113.0/24]
    labels: []
"""


@pytest.fixture
def keyed(directory: Path) -> Path:
    """The policy set with two keys."""
    (directory / "keys").mkdir()
    (directory / "keys" / "desk.yaml").write_text(KEYS)
    return directory


def test_one_key(call: Call, keyed: Path) -> None:
    """A line for each action, and what it comes to in words."""
    ended = call("exposure", keyed, "desk-7", "--now", NOW)
    assert ended.code == 0
    assert ended.out.splitlines()[:7] == [
        "desk-7",
        "  ✘ account.read   no_rule_allows",
        "  ✔ orders.cancel",
        "  ✔ orders.create",
        "  2 of 3 actions are possible with this key alone",
        "  from any address: no, only from its allowlist: 203.0.113.0/24",
        "  for how long: without end",
    ]


def test_json_can_be_replayed(call: Call, keyed: Path, tmp_path: Path) -> None:
    """The document has the fields of the interface page, and its requests are allowed by `eval`."""
    found = call("exposure", keyed, "desk-7", "-f", "json", "--now", NOW).json
    assert (found["version"], found["command"], found["key"]) == (1, "exposure", "desk-7")
    assert {action: each["possible"] for action, each in found["actions"].items()} == {
        "account.read": False,
        "orders.cancel": True,
        "orders.create": True,
    }
    assert found["actions"]["account.read"]["stopped_by"] == ["no_rule_allows"]
    request = tmp_path / "found.json"
    request.write_text(json.dumps([found["actions"][each]["request"] for each in ("orders.cancel", "orders.create")]))
    decided = call("eval", keyed, "--request", request, "-f", "json", "--fail-on", "deny")
    assert decided.code == 0


def test_all_keys(call: Call, keyed: Path) -> None:
    """With --all every key of the set is there."""
    found = call("exposure", keyed, "--all", "-f", "json").json["keys"]
    possible = {each["key"]: [a for a, reach in each["actions"].items() if reach["possible"]] for each in found}
    assert possible == {"desk-7": ["orders.cancel", "orders.create"], "reader": []}
    assert "  nothing is possible with this key alone\n" in call("exposure", keyed, "--all").out


def test_fail_on(call: Call, keyed: Path) -> None:
    """An action that must not be possible makes the exit code 1, if it is."""
    assert call("exposure", keyed, "desk-7", "--fail-on", "account.*").code == 0
    ended = call("exposure", keyed, "desk-7", "--fail-on", "orders.create")
    assert ended.code == 1
    assert "  ✔ orders.create  must not be\n" in ended.out
    assert call("exposure", keyed, "reader", "--fail-on", "*").code == 0
    ended = call("exposure", keyed, "desk-7", "--fail-on", "orders.crate")
    assert (ended.code, ended.err.count("did you mean orders.create?")) == (2, 1)


def test_a_planned_key(call: Call, keyed: Path, tmp_path: Path) -> None:
    """A file of attributes stands for a key; what keys do not have is refused in words."""
    planned = tmp_path / "planned.yaml"
    planned.write_text("scopes: [orders.write]\nlabels: []\nnetworks: [198.51.100.0/24]\n")
    found = call("exposure", keyed, "--attributes", planned, "-f", "json").json
    assert found["key"] is None
    assert found["actions"]["orders.create"]["request"]["key"]["networks"] == ["198.51.100.0/24"]
    planned.write_text("scope: [orders.write]\n")
    ended = call("exposure", keyed, "--attributes", planned)
    assert (ended.code, "keys have no scope; did you mean scopes?" in ended.err) == (2, True)
    planned.write_text("networks: [everywhere]\n")
    assert "what networks says is no network" in call("exposure", keyed, "--attributes", planned).err
    planned.write_text("- scopes\n")
    assert "no mapping of attributes" in call("exposure", keyed, "--attributes", planned).err
    planned.write_text("scopes: [\n")
    assert call("exposure", keyed, "--attributes", planned).code == 3


def test_undecided(call: Call, keyed: Path) -> None:
    """With too little time the exit code is 4, and it says so."""
    ended = call("exposure", keyed, "desk-7", "--timeout", "0.000001")
    assert ended.code == 4
    assert "  undecided: not decided within 1e-06 s\n" in ended.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["desk-8"], "has no key desk-8; did you mean desk-7?"),
        ([], "say which key"),
        (["desk-7", "reader"], "say which key"),
        (["reader", "--all"], "say which key"),
    ],
)
def test_wrong_calls(call: Call, keyed: Path, words: list[str], said: str) -> None:
    """A key that there is not, none, or too many are refused in words."""
    ended = call("exposure", *([keyed] if words else []), *words)
    assert ended.code == 2
    assert said in ended.err


def test_a_set_without_keys_and_one_that_does_not_compile(call: Call, directory: Path) -> None:
    """Without keys there is nothing to ask about; a set that does not compile is 3."""
    assert "has no keys" in call("exposure", directory, "--all").err
    (directory / "desk.policy").write_text("actions {")
    assert call("exposure", directory, "--all").code == 3
