"""Keeping the policy of an engine up to date: reloads when asked, and a thread that reloads unasked."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Generic
from weakref import WeakSet

from durwan.runtime.reloading import P, Place, Reloading
from durwan.runtime.settings import Following
from durwan.runtime.sources import Source
from durwan.runtime.status import Status
from durwan.runtime.watching import Watcher

POLL_SECONDS: Final = 30.0
_TICK_SECONDS: Final = 1.0


class Upkeep(Generic[P]):
    """Reads the first policy, and all that follow.

    A thread that looks after the source runs only where it was asked for, and one that looks after the age of the
    policy only where that may become stale: a source that never answers holds up the first one. Both end with `close`.
    A child that is forked gets threads of its own.

    Args:
        source: where policies are read from.
        place: where they decide.
        clock: the current instant in milliseconds since the epoch.
        following: see `Following`.

    Raises:
        DurwanError: the first policy may not decide, and `on_broken` does not say to deny.
        ValueError: a number of seconds is none.
    """

    def __init__(self, source: Source, place: Place[P], clock: Callable[[], int], following: Following) -> None:
        max_age = following.get("max_age")
        if max_age is not None and max_age <= 0:
            raise ValueError("max_age is a number of seconds above zero")
        self._tick_seconds = _TICK_SECONDS if max_age is None else min(_TICK_SECONDS, max_age / 10)
        self._is_closed = False
        self._watcher: Watcher | None = None
        self._timer: Watcher | None = None
        self._reloading = Reloading(source, place, clock, following)
        self._reloading.begin(denying=following.get("on_broken") == "deny")
        _ALL.add(self)
        if following.get("watch"):
            self.watch(following.get("poll_seconds", POLL_SECONDS))
        self._watch_age()

    def reload(self) -> None:
        """Reads the source and puts its policy in place; see `Reloading.reload`."""
        self._reloading.reload()
        self._watch_age()

    def watch(self, poll_seconds: float) -> None:
        """Follows the source from now on, and compares its content at least every so many seconds."""
        if poll_seconds <= 0:
            raise ValueError("poll_seconds is a number of seconds above zero")
        self.close()
        self._is_closed = False
        self._watcher = self._started(poll_seconds)
        self._watch_age()

    def status(self) -> Status:
        """The state now; it waits for nothing."""
        watcher = self._watcher
        if watcher is None:
            return self._reloading.status()
        return replace(self._reloading.status(), watching=watcher.alive, watch_error=watcher.error)

    def close(self) -> None:
        """Ends the threads, if there are any. The policy goes on deciding, however old it becomes."""
        self._is_closed = True
        both = self._watcher, self._timer
        self._watcher = self._timer = None
        for each in both:
            if each is not None:
                each.stop()

    def places(self) -> tuple[str, ...]:
        """Where changes of the source show."""
        return self._reloading.source.places()

    def tick(self, *, look: bool) -> None:
        """What a thread does again and again."""
        if look:
            self._reloading.look()
        self._reloading.enforce_age()

    def after_fork(self) -> None:
        """In the child: no lock is held, and the threads are there again."""
        self._reloading.after_fork()
        for each in (self._watcher, self._timer):
            if each is not None:
                each.after_fork()

    def _watch_age(self) -> None:
        if self._timer is None and not self._is_closed and self._reloading.may_become_stale:
            self._timer = self._started(None)

    def _started(self, poll_seconds: float | None) -> Watcher:
        watcher = Watcher(self, poll_seconds=poll_seconds, tick_seconds=self._tick_seconds)
        watcher.start()
        return watcher


_ALL: WeakSet[Upkeep[Any]] = WeakSet()


def _after_fork() -> None:
    for upkeep in list(_ALL):
        upkeep.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
