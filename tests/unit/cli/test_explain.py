"""`policy-check explain`: the pages of codes."""

from __future__ import annotations

from durwan.diagnostics.codes import CODES
from tests.unit.cli.conftest import Call


def test_page(call: Call) -> None:
    """The page of a code, by its number or its name."""
    ended = call("explain", "P0808")
    assert ended.code == 0
    assert ended.out.startswith("error[P0808] empty-suite\n\nA file among the tests has no cases.")
    assert call("explain", "empty-suite") == call("explain", "p0808") == ended


def test_list(call: Call) -> None:
    """Without a code, all of them."""
    ended = call("explain")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == len(CODES)


def test_unknown_code(call: Call) -> None:
    """An unknown code exits with 2, and names what was probably meant."""
    ended = call("explain", "empty-suit")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "policy-check: error: there is no code empty-suit; did you mean empty-suite?\n"
    assert call("explain", "qqqq").err.endswith("policy-check explain lists all codes\n")


def test_json(call: Call) -> None:
    """The code, its text as Markdown, or all codes."""
    found = call("explain", "P0808", "-f", "json").json
    assert (found["code"], found["name"], found["severity"]) == ("P0808", "empty-suite", "error")
    assert found["text"] == CODES["P0808"].page
    assert [each["code"] for each in call("explain", "-f", "json").json["codes"]] == list(CODES)
