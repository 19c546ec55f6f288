"""Which answers several recurring spans of time give together, and when.

Whether it is ever at once after hours in London and before them in New York is a question about calendars, not about
numbers: it is answered by going through time. What recurs every week is decided by the offsets of its zones, and these
by the year's kind once the rules of a zone no longer change; so the years gone through here show all that ever happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from durwan.backends.solver.pieces import SpanPieces
from durwan.model.types import TIME_MAX, TIME_MIN

Answers = tuple[bool | None, ...]
Stretch = tuple[int, int]

_YEAR: Final = 31_556_952_000
# Before 1839 no zone had changed its clocks; after 2087 none does otherwise than every year (the longest list of
# changes to come is Morocco's), and 28 more years have every kind of year in every order.
_FIRST: Final = -131 * _YEAR
_LAST: Final = 147 * _YEAR
_KEPT: Final = 6


def realised(spans: Sequence[SpanPieces], first: int, last: int) -> dict[Answers, list[Stretch]]:
    """The answers that occur together in `[first, last)`, each with some stretches of time, both ends included."""
    found: dict[Answers, list[Stretch]] = {}
    for answers, start, end in _stretches(spans, first, last):
        kept = found.setdefault(answers, [])
        if len(kept) < _KEPT:
            kept.append((start, end))
        elif end - start > kept[-1][1] - kept[-1][0]:
            kept[-1] = (start, end)
    return found


def realised_ever(spans: Sequence[SpanPieces]) -> dict[Answers, list[Stretch]]:
    """The answers that ever occur together: every instant of the years 1 to 9999 has one of them."""
    covered = [
        edge
        for span in spans
        for calendar in span.window.calendars
        for edge in (calendar.first - _YEAR, calendar.last + _YEAR)
    ]
    first, last = min([_FIRST, *covered]), max([_LAST, *covered])
    return realised(spans, max(first, TIME_MIN), min(last, TIME_MAX))


def _stretches(spans: Sequence[SpanPieces], first: int, last: int) -> Iterator[tuple[Answers, int, int]]:
    start = at = first
    known: Answers | None = None
    while at < last:
        found = [span.window.at(at) for span in spans]
        answers = tuple(answer for answer, _ in found)
        if known is not None and answers != known:
            yield known, start, at - 1
            start = at
        known = answers
        at = min((end for _, end in found if end is not None), default=last)
    if known is not None:
        yield known, start, last - 1
