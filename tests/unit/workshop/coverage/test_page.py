"""Coverage as a page: what is shaded how, and that nothing of a policy acts on the page."""

from __future__ import annotations

import builtins
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from durwan.workshop.coverage import measure, plan
from durwan.workshop.coverage.page import coverage_page
from durwan.workshop.html_page import PagesNotInstalledError
from tests.unit.workshop.coverage.sets import NOW, VOCABULARY, Requests, case, compiled

POLICY = """\
deny both on orders.create
  when key.revoked
    or client.country == "</code><script>alert(1)</script>"
    or (client.asn like "a*") ==
       true
"""


class Page(HTMLParser):
    """The text of the page's marks with their class and title, its notes, and every tag in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.marks: list[tuple[str, str, str]] = []
        self.notes: list[str] = []
        self.tags: set[str] = set()
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._open.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "li":
            self.notes.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        if "mark" in tags:
            attributes = dict(self._open)["mark"]
            self.marks.append((data, attributes["class"], attributes.get("title", "")))
        elif "li" in tags:
            self.notes[-1] += data


def page_of(requests: Requests) -> str:
    found = compiled(POLICY)
    assert found.program is not None
    cases = [case(name, request) for name, request in requests.items()]
    coverage = measure(plan(found.program, found.modules), cases, lambda: NOW, found.keys.get)
    return coverage_page(coverage, [each.source for each in found.modules], name="<desk>", revision="12ab")


def test_shades_and_notes() -> None:
    """Conditions are shaded by how much of them is shown; what is missing stands in titles and in notes below."""
    page = Page(page_of({"all said": {"key": {"revoked": True}}}))
    legend, marks = page.marks[:3], page.marks[3:]
    assert [shade for _, shade, _ in legend] == ["full", "partly", "none"]
    assert [(text, shade) for text, shade, _ in marks] == [
        ("everything", "none"),
        ("both", "partly"),
        ("key.revoked", "partly"),
        ('client.country == "</code><script>alert(1)</script>"', "partly"),
        ('(client.asn like "a*") ==', "partly"),
        ("true", "partly"),
    ]
    assert marks[2][2].splitlines() == [
        "shown: a case in which it is true (all said)",
        "missing: a case in which it is false",
        "missing: a case in which it is unknown",
    ]
    assert page.notes[:4] == [
        "no case to which it applies",
        "no case to which it does not apply",
        "no case in which it is false",
        "no case in which it is unknown",
    ]


def test_full() -> None:
    """What every target of is shown is shaded as such, and has no note."""
    requests = {"a": {"key": {"revoked": True}}, "b": {"key": {"revoked": False}}, "c": {}}
    marks = {text: shade for text, shade, _ in Page(page_of(requests)).marks}
    assert marks["key.revoked"] == "full"


def test_text_is_whole_and_escaped() -> None:
    """Every line of the policy is there, letter by letter, and adds no tag to the page."""
    page = page_of({})
    assert "script" not in Page(page).tags
    assert "&lt;desk&gt;" in page
    lines = re.findall(r"</a><code>(.*?)</code></div>", page, re.DOTALL)
    bare = [re.sub(r"<[^>]*>", "", line) for line in lines]
    unescaped = [line.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"') for line in bare]
    assert "\n".join(unescaped) + "\n" == VOCABULARY + POLICY


def test_nothing_is_fetched() -> None:
    """The page stands alone: no address of another file is in it."""
    page = page_of({})
    assert not re.search(r"\b(?:src|href)=\"(?!#)|@import|url\(", page)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where jinja2 is missing, the command that installs it is named."""
    importing = builtins.__import__

    def refuse(name: str, *others: Any) -> Any:
        if name == "jinja2":
            raise ModuleNotFoundError(name)
        return importing(name, *others)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(PagesNotInstalledError, match=r"pip install 'durwan\[check\]'"):
        page_of({})
