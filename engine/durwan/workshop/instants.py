"""The instant that examples have where any would do."""

from __future__ import annotations

import time
from typing import Final

_DAY: Final = 86_400_000


def midweek(now: int | None = None) -> int:
    """Noon of the last Wednesday, UTC, in milliseconds: inside most hours of business, and easy to recognise."""
    today = (time.time_ns() // 1_000_000 if now is None else now) // _DAY
    # 1970-01-01 was a Thursday.
    return (today - (today + 1) % 7) * _DAY + _DAY // 2
