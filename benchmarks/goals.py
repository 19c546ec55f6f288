"""The goals, and whether a run's results reach them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.engines import DURWAN, HAND_WRITTEN
from benchmarks.workloads import w4, w5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.harness import Result

SEEN, UNSEEN = "durwan", "durwan, address never seen"
NO_ENGINES = (DURWAN.name, HAND_WRITTEN.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One goal and what was measured; what could not be measured is None."""

    text: str
    measured: float | None
    bound: float
    at_least: bool = False

    @property
    def reached(self) -> bool | None:
        """None where it was not measured."""
        if self.measured is None:
            return None
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def __str__(self) -> str:
        """One line."""
        verdict = {True: "reached", False: "NOT REACHED", None: "not measured"}[self.reached]
        value = "-" if self.measured is None else f"{self.measured:.2f}"
        return f"{verdict:12}  {value:>8}  goal {'>=' if self.at_least else '<='} {self.bound:<4g}  {self.text}"


class Results:
    """What was measured of one workload, to be asked by name and size."""

    def __init__(self, results: Sequence[Result]) -> None:
        """Only what was timed counts."""
        self._timed = [result for result in results if result.samples]

    def find(self, contender: str, size: int | None = None) -> Result | None:
        """The contender's result; without a size, any."""
        matches = (r for r in self._timed if r.contender == contender and size in (None, r.size))
        return next(matches, None)

    def fastest(self, is_meant: Callable[[Result], bool]) -> float | None:
        """The least ratio among the results meant."""
        return min((result.ratio for result in self._timed if is_meant(result)), default=None)

    def growth(self, contender: str, small: int, large: int, measure: Callable[[Result, int], float]) -> float | None:
        """The median over the turns of what `measure` gives at the large size by what it gives at the small one."""
        below, above = self.find(contender, small), self.find(contender, large)
        return _median_quotient(above, below, measure) if above and below else None

    def quotient(self, contender: str, other: str, measure: Callable[[Result, int], float], size: int) -> float | None:
        """The median over the turns of what `measure` gives of one contender by what it gives of the other."""
        above, below = self.find(contender, size), self.find(other, size)
        return _median_quotient(above, below, measure) if above and below else None


def _median_quotient(above: Result, below: Result, measure: Callable[[Result, int], float]) -> float:
    turns = range(min(len(below.samples), len(above.samples)))
    return statistics.median(measure(above, turn) / measure(below, turn) for turn in turns)


def _ratio(result: Result, turn: int) -> float:
    return result.samples[turn].ratio


def _ns(result: Result, turn: int) -> float:
    return result.samples[turn].ns


def _hand_written_ns(result: Result, turn: int) -> float:
    return result.samples[turn].hand_written_ns


def _ns_beyond_hand_written(result: Result, turn: int) -> float:
    return max(_ns(result, turn) - _hand_written_ns(result, turn), 1)


def _quotient(numerator: float | None, denominator: float | None) -> float | None:
    return None if numerator is None or denominator is None else numerator / denominator


def _w1(results: Results) -> Iterator[Goal]:
    seen, unseen = (found.ratio if (found := results.find(name)) else None for name in (SEEN, UNSEEN))
    peer = results.fastest(lambda result: result.engine not in NO_ENGINES)
    cedarpy = results.fastest(lambda result: result.engine == "cedarpy")
    yield Goal(text="times the hand-written function", measured=seen, bound=1.3)
    yield Goal(text="the same, address never seen", measured=unseen, bound=1.7)
    yield Goal(text="times faster than the fastest peer", measured=_quotient(peer, seen), bound=10, at_least=True)
    yield Goal(text="times faster than cedarpy at its best", measured=_quotient(cedarpy, seen), bound=80, at_least=True)


def _w2(results: Results) -> Iterator[Goal]:
    for large, bound in ((10_000, 2), (100_000, 3)):
        if large == 100_000 and not results.find(SEEN, large):
            continue
        for name in (SEEN, UNSEEN):
            beside = results.growth(name, 10, large, _hand_written_ns)
            text = f"{name}: N = {large:,} by N = 10"
            if beside is not None:
                text += f" (a plain dict of that size: {beside:.2f})"
            yield Goal(text=text, measured=results.growth(name, 10, large, _ns), bound=bound)


def _w3(results: Results) -> Iterator[Goal]:
    for name in (SEEN, UNSEEN):
        large = results.find(name, 100_000)
        growth = results.growth(name, 10, 100_000, _ns)
        beyond = results.growth(name, 10, 100_000, _ns_beyond_hand_written)
        ratio = large.ratio if large else None
        plain = "" if growth is None else f" (altogether: {growth:.2f})"
        yield Goal(text=f"{name}: n = 100,000 by bare bisect and parse", measured=ratio, bound=1.2)
        text = f"{name}: n = 100,000 by n = 10, beyond what bare bisect pays{plain}"
        yield Goal(text=text, measured=beyond, bound=2)


def _w4(results: Results) -> Iterator[Goal]:
    gateway, organisation = w4.SIZES
    for size, form, bound in (
        (gateway, w4.WARM, 0.5),
        (gateway, w4.FRESH, 0.8),
        (organisation, w4.WARM, 0.1),
        (organisation, w4.FRESH, 0.1),
    ):
        for by_id in (False, True):
            if results.find(w4.contender(w4.UNCACHED, form, by_id=by_id), size):
                yield _cached_goal(results, size, form, by_id=by_id, bound=bound)


def _cached_goal(results: Results, size: int, form: str, *, by_id: bool, bound: float) -> Goal:
    def by_uncached(cache: str, form: str) -> float | None:
        cached, uncached = (w4.contender(each, form, by_id=by_id) for each in (cache, w4.UNCACHED))
        return results.quotient(cached, uncached, _ratio, size)

    beside = {w4.AT_ONCE: by_uncached(w4.AT_ONCE, form), w4.RENEWED: by_uncached(w4.CACHED, w4.RENEWED)}
    others = ", ".join(f"{name}: {value:.2f}" for name, value in beside.items() if value is not None)
    text = f"{size} rules, {form}{', keys by id' * by_id}: cached by uncached ({others})"
    return Goal(text=text, measured=by_uncached(w4.CACHED, form), bound=bound)


def _w5(results: Results) -> Iterator[Goal]:
    for name, amounts in ((w5.BOUND, "amounts as text"), (w5.BOUND + w5.WHOLE, "whole amounts")):
        by_w1 = results.quotient(name, w5.OF_W1, _ns, w5.SIZES[0])
        yield Goal(text=f"bound, {amounts}, by uncached on the requests of W1", measured=by_w1, bound=0.4)


GOALS: dict[str, Callable[[Results], Iterator[Goal]]] = {"w1": _w1, "w2": _w2, "w3": _w3, "w4": _w4, "w5": _w5}


def goals_of(workload: str, results: Sequence[Result]) -> list[Goal]:
    """The workload's goals beside what was measured."""
    return list(GOALS[workload](Results(results)))
