"""Which attributes would have to change: the fewest, by the conflicts between what is kept and what is wanted.

Every set of attributes whose values cannot all be kept is a conflict, and whatever helps changes one of each conflict.
So the smallest set that meets all known conflicts is tried; either it helps, or there is a further conflict.
"""

from __future__ import annotations

import contextlib
import heapq
import time
from collections.abc import Iterator
from typing import Any, Final

from durwan.backends.solver.nearest.moments import Moments
from durwan.backends.solver.nearest.situation import NOW, Situation, Way
from durwan.backends.solver.question import Question, UndecidedError
from durwan.backends.solver.values import Held, Number, Place, Range, Text, Truth, address_number, address_ranges
from durwan.backends.solver.variables import in_units
from durwan.backends.solver.z3_interface import FALSE, Term, both, either, negated, within
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.model.values import Value, read_time
from durwan.program.changeable import rank_of

_Paths = frozenset[str]

# Far more than a person would read of, and more than there are in any request that is nearly right.
_MOST_CONFLICTS: Final = 400


class Search:
    """The search for what a refused request would have to change.

    Args:
        situation: the request.
        deadline: when to give up, by `time.monotonic`.
    """

    def __init__(self, situation: Situation, deadline: float) -> None:
        self._situation = situation
        self._deadline = deadline
        free = frozenset(situation.sorts)
        self._question = situation.question({}, free)
        self.wanted = self._question.decisions(situation.action).passes
        if NOW in free:
            self._question.tell(self._question.variables.now >= situation.now)
        self._kept = {path: self._keeps(path) for path in sorted(free)}
        self._conflicts: list[_Paths] = []

    @property
    def question(self) -> Question:
        """What the solver knows of the request with all set free that may change."""
        return self._question

    def ways(self) -> Iterator[Way]:
        """The sets of attributes whose change helps, of which no part would do, smallest first.

        Raises:
            UndecidedError: it takes too long, or the solver gave up.
        """
        found: list[_Paths] = []
        while (candidate := self._candidate(found)) is not None:
            if time.monotonic() > self._deadline or len(self._conflicts) > _MOST_CONFLICTS:
                raise UndecidedError("it was not found in time")
            conflict = self._conflict(candidate)
            if conflict is not None:
                self._conflicts.append(conflict)
                continue
            way = self._way(candidate)
            if way is None:
                # The solver had to be told about times, or addresses, to see it: there is no request of this kind.
                self._conflicts.append(frozenset(self._kept) - candidate)
                continue
            found.append(candidate)
            yield way

    # --------------------------------------------------------------------------------------------------- conflicts

    def _candidate(self, found: list[_Paths]) -> _Paths | None:
        """The cheapest set of attributes that meets every conflict and has no known way as a part."""
        queue: list[tuple[tuple[int, int], list[str]]] = [((0, 0), [])]
        seen: set[_Paths] = set()
        while queue:
            (size, rank), chosen = heapq.heappop(queue)
            candidate = frozenset(chosen)
            if candidate in seen or any(way <= candidate for way in found):
                continue
            seen.add(candidate)
            open_ = next((conflict for conflict in self._conflicts if not conflict & candidate), None)
            if open_ is None:
                return candidate
            for path in sorted(open_):
                more = rank + rank_of(path, self._situation.sorts[path])
                heapq.heappush(queue, ((size + 1, more), sorted([*chosen, path])))
        return None

    def _conflict(self, changed: _Paths) -> _Paths | None:
        """Attributes besides those changed that cannot all be kept, of which each is needed; None if all can."""
        kept = sorted(self._kept.keys() - changed)
        core = self._question.core([self.wanted], [self._kept[path] for path in kept])
        if core is None:
            return None
        paths = [kept[place] for place in core]
        for path in list(paths):
            rest = [each for each in paths if each != path]
            core = self._question.core([self.wanted], [self._kept[each] for each in rest])
            if core is not None:
                paths = [rest[place] for place in core]
        return frozenset(paths)

    def _way(self, changed: _Paths) -> Way | None:
        """Values with which the change helps: known ones if there are any."""
        if changed == frozenset({NOW}):
            way = self._later()
            if way is not None:
                return way
        kept = both(self.wanted, *(term for path, term in self._kept.items() if path not in changed))
        known = [self._known(path) for path in changed if path != NOW]
        return self._find(both(kept, *known), changed) or self._find(kept, changed)

    def _later(self) -> Way | None:
        """The same request at a later time, all that it says of the past being as recent then."""
        now = self._situation.now
        past = {path: self._situation.values[path] for path in self._kept if self._is_past(path)}
        with contextlib.suppress(UndecidedError):
            moment = Moments(self._situation, Way({NOW: now}, past)).first(now)
            if moment is not None:
                moved = {path: value + moment - now for path, value in past.items() if isinstance(value, int)}
                return Way({NOW: moment}, dict(moved))
        return None

    def _find(self, wanted: Term, changed: _Paths) -> Way | None:
        return self._question.find(self._situation.action, wanted, lambda request: self._confirmed(request, changed))

    def _confirmed(self, request: dict[str, Any], changed: _Paths) -> Way | None:
        """The change that a request found by the solver makes, if the evaluator allows the request after it."""
        situation = self._situation
        found = {path: self._said(request, path) for path in situation.sorts}
        carried: dict[str, Value | None] = {}
        if NOW in changed:
            moved = read_time(request[NOW])
            assert moved is not None  # noqa: S101 - so the solver wrote it
            carried = {
                path: value
                for path, value in found.items()
                if path not in changed and self._is_past(path) and value != situation.values[path]
            }
        way = Way({path: found[path] for path in sorted(changed)}, carried)
        return way if situation.allowed(way.values) else None

    def _said(self, request: dict[str, Any], path: str) -> Value | None:
        if path == NOW:
            return read_time(request[NOW])
        context, _, name = path.partition(".")
        return self._situation.read(path, request.get(context, {}).get(name))

    # ------------------------------------------------------------------------------------------- what is kept

    def _is_past(self, path: str) -> bool:
        """Whether it is the instant of something that has happened, which a later request may say anew."""
        situation = self._situation
        value = situation.values[path]
        return (
            path != NOW and situation.types[path] == types.Time() and isinstance(value, int) and value <= situation.now
        )

    def _known(self, path: str) -> Term:
        return self._question.encodings[0].value_of(path).known

    def _keeps(self, path: str) -> Term:
        """That an attribute is as it was; an instant of the past may be as recent as it was."""
        now = self._question.variables.now
        if path == NOW:
            return now == self._situation.now
        value = self._situation.values[path]
        term = self._question.encodings[0].value_of(path)
        if value is None:
            return negated(term.known)
        if self._is_past(path) and isinstance(term, Number) and isinstance(value, int):
            same = either(term.term == value, now - term.term == self._situation.now - value)
            return both(term.known, same)
        return both(term.known, self._equals(term, value))

    def _equals(self, term: Any, value: Any) -> Term:
        variables = self._question.variables
        match term:
            case Truth(true, false):
                return true if value else false
            case Number(_, number, is_decimal):
                return number == (in_units(value) if is_decimal else value)
            case Text(_, number):
                return number == variables.texts.number(value)
            case Place(_, number):
                return number == address_number(value)
            case Held() | Range():
                return self._holds(term, value)
            case _:
                return FALSE

    def _holds(self, term: Held | Range, value: Any) -> Term:
        """That of all members that were asked for exactly those are held that are."""
        variables = self._question.variables
        if isinstance(value, NetworkSet):
            ranges = address_ranges(value)
        elif isinstance(term, Held) and term.is_text:
            ranges = variables.texts.numbers(value)
        else:
            ranges = [(number, number) for number in sorted(value)]
        asked = variables.asked.get(term.path, {}).values()
        counts = [count for name, count in variables.counts.items() if name.startswith(f"{term.path} holds of ")]
        # The values of a request are words of their own, so none of them is in a class.
        return both(
            *(term.holds(member) == within(member, ranges) for member in asked), *(count == 0 for count in counts)
        )
