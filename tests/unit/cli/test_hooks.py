"""`.pre-commit-hooks.yaml` and `action.yml`: what other repositories can run at every commit and every change."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from durwan.cli.policy_check import COMMANDS
from durwan.diagnostics import Source
from durwan.language.formatter import format_text
from tests.unit.cli.test_check import make_clean
from tests.unit.workshop.policies import POLICY

ROOT = Path(__file__).parents[3]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())


def test_hooks_call_commands_that_there_are() -> None:
    """Each hook calls a command of `policy-check`."""
    assert [hook["id"] for hook in HOOKS] == ["policy-check", "policy-check-test", "policy-check-fmt"]
    for hook in HOOKS:
        program, command = hook["entry"].split()
        assert program == "policy-check"
        assert command in COMMANDS
        assert hook["language"] == "python"


def test_hooks_look_at_the_files_of_a_policy_set() -> None:
    """A hook runs where a file of the set has changed; only the formatter is given the files themselves."""
    by_id = {hook["id"]: hook for hook in HOOKS}
    for name in ("a/b.policy", "tests/x.yaml", "lists/tor.txt", "keys/desks.json"):
        assert re.search(by_id["policy-check"]["files"], name)
        assert re.search(by_id["policy-check-test"]["files"], name)
    assert not re.search(by_id["policy-check"]["files"], "main.py")
    assert not re.search(by_id["policy-check-fmt"]["files"], "tests/x.yaml")
    assert [hook.get("pass_filenames", True) for hook in HOOKS] == [False, False, True]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment in which `policy-check` is the one of these sources."""
    place = tmp_path / "bin"
    place.mkdir()
    program = place / "policy-check"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m durwan.cli.policy_check "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    for name in ("CI", "NO_COLOR", "GITHUB_ACTIONS", "GIT_DIR", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    here = str(ROOT / "engine")
    beside = os.environ.get("PYTHONPATH")
    path = {"PATH": f"{place}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": f"{here}{os.pathsep}{beside or ROOT}"}
    return {**os.environ, **path, "PRE_COMMIT_HOME": str(tmp_path / "pre-commit")}


# ----------------------------------------------------------------------------------------------------------- pre-commit


@pytest.fixture
def repository(directory: Path, commands: Mapping[str, str]) -> Path:
    """A repository with a clean policy set in `desk/`, all hooks set up, and everything staged.

    The hooks are those of the file, but for their language: where there is no network, nothing can be installed.
    """
    if find_spec("pre_commit") is None or shutil.which("git") is None:
        pytest.skip("pre-commit and git are needed")
    make_clean(directory)
    policy = directory / "desk.policy"
    policy.write_text(format_text(Source("desk.policy", policy.read_text())))
    args = {"policy-check": ["desk", "--now", "2026-03-02T09:00:00Z"], "policy-check-test": ["desk"]}
    hooks = [{**hook, "language": "system", "args": args.get(hook["id"], [])} for hook in HOOKS]
    root = directory.parent
    (root / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]}))
    for words in (["init", "--quiet"], ["add", "desk", ".pre-commit-config.yaml"]):
        subprocess.run(["git", *words], cwd=root, env=commands, check=True, timeout=60)
    return root


