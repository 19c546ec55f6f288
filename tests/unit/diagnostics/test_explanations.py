"""The pages of codes, as they are printed."""

from __future__ import annotations

import pytest

from durwan.diagnostics import explanations
from durwan.diagnostics.codes import CODES, Code
from durwan.diagnostics.terminal import Style


class WrittenCode(Code):
    """A code whose page is given here."""

    @property
    def page(self) -> str:
        return (
            "# P9999: a title\n\n"
            "A **network** that lies inside of another one, of the same list, says nothing: see "
            "[the page](language.md) on addresses and networks.\n\n"
            "## Example\n\n"
            "```policy\nnetwork a = { 10.0.0.0/8 }\n\n  # 10.1.0.0/16\n```\n\n"
            "- first, which is long enough that it has to be wrapped somewhere along this very line of text\n"
            "- `second`\n"
        )


def test_page_is_readable() -> None:
    """Marks of Markdown are taken away, paragraphs wrapped, and code is set in unchanged."""
    code = WrittenCode("P9999", "network-inside", "warning", "…")
    assert explanations.draw_page(code, Style(width=60)) == (
        "warning[P9999] network-inside\n"
        "\n"
        "A network that lies inside of another one, of the same list,\n"
        "says nothing: see the page (language.md) on addresses and\n"
        "networks.\n"
        "\n"
        "Example\n"
        "\n"
        "    network a = { 10.0.0.0/8 }\n"
        "\n"
        "      # 10.1.0.0/16\n"
        "\n"
        "- first, which is long enough that it has to be wrapped\n"
        "  somewhere along this very line of text\n"
        "- `second`\n"
    )


@pytest.mark.parametrize("text", ["P0201", "p0201", " P0201 ", "unknown-attribute", "Unknown-Attribute"])
def test_code_is_found(text: str) -> None:
    """By number or name, in any case."""
    assert explanations.find_code(text) is CODES["P0201"]


@pytest.mark.parametrize(
    ("text", "near"), [("PO201", "P0201"), ("unknown-atribute", "unknown-attribute"), ("zzzz", None)]
)
def test_nearest_code(text: str, near: str | None) -> None:
    """What was probably meant is offered, and nothing where nothing is near."""
    assert explanations.find_code(text) is None
    found = explanations.nearest_code(text)
    assert found == near


def test_list_has_every_code() -> None:
    """One line a code, with its severity and what it is."""
    lines = explanations.list_codes(Style()).splitlines()
    assert [line.split()[:3] for line in lines] == [[code.code, code.severity, code.name] for code in CODES.values()]
    assert all(line.endswith(code.summary) for line, code in zip(lines, CODES.values(), strict=True))
