"""The pages of the mistakes in YAML, manifests and keys: their examples show what they say."""

from __future__ import annotations

import re

import pytest

from durwan.credentials.key_files import read_key_files
from durwan.diagnostics.codes import CODES
from durwan.language.manifest import read_manifest
from durwan.language.policy_set import read_mapping

PAGES = sorted(code for code in CODES if "P0501" <= code <= "P0550")
SCOPES = ("account.read", "orders.read", "orders.write", "withdrawals.write")
# What these pages are about cannot be shown in a few lines of text.
WITHOUT_EXAMPLE = {
    "P0501", "P0502", "P0503", "P0509", "P0510", "P0512", "P0513", "P0514", "P0515", "P0526", "P0549",
}  # fmt: skip


def codes_of(text: str) -> list[str]:
    """The codes of the mistakes in a key file or in a manifest, whichever the text is."""
    if re.match(r"keys:\s*\n|- id", text):
        _, diagnostics = read_key_files({"keys/a.yaml": text.encode()}, scopes=SCOPES)
    else:
        _, diagnostics = read_manifest(read_mapping({"policy.yaml": text, "calendars/holidays.txt": ""}))
    return [each.code for each in diagnostics]


@pytest.mark.parametrize("code", PAGES)
def test_a_page_shows_the_mistake_and_its_repair(code: str) -> None:
    """The first example has this mistake and no other; the second, after the repair, has none."""
    page = CODES[code].page
    assert page.startswith(f"# {code}: {CODES[code].name}\n")
    assert "\n## Repair\n" in page
    examples: list[str] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    if code not in WITHOUT_EXAMPLE:
        wrong, right = examples
        assert set(codes_of(wrong)) == {code}
        assert codes_of(right) == []
    for example in examples[-1:]:
        assert codes_of(example) == []


def test_every_code_of_these_sections_has_its_page_and_severity() -> None:
    """All of them stop a set from loading."""
    assert len(PAGES) == 32
    assert {CODES[code].severity for code in PAGES} == {"error"}
