"""`policy-check least-privilege`: its formats, how it ends, and the patch."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Call
from tests.unit.workshop.least_privilege.desk import KEYS, POLICY, usual, write_log

FEW = ("--least-requests", "1")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy set with keys, in the current directory, beside a log of a month."""
    (tmp_path / "desk" / "keys").mkdir(parents=True)
    (tmp_path / "desk" / "desk.policy").write_text(POLICY)
    (tmp_path / "desk" / "keys" / "desk.yaml").write_text(KEYS)
    write_log(tmp_path / "log.jsonl", usual())
    monkeypatch.chdir(tmp_path)
    return tmp_path / "desk"


def test_for_people(call: Call, desk: Path) -> None:
    """Each key with what it needed and what would be enough; then what nobody used; then a line on all."""
    ended = call("least-privilege", desk, "--log", "log.jsonl", *FEW)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0] == "desk-7: could have less"
    assert "    ✘ withdrawals.write  not needed" in lines
    assert "    enough: orders.cancel" in lines
    assert "    enough: 203.0.113.8/31" in lines
    assert "    ✔ reports.daily   kept: without it, something would be refused" in lines
    assert "forgotten: not used at all" in lines
    assert "  withdraw: nobody asked for its actions" in lines
    assert "  spare: held by 1 key" in lines
    assert lines[-1].startswith("400 requests from 2026-03-02T09:00:00Z to ")
    assert lines[-1].endswith("; 3 keys: 2 could have less, 1 not used at all")


def test_for_programs(call: Call, desk: Path) -> None:
    """The document has what a program needs, the patch included."""
    found = call("least-privilege", desk, "--log", "log.jsonl", *FEW, "-f", "json").json
    assert (found["version"], found["command"], found["log"]["requests"]) == (1, "least-privilege", 400)
    key = found["keys"][0]
    assert (key["key"], key["state"]) == ("desk-7", "narrower")
    assert key["scopes"]["unused"] == ["withdrawals.write", "spare"]
    assert key["scopes"]["enough"] == ["orders.cancel"]
    assert key["networks"]["enough"] == ["203.0.113.8/31"]
    assert found["patch"].startswith("--- a/desk/keys/desk.yaml\n+++ b/desk/keys/desk.yaml\n")
    rules = {each["rule"]: each for each in found["rules"]}
    assert (rules["withdraw"]["never"], rules["cancel"]["never"]) == ("nobody asked for its actions", None)


def test_as_markdown(call: Call, desk: Path) -> None:
    """A table with a row for each key; nothing of a key can break out of its cell."""
    (desk / "keys" / "odd.yaml").write_text('keys:\n  - id: "a|b`<c>"\n    scopes: [spare]\n')
    out = call("least-privilege", desk, "--log", "log.jsonl", *FEW, "-f", "markdown").out
    rows = [line for line in out.splitlines() if line.startswith("| `")]
    assert [line.split(" | ")[0] for line in rows] == ["| `desk-7`", "| `reader`", "| `forgotten`", "| `a\\|b&lt;c>`"]
    assert "| `withdrawals.write`, `spare` | `orders.cancel` |" in rows[0]
    assert "### Rules that never decided anything" in out


@pytest.mark.parametrize("below", [".", "desk", "desk/keys"])
def test_git_applies_the_patch(call: Call, desk: Path, monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    """Wherever in a repository the command is called, git takes what it writes there, and nothing is left to take."""
    top = desk.parent
    subprocess.run(["git", "init", "-q"], cwd=top, check=True)
    monkeypatch.chdir(top / below)
    words = ("least-privilege", desk, "--log", top / "log.jsonl", *FEW, "--patch")
    changes = call(*words).out
    if below == ".":
        subprocess.run(["git", "apply", "-"], cwd=top, input=changes.encode(), check=True)
        assert "scopes: [orders.cancel]  # too many" in (desk / "keys" / "desk.yaml").read_text()
        assert call(*words).out == ""
    elif below == "desk":
        subprocess.run(["git", "apply", "-"], cwd=top / below, input=changes.encode(), check=True)
        assert call(*words).out == ""
    else:
        assert changes.startswith("--- a/desk.yaml\n")


def test_keys_of_another_file(call: Call, desk: Path) -> None:
    """Keys outside of the policy set are judged and patched where they are."""
    Path("other.yaml").write_text(KEYS)
    out = call("least-privilege", desk, "--log", "log.jsonl", "--keys", "other.yaml", *FEW, "--patch").out
    assert out.startswith("--- a/other.yaml\n")


def test_how_it_ends(call: Call, desk: Path) -> None:
    """Findings and undecided keys count only where that is asked for."""
    words = ("least-privilege", desk, "--log", "log.jsonl")
    assert call(*words, *FEW, "--fail-on", "unused").code == 1
    assert call(*words, *FEW, "--fail-on", "undecided").code == 0
    assert call(*words, "--least-requests", "1000").code == 0
    assert call(*words, "--least-requests", "1000", "--fail-on", "undecided").code == 4
    assert call(*words, "--least-days", "40", "--fail-on", "undecided", "--fail-on", "unused").code == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--log", "none.jsonl"], "none.jsonl holds no log"),
        ([], "--log"),
        (["--log", "log.jsonl", "--network-prefix", "33"], "33 is no prefix"),
        (["--log", "log.jsonl", "--network-prefix", "24/x"], "24/x is no prefix"),
        (["--log", "log.jsonl", "--least-days", "-1"], "least-days"),
        (["--log", "log.jsonl", "--patch", "-f", "markdown"], "a patch is no Markdown"),
        (["--log", "log.jsonl", "--keys", "none.yaml"], "cannot be read"),
    ],
)
def test_a_wrong_call(call: Call, desk: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said what is wrong, and nothing is done."""
    try:
        ended = call("least-privilege", desk, *words)
        code, err = ended.code, ended.err
    except SystemExit as ended_early:
        code, err = int(ended_early.code or 0), capsys.readouterr().err
    assert code == 2
    assert said in err


def test_broken_records_are_kept_aside(call: Call, desk: Path) -> None:
    """A record that cannot be read is counted and kept, and the others are judged."""
    log = Path("log.jsonl")
    log.write_text(f"{log.read_text()}no json\n")
    found = call("least-privilege", desk, "--log", log, *FEW, "-f", "json").json
    assert sum(found["log"]["broken"].values()) == 1
    assert Path("broken-records.jsonl").read_text().count("no json") == 1


def test_a_set_that_does_not_compile(call: Call, broken: Path) -> None:
    """Policies with mistakes are shown with them."""
    assert call("least-privilege", broken, "--log", "x").code == 3


def test_a_set_without_keys(call: Call, directory: Path) -> None:
    """Where there is no key, there is nothing to say."""
    ended = call("least-privilege", directory, "--log", "x")
    assert (ended.code, "there is no key" in ended.err) == (2, True)
