"""What is revoked, known in every process without asking: a view of the store that knows how old it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock, Thread
from typing import Final, Self

from durwan.errors import DurwanError
from durwan.forking import start_anew_after_fork
from durwan.state.errors import StateUnavailableError
from durwan.state.store import Revocation, RevocationNews, StateStore

_NAME: Final = "the view of revocations"
_LOOK: Final = 0.2
_STALE: Final = 1.0
_TIDY: Final = 60.0
Listener = Callable[[tuple[Revocation, ...]], None]


class RevocationView:
    """The revocations of a store, followed by a thread of its own.

    What is revoked through this view is known in this process before the call returns, and to the views of all other
    processes as soon as they look: when the store tells them, or after `look` seconds. A view that could not look for
    `stale` seconds does not answer any more. After a fork, the child looks for itself.

    Args:
        store: the store.
        clock: the present instant in milliseconds.
        look: how many seconds between two looks, at most.
        stale: how old, in seconds, an answer may be; more than `look`.
        told: is told of all that was revoked, whoever did it, so that caches of decisions forget.

    Raises:
        ValueError: `stale` is not more than `look`.
    """

    def __init__(
        self,
        store: StateStore,
        *,
        clock: Callable[[], int],
        look: float = _LOOK,
        stale: float = _STALE,
        told: Listener | None = None,
    ) -> None:
        if not 0 < look < stale:
            raise ValueError("a view has to look more often than it becomes stale")
        self._store = store
        self._clock = clock
        self._look = look
        self._stale = stale
        self._told = told
        self._closed = False
        self._revoked: dict[tuple[str, str], int] = {}
        self._known: RevocationNews | None = None
        self._tidied = time.monotonic()
        self.start_anew()
        start_anew_after_fork(self)

    def start_anew(self) -> None:
        """As if it had not looked for long: in a child process, where its thread is not."""
        self._looking = Lock()
        self._fresh_until = float("-inf")
        self._thread: Thread | None = None

    @property
    def fresh_until(self) -> float:
        """Until when, by `time.monotonic`, this view is young enough to answer."""
        return self._fresh_until

    def start(self) -> Self:
        """Looks once, and goes on looking.

        Raises:
            StateUnavailableError: the store could not be asked; the view goes on trying.
        """
        self._begin()
        self.look()
        return self

    def is_revoked(self, kind: str, revoked_id: str) -> bool:
        """Whether something was revoked.

        Raises:
            StateUnavailableError: this view is too old to say that it was not.
        """
        if (kind, revoked_id) in self._revoked:
            return True
        if time.monotonic() >= self._fresh_until:
            self._begin()
            raise StateUnavailableError(_NAME, f"the store has not been heard of for {self._stale} s")
        return False

    def revoke(self, revocation: Revocation) -> None:
        """Revokes something: in this process in any case, and everywhere unless it raises.

        Raises:
            StateUnavailableError: the store could not be told; do it again.
        """
        self._learn((revocation,))
        self._store.revoke(revocation, now=self._clock())

    def look(self) -> None:
        """Asks the store what is new.

        Raises:
            StateUnavailableError: it could not be asked.
        """
        with self._looking:
            while True:
                asked = time.monotonic()
                news = self._store.revoked_since(self._known, now=self._clock())
                if self._forgot(news):
                    self._remind()
                self._learn(news.revocations)
                self._known = news
                if news.complete:
                    break
            if asked >= self._tidied + _TIDY:
                self._forget()
                self._tidied = asked
            self._fresh_until = asked + self._stale

    def close(self) -> None:
        """Stops looking."""
        self._closed = True

    def _forgot(self, news: RevocationNews) -> bool:
        known = self._known
        return known is None or known.epoch != news.epoch or known.generation > news.generation

    def _remind(self) -> None:
        """Tells a store that may have lost something all that is known here."""
        self._known = None
        now = self._clock()
        for (kind, revoked_id), until in tuple(self._revoked.items()):
            if until > now:
                self._store.revoke(Revocation(kind=kind, id=revoked_id, until=until), now=now)

    def _learn(self, revocations: tuple[Revocation, ...]) -> None:
        for each in revocations:
            name = (each.kind, each.id)
            self._revoked[name] = max(each.until, self._revoked.get(name, 0))
        if revocations and self._told is not None:
            self._told(revocations)

    def _forget(self) -> None:
        now = self._clock()
        for name in [name for name, until in tuple(self._revoked.items()) if until <= now]:
            self._revoked.pop(name, None)

    def _begin(self) -> None:
        if not (self._closed or (self._thread is not None and self._thread.is_alive())):
            self._thread = Thread(target=self._follow, name="durwan revocations", daemon=True)
            self._thread.start()

    def _follow(self) -> None:
        """The work of the thread."""
        while not self._closed:
            self._store.wait_for_news(self._look)
            try:
                self.look()
            except DurwanError:
                # Some stores do not wait when they cannot be asked.
                time.sleep(self._look)


__all__ = ["Listener", "RevocationView"]
