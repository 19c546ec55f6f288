"""A small policy set with something for each section of a report, and reports of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any, Final

from durwan.compilation import compile_policy
from durwan.language.policy_set import read_mapping
from durwan.workshop.coverage import measure, plan
from durwan.workshop.proofs import Proof
from durwan.workshop.report import Evidence, Report, make_report
from durwan.workshop.verification import verify
from tests.unit.workshop.policies import NOW, POLICY, TRADER

MORE: Final = """
window freeze = dates 2026-03-30..2026-04-01 "Europe/London"
window hours = mon..fri 08:00..18:00 "UTC" except 2026-02-01T00:00:00Z..2026-02-02T00:00:00Z

# Nobody trades `quietly`.
deny frozen
  on orders.create
  when now in freeze or now not in hours

# While the new desk is set up.
allow setting_up
  on orders.cancel
  when now < 2026-03-12T09:00:00Z and key.labels has "desk"
  unless key.revoked or client.country == "KP"

# What is refused stays refused.
invariant risky_never_trades
  never allow on orders.create
  when risk.score >= 90

invariant nobody_trades
  never allow on orders.create

let idle_since = now - key.last_used
"""
CASES: Final = """\
cases:
  - name: a trader trades
    with: [trader]
    expect: { effect: allow }
  - name: a trader is refused
    with: [trader]
    expect: { effect: deny }
  - name: sizes
    with: [trader]
    matrix: { risk.score: [1, 2, 3] }
    skip: not agreed upon
    expect: { effect: allow }
"""
KEYS: Final = """\
keys:
  - { id: desk-1, scopes: [orders.write], networks: [203.0.113.0/24], labels: [], created: "2026-01-15T00:00:00Z",
      expires: "2026-05-01T00:00:00Z" }
  - { id: desk-2, scopes: [orders.write], networks: [203.0.113.0/24], labels: [], created: "2026-01-15T00:00:00Z",
      expires: "2027-05-01T00:00:00Z" }
  - { id: reader, scopes: [], labels: [], created: "2025-01-15T00:00:00Z" }
"""
REQUEST: Final[dict[str, Any]] = {"action": "orders.create", "now": "2026-03-02T09:00:00Z", "key": {"id": "desk-1"}}


def evidence_of(
    more: str = MORE,
    *,
    cases: str = CASES,
    keys: Sequence[tuple[str, Mapping[str, object]]] | None = None,
    exposures: Sequence[Mapping[str, Any]] | None = None,
    now: int = NOW,
) -> Evidence:
    """What is known of the policy set; of its invariants the first is proved, every other one refuted."""
    files = {"desk.policy": POLICY + more, "tests/cases.yaml": TRADER + cases, "keys/keys.yaml": KEYS}
    compilation = compile_policy(read_mapping(files))
    program = compilation.program
    assert program is not None, compilation.diagnostics
    found = verify(compilation, lambda: now, linted=True)
    run = [result.case for result in found.results or ()]
    proofs = [
        Proof(invariant=each, verdict="refuted" if place else "proved", request=REQUEST if place else None, seconds=0.2)
        for place, each in enumerate(program.invariants)
    ]
    return Evidence(
        verification=found,
        coverage=measure(plan(program, compilation.modules), run, lambda: now, compilation.keys.get),
        proofs=proofs,
        keys=list(compilation.keys.items()) if keys is None else keys,
        now=now,
        tool="policy-check 0",
        exposures=exposures,
    )


def report_of(more: str = MORE, **given: Any) -> Report:
    """The report of the policy set."""
    return make_report(evidence_of(more, **given))


_VOID: Final = frozenset({"meta", "br", "wbr"})


class Page(HTMLParser):
    """A page as readers get it: its tags, the anchors and links in it, its text; every tag must be closed."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self._texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    @property
    def text(self) -> str:
        """All text outside of the style sheet, with single spaces."""
        return re.sub(r"\s+", " ", "".join(self._texts))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = {name: value or "" for name, value in attrs}
        self.attributes += found.items()
        if "id" in found:
            self.ids.append(found["id"])
        if "href" in found:
            self.links.append(found["href"])
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self._texts.append(data)
