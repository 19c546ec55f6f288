"""After a fork: what has a lock, or remembers what another thread may have been changing, starts anew in the child.

A thread that held a lock in the parent is not there in the child to give it back; one that was changing a key is not
there to say so.
"""

from __future__ import annotations

import os
from typing import Final, Protocol
from weakref import WeakSet


class Starting(Protocol):
    """What can start anew."""

    def start_anew(self) -> None:
        """Takes a new lock, and forgets what it remembers."""
        ...


_LIVING: Final[WeakSet[Starting]] = WeakSet()


def start_anew_after_fork(each: Starting) -> None:
    """Has it start anew in every child process, for as long as it exists."""
    _LIVING.add(each)


def start_all_anew() -> None:
    """Has all of them start anew, now."""
    for each in list(_LIVING):
        each.start_anew()


if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=start_all_anew)
