"""How a refused request could be allowed: the whole answer, in the time that there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from durwan.backends.solver.nearest.describing import Describing
from durwan.backends.solver.nearest.search import Search
from durwan.backends.solver.nearest.situation import Situation, Way
from durwan.backends.solver.nearest.stopping import stopping_rules
from durwan.backends.solver.question import UndecidedError
from durwan.program.changeable import rank_of
from durwan.program.nearest import Nearest, NearestChange

# So many are shown, chosen among so many; a way that changes much more than the smallest is no alternative.
_SHOWN: Final = 3
_SEEN: Final = 8
_MORE: Final = 2


def nearest(situation: Situation, seconds: float) -> Nearest:
    """What would have to change for the request to be allowed.

    Args:
        situation: a request that is refused.
        seconds: when no further change is looked for; the solver may take somewhat longer.
    """
    deadline = time.monotonic() + seconds
    if situation.allowed({}):
        return Nearest(unanswered="the rules allow the request; a limit that is used up refuses it")
    search = Search(situation, deadline)
    ways: list[Way] = []
    unanswered = ""
    try:
        ways.extend(_collected(search))
        if not ways:
            rules, conditions = stopping_rules(situation, search.question)
            return Nearest(never=rules, conditions=conditions)
    except UndecidedError as error:
        unanswered = str(error)
    changes = tuple(_described(situation, ways, deadline))
    return Nearest(changes=changes, unanswered="" if changes else unanswered)


def _collected(search: Search) -> Iterator[Way]:
    smallest: int | None = None
    good = 0
    for seen, way in enumerate(search.ways(), 1):
        smallest = len(way.changes) if smallest is None else smallest
        if len(way.changes) > smallest + _MORE:
            return
        yield way
        good += None not in way.changes.values()
        if good == _SHOWN or seen == _SEEN:
            return


def _described(situation: Situation, ways: list[Way], deadline: float) -> Iterator[NearestChange]:
    """The best ways, each made easy to read; at least one, even if there is no time left."""
    describing = Describing(situation)
    for place, way in enumerate(sorted(ways, key=lambda way: _order(situation, way))[:_SHOWN]):
        if place and time.monotonic() > deadline:
            return
        yield describing.change(way)


def _order(situation: Situation, way: Way) -> tuple[int, int, int]:
    """Fewest attributes first, then what is said over what is left unsaid, then the smaller kind of change."""
    ranks = sum(rank_of(path, situation.sorts[path]) for path in way.changes)
    return len(way.changes), sum(value is None for value in way.changes.values()), ranks
