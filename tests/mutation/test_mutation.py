"""Mutations of the reference policy set, a few of each kind: its tests and its invariants catch them."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.mutation import reference_set
from tests.mutation.reference_set import SEED, drawn, judge, subject

# `python -m tests.mutation.reference_set --mutants 200` is the whole of it. Three parts run side by side.
PARTS = 3
MUTANTS = 10


def test_the_list_is_the_same_every_time() -> None:
    """The mutants of a seed are one list, each with something other than the set has, and of many kinds."""
    drawn.cache_clear()
    first = drawn(SEED)
    drawn.cache_clear()
    assert [(each.kind, each.place, each.detail) for each in first] == [
        (each.kind, each.place, each.detail) for each in drawn(SEED)
    ]
    assert all(each.program != subject().compiled.program for each in first[:200])
    assert len(Counter(each.kind for each in first[:200])) >= 15


def test_the_set_itself_is_not_caught() -> None:
    """What was not mutated passes every case, of which there are many."""
    assert reference_set.caught_by_tests(subject().compiled.program) is None
    assert len(subject().cases) > 800


@pytest.mark.parametrize("part", range(PARTS))
def test_mutants_are_caught(part: int) -> None:
    """A test or an invariant notices each mutant that decides anything otherwise, but one in twenty at most."""
    mutants = drawn(SEED)[part * MUTANTS : (part + 1) * MUTANTS]
    verdicts = [judge(each) for each in mutants]
    fates = Counter(verdict.fate for verdict in verdicts)
    assert fates["survived"] + fates["undecided"] <= 1, list(zip(mutants, verdicts, strict=True))
