"""The pages of the codes of the text: their examples show what they say."""

from __future__ import annotations

import re

import pytest

from durwan.diagnostics import Source
from durwan.diagnostics.codes import CODES
from durwan.language.parser import parse
from tests.language.literate import check_files

_POLICY = re.compile(r"^```policy\n(.*?)^```$", re.DOTALL | re.MULTILINE)

# What is wrong with these does not show in a page: their bytes, their size, what cannot be seen.
_SHOWN_IN_WORDS = {"P0101", "P0102", "P0103", "P0104", "P0112"}

PAGES = [code for code in CODES if code.startswith("P01")]


@pytest.mark.parametrize("code", PAGES)
def test_page_is_headed_by_its_code_and_has_two_examples(code: str) -> None:
    """Every page says what it means, shows it, says why it is a mistake and how to repair it."""
    page = CODES[code].page
    assert page.startswith(f"# {code}: {CODES[code].name}\n\n")
    assert page.count("\n## Repair\n") == 1
    assert len(_POLICY.findall(page)) == 2


@pytest.mark.parametrize("code", [code for code in PAGES if code not in _SHOWN_IN_WORDS])
def test_first_example_shows_the_mistake_and_no_other(code: str) -> None:
    """The first example has this mistake alone."""
    _, mistakes = parse(Source("case.policy", _POLICY.findall(CODES[code].page)[0]))
    assert {mistake.code for mistake in mistakes} == {code}


@pytest.mark.parametrize("code", PAGES)
def test_second_example_is_repaired(code: str) -> None:
    """The second example is a policy without errors."""
    text = _POLICY.findall(CODES[code].page)[1]
    found = check_files({"case.policy": text, "lists/customers.txt": "c-000001\n"}, observed=())
    assert found.errors == []
