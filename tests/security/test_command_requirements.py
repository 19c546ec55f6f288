"""R64: `policy-check` says of a policy set what an engine would do with it, and runs nothing that lies in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durwan import Engine, PolicyError
from durwan.cli.policy_check import main
from durwan.errors import DurwanError
from tests.conformance.evaluators import engine_of
from tests.conformance.test_conformance import CASES, HERE, compiled_case, read_case
from tests.language.literate import Case, read_cases

_PAGES = sorted((Path(__file__).parents[1] / "language").glob("*.md"))
_MOMENT = "2026-03-02T09:00:00Z"


@pytest.fixture
def policy_check(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Runs a command in this process: its exit code, and the JSON that it prints."""

    def run(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = main([*words, "-f", "json"])
        printed = capsys.readouterr().out
        return code, json.loads(printed) if printed else None

    return run


def _write(files: dict[str, str], place: Path) -> Path:
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(text.encode("utf-8", "surrogatepass"))
    return place


def _loaded(place: Path) -> list[str] | str:
    """The codes for which an engine refuses to load the set, or its revision."""
    try:
        with Engine.load(place) as engine:
            return engine.revision
    except PolicyError as refused:
        return [item.code for item in refused.diagnostics if item.severity == "error"]


@pytest.mark.parametrize("page", _PAGES, ids=[page.stem for page in _PAGES])
def test_the_command_and_the_engine_find_the_same(
    page: Path, policy_check: Callable[..., tuple[int, Any]], tmp_path: Path
) -> None:
    """For every set of the literate specification, wrong or right, both refuse it for the same, or read the same."""
    cases: list[Case] = list(read_cases(page))
    assert cases
    for case in cases:
        place = _write(case.files, tmp_path / str(case.line))
        loaded = _loaded(place)
        code, found = policy_check("check", str(place), "--now", _MOMENT)
        errors = [each["code"] for each in found["diagnostics"] if each["severity"] == "error"]
        if isinstance(loaded, str):
            assert (found["compiled"], found["revision"], code in (0, 1)) == (True, loaded, True), case.title
        else:
            compilation = [each for each in errors if not each.startswith("P08")]
            assert (found["compiled"], code, compilation) == (False, 3, loaded), case.title


@pytest.mark.parametrize("case", CASES)
def test_the_command_and_the_engine_decide_alike(
    case: str, policy_check: Callable[..., tuple[int, Any]], tmp_path: Path
) -> None:
    """`policy-check eval` prints for every request of the conformance cases what an engine decides."""
    requests: list[Any] = []
    for item in read_case(case)["requests"]:
        try:
            requests.append(json.loads(json.dumps(item["request"], allow_nan=False)))
        except ValueError:
            continue  # NaN is no JSON
    (tmp_path / "requests.json").write_text(json.dumps(requests), encoding="utf-8")
    words = ("eval", str(HERE / case / "policy"), "--request", str(tmp_path / "requests.json"), "--now", _MOMENT)
    code, found = policy_check(*words)
    engine = engine_of(compiled_case(case))
    assert code == 0
    assert found["decisions"] == [engine.decide(request).as_dict() for request in requests]


_REPORTED = {
    "a network inside another one": (
        "network n = { 10.0.0.0/8, 10.1.0.0/16 }\nactions { a }\nallow x on a when client.ip in n\n",
        {"P0704"},
    ),
    "a rule that never applies": (
        "actions { a }\nallow x on a when key.revoked\ndeny y on a when request.weight < 1 unless request.weight < 2\n",
        {"P0702"},
    ),
    "a rule that never matters": (
        "actions { a }\ndeny x on a\nallow y on a when key.revoked\n",
        {"P0703"},
    ),
    "an allow without a condition": ("actions { a }\nallow x on a\n", {"P0708"}),
    "an allow that is always true": ("actions { a }\nallow x on a when true or key.revoked\n", {"P0701"}),
}


@pytest.mark.parametrize("name", _REPORTED)
def test_what_a_reviewer_should_see_is_reported(
    name: str, policy_check: Callable[..., tuple[int, Any]], tmp_path: Path
) -> None:
    """Dead networks, rules that never apply or never matter, and allows that are always true are warned of."""
    text, codes = _REPORTED[name]
    _write({"a.policy": text}, tmp_path)
    code, found = policy_check("check", str(tmp_path), "--now", _MOMENT)
    assert code == 0
    assert codes <= {each["code"] for each in found["diagnostics"]}, found["diagnostics"]
    assert policy_check("check", str(tmp_path), "--now", _MOMENT, "--fail-level", "warning")[0] == 1


def test_exit_codes_are_fixed(policy_check: Callable[..., tuple[int, Any]], tmp_path: Path) -> None:
    """Good is 0, findings are 1, a wrong call is 2, a set that does not compile is 3."""
    good = _write({"a.policy": "actions { a }\nallow x on a when key.revoked\n"}, tmp_path / "good")
    broken = _write({"a.policy": "actions { a }\nallow x on b\n"}, tmp_path / "broken")
    tests = "cases:\n  - name: wrong\n    request: { action: a }\n    expect: allow\n"
    failing = _write({"a.policy": "actions { a }\ndeny x on a\n", "tests/a.yaml": tests}, tmp_path / "failing")
    request = _write({"request.json": '{"action": "a"}'}, tmp_path / "requests") / "request.json"
    nothing = _write({"request.json": '{"action": NaN}'}, tmp_path / "other") / "request.json"
    calls: list[tuple[int, tuple[str, ...]]] = [
        (0, ("check", str(good))),
        (0, ("eval", str(good), "--request", str(request))),
        (1, ("eval", str(good), "--request", str(request), "--fail-on", "deny")),
        (1, ("check", str(failing))),
        (1, ("test", str(failing))),
        (2, ("check", str(tmp_path / "absent"))),
        (2, ("eval", str(good), "--request", str(nothing))),
        (2, ("check", str(good), "--no-such-option")),
        (3, ("check", str(broken))),
        (3, ("test", str(broken))),
        (3, ("eval", str(broken), "--request", str(request))),
    ]
    for expected, words in calls:
        assert policy_check(*words)[0] == expected, words


def test_nothing_in_a_policy_set_is_run(tmp_path: Path) -> None:
    """Python files that lie in a policy set, under names that Python itself would look for, are never imported."""
    script = Path(sys.executable).with_name("policy-check")
    if not script.exists():
        pytest.skip("policy-check is not installed beside this Python")
    canary = tmp_path / "CANARY"
    hostile = f"open({str(canary)!r}, 'w').close()\n"
    names = (
        "yaml",
        "lark",
        "pydantic",
        "json",
        "sitecustomize",
        "usercustomize",
        "conftest",
        "durwan",
        "policy",
        "ast",
    )
    files = {f"{name}.py": hostile for name in names}
    files |= {"a.policy": "actions { a }\nallow x on a when key.revoked\n", "tests/__init__.py": hostile}
    place = _write(files, tmp_path / "set")
    done = subprocess.run([script, "."], cwd=place, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not canary.exists()


@pytest.mark.parametrize(
    "path", ["../a.policy", "/a.policy", "a/../b.policy", "a\\b.policy", "c:a.policy", ".git/a.policy"]
)
def test_a_path_that_leads_elsewhere_is_no_part_of_a_set(path: str) -> None:
    """A file whose path could lead out of the set is refused before it is read."""
    with pytest.raises(DurwanError, match="cannot be part of a policy set"):
        Engine.from_sources({path: "actions { a }\nallow x on a\n"})
