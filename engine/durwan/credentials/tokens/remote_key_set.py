"""The keys that an issuer publishes at an address, fetched seldom and kept through outages (RFC 7517)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from durwan.credentials.tokens.issuer_client import Answer, IssuerClient, IssuerUnavailableError, process_lock
from durwan.credentials.tokens.key_set import TokenKeySet, check_algorithms, read_key_set
from durwan.credentials.tokens.token_keys import TokenKey
from durwan.errors import DurwanError

# Two attempts to fetch lie at least this far apart, in milliseconds, whatever tokens ask for.
LEAST_PAUSE: Final = 30_000
_OK: Final = 200


class KeysUnavailableError(DurwanError):
    """Whether there is such a key cannot be said: none were ever fetched, or they are too old, or not the latest."""


def monotonic_ms() -> int:
    """A clock that is never set back, in milliseconds; only differences of it mean something."""
    return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class _Held:
    keys: TokenKeySet
    fetched: int


@dataclass(frozen=True, slots=True)
class _Fetch:
    """An attempt to fetch, under way or over."""

    process: int
    started: int
    done: Future[None]

    def is_over(self) -> bool:
        """Whether nothing more will come of it, as of one that another process was at when it forked."""
        return self.done.done() or self.process != os.getpid()


class RemoteKeySet:
    """The keys at an address. A `TokenKeySource` from any thread, with and without an event loop.

    Keys older than `refresh_after` are fetched again while the old ones still serve. An id that is not known waits for
    one fetch, unless there was an attempt within the last 30 seconds: a storm of made-up ids costs one fetch in that
    time. What could not be fetched, or is no good set of keys, changes nothing; the last good set serves until it is
    older than `max_age`, and then there is no answer.
    """

    def __init__(  # noqa: PLR0913 - each is named where it is given
        self,
        url: str,
        *,
        client: IssuerClient,
        algorithms: Collection[str],
        refresh_after: int = 300_000,
        max_age: int = 6 * 3_600_000,
        clock: Callable[[], int] = monotonic_ms,
    ) -> None:
        """Fetches nothing yet.

        Args:
            url: where the keys are published.
            client: by what they are fetched.
            algorithms: the ones that the issuer may use, such as `{"ES256"}`.
            refresh_after: from which age on the keys are fetched again, in milliseconds.
            max_age: up to which age they serve where they cannot be fetched, in milliseconds.
            clock: milliseconds; only differences of it are used.

        Raises:
            InvalidIssuerUrlError: no address for this.
            InvalidTokenKeyError: no algorithms for this.
        """
        self._url = client.check_url(url)
        self._client = client
        self._algorithms = check_algorithms(algorithms)
        self._refresh_after = refresh_after
        self._max_age = max_age
        self._clock = clock
        self._held: _Held | None = None
        self._fetch: _Fetch | None = None
        self.fetches = 0
        # Why the last attempt to fetch failed, for operators; None where it did not.
        self.fault: str | None = None

    def find(self, kid: str | None, /) -> TokenKey | None:
        """The key of that id, or None.

        Raises:
            KeysUnavailableError: it cannot be said whether there is one.
        """
        fetch = self._fetch_for(kid)
        if fetch is not None:
            self._client.wait(fetch)
        return self._answer(kid)

    async def find_async(self, kid: str | None, /) -> TokenKey | None:
        """As `find`, without holding up the event loop."""
        fetch = self._fetch_for(kid)
        if fetch is not None:
            await self._client.wait_async(fetch)
        return self._answer(kid)

    def __repr__(self) -> str:
        return f"<RemoteKeySet: {'none' if self._held is None else len(self._held.keys)} keys>"

    def _fetch_for(self, kid: str | None) -> Future[None] | None:
        """The attempt that has to be waited for before there is an answer, or None."""
        now = self._clock()
        usable = self._usable(now)
        has = usable is not None and usable.keys.find(kid) is not None
        if usable is not None and has and now - usable.fetched <= self._refresh_after:
            return None
        with process_lock():
            fetch = self._fetch
            if fetch is None or (fetch.is_over() and not 0 <= now - fetch.started < LEAST_PAUSE):
                self._fetch = fetch = _Fetch(os.getpid(), now, self._client.start(self._refresh(now)))
        return None if has or fetch.is_over() else fetch.done

    def _usable(self, now: int) -> _Held | None:
        held = self._held
        return held if held is not None and 0 <= now - held.fetched <= self._max_age else None

    def _answer(self, kid: str | None) -> TokenKey | None:
        usable = self._usable(self._clock())
        if usable is None:
            raise KeysUnavailableError("the keys of the issuer are not known, or too old")
        found = usable.keys.find(kid)
        if found is None and self.fault is not None:
            raise KeysUnavailableError("the latest keys of the issuer are not known")
        return found

    async def _refresh(self, started: int) -> None:
        """Fetches the keys. They are as old as the question, not as the answer."""
        self.fetches += 1
        try:
            self._held = _Held(_keys_of(await self._client.get(self._url), self._algorithms), started)
        except DurwanError as error:
            self.fault = str(error)
        else:
            self.fault = None


def _keys_of(answer: Answer, algorithms: Collection[str]) -> TokenKeySet:
    if answer.status != _OK:
        raise IssuerUnavailableError(f"the issuer answers with the status {answer.status}")
    return read_key_set(answer.body, algorithms)
