"""When tests of time change: every answer held against counting milliseconds one by one."""

from __future__ import annotations

import operator
from itertools import product

import pytest

from durwan.model.types import INT64_MAX, INT64_MIN
from durwan.program import change

COMPARE = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@pytest.mark.parametrize("symbol", COMPARE)
def test_a_comparison_changes_exactly_when_counting_says_so(symbol: str) -> None:
    """The computed change is the first millisecond at which the comparison answers otherwise."""
    compare = COMPARE[symbol]
    for difference, slope in product(range(-25, 26), range(-4, 5)):
        now = compare(difference, 0)
        counted = next((k for k in range(1, 60) if compare(difference + k * slope, 0) != now), None)
        assert change.comparison_change(symbol, difference, slope) == counted, (difference, slope)


def test_a_membership_changes_no_later_than_counting_says() -> None:
    """A moving value is never among other members before the computed change."""
    members = (-7, 0, 3)
    for value, slope in product(range(-25, 26), range(-4, 5)):
        found = change.membership_change(value, slope, members)
        counted = next((k for k in range(1, 60) if (value + k * slope in members) != (value in members)), None)
        assert counted is None or (found is not None and found <= counted), (value, slope)


@pytest.mark.parametrize("bound", [INT64_MAX, INT64_MIN])
def test_an_overflow_changes_exactly_when_counting_says_so(bound: int) -> None:
    """A moving result leaves, or comes back into, 64 bits at the computed millisecond."""
    for offset, slope in product(range(-12, 13), range(-4, 5)):
        exact = bound + offset
        within = INT64_MIN <= exact <= INT64_MAX
        counted = next((k for k in range(1, 40) if (INT64_MIN <= exact + k * slope <= INT64_MAX) != within), None)
        found = change.overflow_change(exact, slope)
        assert found == counted or (counted is None and (found is None or found > 39)), (offset, slope)


@pytest.mark.parametrize(
    ("slope", "edge", "expected"), [(0, 10, None), (1, 10, 10), (1, None, None), (3, 10, 4), (-1, 10, 1), (-1, None, 1)]
)
def test_a_moving_instant_reaches_the_next_edge(slope: int, edge: int | None, expected: int | None) -> None:
    """The edge is reached at the speed at which the instant moves; one that runs backwards is asked again at once."""
    assert change.window_change(0, slope, edge) == expected


def test_never_is_later_than_everything() -> None:
    """None stands for never among changes."""
    assert change.earliest(None, 5, 3) == 3
    assert change.earliest(None, None) is None
    assert change.latest([5, 3]) == 5
    assert change.latest([5, None]) is None
