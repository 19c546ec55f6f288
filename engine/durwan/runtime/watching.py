"""Following the source of a policy: one thread that is told of changes, and looks for itself now and then.

Being told takes the extra `watch`; without it, or where the system cannot tell, the looking remains. It compares
contents, not times: a file that is swapped below a mount, or written with its old time, is found all the same.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from threading import Event, Thread, current_thread
from typing import Any, Final, Protocol
from weakref import ReferenceType, WeakSet, ref

# Changes that come closer together than this, in milliseconds, are looked at as one.
_QUIET: Final = 50
_MOST_QUIET: Final = 400
_JOINING_SECONDS: Final = 2.0


class Followed(Protocol):
    """What a watcher looks after. It is held weakly, so that an engine that is dropped takes its thread along."""

    def places(self) -> tuple[str, ...]:
        """The directories, not those below them, in which changes are to be noticed."""
        ...

    def tick(self, *, look: bool) -> None:
        """Called about once a second, and whenever something was noticed; does not raise.

        Args:
            look: whether the content is to be compared now.
        """
        ...


class Watcher:
    """A thread that looks after something until it is stopped.

    Args:
        followed: what is looked after.
        poll_seconds: how often at least the content is compared; None for never, and then nothing is noticed either.
        tick_seconds: how often `tick` is called at least.
    """

    def __init__(self, followed: Followed, *, poll_seconds: float | None, tick_seconds: float) -> None:
        self.poll_seconds = poll_seconds
        self.error: str | None = None
        self._tick_seconds = min(tick_seconds, poll_seconds or tick_seconds)
        self._followed: ReferenceType[Followed] = ref(followed)
        self._stopping = Event()
        self._process = os.getpid()
        self._watch: Callable[..., Iterator[object]] | None = None
        self._thread = Thread(target=self._run, name="durwan-watch", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        # Loaded here and not by the thread: a process that forks meanwhile would leave its child half of a package.
        self._watch = None if self.poll_seconds is None else self._notifier()
        _RUNNING.add(self)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and waits for its end, though neither for itself nor for a compilation that takes long."""
        self._stopping.set()
        if self.alive and self._thread is not current_thread():
            self._thread.join(_JOINING_SECONDS)

    @property
    def alive(self) -> bool:
        """Whether the thread runs, in this process."""
        return self._process == os.getpid() and self._thread.is_alive()

    def after_fork(self) -> None:
        """In the child, which has no such thread: starts one where there was one."""
        if not self._stopping.is_set():
            self._stopping = Event()
            self._process = os.getpid()
            self._thread = Thread(target=self._run, name="durwan-watch", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 - the last that can be done is to say so
            self.error = f"the watcher ended: {error!r}"

    def _follow(self) -> None:
        due = 0.0
        for noticed in self._notices():
            followed = self._followed()
            if followed is None or self._stopping.is_set():
                return
            look = self.poll_seconds is not None and (noticed or time.monotonic() >= due)
            if look and self.poll_seconds is not None:
                due = time.monotonic() + self.poll_seconds
            followed.tick(look=look)

    def _notices(self) -> Iterator[bool]:
        """True for each time that something was noticed, False for each tick without; ends when it is stopped."""
        watch = self._watch
        while not self._stopping.is_set():
            places = () if watch is None else self._places()
            if watch is None or not places:
                self._stopping.wait(self._tick_seconds)
                yield False
                continue
            try:
                yield from self._until_others(watch, places)
            except Exception as error:  # noqa: BLE001 - a folder that is gone, too many watches: what remains is looking
                self.error = f"changes are only looked for: {error}"
                self._stopping.wait(self._tick_seconds)
                yield False

    def _until_others(self, watch: Callable[..., Iterator[object]], places: tuple[str, ...]) -> Iterator[bool]:
        """What is noticed in these places, until there are others."""
        notices = watch(
            *places, watch_filter=None, stop_event=self._stopping, recursive=False, yield_on_timeout=True,
            rust_timeout=int(self._tick_seconds * 1000), step=_QUIET, debounce=_MOST_QUIET,
        )  # fmt: skip
        # What changed before these places were watched was not noticed.
        is_new = True
        for changes in notices:
            self.error = None
            yield is_new or bool(changes)
            is_new = False
            if changes and self._places() != places:
                return

    def _places(self) -> tuple[str, ...]:
        followed = self._followed()
        return () if followed is None else followed.places()

    def _notifier(self) -> Callable[..., Iterator[object]] | None:
        try:
            found: Any = import_module("watchfiles").watch
        except ImportError:
            self.error = "changes are only looked for; to be told of them: pip install 'durwan[watch]'"
            return None
        return found  # type: ignore[no-any-return]


_RUNNING: WeakSet[Watcher] = WeakSet()


@atexit.register
def _stop_all() -> None:
    """A thread that is in foreign code when the interpreter is taken down may take the process down with it."""
    for watcher in list(_RUNNING):
        watcher.stop()
