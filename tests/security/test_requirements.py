"""The map from the security requirements to the tests that show them."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROWS = 69
PARTS = {"cache, bundles, reload", "credentials and state", "gateways and audit"}

REQUIREMENTS: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "requirements.toml").read_text(encoding="utf-8")
)


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the test functions of a file, those of a class as `Class::name`; none where there is no file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found.update(f"{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef))
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


def test_every_row_is_mapped() -> None:
    """Each of the rows R1 to R69 stands in the map, in their order, and no other."""
    assert list(REQUIREMENTS) == [f"R{number}" for number in range(1, ROWS + 1)]


@pytest.mark.parametrize("row", REQUIREMENTS)
def test_a_row_is_shown_or_pending(row: str) -> None:
    """A row names its threat, and either tests or the part that it waits for: not both, and not neither."""
    entry = REQUIREMENTS[row]
    assert entry["threat"]
    assert ("tests" in entry) is not ("pending" in entry)
    assert set(entry) <= ({"threat", "tests"} if "tests" in entry else {"threat", "pending", "partly"})
    assert entry.get("pending") in {None, *PARTS}
    assert entry.get("tests") != []


@pytest.mark.parametrize("row", REQUIREMENTS)
def test_every_test_of_a_row_exists(row: str) -> None:
    """Each test that is named for a row is a test function of the file that is named, and named once."""
    entry = REQUIREMENTS[row]
    named: list[str] = [*entry.get("tests", []), *entry.get("partly", [])]
    assert len(named) == len(set(named))
    for test in named:
        path, _, name = test.partition("::")
        assert name in names_in(path), test


def test_every_test_of_this_folder_shows_a_row() -> None:
    """A security test that no row names is either named wrongly in the map or belongs elsewhere."""
    named = {test for entry in REQUIREMENTS.values() for test in (*entry.get("tests", []), *entry.get("partly", []))}
    for file in sorted(Path(__file__).parent.glob("test_*_requirements.py")):
        path = file.relative_to(ROOT).as_posix()
        assert {f"{path}::{name}" for name in names_in(path)} - _OF_THE_TESTS_THEMSELVES <= named


_OF_THE_TESTS_THEMSELVES = {
    "tests/security/test_token_requirements.py::test_the_token_that_is_spoilt_below_is_accepted",
    "tests/security/test_evaluator_requirements.py::test_the_request_that_is_spoilt_below_is_allowed",
}
