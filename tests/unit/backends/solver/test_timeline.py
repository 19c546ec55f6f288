"""Going through time: what is left out holds nothing new."""

from __future__ import annotations

from random import Random

import pytest

from durwan.backends.solver.pieces import SpanPieces
from durwan.backends.solver.timeline import Answers, realised, realised_ever
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.window import build_window
from durwan.model.window_spans import WeeklySpan

HOUR = 3_600_000
DAY = 24 * HOUR
YEAR = 31_556_952_000
ZONES = ("Europe/London", "America/New_York", "UTC", "Asia/Kolkata", "Africa/Casablanca", "Australia/Lord_Howe")


def _span(random: Random) -> SpanPieces:
    days = frozenset(random.sample(range(7), random.randint(1, 7)))
    start, end = (random.randrange(0, 24 * 4) * HOUR // 4 for _ in range(2))
    return SpanPieces(build_window([WeeklySpan(days, start, end, random.choice(ZONES))]))


def _every_answer(spans: list[SpanPieces], first: int, last: int) -> set[Answers]:
    """By going from edge to edge through all of the time."""
    edges = {first, *(edge for span in spans for edge in span.edges(first, last) if first <= edge < last)}
    return {tuple(span.answer(edge) for span in spans) for edge in edges}


@pytest.mark.parametrize("seed", range(8))
def test_no_answer_is_missed(seed: int) -> None:
    """A week for each way that clocks were set shows every answer of two centuries."""
    random = Random(seed)
    spans = [_span(random) for _ in range(random.randint(2, 3))]
    first, last = -70 * YEAR, 100 * YEAR
    assert set(realised(spans, first, last)) == _every_answer(spans, first, last)


@pytest.mark.parametrize("seed", range(8))
def test_stretches_have_the_answers_they_stand_for(seed: int) -> None:
    """At both ends and within each stretch the spans really answer so."""
    random = Random(seed)
    spans = [_span(random) for _ in range(2)]
    for answers, stretches in realised(spans, 50 * YEAR, 58 * YEAR).items():
        for first, last in stretches:
            assert first <= last
            for instant in (first, last, (first + last) // 2):
                assert tuple(span.answer(instant) for span in spans) == answers


@pytest.mark.parametrize("seed", range(6))
def test_ever_is_ever(seed: int) -> None:
    """No instant of the years 1 to 9999 has an answer that was not found."""
    random = Random(seed)
    spans = [_span(random) for _ in range(2)]
    ever = realised_ever(spans)
    for _ in range(3_000):
        instant = random.randint(TIME_MIN, TIME_MAX)
        assert tuple(span.answer(instant) for span in spans) in ever


@pytest.mark.parametrize("seed", range(6))
def test_a_piece_has_one_answer_and_ends_where_it_changes(seed: int) -> None:
    """Around an instant the answer is the same on the whole piece; just outside nothing is promised."""
    random = Random(seed)
    span = _span(random)
    for _ in range(50):
        instant = random.randint(0, 80 * YEAR)
        first, last = span.piece(instant)
        assert first <= instant <= last
        answers = {span.answer(random.randint(first, last)) for _ in range(20)}
        assert answers | {span.answer(first), span.answer(last)} == {span.answer(instant)}
