"""Work in children that can be ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from durwan.workshop.isolation import ChildError, answers


def _answering() -> Callable[[float], float]:
    def answer(seconds: float) -> float:
        time.sleep(seconds)
        return seconds * 2

    return answer


def _failing() -> Callable[[int], int]:
    def answer(number: int) -> int:
        if number < 0:
            os._exit(3)
        return 100 // number

    return answer


def test_every_piece_is_answered_with_its_place() -> None:
    """More pieces than children are all answered, each once."""
    pieces = [0.01 * number for number in range(12)]
    assert dict(answers(_answering, pieces, 30)) == {place: piece * 2 for place, piece in enumerate(pieces)}


def test_what_takes_too_long_is_ended_and_the_rest_goes_on() -> None:
    """A piece that is not answered in time has no answer; those after it are answered all the same."""
    began = time.monotonic()
    found = dict(answers(_answering, [60.0, 0.0, 60.0, 0.01, 0.02], 0.5))
    assert found == {0: None, 1: 0.0, 2: None, 3: 0.02, 4: 0.04}
    assert time.monotonic() - began < 30


def test_no_pieces() -> None:
    """Where there is nothing to do no child is made."""
    assert list(answers(_answering, [], 1)) == []


def test_a_failure_is_told() -> None:
    """An error in a child is an error here, with its text."""
    with pytest.raises(ChildError, match="ZeroDivisionError: integer division"):
        list(answers(_failing, [1, 0], 30))


def test_a_child_that_dies_is_told() -> None:
    """A child that ends without an answer is an error, not an answer."""
    with pytest.raises(ChildError, match="ended with 3"):
        list(answers(_failing, [-1], 30))


def _counting() -> Callable[[int], int]:
    seen: list[int] = []

    def answer(number: int) -> int:
        seen.append(number)
        return len(seen)

    return answer


def test_afresh_no_piece_knows_of_another() -> None:
    """A child answers several pieces, unless each is to have a child that has seen no other."""
    pieces = list(range(40))
    assert max(count for _, count in answers(_counting, pieces, 30) if count) > 1
    assert {count for _, count in answers(_counting, pieces, 30, afresh=True)} == {1}
