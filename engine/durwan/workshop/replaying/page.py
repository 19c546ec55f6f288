"""A replay as a page: one HTML file that stands alone, with pictures."""

from __future__ import annotations

import json
from typing import Any, Final

from durwan.workshop.html_page import render_page
from durwan.workshop.replaying.answers import KINDS
from durwan.workshop.replaying.checking import CheckedExample
from durwan.workshop.replaying.drawing import bars_of, flow_of
from durwan.workshop.replaying.form import example_form
from durwan.workshop.replaying.report import (
    HEADS,
    RECORDED,
    ReplayReport,
    amount_words,
    answer_words,
    decimal,
    kinds_words,
    moment,
    number,
    percent,
)  # fmt: skip

# More groups of a kind than this nobody reads, of those that are newly allowed apart; the JSON form has them all.
_MOST_GROUPS: Final = 12
_MOST_ALLOWED: Final = 100
# Newly allowed groups of which a request can be seen at once, and on paper.
_OPEN: Final = 3


def replay_page(report: ReplayReport) -> str:
    """The HTML of a replay; the same report gives the same text.

    Raises:
        PagesNotInstalledError: jinja2 is not installed.
    """
    replay = report.replay
    content: dict[str, Any] = {
        "report": report,
        "replay": replay,
        "leading": report.amounts[0] if report.amounts else "",
        "bars": bars_of(replay),
        "flow": flow_of(replay.groups),
        "by_kind": list(replay.by_kind),
        "most": {kind: _MOST_ALLOWED if kind == "newly-allowed" else _MOST_GROUPS for kind in KINDS},
        "open": _OPEN,
        "kinds": KINDS,
        "heads": HEADS,
        "recorded": RECORDED,
        "amount_words": amount_words,
        "answer_words": answer_words,
        "decimal": decimal,
        "kinds_words": kinds_words,
        "moment": moment,
        "number": number,
        "percent": percent,
        "parts": _parts,
    }
    return render_page("replaying/page.html.j2", content)


def _parts(example: CheckedExample) -> list[tuple[str, str]]:
    """A request and its outcomes, as JSON."""
    form: dict[str, Any] = example_form(example)
    return [(name, json.dumps(each, indent=2, ensure_ascii=False)) for name, each in form.items()]


__all__ = ["replay_page"]
