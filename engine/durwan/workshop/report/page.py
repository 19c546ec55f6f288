"""The report as a page: one HTML file that stands alone, made to be read on paper too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from durwan.model.values import parse_instant
from durwan.workshop.html_page import render_page
from durwan.workshop.report.content import Report


def report_page(report: Report) -> str:
    """The HTML of a report; the same report gives the same text.

    Raises:
        PagesNotInstalledError: jinja2 is not installed.
    """
    content = {
        "report": report,
        "anchors": frozenset(_anchors(report)),
        "moment": moment,
        "json": request_text,
        "heads": {each.anchor: (row.name, each.actions) for row in report.access.rows for each in row.conditional},
        "footer": _footer(report),
    }
    return render_page("report/page.html.j2", content)


def moment(instant: str, *, weekday: bool = False) -> str:
    """An instant for readers: `2026-03-02 09:00 UTC`, with the day of the week where that helps."""
    milliseconds = parse_instant(instant)
    if milliseconds is None:
        return instant
    at = datetime.fromtimestamp(milliseconds // 1000, tz=UTC)
    clock = f"{at:%H:%M}" if at.second == 0 else f"{at:%H:%M:%S}"
    return f"{at.date().isoformat()} {clock} UTC{f', {at:%A}' if weekday else ''}"


def request_text(request: object) -> str:
    """A request, or a decision, as it can be given to `policy-check eval` again."""
    return json.dumps(request, indent=2, ensure_ascii=False)


def _anchors(report: Report) -> Iterator[str]:
    """What there is to link to by name."""
    yield from (f"rule-{rule.name}" for rule in report.rules)
    yield from (f"limit-{limit.name}" for limit in report.limits)


def _footer(report: Report) -> str:
    """What stands at the foot of each page: in a style sheet, where nothing that could end a string may stand."""
    words = [report.name, f"revision {report.revision[:16]}", moment(report.made)]
    return " · ".join(_plain(words))


def _plain(words: Iterable[str]) -> Iterator[str]:
    return (re.sub(r"[^A-Za-z0-9 ._:/-]", "", each) for each in words)
