"""`.pre-commit-hooks.yaml`: what other repositories can run at every commit."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from durwan.cli.policy_check import COMMANDS

HOOKS = yaml.safe_load((Path(__file__).parents[3] / ".pre-commit-hooks.yaml").read_text())


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
    for name in ("a/b.policy", "tests/x.yaml", "lists/tor.txt"):
        assert re.search(by_id["policy-check"]["files"], name)
        assert re.search(by_id["policy-check-test"]["files"], name)
    assert not re.search(by_id["policy-check"]["files"], "main.py")
    assert not re.search(by_id["policy-check-fmt"]["files"], "tests/x.yaml")
    assert [hook.get("pass_filenames", True) for hook in HOOKS] == [False, False, True]
