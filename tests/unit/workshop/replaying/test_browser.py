"""The page of a replay in a real browser: on a wide screen, on a telephone, in the dark, and on paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from durwan.workshop.replaying.page import replay_page
from durwan.workshop.replaying.report import BrokenCount, ReplayReport, SideName
from durwan.workshop.replaying.running import replay
from durwan.workshop.replaying.summary import summarize
from tests.replay.logs import requests, set_of, written
from tests.replay.test_known_changes import opened, question_of
from tests.unit.workshop.policies import POLICY

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What reaches further to the right than the page does.
BEYOND: Final = """\
() => [...document.body.querySelectorAll('*')]
  .filter(each => each.getClientRects().length && each.getBoundingClientRect().right > window.innerWidth + 1)
  .map(each => each.outerHTML.slice(0, 120))
"""
WIDTH: Final = "(each) => each.getBoundingClientRect().width"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a replay with many groups, and with names that have no place to break."""
    folder = tmp_path_factory.mktemp("page")
    policy = POLICY.replace("deny risky", f"deny {'very' * 20}risky").replace("risk.score >= 90", "risk.score >= 40")
    question = question_of(set_of(), set_of(policy.replace("\n   and client.ip in key.networks", "")))
    rows = [{**row, "key": {**row["key"], "account": "unbroken" * 12}} for row in requests(3_000)]
    log = opened(written(folder / "log.jsonl", rows), question)
    report = ReplayReport(
        replay=summarize(replay(log, question), question), before=SideName(name="old" * 40, revision="0" * 64),
        after=SideName(name="new", revision="1" * 64), logs=("log.jsonl",), amounts=question.amounts, filters=(),
        broken=BrokenCount(count=0, reasons={}, aside=None), budgets=(), remarks=("Nothing is known.",),
    )  # fmt: skip
    path = folder / "page.html"
    path.write_text(replay_page(report), encoding="utf-8")
    return path


def opened_page(browser: Any, path: Path, width: int, scheme: str = "light") -> Page:
    page: Page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize("width", [1280, 420])
def test_nothing_is_wider_than_the_page(browser: Any, page_file: Path, width: int) -> None:
    """On a screen and on a telephone all is within the page, and the pictures have its width."""
    page = opened_page(browser, page_file, width)
    assert page.evaluate(BEYOND) == []
    picture = page.locator(".bars svg")
    assert picture.evaluate(WIDTH) > 0.8 * (width - 60)
    assert page.locator(".flow svg path").count() > 3
    heights = page.locator(".flow .node").evaluate_all("each => each.map(node => node.getBoundingClientRect().height)")
    assert min(heights) > 40


def test_nothing_is_wider_than_paper(browser: Any, page_file: Path) -> None:
    """On paper all is within the sheet, on a light ground whatever the screen is."""
    page = opened_page(browser, page_file, 690, "dark")
    page.emulate_media(media="print")
    assert page.evaluate(BEYOND) == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_light_and_dark(browser: Any, page_file: Path) -> None:
    """The page follows what whoever reads it has chosen; text stands out from its ground in both."""
    for scheme in ("light", "dark"):
        page = opened_page(browser, page_file, 1280, scheme)
        colours = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        ink, ground = (sum(int(each) for each in colour[4:-1].split(",")) for colour in colours)
        assert (ink - ground > 400) if scheme == "dark" else (ground - ink > 400)


def test_a_request_opens(browser: Any, page_file: Path) -> None:
    """The first requests that are newly allowed are open, the others open on a click."""
    page = opened_page(browser, page_file, 1280)
    assert page.locator(".entry.newly-allowed details[open] pre").first.is_visible()
    closed = page.locator("details:not([open])").first
    assert not closed.locator("pre").first.is_visible()
    closed.evaluate("each => each.id = 'it'")
    page.locator("#it > summary").click()
    assert page.locator("#it pre").first.is_visible()
