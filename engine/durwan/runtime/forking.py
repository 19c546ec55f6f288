"""Locks after a fork: a thread that held one in the parent is not there in the child to give it back."""

from __future__ import annotations

import os
from typing import Final, Protocol
from weakref import WeakSet


class LockHolder(Protocol):
    """What has a lock of its own."""

    def renew_lock(self) -> None:
        """Takes a new lock."""
        ...


_HOLDERS: Final[WeakSet[LockHolder]] = WeakSet()


def renew_lock_after_fork(holder: LockHolder) -> None:
    """Has the holder take a new lock in every child process, for as long as it exists."""
    _HOLDERS.add(holder)


def renew_locks() -> None:
    """Has all holders take new locks, now."""
    for holder in list(_HOLDERS):
        holder.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=renew_locks)
