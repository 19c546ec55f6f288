"""The pages of the codes of the checker and of lint: their examples show what they say."""

from __future__ import annotations

import re

import pytest

from durwan.diagnostics.codes import CODES
from durwan.workshop.proof_lint import prove_lint
from tests.language.literate import NOW, check_files

_BLOCK = re.compile(r"^```([a-z]+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SECTIONS = ("P02", "P03", "P04", "P056", "P06", "P07")
# Shown only where the calendars are not installed.
_ELSEWHERE = {"P0603"}
# Every entry of the list has its own mistake beside the one that counts the others.
_ACCOMPANIED = {"P0563"}

PAGES = [code for code in CODES if code.startswith(_SECTIONS)]


def _examples(code: str) -> list[dict[str, str]]:
    """The policy sets of a page: each policy with all other files."""
    blocks = _BLOCK.findall(CODES[code].page)
    files = {path: text for _, path, text in blocks if path}
    return [files | {"case.policy": text} for kind, _, text in blocks if kind == "policy"]


def _codes(files: dict[str, str]) -> list[str]:
    found = check_files(files, observed=())
    proved = () if found.program is None else prove_lint(found.program, near=NOW).diagnostics
    return [item.code for item in (*found.errors, *found.warnings, *proved)]


@pytest.mark.parametrize("code", PAGES)
def test_page_begins_with_code_and_name(code: str) -> None:
    """A page is headed by its code and name, and has two examples."""
    assert CODES[code].page.startswith(f"# {code}: {CODES[code].name}\n")
    assert len(_examples(code)) == 2


@pytest.mark.parametrize("code", [code for code in PAGES if code not in _ELSEWHERE])
def test_first_example_shows_the_mistake(code: str) -> None:
    """The first example of a page has this mistake; an error's example has no other one."""
    found = _codes(_examples(code)[0])
    assert code in found
    if CODES[code].severity == "error" and code not in _ACCOMPANIED:
        assert set(found) == {code}


@pytest.mark.parametrize("code", PAGES)
def test_second_example_is_repaired(code: str) -> None:
    """The second example of a page has neither this mistake nor any error."""
    found = check_files(_examples(code)[1], observed=())
    assert found.errors == []
    assert code not in _codes(_examples(code)[1])
