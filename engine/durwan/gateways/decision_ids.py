"""The ids of decisions: 96 random bits each, drawn many at a time.

Asking the system for randomness lets other threads run first, which at every request costs more than the id. In a child
process the ids that are left are its parent's, and are forgotten.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Final

from durwan.forking import start_anew_after_fork

_BYTES: Final = 12
_AT_ONCE: Final = 256


class DecisionIds:
    """Makes ids that nobody has had and nobody can guess. Safe from any thread."""

    def __init__(self) -> None:
        self._left: deque[str] = deque()
        start_anew_after_fork(self)

    def start_anew(self) -> None:
        """Forgets those that are left."""
        self._left = deque()

    def new(self) -> str:
        """An id, as 24 hexadecimal digits."""
        left = self._left
        try:
            return left.pop()
        except IndexError:
            drawn = os.urandom(_BYTES * _AT_ONCE).hex()
        size = 2 * _BYTES
        left.extend(drawn[start : start + size] for start in range(size, len(drawn), size))
        return drawn[:size]


__all__ = ["DecisionIds"]
