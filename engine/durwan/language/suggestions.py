"""Did you mean: the declared name that is nearest to one that is not declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

# A run with thousands of unknown names, each beside thousands of declared ones, must not take minutes: once this much
# work is done (a second or two), mistakes are still reported, without suggestions. The unit is a look at a candidate.
_BUDGET = 1_000_000
_COST_OF_A_DISTANCE = 40


class Suggestions:
    """Finds near names, within a budget for one run of the checker."""

    def __init__(self, budget: int = _BUDGET) -> None:
        self._left = budget

    def nearest(self, name: str, candidates: Iterable[str], *, ending: str | None = None) -> str | None:
        """The nearest candidate, or None where none is near; the first in alphabetical order where several are.

        Near is one letter in four changed, added, left out or swapped, of those names of a path that differ; or, where
        it is the only one, a candidate that goes on where the name ends. With `ending`, such as `.`, so is the only one
        that is the same behind the last of these.
        """
        best: tuple[int, str] | None = None
        alike: list[str] = []
        letters = Counter(name)
        last = None if ending is None else name.rpartition(ending)[2]
        for candidate in candidates if self._left > 0 else ():
            self._left -= 1
            if candidate.startswith(name) or (ending is not None and candidate.rpartition(ending)[2] == last):
                alike.append(candidate)
            if _may_be_near(name, letters, candidate):
                self._left -= _COST_OF_A_DISTANCE
                far = _distance_of_paths(name, candidate)
                if far is not None and (best is None or (far, candidate) < best):
                    best = (far, candidate)
        if best is not None:
            return best[1]
        return alike[0] if len(alike) == 1 else None


def _allowed(length: int) -> int:
    return max(1, length // 4) if length > 2 else 0


def _may_be_near(name: str, letters: Counter[str], candidate: str) -> bool:
    """A cheap bound: each change repairs at most one letter on either side."""
    allowed = _allowed(len(name))
    if abs(len(name) - len(candidate)) > allowed:
        return False
    return (letters - Counter(candidate)).total() <= allowed


def _distance_of_paths(name: str, candidate: str) -> int | None:
    """The distance of those parts of two paths that differ, or None where it is too far for their length."""
    parts, others = name.split("."), candidate.split(".")
    if len(parts) == len(others):
        differing = [(part, other) for part, other in zip(parts, others, strict=True) if part != other]
        name = ".".join(part for part, _ in differing)
        candidate = ".".join(other for _, other in differing)
    return distance(name, candidate, _allowed(len(name)))


def distance(left: str, right: str, most: int) -> int | None:
    """How many letters must be changed, added, left out or swapped with their neighbour; None if more than `most`."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        below = [i]
        for j, b in enumerate(right, 1):
            cost = min(row[j] + 1, below[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            below.append(cost)
        if min(below) > most and min(row) > most:
            return None
        before, row = row, below
    return row[-1] if row[-1] <= most else None
