"""The report in a real browser: on a wide screen, on a telephone, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from durwan.workshop.report import report_page
from durwan.workshop.report.keys import exposed_keys
from tests.unit.workshop.report.sets import evidence_of, report_of
from tests.unit.workshop.report.test_sections import exposure

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What is left of A4 between the margins of the page, in CSS pixels.
PAPER: Final = round((210 - 2 * 14) / 25.4 * 96)
# What reaches further to the right than the page does. Only what can be scrolled may, and on paper nothing can be.
BEYOND: Final = """\
(scrolls) => [...document.body.querySelectorAll('*')]
  .filter(each => each.getClientRects().length && !(scrolls && each.closest('.scroll')))
  .filter(each => each.getBoundingClientRect().right > window.innerWidth + 1)
  .map(each => each.outerHTML.slice(0, 120))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on sixty keys, some with long names, in a policy set with 24 actions."""
    actions = " ".join(f"settlements_{n}.create" for n in range(21))
    more = f'\nactions {{ {actions} }}\nallow settle on settlements_3.* when key.labels has "{"long" * 30}"\n'
    keys = [
        (
            f"desk-{n}" if n % 2 else "unbroken" * 12 + str(n),
            {"scopes": ["orders.write"], "networks": [f"10.0.{n}.0/24"], "labels": [], "owner": "b"},
        )
        for n in range(60)
    ]
    asked = exposed_keys(evidence_of(more, keys=keys).matrix.classes)
    every = [f"settlements_{n}.create" for n in range(21)]
    forms = [exposure(key) for key in asked]
    for form in forms:
        form["actions"] |= {each: {"possible": None, "stopped_by": [], "request": None} for each in every}
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_page(report_of(more, keys=keys, exposures=forms)), encoding="utf-8")
    return path


@pytest.fixture
def shown(browser: Any, report: Path) -> Iterator[tuple[Page, list[str]]]:
    """The report in the browser, and what the browser complained of or wanted to fetch."""
    page: Page = browser.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: heard.append(request.url) if not request.is_navigation_request() else None)
    page.goto(report.as_uri())
    yield page, heard
    page.close()


@pytest.mark.parametrize("width", [1280, 420])
def test_screens(shown: tuple[Page, list[str]], width: int) -> None:
    """Nothing is wider than the screen but tables that can be scrolled; nothing is fetched, nothing complains."""
    page, heard = shown
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(BEYOND, True) == []
    assert heard == []


def test_paper(shown: tuple[Page, list[str]]) -> None:
    """On A4 no column is cut off, and the heads of tables are repeated on every page that they reach."""
    page, _ = shown
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    assert page.evaluate(BEYOND, False) == []
    heads = page.evaluate("[...document.querySelectorAll('thead')].map(each => getComputedStyle(each).display)")
    assert set(heads) == {"table-header-group"}


def test_links_move(shown: tuple[Page, list[str]]) -> None:
    """A click on a remark leads to what it is about."""
    page, _ = shown
    page.click("text=1 rule on trial")
    assert page.evaluate("location.hash") == "#trials"
