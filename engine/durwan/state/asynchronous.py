"""State for event loops: the same operations, awaited.

Each runs in a thread of a pool of its own. So an awaiting task that is cancelled leaves its operation to end by itself,
and no connection is ever left with an answer that somebody else would read. What is asked of memory is answered at
once, without a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import BoundedSemaphore
from typing import Final, TypeVar

from durwan.forking import start_anew_after_fork
from durwan.state.errors import StateUnavailableError
from durwan.state.memory import MemoryState
from durwan.state.store import LimitCharge, Record, Revocation, StateStore, UsedUp

_NAME: Final = "the state"
Result = TypeVar("Result")


class AsyncState:
    """A store, awaited. May be used by several event loops.

    Args:
        store: the store.
        threads: how many operations run at once; for Redis as many as it has connections.
        most: how many may run or wait; beyond, the store is unavailable, rather than everybody late.
        deadline: how many seconds an operation may wait for a thread; it has its own deadline from then on.
    """

    def __init__(self, store: StateStore, *, threads: int = 16, most: int = 256, deadline: float = 0.05) -> None:
        self._store = store
        self._deadline = deadline
        self._threads = threads
        self._most = most
        self._direct = isinstance(store, MemoryState)
        self.start_anew()
        start_anew_after_fork(self)

    def start_anew(self) -> None:
        """With other threads: in a child process, which has none of its parent's."""
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="durwan state")
        self._room = BoundedSemaphore(self._most)

    async def accept_once(self, scope: str, nonce: str, *, expires: int, now: int, issued: int | None = None) -> bool:
        """See `StateStore`."""
        return await self._run(partial(self._store.accept_once, scope, nonce, expires=expires, now=now, issued=issued))

    async def accept_rising(self, scope: str, number: int, *, window: int = 0) -> bool:
        """See `StateStore`."""
        return await self._run(partial(self._store.accept_rising, scope, number, window=window))

    async def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """See `StateStore`."""
        return await self._run(partial(self._store.charge, charges, now=now))

    async def peek(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """See `StateStore`."""
        return await self._run(partial(self._store.peek, charges, now=now))

    async def put(self, record: Record, *, cap: int, now: int) -> tuple[str, ...]:
        """See `StateStore`."""
        return await self._run(partial(self._store.put, record, cap=cap, now=now))

    async def get(self, kind: str, record_id: str, *, now: int) -> Record | None:
        """See `StateStore`."""
        return await self._run(partial(self._store.get, kind, record_id, now=now))

    async def update(self, record: Record, *, now: int) -> bool:
        """See `StateStore`."""
        return await self._run(partial(self._store.update, record, now=now))

    async def delete(self, kind: str, record_id: str) -> None:
        """See `StateStore`."""
        await self._run(partial(self._store.delete, kind, record_id))

    async def newest_of(self, kind: str, owner: str, *, now: int) -> tuple[Record, ...]:
        """See `StateStore`."""
        return await self._run(partial(self._store.newest_of, kind, owner, now=now))

    async def revoke(self, revocation: Revocation, *, now: int) -> None:
        """See `StateStore`."""
        await self._run(partial(self._store.revoke, revocation, now=now))

    async def run(self, operation: Callable[[StateStore], Result]) -> Result:
        """Any other operation, or several of them, on the store.

        Raises:
            StateUnavailableError: too many run already.
        """
        return await self._run(partial(operation, self._store))

    def close(self) -> None:
        """Takes no more operations. The store is left open."""
        self._pool.shutdown(wait=False)

    async def _run(self, operation: Callable[[], Result]) -> Result:
        if self._direct:
            return operation()
        room = self._room
        if not room.acquire(blocking=False):
            raise StateUnavailableError(_NAME, f"{self._most} operations wait for it")
        future = self._pool.submit(self._in_time, operation, time.monotonic() + self._deadline)
        # Not when the task ends: a cancelled one leaves its operation behind.
        future.add_done_callback(lambda _: room.release())
        return await asyncio.wrap_future(future)

    @staticmethod
    def _in_time(operation: Callable[[], Result], end: float) -> Result:
        if time.monotonic() > end:
            raise StateUnavailableError(_NAME, "all threads are busy")
        return operation()


__all__ = ["AsyncState"]
