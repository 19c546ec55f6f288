"""`policy-check check`: the whole verdict on a policy set."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.cli.conftest import NOW, Call
from tests.unit.workshop.policies import POLICY

TESTED_UNKNOWN = """\
  - name: nothing is known
    with: [trader]
    matrix: { key: [null], client.ip: [null], request.notional: [null] }
    expect: deny
"""


def make_clean(directory: Path) -> None:
    """Takes away what the lint has to say about the small policy set."""
    policy = POLICY.replace(" account.read", "")
    (directory / "desk.policy").write_text(policy)
    tests = directory / "tests" / "cases.yaml"
    tests.write_text(tests.read_text() + TESTED_UNKNOWN)


def test_clean_set(call: Call, directory: Path) -> None:
    """Four lines, and nothing else."""
    make_clean(directory)
    ended = call("check", directory, "--now", NOW)
    assert ended.code == 0
    first, *others = ended.out.splitlines()
    assert first.startswith("compiled  desk: 6 rules, 1 limit, 2 actions; revision ")
    assert others == [
        "linted    no warnings",
        "tested    4 passed, 1 skipped",
        "covered   57.4 % of rules, conditions, thresholds and borders",
        "proved    no invariants",
    ]
    assert ended.err == ""


def test_both_ways_to_call_it(call: Call, directory: Path) -> None:
    """`policy-check PATH` is `policy-check check PATH`."""
    assert call(directory) == call("check", directory)


def test_broken_set(call: Call, broken: Path) -> None:
    """Mistakes are drawn before the three lines, and the exit code is 3."""
    ended = call("check", broken)
    assert ended.code == 3
    assert ended.out == (
        "error[P0201]: unknown attribute `risk.scor`\n"
        f" --> {broken}/desk.policy:8:8\n"
        "  |\n"
        "8 |   when risk.scor >= 90\n"
        "  |        ^^^^^^^^^\n"
        "  |\n"
        "  = help: did you mean `risk.score`?\n"
        "\n"
        "compiled  no: 1 error\n"
        "linted    not yet\n"
        "tested    not yet\n"
    )


def test_broken_set_with_a_broken_test_file(call: Call, broken: Path) -> None:
    """Mistakes of both are reported in one run."""
    (broken / "tests" / "more.yaml").write_text("cases: [{ name: x, expect: alow }]\n")
    ended = call(broken)
    assert ended.code == 3
    assert "error[P0201]" in ended.out
    assert "error[P0804]" in ended.out


def test_failing_test(call: Call, directory: Path) -> None:
    """A case that fails is drawn, and the exit code is 1."""
    tests = directory / "tests" / "cases.yaml"
    tests.write_text(tests.read_text().replace("effect: allow, rule: trade", "effect: deny, rule: risky"))
    ended = call("check", directory)
    assert ended.code == 1
    assert f"FAILED {directory}/tests/cases.yaml:10:11 a trader trades\n" in ended.out
    assert "  because   `risky` did not apply:\n              when `risk.score >= 90` is false\n" in ended.out
    assert ended.out.splitlines()[-3] == "tested    2 passed, 1 failed, 1 skipped"


def test_mistake_in_a_test_file(call: Call, directory: Path) -> None:
    """The policies compile, so it is a finding and not a broken set; the other tests are run."""
    (directory / "tests" / "more.yaml").write_text("cases: []\n")
    ended = call("check", directory)
    assert ended.code == 1
    assert "error[P0808]: the file has no cases\n" in ended.out
    assert ended.out.splitlines()[-3] == "tested    3 passed, 1 skipped; 1 error in test files"


def test_warnings(call: Call, directory: Path) -> None:
    """They are drawn, and fail the call only where that was asked for."""
    ended = call(directory)
    assert ended.code == 0
    assert "warning[P0707]: no rule allows `account.read`\n" in ended.out
    assert call(directory, "--fail-level", "warning").code == 1


def test_quiet(call: Call, directory: Path) -> None:
    """Findings are printed, the three lines are not."""
    make_clean(directory)
    assert call("check", directory, "--now", NOW, "-q").out == ""


@pytest.mark.parametrize("words", [("--ignore", "P07"), ("--ignore", "P0707,p0709"), ("--select", "P0801")])
def test_warnings_that_do_not_count(call: Call, directory: Path, words: tuple[str, ...]) -> None:
    """By code or by section, warnings can be left out."""
    ended = call(directory, *words, "--fail-level", "warning")
    assert ended.code == 0
    assert "warning[" not in ended.out


def test_warnings_that_are_selected(call: Call, directory: Path) -> None:
    """Only those remain."""
    ended = call(directory, "--select", "P0707", "-f", "json")
    assert {each["code"] for each in ended.json["diagnostics"]} == {"P0707"}


def test_errors_cannot_be_ignored(call: Call, broken: Path) -> None:
    """What stops a set from loading is always shown."""
    ended = call(broken, "--ignore", "P02")
    assert ended.code == 3
    assert "error[P0201]" in ended.out


@pytest.mark.parametrize("word", ["P9", "nonsense", ""])
def test_filter_that_is_no_code(call: Call, directory: Path, word: str) -> None:
    """A filter that could never match is a wrong call."""
    assert call(directory, "--ignore", word).code == 2


def test_now(call: Call, directory: Path) -> None:
    """The lint and the cases without a `now` go by the time that is given."""
    policy = POLICY + '\ndeny old on orders.cancel when now < 2027-01-01T00:00:00Z and key.id == "x"\n'
    (directory / "desk.policy").write_text(policy)
    assert "P0710" not in call(directory, "--now", NOW).out
    assert "P0710" in call(directory, "--now", "2028-01-01T00:00:00Z").out
    ended = call(directory, "--now", "yesterday")
    assert ended.code == 2
    assert "is no instant" in ended.err


def test_suppressed_warning(call: Call, directory: Path) -> None:
    """An inline suppression with its reason silences a warning, in test files too; an unused one is reported."""
    make_clean(directory)
    tests = directory / "tests" / "cases.yaml"
    tests.write_text(
        tests.read_text()
        + "  - name: more\n    with: [trader]\n    expect: allow\n"
        + "    request: { risk: { mood: bad } }  # policy-check: ignore[P0813] gateways send it too\n"
    )
    assert "warning" not in call(directory, "--now", NOW, "-q").out
    tests.write_text(tests.read_text().replace("mood: bad", "score: 1"))
    assert "warning[P0714]" in call(directory, "--now", NOW, "-q").out


def test_json(call: Call, directory: Path) -> None:
    """One document with everything that was found."""
    found = call("check", directory, "-f", "json", "--ignore", "P07").json
    assert list(found)[:3] == ["version", "command", "revision"]
    assert (found["version"], found["command"], found["compiled"]) == (1, "check", True)
    assert len(found["revision"]) == 64
    assert found["diagnostics"] == []
    assert [found["tests"][each] for each in ("passed", "failed", "skipped")] == [3, 0, 1]


def test_json_of_a_broken_set(call: Call, broken: Path) -> None:
    """The diagnostics have the fields of the interface page; there is no revision, and no tests were run."""
    ended = call("check", broken, "-f", "json")
    assert ended.code == 3
    found = ended.json
    assert (found["revision"], found["compiled"], found["tests"]) == (None, False, None)
    place = {"file": f"{broken}/desk.policy", "line": 8, "column": 8, "end_line": 8, "end_column": 17}
    assert found["diagnostics"] == [
        {
            "code": "P0201",
            "severity": "error",
            "message": "unknown attribute `risk.scor`",
            "help": "did you mean `risk.score`?",
            **place,
            "page": "durwan/diagnostics/pages/P0201.md",
            "fix": {"edits": [{**place, "replacement": "risk.score"}]},
            "notes": [],
        }
    ]


def test_single_policy_file(call: Call, directory: Path) -> None:
    """One file is a policy set of its own."""
    ended = call("check", directory / "desk.policy", "-q", "--ignore", "P07")
    assert (ended.code, ended.out) == (0, "")
    ended = call("check", directory / "policy.yaml")
    assert ended.code == 2
    assert "is no policy file" in ended.err


def test_revision_of_a_repository(call: Call, directory: Path) -> None:
    """`--ref` reads what was committed, whatever lies in the directory now."""
    porcelain = pytest.importorskip("dulwich.porcelain")
    repository = porcelain.init(str(directory.parent))
    files = [str(path) for path in directory.rglob("*") if path.is_file()]
    porcelain.add(str(directory.parent), paths=files)
    someone = b"a <a@example.org>"
    porcelain.commit(str(directory.parent), message=b"desk", author=someone, committer=someone)
    repository.close()
    committed = call("show", directory, "-f", "json").json["revision"]
    (directory / "desk.policy").write_text(POLICY.replace(">= 90", ">= 91"))
    assert call("show", directory, "-f", "json").json["revision"] != committed
    assert call("show", directory, "--ref", "HEAD", "-f", "json").json["revision"] == committed
    assert call("check", directory, "--ref", "HEAD", "--ignore", "P07").code == 0
    ended = call("check", directory, "--ref", "nowhere")
    assert ended.code == 2
    shutil.rmtree(directory.parent / ".git")
    assert call("check", directory, "--ref", "HEAD").code == 2
