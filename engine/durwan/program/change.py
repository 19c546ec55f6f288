"""When a test of time will change: the arithmetic behind `valid_until`.

Every value of the language is a linear function of `now`: it moves by its *slope* each millisecond. So the next
instant at which a test may answer otherwise can be computed, never too late. All results here are whole milliseconds
*from now* (at least 1), or None for never.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable

from durwan.model.types import INT64_MAX, INT64_MIN

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def earliest(*changes: int | None) -> int | None:
    """The first of several changes."""
    known = [change for change in changes if change is not None]
    return min(known) if known else None


def latest(changes: Iterable[int | None]) -> int | None:
    """The last of several changes: None, never, is later than any."""
    last = 0
    for change in changes:
        if change is None:
            return None
        last = max(last, change)
    return last


def _ceil(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def sign_changes(difference: int, slope: int) -> list[int]:
    """When a difference moving by `slope` becomes zero, and when it leaves zero to the other side; at most two."""
    if slope == 0 or ((difference > 0) == (slope > 0) and difference != 0):
        return []
    if difference == 0:
        return [1]
    distance, speed = abs(difference), abs(slope)
    reached = _ceil(distance, speed)
    return [reached, reached + 1] if reached * speed == distance else [reached]


def comparison_change(symbol: str, difference: int, slope: int) -> int | None:
    """When `left symbol right` changes, given `left - right` now and how that difference moves."""
    compare = _COMPARE[symbol]
    now = compare(difference, 0)
    for change in sign_changes(difference, slope):
        if compare(difference + change * slope, 0) != now:
            return change
    return None


def membership_change(value: int, slope: int, members: Iterable[int]) -> int | None:
    """When a moving value next reaches or leaves one of the members."""
    return earliest(*(change for member in members for change in sign_changes(value - member, slope)[:1]))


def overflow_change(exact: int, slope: int) -> int | None:
    """When a moving result next leaves, or comes back into, 64 bits."""
    if slope > 0:
        if exact < INT64_MIN:
            return _ceil(INT64_MIN - exact, slope)
        return (INT64_MAX - exact) // slope + 1 if exact <= INT64_MAX else None
    if slope < 0:
        if exact > INT64_MAX:
            return _ceil(exact - INT64_MAX, -slope)
        return (exact - INT64_MIN) // -slope + 1 if exact >= INT64_MIN else None
    return None


def window_change(instant: int, slope: int, edge: int | None) -> int | None:
    """When a moving instant crosses the window edge that lies next after it.

    An instant that runs backwards would need the edge before it; it is rare enough that the next millisecond, which
    is never too late, will do.
    """
    if slope == 0:
        return None
    if slope < 0:
        return 1
    return None if edge is None else max(1, _ceil(edge - instant, slope))
