"""Sets of scopes: what can be taken, what is in between, and how it is written."""

from __future__ import annotations

from itertools import combinations

import pytest

from durwan.model.schema import Schema
from durwan.workshop.least_privilege.scopes import choices, order, removals, written

SCOPES = {
    "read": frozenset({"read"}),
    "cancel": frozenset({"cancel", "read"}),
    "write": frozenset({"write", "cancel", "read"}),
    "pay": frozenset({"pay", "read"}),
    "other": frozenset({"other"}),
}
SCHEMA = Schema(actions=frozenset(), scopes=SCOPES)


def _closed_sets(held: frozenset[str]) -> set[frozenset[str]]:
    subsets = (frozenset(each) for size in range(len(held) + 1) for each in combinations(sorted(held), size))
    return {each for each in subsets if SCHEMA.held(each) == each}


@pytest.mark.parametrize("given", [["write"], ["write", "pay"], ["pay", "other"], ["read", "other", "cancel"], []])
def test_every_closed_set_comes_once_and_the_smallest_first(given: list[str]) -> None:
    """Between nothing and what is held lie all closed sets, in the order of their size."""
    held = SCHEMA.held(given)
    found = list(choices(SCHEMA, frozenset(), held))
    assert found == sorted(found, key=order)
    assert len(found) == len(set(found))
    assert set(found) == _closed_sets(held) - {frozenset()}


def test_what_includes_a_scope_goes_with_it() -> None:
    """Without a scope, nobody can hold what includes it; everything else can stay."""
    taken = removals(SCHEMA, ["write", "pay", "other"])
    assert taken.without["read"] == {"other"}
    assert taken.without["cancel"] == {"read", "pay", "other"}
    assert taken.without["write"] == {"cancel", "read", "pay", "other"}
    assert taken.without_given["write"] == {"pay", "read", "other"}


def test_a_scope_that_another_one_includes_takes_nothing_away() -> None:
    """Who holds `write` holds `read`, whether it was given or not: there is nothing to decide again."""
    taken = removals(SCHEMA, ["write", "read"])
    assert taken.without_given["read"] == taken.held
    assert taken.held not in taken.tried()


def test_what_is_necessary_is_closed() -> None:
    """Who cannot do without a scope cannot do without what it includes."""
    taken = removals(SCHEMA, ["write", "other"])
    missed = {taken.without["cancel"], taken.without["read"]}
    assert taken.necessary(missed) == {"cancel", "read"}


@pytest.mark.parametrize(
    ("held", "given", "expected"),
    [
        ({"read", "cancel", "write"}, ["write"], ("write",)),
        ({"read", "cancel"}, ["write"], ("cancel",)),
        ({"read", "cancel", "pay"}, ["other", "pay", "cancel", "read"], ("pay", "cancel")),
        (set[str](), ["other"], ()),
    ],
)
def test_written_without_what_others_include(held: set[str], given: list[str], expected: tuple[str, ...]) -> None:
    """A list says nothing twice, and keeps the order that it had."""
    assert written(SCHEMA, frozenset(held), given) == expected
