"""The pages about test files: their first example shows the mistake, their second one has none."""

from __future__ import annotations

import re

import pytest

from durwan.diagnostics.codes import CODES
from tests.unit.workshop.policies import verified

POLICY = """\
actions { orders.create orders.cancel }
context risk { score : int 0..100 }
deny risky on orders.create when risk.score >= 90
shadow deny tighter_risk on orders.create when risk.score >= 75
allow trade on orders.* when key.id is known
"""
OURS = [code for code in CODES.values() if code.code.startswith("P08")]


def examples(page: str) -> list[dict[str, str]]:
    """The files of each example, told apart by comments with their paths."""
    found: list[dict[str, str]] = []
    for text in re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        parts = re.split(r"^# (\S+\.yaml)\n", text, flags=re.MULTILINE)
        files = {"tests/cases.yaml": parts[0]} if parts[0] else {}
        found.append({**files, **dict(zip(parts[1::2], parts[2::2], strict=True))})
    return found


@pytest.mark.parametrize("code", OURS, ids=lambda code: code.code)
def test_examples_show_what_they_say(code: object) -> None:
    """What a page calls a mistake is reported by its code alone, and its repair is clean and passes."""
    page = next(each for each in OURS if each is code)
    wrong, right = examples(page.page)
    assert {each.code for each in verified(wrong, POLICY).diagnostics} == {page.code}
    repaired = verified(right, POLICY)
    assert repaired.diagnostics == ()
    assert repaired.results
    assert all(result.verdict == "passed" for result in repaired.results)


@pytest.mark.parametrize("code", OURS, ids=lambda code: code.code)
def test_pages_have_one_form(code: object) -> None:
    """A page has its code as title, and says how to repair the mistake."""
    page = next(each for each in OURS if each is code)
    assert page.page.startswith(f"# {page.code}: {page.name}\n")
    assert "\n## Repair\n" in page.page
