"""Which answers several recurring spans of time give together, and when.

Whether it is ever at once after hours in London and before them in New York is a question about calendars, not about
numbers: it is answered by going through time. As long as no zone changes its clocks, every week is like the one before,
so it is enough to go through one week of each such time, and the days before it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from durwan.backends.solver.pieces import SpanPieces
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.window_spans import DatesSpan, WeeklySpan
from durwan.model.zone import DAY, find_zone, stretches

Answers = tuple[bool | None, ...]
Stretch = tuple[int, int]

_YEAR: Final = 31_556_952_000
# Before 1800 no zone had changed its clocks; after 2087 none does otherwise than every year (the longest list of
# changes to come is Morocco's), and 28 more years have every kind of year in every order.
_FIRST: Final = -170 * _YEAR
_LAST: Final = 147 * _YEAR
# A span that passes midnight lasts into the second day, whose date may differ from UTC's by one more.
_WEEK: Final = 9 * DAY
_KEPT: Final = 6


def realised(spans: Sequence[SpanPieces], first: int, last: int) -> dict[Answers, list[Stretch]]:
    """The answers that occur together in `[first, last)`, each with some stretches of time, both ends included.

    Stretches are parts of what they could be where time in between was not gone through.
    """
    found: dict[Answers, list[Stretch]] = {}
    for start, end in _telling(spans, first, last):
        for answers, begins, ends in _stretches(spans, start, end):
            kept = found.setdefault(answers, [])
            if len(kept) < _KEPT:
                kept.append((begins, ends))
    return found


def realised_ever(spans: Sequence[SpanPieces]) -> dict[Answers, list[Stretch]]:
    """The answers that ever occur together: every instant of the years 1 to 9999 has one of them."""
    covered = [edge for each in _covered(spans) for edge in each]
    first, last = min([_FIRST, *covered]), max([_LAST, *covered])
    return realised(spans, max(first, TIME_MIN), min(last, TIME_MAX))


def _covered(spans: Sequence[SpanPieces]) -> list[tuple[int, int]]:
    """When trading calendars have sessions, which follow no week."""
    calendars = [calendar for span in spans for calendar in span.window.calendars]
    return [(calendar.first - _WEEK, calendar.last + _WEEK) for calendar in calendars]


def _telling(spans: Sequence[SpanPieces], first: int, last: int) -> list[tuple[int, int]]:
    """The times to go through, in order: what happens in between happens in them too."""
    every = [span for each in spans for span in (*each.window.spans, *each.window.exceptions)]
    zones = {span.zone for span in every if isinstance(span, WeeklySpan | DatesSpan)}
    changes = {start for zone in zones for start, _, _ in stretches(find_zone(zone), first, last)}
    covered = [(max(start, first), min(end, last)) for start, end in _covered(spans) if start < last and end > first]
    cuts = sorted({first, last, *changes, *(edge for each in covered for edge in each)})
    found: list[tuple[int, int]] = []
    for start, end in pairwise(cuts):
        if end - start <= 2 * _WEEK or any(begins <= start and end <= ends for begins, ends in covered):
            found.append((start, end))
        else:
            found += [(start, start + _WEEK), (end - _WEEK, end)]
    return found


def _stretches(spans: Sequence[SpanPieces], first: int, last: int) -> Iterator[tuple[Answers, int, int]]:
    edges = sorted({first, last, *(edge for span in spans for edge in span.edges(first, last) if first < edge < last)})
    start, known = first, tuple(span.answer(first) for span in spans)
    for edge in edges[1:-1]:
        answers = tuple(span.answer(edge) for span in spans)
        if answers != known:
            yield known, start, edge - 1
            start, known = edge, answers
    yield known, start, last - 1
