"""Nonces that only rise: which number was refused last, and which ones above it were used."""

from __future__ import annotations

import json

from durwan.state.store import MOST_RISING, RISING_END


class RisingNumbers:
    """The numbers of one scope. Whatever is at or below `floor` is refused, and so is what was seen above it."""

    __slots__ = ("_floor", "_seen")

    def __init__(self, floor: int = -1, seen: tuple[int, ...] = ()) -> None:
        self._floor = floor
        self._seen = set(seen)

    @classmethod
    def from_text(cls, text: str) -> RisingNumbers:
        """What `to_text` wrote."""
        floor, *seen = json.loads(text)
        return cls(floor, tuple(seen))

    def to_text(self) -> str:
        """All of it, as JSON."""
        return json.dumps([self._floor, *sorted(self._seen)])

    def accept(self, number: int, window: int) -> bool:
        """Whether a number is new and not too low; it is used from now on."""
        if number <= self._floor or number in self._seen:
            return False
        self._floor = max(self._floor, number - window)
        self._seen = {each for each in (*self._seen, number) if each > self._floor}
        if len(self._seen) > MOST_RISING:
            self._floor = min(self._seen)
            self._seen.discard(self._floor)
        return True


def check_rising(number: int, window: int) -> None:
    """Refuses what is no such number.

    Raises:
        ValueError: the number or the window is out of range.
    """
    if not (0 <= number < RISING_END and window >= 0):
        raise ValueError("a rising number is at least 0 and below 10**20, and its window at least 0")


__all__ = ["RisingNumbers", "check_rising"]
