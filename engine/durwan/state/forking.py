"""After a fork: whatever has a lock, a thread, a socket or a file starts anew in the child."""

from __future__ import annotations

import os
from typing import Final, Protocol
from weakref import WeakSet


class Starting(Protocol):
    """What can start anew."""

    def start_anew(self) -> None:
        """Takes new locks, and leaves alone what belongs to the parent."""
        ...


_LIVING: Final[WeakSet[Starting]] = WeakSet()


def start_anew_after_fork(each: Starting) -> None:
    """Has it start anew in every child process, for as long as it exists."""
    _LIVING.add(each)


def _start_all_anew() -> None:
    for each in tuple(_LIVING):
        each.start_anew()


if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=_start_all_anew)

__all__ = ["Starting", "start_anew_after_fork"]
