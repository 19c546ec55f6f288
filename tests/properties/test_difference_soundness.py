"""What the comparison of two programs says is so, on random pairs and random requests."""

from __future__ import annotations

from random import Random

import pytest

from tests import difference_soundness

# Forty pairs in all, in parts that run side by side. The long run is `python -m tests.difference_soundness`.
PARTS = 8
PAIRS = 5


@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_said_to_be_the_same_is_the_same(part: int) -> None:
    """No random request is decided differently outside the groups that were reported, and every witness is real."""
    counts = difference_soundness.run(part * PAIRS + 1_000, PAIRS)
    assert counts.pairs == PAIRS
    assert counts.undecided <= 1, "the solver gives up on programs of this size"


def test_pairs_are_worth_comparing() -> None:
    """Of the pairs, many differ on random requests and many do not."""
    differ = 0
    for seed in range(1_000, 1_000 + PARTS * PAIRS):
        old, new, _ = difference_soundness.generate_pair(seed)
        differ += next(difference_soundness.differing(old, new, Random(seed), 300), None) is not None
    assert PARTS * PAIRS // 5 < differ < PARTS * PAIRS * 9 // 10
