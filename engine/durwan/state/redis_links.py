"""The open links to a server: lent out, given back, and opened by a thread of their own.

That nobody who asks ever opens a link is what keeps the deadline: finding the server's name, a handshake, and the look
whether it is fit take longer than an answer may. The thread is the circuit breaker as well. Once a link could not be
opened, everybody is refused at once, and the thread tries again four times a second until it can; since opening a link
asks the server something, that is the half-open probe, and it costs no request.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition, Thread
from typing import Final

from durwan.errors import DurwanError
from durwan.forking import start_anew_after_fork
from durwan.state.errors import StateUnavailableError
from durwan.state.redis_link import Link

_PAUSE: Final = 0.25


class Links:
    """Links to one server, at most so many at once.

    Args:
        name: the server, for errors.
        open_link: opens one; what it raises is why there is none.
        most: how many.
    """

    def __init__(self, name: str, open_link: Callable[[], Link], most: int) -> None:
        self._name = name
        self._open_link = open_link
        self._most = most
        self._closed = False
        self.start_anew()
        start_anew_after_fork(self)

    def start_anew(self) -> None:
        """Without links: in a child process, whose parent uses those there were."""
        self._changed = Condition()
        self._idle: list[Link] = []
        self._open = 0
        self._waiting = 0
        self._problem: str | None = None
        self._thread: Thread | None = None

    def take(self, end: float) -> Link:
        """A link, for the caller alone until it is given back or dropped.

        Args:
            end: when to give up, by `time.monotonic`.

        Raises:
            StateUnavailableError: there is none in time.
        """
        with self._changed:
            while not self._idle:
                self._check()
                self._wait(end - time.monotonic())
            return self._idle.pop()

    def give(self, link: Link) -> None:
        """Takes a link back whose last answer was read."""
        with self._changed:
            if not self._closed:
                self._idle.append(link)
                self._changed.notify()
                return
        link.close()

    def drop(self, link: Link) -> None:
        """Closes a link on which an answer may still come, and those that nobody uses: they may be no better."""
        with self._changed:
            dropped = [link, *self._idle]
            self._idle.clear()
            self._open -= len(dropped)
            self._changed.notify_all()
        for each in dropped:
            each.close()

    def add(self, link: Link) -> None:
        """Takes a link that is one more than there were."""
        with self._changed:
            self._open += 1
            if not self._closed:
                self._idle.append(link)
                self._changed.notify_all()
                return
        link.close()

    def close(self) -> None:
        """Closes them all; whoever waits for one is refused."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for each in idle:
            each.close()

    def _check(self) -> None:
        if self._closed:
            raise StateUnavailableError(self._name, "it was closed")
        if self._problem is not None:
            raise StateUnavailableError(self._name, self._problem)

    def _wait(self, seconds: float) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._keep_open, name="durwan state", daemon=True)
            self._thread.start()
        self._waiting += 1
        try:
            self._changed.notify_all()
            if seconds <= 0 or not self._changed.wait(seconds):
                raise StateUnavailableError(self._name, "all connections are busy, or none could be opened in time")
        finally:
            self._waiting -= 1

    def _is_needed(self) -> bool:
        return self._waiting > len(self._idle) and self._open < self._most

    def _keep_open(self) -> None:
        """The work of the thread."""
        while True:
            with self._changed:
                while not (self._closed or self._problem is not None or self._is_needed()):
                    self._changed.wait()
                if self._closed:
                    return
            self._open_one()

    def _open_one(self) -> None:
        problem = "it cannot be reached"
        link = None
        try:
            link = self._open_link()
        except StateUnavailableError as error:
            problem = error.problem
        except DurwanError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, this thread has to go on
            problem = type(error).__name__
        with self._changed:
            self._problem = None if link is not None else problem
            self._changed.notify_all()
        if link is not None:
            self.add(link)
        else:
            time.sleep(_PAUSE)


__all__ = ["Links"]
