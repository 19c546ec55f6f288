"""Did you mean."""

from __future__ import annotations

import pytest

from durwan.language.suggestions import Suggestions, distance


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("", "", 0),
        ("abc", "abc", 0),
        ("abc", "abd", 1),
        ("abc", "acb", 1),
        ("abc", "abcd", 1),
        ("abcd", "bcd", 1),
        ("ab", "cd", 2),
    ],
)
def test_distance(left: str, right: str, expected: int) -> None:
    """Changing, adding, leaving out and swapping a letter each count one."""
    assert distance(left, right, 5) == expected


def test_distance_gives_up() -> None:
    """What is further away than asked for has no distance."""
    assert distance("abcdefgh", "stuvwxyz", 2) is None


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("risk.scor", ["risk.score", "risk.scope_of"], "risk.score"),
        ("orders.crate", ["orders.create", "orders.cancel"], "orders.create"),
        ("prod", ["production", "sandbox"], "production"),
        ("x", ["y", "z"], None),
        ("request.wait", ["request.path", "request.weight"], None),
        ("orders.read", ["orders.create"], None),
        ("aaab", ["aaaa", "aaac"], "aaaa"),
        ("nothing", [], None),
    ],
)
def test_nearest(name: str, candidates: list[str], expected: str | None) -> None:
    """The nearest candidate is suggested, and nothing where none is near."""
    assert Suggestions().nearest(name, candidates) == expected


def test_same_ending() -> None:
    """A path that ends in the same name is near where it is the only one."""
    assert Suggestions().nearest("session.owner", ["key.owner", "key.id"], ending=".") == "key.owner"
    assert Suggestions().nearest("session.owner", ["key.owner", "token.owner"], ending=".") is None
    assert Suggestions().nearest("session.owner", ["key.owner", "key.id"]) is None


def test_the_work_is_bounded() -> None:
    """Once the budget is used up there are no suggestions, whatever is asked."""
    suggestions = Suggestions(budget=1_000)
    candidates = [f"name_{number}" for number in range(500)]
    answers = [suggestions.nearest("nane_7", candidates) for _ in range(5)]
    assert answers[0] == "name_7"
    assert answers[-1] is None
