"""R69: versions below which nothing starts, and a policy that allows what it must deny, which does not start."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from durwan import Engine
from durwan.runtime.self_test import SelfTestError

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _floor(text: str) -> tuple[int, ...]:
    found = re.search(r">=\s*([0-9.]+)", text)
    assert found is not None, text
    return tuple(map(int, found.group(1).split(".")))


def _requirement(name: str) -> str:
    extras = PROJECT["optional-dependencies"].values()
    every: list[str] = [*PROJECT["dependencies"], *(each for extra in extras for each in extra)]
    return next(each for each in every if re.split(r"[\[><=]", each)[0].lower() == name.lower())


@pytest.mark.parametrize(
    ("name", "least"), [("redis", (8, 1)), ("pyyaml", (6,)), ("PyJWT", (2, 15, 1)), ("cryptography", (45,))]
)
def test_no_dependency_is_older_than_is_safe(name: str, least: tuple[int, ...]) -> None:
    """What we build upon is asked for at least in the version in which its known faults are mended."""
    assert _floor(_requirement(name)) >= least


def test_python_is_not_older_than_is_safe() -> None:
    """Nor is Python itself."""
    assert _floor(PROJECT["requires-python"]) >= (3, 11, 4)


def test_a_policy_that_allows_what_it_must_deny_does_not_start(tmp_path: Path) -> None:
    """A known-forbidden request that is allowed keeps the engine from being made; mended, it is made."""
    (tmp_path / "policy.yaml").write_text("name: desk\nmust_pass: [nobody pays]\n")
    (tmp_path / "tests").mkdir()
    case = "now: 2026-03-02T09:00:00Z\ncases:\n  - name: nobody pays\n    request: { action: pay }\n    expect: deny\n"
    (tmp_path / "tests" / "must.yaml").write_text(case)
    (tmp_path / "a.policy").write_text("actions { pay }\nallow pay on pay\n")
    with pytest.raises(SelfTestError, match="nobody pays"):
        Engine.load(tmp_path)
    (tmp_path / "a.policy").write_text("actions { pay }\nallow pay on pay when key.account is known\n")
    assert not Engine.load(tmp_path).decide({"action": "pay"}).allowed
