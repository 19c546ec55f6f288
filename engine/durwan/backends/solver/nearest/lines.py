"""Values that have an order: the one nearest to what the request says, and how far around it others would do too.

The evaluator is asked at the places that the policy names; that nothing happens between them is for the solver to show.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from durwan.backends.solver.nearest.marks import Constants, marks
from durwan.backends.solver.nearest.situation import NOW, Situation, Way
from durwan.backends.solver.question import Question, UndecidedError
from durwan.backends.solver.values import Number
from durwan.backends.solver.variables import in_units
from durwan.backends.solver.witness import decimal_text
from durwan.backends.solver.z3_interface import Term, both, negated
from durwan.model import types
from durwan.model.types import INT64_MAX, INT64_MIN, TIME_MAX, TIME_MIN
from durwan.model.values import Value

_ROUNDS: Final = 30
_MOST_UNITS: Final = 10**36 - 1


class Line:
    """One ordered attribute of a way, other than `now`, all others being as they are chosen there.

    Places on the line are whole numbers: ints and milliseconds as they are, decimals in units of 10**-18.
    """

    def __init__(self, situation: Situation, constants: Constants, way: Way, path: str) -> None:
        self._situation = situation
        self._way = way
        self._path = path
        self._declared = situation.types[path]
        self.is_decimal = isinstance(self._declared, types.Number)
        self.low, self.high = self._bounds()
        self.chosen = self._place(way.changes[path])
        others = {each: value for each, value in {**situation.values, **way.values}.items() if each != path}
        named = {self.low, self.high, *marks(situation, constants, others, path)}
        self._marks = sorted(place for place in named if self.low <= place <= self.high)
        self._answers: dict[int, bool] = {}

    def nearest(self) -> int:
        """The place that would do and is nearest to what the request says.

        Raises:
            UndecidedError: it could not be shown that none is nearer.
        """
        target = self._target()
        if self._holds(target):
            return target
        best = self.chosen
        for _ in range(_ROUNDS):
            best = self._bisected(best, target)
            near = abs(best - target) - 1
            closer = self._find(max(target - near, self.low), min(target + near, self.high), allowed=True)
            if closer is None:
                return best
            best = closer
        raise UndecidedError("there are too many ranges")

    def around(self) -> tuple[int, int]:
        """The first and the last of the places around the chosen one that would all do.

        Raises:
            UndecidedError: it could not be shown that all of them would.
        """
        return self._edge(self.low), self._edge(self.high)

    def value(self, place: int) -> Value:
        """The value at a place."""
        return Decimal(decimal_text(place)) if self.is_decimal else place

    def moved(self, place: int) -> Way:
        """The way with this place instead."""
        return Way({**self._way.changes, self._path: self.value(place)}, self._way.carried)

    # ------------------------------------------------------------------------------------------------ the evaluator

    def _holds(self, place: int) -> bool:
        if place not in self._answers:
            self._answers[place] = self._situation.allowed(self.moved(place).values)
        return self._answers[place]

    def _edge(self, end: int) -> int:
        """The last place, from the chosen one to an end of the line, before the first that would not do."""
        last = end
        for _ in range(_ROUNDS):
            hole = self._find(min(self.chosen, last), max(self.chosen, last), allowed=False)
            if hole is None:
                return last
            last = self._bisected(self.chosen, hole)
        raise UndecidedError("there are too many ranges")

    def _bisected(self, inside: int, outside: int) -> int:
        """A place that would do next to one that would not, between two such: at a mark, if it can be."""
        low, high = sorted((inside, outside))
        between = self._marks[bisect_right(self._marks, low) : bisect_left(self._marks, high)]
        inside, outside = self._halved([inside, *(between if inside < outside else between[::-1]), outside])
        while abs(outside - inside) > 1:
            middle = (inside + outside) // 2
            inside, outside = (middle, outside) if self._holds(middle) else (inside, middle)
        return inside

    def _halved(self, places: list[int]) -> tuple[int, int]:
        """Two neighbours of which the first would do and the second would not, as the first and the last of them."""
        first, last = 0, len(places) - 1
        while last - first > 1:
            middle = (first + last) // 2
            first, last = (middle, last) if self._holds(places[middle]) else (first, middle)
        return places[first], places[last]

    # --------------------------------------------------------------------------------------------------- the solver

    def _find(self, low: int, high: int, *, allowed: bool) -> int | None:
        """A place in a range that would do, or would not; None if there is none."""
        if low > high:
            return None
        passes = self._passes if allowed else negated(self._passes)

        def accept(request: dict[str, Any]) -> int | None:
            context, _, name = self._path.partition(".")
            place = self._place(self._situation.read(self._path, request[context][name]))
            return place if self._holds(place) is allowed else None

        return self._question.find(self._situation.action, both(passes, self._within(low, high)), accept)

    @cached_property
    def _question(self) -> Question:
        return self._situation.question(self._way.values, frozenset({self._path}))

    @cached_property
    def _passes(self) -> Term:
        return self._question.decisions(self._situation.action).passes

    def _within(self, low: int, high: int) -> Term:
        term = self._question.encodings[0].value_of(self._path)
        assert isinstance(term, Number)  # noqa: S101 - only what has an order is a line
        return both(term.known, term.term >= low, term.term <= high)

    # ------------------------------------------------------------------------------------------------------- places

    def _bounds(self) -> tuple[int, int]:
        match self._declared:
            case types.Int(low, high) if low is not None and high is not None:
                return low, high
            case types.Number(low, high) if low is not None and high is not None:
                return in_units(low), in_units(high)
            case types.Number():
                return -_MOST_UNITS, _MOST_UNITS
            case types.Time():
                return TIME_MIN, TIME_MAX
            case _:
                return INT64_MIN, INT64_MAX

    def _place(self, value: Value | None) -> int:
        assert isinstance(value, int | Decimal)  # noqa: S101 - only what has an order is a line
        return in_units(value) if self.is_decimal else int(value)

    def _target(self) -> int:
        """What the request says; where it says nothing, the present, or zero, or what is nearest to that."""
        value = self._situation.values[self._path]
        if value is not None:
            return self._place(value)
        now = self._way.changes.get(NOW, self._situation.now)
        wanted = now if isinstance(self._declared, types.Time) and isinstance(now, int) else 0
        return min(max(wanted, self.low), self.high)
