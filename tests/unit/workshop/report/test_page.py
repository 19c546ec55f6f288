"""The report as a page: everything is there, every link leads somewhere, nothing acts, nothing is fetched."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from durwan.diagnostics.hidden import HIDDEN
from durwan.workshop.report import make_report, report_page
from durwan.workshop.report.page import moment
from tests.unit.workshop.report.sets import Page, evidence_of, report_of
from tests.unit.workshop.report.test_sections import exposure

HOSTILE = '</style></code><script>alert(1)</script><img src="x" onerror=alert(1)>'
RIGHT_TO_LEFT = "a\u202eb\u2066c\x07d\u200be"


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(report_page(report_of(exposures=[exposure("desk-1"), exposure("reader")])))


def test_everything_is_there(page: Page) -> None:
    """Each rule, limit, window, invariant and name has its place on the page, and each finding its words."""
    report = report_of()
    anchors = {f"rule-{each.name}" for each in report.rules} | {f"window-{each.name}" for each in report.windows}
    anchors |= {f"limit-{each.name}" for each in report.limits} | {f"{each.kind}-{each.name}" for each in report.names}
    anchors |= {f"invariant-{each.name}" for each in report.invariants} | {row.anchor for row in report.access.rows}
    assert anchors <= set(page.ids)
    for section in report.hygiene:
        assert all(each.words in page.text for each in section.findings)
    assert all(each.words.replace("`", "") in page.text for each in report.summary.remarks)
    assert report.revision in page.text
    assert "2026-03-02 09:00 UTC" in page.text


def test_every_link_leads_somewhere(page: Page) -> None:
    """All links stay on the page, and no two things have the same anchor."""
    assert page.links
    assert len(set(page.ids)) == len(page.ids)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert all(link.startswith("#") for link in page.links)


def test_nothing_is_fetched_and_nothing_runs() -> None:
    """The page has no scripts, and names nothing outside of itself; a browser is told to allow neither."""
    text = report_page(report_of())
    found = Page(text)
    assert not found.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert not {name for name, _ in found.attributes} & {"src", "srcset", "action", "background", "style"}
    assert not any(name.startswith("on") for name, _ in found.attributes)
    assert "url(" not in text
    assert "@import" not in text
    assert re.search(r"https?:", text) is None
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in found.attributes


@pytest.mark.parametrize("text", [HOSTILE, RIGHT_TO_LEFT])
def test_hostile_texts_are_only_shown(text: str) -> None:
    """What keys, tests and reasons say stands on the page as text: as it is, or by the numbers of what would hide."""
    request = {"action": "orders.create", "key": {"id": text, "owner": text}}
    reached: dict[str, Any] = {"orders.create": {"possible": True, "stopped_by": [], "request": request}}
    name = _yaml(text)
    evidence = evidence_of(
        cases=f'cases:\n  - {{ name: "{name}", with: [trader], skip: "{name}", expect: {{ effect: allow }} }}\n',
        keys=[(text, {"scopes": [text], "networks": [], "owner": text, "expires": "2026-04-01T00:00:00Z"})],
        exposures=[{"key": text, "actions": reached}],
    )
    drawn = report_page(make_report(evidence))
    page = Page(drawn)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert HIDDEN.search(drawn) is None
    shown = HIDDEN.sub(lambda hidden: f"\\u{{{ord(hidden[0]):x}}}", text)
    assert page.text.count(shown) >= 5


def _yaml(text: str) -> str:
    """The text as it stands between double quotes in YAML."""
    return "".join(f"\\U{ord(each):08x}" if HIDDEN.match(each) or each == '"' else each for each in text)


def test_the_same_again() -> None:
    """The same evidence gives the same page, byte for byte."""
    assert report_page(report_of()) == report_page(report_of())


def test_hostile_documentation() -> None:
    """Documentation is text, in which only what stands between back-ticks looks different."""
    more = "\n# See `<b>this</b>` & <script>that</script>.\nallow open on account.read when key.id is known\n"
    page = Page(report_page(report_of(more)))
    assert "See <b>this</b> & <script>that</script>." in page.text
    assert "script" not in page.tags


def test_an_undecided_invariant_says_why() -> None:
    """What was not found out is told as such, in the summary too."""
    evidence = evidence_of()
    proofs = [replace(each, verdict="undecided", because="not decided within 30 s") for each in evidence.proofs]
    report = make_report(replace(evidence, proofs=proofs))
    assert report.summary.invariants["undecided"] == 2
    assert "Undecided: not decided within 30 s." in Page(report_page(report)).text


def test_moments() -> None:
    """Instants are written without the seconds that are zero, and with the weekday where asked for."""
    assert moment("2026-03-02T09:00:00Z") == "2026-03-02 09:00 UTC"
    assert moment("2026-03-02T09:00:05Z", weekday=True) == "2026-03-02 09:00:05 UTC, Monday"
