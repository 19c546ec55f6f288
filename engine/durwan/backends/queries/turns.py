"""When a window opens and closes, as a list."""

from __future__ import annotations

from typing import Final, NamedTuple

from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.window import Window

# A window that turns less often than this is listed for all time.
_FEW: Final = 256


class Turns(NamedTuple):
    """From each instant of `starts` on, the window says what `answers` has at the same place; before, it is unknown."""

    starts: list[int]
    answers: list[bool | None]


def turns(window: Window, first: int, last: int) -> Turns:
    """The turns of a window: of all time where they are few, else of the instants from `first` to `last`.

    Args:
        window: the window.
        first: an instant, in milliseconds since the epoch.
        last: another one; after it the window is unknown.
    """
    found = _listed(window, TIME_MIN, TIME_MAX, _FEW) or _listed(window, max(first, TIME_MIN), min(last, TIME_MAX))
    assert found is not None  # noqa: S101 - without a limit there is always a list
    return found


def _listed(window: Window, first: int, last: int, most: int | None = None) -> Turns | None:
    found = Turns([], [])
    asked = 0
    at: int | None = first
    while at is not None and at <= last:
        answer, change = window.at(at)
        if not found.answers or answer is not found.answers[-1]:
            found.starts.append(at)
            found.answers.append(answer)
        asked += 1
        if most is not None and asked > most:
            return None
        at = change
    found.starts.append(last + 1)
    found.answers.append(None)
    return found


__all__ = ["Turns", "turns"]
