"""Policies, requests and the decisions that the language page asks for, through every evaluator.

A case is a directory: a policy set in `policy/`, and `requests.yaml` with

    about: what the case shows, one sentence
    requests:
      - name: what this request shows
        request: { action: ..., ... }
        expect: { effect: deny, rule: closed, status: 403, code: closed }

`expect` names effect, rule, status and code; `unknowns`, `remedies`, `obligations` and `shadows` are empty where they
are not named; `reason` and `valid_until` (an instant) are compared where they are. A request without `now` is decided
at the clock of the evaluators, 2026-03-02T09:00:00Z, a Monday.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from durwan.compilation import compile_directory
from durwan.model.values import format_instant
from durwan.runtime.policy import Compiled
from tests.conformance.evaluators import WAYS, Way

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/requests.yaml"))

_REQUIRED = {"effect", "rule", "status", "code"}
_EMPTY: dict[str, Any] = {"unknowns": [], "remedies": [], "obligations": {}, "shadows": []}
_OPTIONAL = {"reason", "valid_until"}


def read_case(case: str) -> dict[str, Any]:
    """What the case's `requests.yaml` says."""
    text = (HERE / case / "requests.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@cache
def compiled_case(case: str) -> Compiled:
    """The case's policy set, compiled once."""
    return compile_directory(str(HERE / case / "policy"))


@pytest.fixture(params=WAYS)
def decide(request: pytest.FixtureRequest) -> Way:
    """Each evaluator in turn."""
    return WAYS[request.param]


REQUESTS = [
    pytest.param(case, item, id=f"{case}: {item['name']}") for case in CASES for item in read_case(case)["requests"]
]


@pytest.mark.parametrize(("case", "item"), REQUESTS)
def test_decision(decide: Way, case: str, item: dict[str, Any]) -> None:
    """A request is decided as its case says, whichever evaluator decides."""
    expected = {**_EMPTY, **item["expect"]}
    decision = decide(compiled_case(case), item["request"]).as_dict()
    if decision["valid_until"] is not None:
        decision["valid_until"] = format_instant(decision["valid_until"])
    assert {name: decision[name] for name in expected} == expected


@pytest.mark.parametrize("case", CASES)
def test_case_is_complete(case: str) -> None:
    """A case says what it shows, names its requests apart, and expects whole decisions with at least one refusal."""
    written = read_case(case)
    assert set(written) == {"about", "requests"}
    names = [item["name"] for item in written["requests"]]
    assert len(names) == len(set(names))
    for item in written["requests"]:
        assert set(item) == {"name", "request", "expect"}, item["name"]
        assert set(item["expect"]) >= _REQUIRED, item["name"]
        assert set(item["expect"]) <= {*_REQUIRED, *_EMPTY, *_OPTIONAL}, item["name"]
    assert any(item["expect"]["effect"] != "allow" for item in written["requests"])


@pytest.mark.parametrize("case", CASES)
def test_case_compiles_alike_twice(case: str) -> None:
    """Compiling a case again gives the same revision."""
    assert compile_directory(str(HERE / case / "policy")).revision == compiled_case(case).revision