def pre_commit(repository: Path, commands: Mapping[str, str], *words: str) -> tuple[int, str]:
    run = [sys.executable, "-m", "pre_commit", "run", "--color", "never", *words]
    done = subprocess.run(run, cwd=repository, env=commands, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_hooks_under_pre_commit(repository: Path, commands: Mapping[str, str]) -> None:
    """A clean set passes all hooks; a failing test stops the commit, and says why."""
    code, said = pre_commit(repository, commands)
    assert code == 0, said
    assert said.count("Passed") == 3
    tests = repository / "desk" / "tests" / "cases.yaml"
    tests.write_text(tests.read_text().replace("effect: allow, rule: trade", "effect: deny, rule: risky"))
    subprocess.run(["git", "add", "desk"], cwd=repository, env=commands, check=True, timeout=60)
    code, said = pre_commit(repository, commands, "policy-check-test")
    assert code == 1
    assert "FAILED desk/tests/cases.yaml:10:11 a trader trades" in said


def test_formatting_hook_under_pre_commit(repository: Path, commands: Mapping[str, str]) -> None:
    """The formatter writes the files that changed, and pre-commit stops so that they are looked at."""
    policy = repository / "desk" / "desk.policy"
    good = policy.read_text()
    policy.write_text(good.replace("  on orders.create", "     on   orders.create", 1))
    subprocess.run(["git", "add", "desk"], cwd=repository, env=commands, check=True, timeout=60)
    code, said = pre_commit(repository, commands, "policy-check-fmt")
    assert code == 1
    assert "files were modified by this hook" in said
    assert policy.read_text() == good


def test_hooks_do_not_run_for_other_files(repository: Path, commands: Mapping[str, str]) -> None:
    """A change that touches no file of a policy set waits for none of them."""
    (repository / "main.py").write_text("pass\n")
    code, said = pre_commit(repository, commands, "--files", "main.py")
    assert (code, said.count("Skipped")) == (0, 3)


# -------------------------------------------------------------------------------------------------------- GitHub action


def steps() -> dict[str, Any]:
    """The steps of the action that have a name."""
    return {step["name"]: step for step in ACTION["runs"]["steps"] if "name" in step}


def run_step(name: str, inputs: Mapping[str, str], place: Path, commands: Mapping[str, str]) -> tuple[int, str]:
    """Runs the script of a step in bash, with its inputs put in where the action says."""
    step = steps()[name]
    given = {name: each["default"] for name, each in ACTION["inputs"].items()} | dict(inputs)
    environment = {**commands, "GITHUB_ACTIONS": "true"}
    for variable, value in step["env"].items():
        named = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value)
        environment[variable] = given[named[1]] if named else str(ROOT)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_action_has_its_inputs() -> None:
    """Every input is described and has a default; a composite action pins its Python and what it uses."""
    assert ACTION["runs"]["using"] == "composite"
    assert {"path", "args", "version"} <= set(ACTION["inputs"])
    assert all(each["description"] and "default" in each for each in ACTION["inputs"].values())
    assert re.fullmatch(r"3\.\d+", ACTION["inputs"]["python-version"]["default"])
    assert all(re.search(r"@v\d+$", step["uses"]) for step in ACTION["runs"]["steps"] if "uses" in step)


def test_action_puts_no_input_into_a_script() -> None:
    """A path or an option that was made to look like shell never becomes shell."""
    for step in steps().values():
        assert "${{" not in step.get("run", "")
        assert step.get("shell", "bash") == "bash"


def test_action_checks(directory: Path, commands: Mapping[str, str]) -> None:
    """It prints findings as workflow commands, passes on its options, and fails as `policy-check` does."""
    make_clean(directory)
    inputs = {"path": "desk", "args": "--now 2026-03-02T09:00:00Z  --fail-level warning"}
    code, said = run_step("check", inputs, directory.parent, commands)
    assert code == 0, said
    assert said.startswith("compiled  desk: 6 rules")
    (directory / "desk.policy").write_text(POLICY.replace("risk.score >= 90", "risk.scor >= 90"))
    code, said = run_step("check", {"path": "desk"}, directory.parent, commands)
    assert code == 3
    assert said.startswith("::error file=desk/desk.policy,line=8,endLine=8,col=8,endColumn=17,title=P0201 ")


def test_action_is_not_fooled(directory: Path, commands: Mapping[str, str]) -> None:
    """What looks like shell in an input is a path that does not exist."""
    inputs = {"path": "$(touch fooled)", "args": "--ignore P07 ; touch fooled"}
    code, _ = run_step("check", inputs, directory.parent, commands)
    assert code == 2
    assert not (directory.parent / "fooled").exists()


def test_action_writes_sarif(directory: Path, commands: Mapping[str, str]) -> None:
    """Findings do not stop the step, since the last one tells them; a wrong call does."""
    (directory / "desk.policy").write_text(POLICY.replace("risk.score >= 90", "risk.scor >= 90"))
    inputs = {"path": "desk", "sarif": "findings.sarif"}
    code, said = run_step("findings as SARIF", inputs, directory.parent, commands)
    assert code == 0, said
    log = json.loads((directory.parent / "findings.sarif").read_text())
    [result] = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "desk/desk.policy"
    code, _ = run_step("findings as SARIF", {"path": "nowhere", "sarif": "x.sarif"}, directory.parent, commands)
    assert code == 2


def test_action_installs(tmp_path: Path, commands: Mapping[str, str]) -> None:
    """It installs the version that was asked for, else the one that it is part of."""
    fake = tmp_path / "bin" / "python"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(fake.stat().st_mode | stat.S_IEXEC)
    code, said = run_step("install", {"version": "1.2.3"}, tmp_path, commands)
    assert (code, said) == (0, "-m pip install --quiet durwan[check,calendars]==1.2.3\n")
    code, said = run_step("install", {}, tmp_path, commands)
    assert (code, said) == (0, f"-m pip install --quiet {ROOT}[check,calendars]\n")
