"""What a window answers, remembered for stretches of about a minute.

A gateway asks the same windows at one instant after the other. A stretch in which no edge lies has one answer, found
by one dict lookup; a stretch with an edge in it is asked about each time.
"""

from __future__ import annotations

from collections.abc import Callable

Answer = tuple[bool | None, int | None]

# A stretch is 2**16 ms, 66 s.
SHIFT = 16
_REMEMBERED = 4096


class Stretches(dict[int, Answer | None]):
    """`stretches[now >> SHIFT]`: the window's answer for the whole stretch, or None where it has an edge.

    There is no lock: each step on the dict is one, and two threads that find the same answer store equal ones.
    """

    def __init__(self, at: Callable[[int], Answer]) -> None:
        super().__init__()
        self._at = at

    def __missing__(self, number: int) -> Answer | None:
        inside, edge = self._at(number << SHIFT)
        whole = edge is None or edge >= (number + 1) << SHIFT
        if len(self) >= _REMEMBERED:
            self.clear()
        answer = self[number] = (inside, edge) if whole else None
        return answer
