"""Texts that match some `like` patterns and not others, or the certainty that there is none.

Patterns are small automata; a text is searched for in their product, shortest first. Every character that no pattern
names behaves like every other, so one of them stands for all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from durwan.program.operators import like_parts

_MOST_STATES: Final = 4_000
_FRESH: Final = "xyzuvwabcdefghijklmnopqrst0123456789-"

_State = tuple[frozenset[int], ...]
_Tokens = tuple[str, ...]  # a character, or "" for a star


class TooManyStatesError(Exception):
    """The patterns are too many or too long to be searched."""


def matching_words(wanted: Mapping[str, bool]) -> Iterator[str]:
    """All texts, shortest first, for which each pattern answers as wanted.

    Raises:
        TooManyStatesError: that cannot be found out in reasonable time.
    """
    patterns = tuple(sorted(wanted))
    tokens = [_tokens(pattern) for pattern in patterns]
    goal = tuple(wanted[pattern] for pattern in patterns)
    letters = _letters(tokens)
    steps = _product(tokens, letters)
    start = tuple(_closed(frozenset({0}), each) for each in tokens)
    live = _live(steps, {state for state in steps if _answers(state, tokens) == goal})
    queue: deque[tuple[str, _State]] = deque([("", start)] if start in live else [])
    while queue:
        word, state = queue.popleft()
        if _answers(state, tokens) == goal:
            yield word
        for letter, after in zip(letters, steps[state], strict=True):
            if after in live:
                queue.append((word + letter, after))


@lru_cache(maxsize=1024)
def _tokens(pattern: str) -> _Tokens:
    first, *rest = like_parts(pattern)
    return tuple(first) + tuple(token for part in rest for token in ("", *part))


def _letters(tokens: list[_Tokens]) -> list[str]:
    named = {token for each in tokens for token in each if token}
    fresh = next((letter for letter in _FRESH if letter not in named), None)
    if fresh is None:
        fresh = next(chr(number) for number in range(0x100, 0x10000) if chr(number) not in named)
    return [fresh, *sorted(named)]


def _closed(places: frozenset[int], tokens: _Tokens) -> frozenset[int]:
    """With the places behind stars, each of which may match nothing."""
    found = set(places)
    for place in sorted(places):
        at = place
        while at < len(tokens) and tokens[at] == "":
            at += 1
            found.add(at)
    return frozenset(found)


def _after(places: frozenset[int], tokens: _Tokens, letter: str) -> frozenset[int]:
    moved = {place for place in places if place < len(tokens) and tokens[place] == ""}
    moved |= {place + 1 for place in places if place < len(tokens) and tokens[place] == letter}
    return _closed(frozenset(moved), tokens)


def _product(tokens: list[_Tokens], letters: list[str]) -> dict[_State, list[_State]]:
    start: _State = tuple(_closed(frozenset({0}), each) for each in tokens)
    steps: dict[_State, list[_State]] = {}
    waiting = [start]
    while waiting:
        state = waiting.pop()
        if state in steps:
            continue
        if len(steps) >= _MOST_STATES:
            raise TooManyStatesError
        steps[state] = [
            tuple(_after(places, each, letter) for places, each in zip(state, tokens, strict=True))
            for letter in letters
        ]
        waiting.extend(steps[state])
    return steps


def _answers(state: _State, tokens: list[_Tokens]) -> tuple[bool, ...]:
    return tuple(len(each) in places for places, each in zip(state, tokens, strict=True))


def _live(steps: dict[_State, list[_State]], accepting: set[_State]) -> set[_State]:
    """The states from which an accepting one can be reached."""
    before: dict[_State, set[_State]] = {}
    for state, following in steps.items():
        for after in following:
            before.setdefault(after, set()).add(state)
    live, waiting = set(accepting), list(accepting)
    while waiting:
        for state in before.get(waiting.pop(), ()):
            if state not in live:
                live.add(state)
                waiting.append(state)
    return live
