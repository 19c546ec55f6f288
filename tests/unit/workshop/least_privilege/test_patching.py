"""What is enough as a change of the key files: comments stay, git takes it, and nothing is answered otherwise."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from durwan.compilation import Compilation, compile_policy
from durwan.language.policy_set import read_directory
from durwan.program import reference
from durwan.workshop.least_privilege.judging import Demands
from durwan.workshop.least_privilege.patching import changed_file, patch
from tests.unit.workshop.least_privilege.desk import (
    KEYS,
    POLICY,
    asked,
    compiled,
    found_in,
    program_of,
    usual,
    write_log,
)


def _decisions(compilation: Compilation, log: Path) -> list[tuple[str, int, str]]:
    program, keys = program_of(compilation), compilation.keys.get
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    found = [reference.decide(program, row, clock=lambda: 0, keys=keys) for row in rows]
    return [(each.effect, each.status, each.code) for each in found]


@pytest.mark.parametrize("keeps_refusals", [False, True])
@pytest.mark.parametrize("as_json", [False, True])
def test_git_applies_it_and_nothing_flips(tmp_path: Path, as_json: bool, keeps_refusals: bool) -> None:
    """The patched keys hold less, and whatever was allowed is; on demand, whatever was refused is refused likewise."""
    keys = json.dumps(yaml.safe_load(KEYS)) if as_json else KEYS
    name = "keys/desk.json" if as_json else "keys/desk.yaml"
    desk = tmp_path / "some desk"
    (desk / "keys").mkdir(parents=True)
    (desk / "desk.policy").write_text(POLICY)
    (desk / name).write_text(keys)
    log = write_log(tmp_path / "log.jsonl", [*usual(), asked("orders.read", "desk-7", "2001:db8:10::9")])
    before = compile_policy(read_directory(desk))
    demands = Demands(requests=1, days=1, keeps_refusals=keeps_refusals)
    changes = patch({f"some desk/{name}": keys.encode()}, found_in(log, before, demands).keys)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=changes.encode(), check=True)
    after = compile_policy(read_directory(desk))
    assert after.program is not None, after.diagnostics
    record = after.keys.get("desk-7")
    assert record is not None
    assert (record["scopes"], record["networks"]) == (("orders.cancel",), ("203.0.113.8/31", "2001:db8:10::9"))
    assert after.keys.get("forgotten") == before.keys.get("forgotten")
    old, new = _decisions(before, log), _decisions(after, log)
    assert [effect for effect, *_ in old] == [effect for effect, *_ in new]
    assert (old == new) is keeps_refusals
    again = found_in(log, after, demands)
    assert patch({name: (desk / name).read_bytes()}, again.keys) == ""


def test_comments_and_layout_stay(tmp_path: Path) -> None:
    """Only the lines change that say what is not needed."""
    log = write_log(tmp_path / "log.jsonl", usual())
    changes = patch({"keys/desk.yaml": KEYS.encode()}, found_in(log, compiled()).keys)
    changed = [line for line in changes.splitlines() if line[0] in "+-"]
    assert changed == [
        "--- a/keys/desk.yaml",
        "+++ b/keys/desk.yaml",
        "-    scopes: [orders.write, withdrawals.write, spare]  # too many",
        "+    scopes: [orders.cancel]  # too many",
        "-      - 203.0.113.0/24     # main building",
        "-      - 198.51.100.0/24    # the old one",
        '-      - "2001:db8:10::/48"',
        "+      - 203.0.113.8/31     # main building",
        "-    scopes: [reports.weekly, reports.daily]",
        "-    networks: [10.0.0.0/8, 192.0.2.0/24]",
        "+    scopes: [reports.daily]",
        "+    networks: [10.1.2.3]",
    ]


_LINES = """\
keys:
  - id: one
    scopes:
      - a  # first
      # about the second
      - b  # second
      - c
    networks: []
"""


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (["b"], ["# about the second", "- b  # second"]),
        (["a", "c"], ["- a  # first", "# about the second", "- c"]),
        (["x", "w", "c"], ["- x  # first", "# about the second", "- w  # second", "- c"]),
        (["a", "x", "w", "z"], ["- a  # first", "# about the second", "- x  # second", "- w", "- z"]),
        (["a", "b", "c", "::1"], ["- a  # first", "# about the second", "- b  # second", "- c", '- "::1"']),
        (["x", "a", "b", "c"], ["- x", "- a  # first", "# about the second", "- b  # second", "- c"]),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lists_in_lines(members: list[str], expected: list[str], ending: str) -> None:
    """Members go and come line by line, and each keeps its comment; line breaks are what they were."""
    content = _LINES.replace("\n", ending).encode()
    changed = changed_file(content, ".yaml", {"one": {"scopes": members}})
    assert yaml.safe_load(changed)["keys"][0]["scopes"] == members
    wanted = ["keys:", "  - id: one", "    scopes:", *(f"      {line}" for line in expected), "    networks: []", ""]
    assert changed.split(ending) == wanted


def test_an_empty_list() -> None:
    """A list of which nothing is left says so."""
    changed = changed_file(_LINES.encode(), ".yaml", {"one": {"scopes": []}})
    assert yaml.safe_load(changed) == {"keys": [{"id": "one", "scopes": [], "networks": []}]}


def test_a_file_without_a_last_line_break(tmp_path: Path) -> None:
    """Git is told where a line has no break."""
    keys = "keys: [{id: one, scopes: [spare, orders.read], networks: [10.0.0.0/8], labels: []}]"
    log = write_log(tmp_path / "log.jsonl", [asked("orders.read", "one", "10.1.1.1")] * 3)
    (tmp_path / "desk.yaml").write_text(keys)
    changes = patch({"desk.yaml": keys.encode()}, found_in(log, compiled(keys=keys)).keys)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=changes.encode(), check=True)
    assert (tmp_path / "desk.yaml").read_text() == keys.replace("spare, ", "").replace("10.0.0.0/8", "10.1.1.1")
