"""Facts about a number that are told to the solver piece by piece, since there are too many pieces to tell all.

Whether an instant lies in `mon..fri 08:00..18:00 "Europe/London"` has an answer that changes half a million times in a
thousand years, and a list may hold a hundred thousand networks. The solver may first assume what it likes; where what
it found rests on an assumption that is wrong, it is told the piece around that number, and asked again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from durwan.backends.solver.values import Truth, address_ranges
from durwan.backends.solver.z3_interface import Term, both, either, negated
from durwan.model.address import NetworkSet
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.window import Window
from durwan.model.window_spans import membership

_CHUNK: Final = 1 << 33


class Pieces(Protocol):
    """A partial function from whole numbers to truth that is constant on pieces."""

    def answer(self, number: int) -> bool | None:
        """The truth at a number."""
        ...

    def piece(self, number: int) -> tuple[int, int]:
        """A range around the number, both ends included, on which the answer is the same."""
        ...


@dataclass(frozen=True, slots=True)
class SpanPieces:
    """The instants of a window, which is one weekly span or one trading calendar."""

    window: Window

    def answer(self, number: int) -> bool | None:
        """Whether the instant is inside; None where that is unknown. Who asks has seen to it that it is an instant."""
        return self.window.contains(number) if TIME_MIN <= number <= TIME_MAX else False

    def edges(self, first: int, last: int) -> Iterator[int]:
        """All instants of `[first, last)` at which the answer might change, and some others; in no order."""
        calendars = {calendar.name: calendar for calendar in self.window.calendars}
        for span in (*self.window.spans, *self.window.exceptions):
            yield from membership(span, calendars).edges(first, last)

    def piece(self, number: int) -> tuple[int, int]:
        """The instants around this one on which the answer is the same."""
        if number < TIME_MIN:
            return (min(number, -(2**63)), TIME_MIN - 1)
        if number > TIME_MAX:
            return (TIME_MAX + 1, max(number, 2**63 - 1))
        start = max((number // _CHUNK) * _CHUNK, TIME_MIN)
        answer, end = self.window.at(start)
        while end is not None and end <= number:
            following = self.window.at(end)
            start = end if following[0] is not answer else start
            answer, end = following
        return start, (TIME_MAX if end is None else end - 1)


@dataclass(frozen=True, slots=True)
class NetworkPieces:
    """The addresses of a network, by number."""

    breaks: tuple[int, ...]

    @classmethod
    def of(cls, network: NetworkSet) -> NetworkPieces:
        """The pieces of a network."""
        return cls(tuple(edge for low, high in address_ranges(network) for edge in (low, high + 1)))

    def answer(self, number: int) -> bool:
        """Whether the address is inside."""
        return bisect_right(self.breaks, number) & 1 == 1

    def piece(self, number: int) -> tuple[int, int]:
        """The addresses around this one that are inside, or outside, as it is."""
        place = bisect_right(self.breaks, number)
        low = self.breaks[place - 1] if place else 0
        high = self.breaks[place] - 1 if place < len(self.breaks) else (1 << 32) + (1 << 128) - 1
        return low, high


@dataclass(frozen=True, slots=True)
class Application:
    """A fact asked about the value of one term; `truth` is what the solver assumes of it."""

    pieces: Pieces
    term: Term
    truth: Truth

    def around(self, number: int) -> Term:
        """What is so about this number and its neighbours."""
        low, high = self.pieces.piece(number)
        return either(
            negated(both(self.term >= low, self.term <= high)), agrees(self.truth, self.pieces.answer(number))
        )


def agrees(truth: Truth, answer: bool | None) -> Term:
    """That a truth is this one."""
    if answer is None:
        return both(negated(truth.true), negated(truth.false))
    return truth.true if answer else truth.false
