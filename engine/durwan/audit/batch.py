"""Records that go to the disk together, and the receipt that all who handed them over share."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Event, Lock
from typing import Final

from durwan.audit.recorder import AuditUnavailableError

_Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Batch:
    """Records that are written by one step.

    Args:
        deadline: how many seconds anyone waits for it.

    Attributes:
        records: the records, each as the JSON text of its line: one object that holds no others, of which a garbage
            collector has thousands to look through while a disk is slow.
    """

    __slots__ = ("_deadline", "_done", "_lock", "_problem", "_settled", "_waiters", "records")

    def __init__(self, deadline: float) -> None:
        self.records: list[str] = []
        self._deadline = deadline
        self._done = Event()
        self._lock = Lock()
        self._settled = False
        self._problem: str | None = None
        self._waiters: list[_Waiter] = []

    def wait(self) -> None:
        """See `Receipt`."""
        if not self._settled and not self._done.wait(self._deadline):
            raise AuditUnavailableError(self._late)
        self._raise_problem()

    async def wait_async(self) -> None:
        """See `Receipt`."""
        waiter = None if self._settled else self._waiter(asyncio.get_running_loop())
        if waiter is not None:
            late = waiter.get_loop().call_later(self._deadline, _end, waiter)
            try:
                await waiter
            finally:
                late.cancel()
            if not self._settled:
                raise AuditUnavailableError(self._late)
        self._raise_problem()

    def settle(self, problem: str | None) -> None:
        """The records are on disk, or will not be, because of a problem; everybody is told."""
        with self._lock:
            self._problem = problem
            self._settled = True
            waiters, self._waiters = self._waiters, []
        self._done.set()
        by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for loop, waiter in waiters:
            by_loop.setdefault(loop, []).append(waiter)
        for loop, of_loop in by_loop.items():
            # A loop that was closed has nobody any more who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_end, *of_loop)

    def start_anew(self) -> None:
        """In a child process, to which nobody will tell anything: it is over."""
        self._lock = Lock()
        self._done = Event()
        self._waiters = []
        self.settle("the process was forked meanwhile")

    @property
    def _late(self) -> str:
        return f"a decision was not on disk within {self._deadline:g} s"

    def _waiter(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
        with self._lock:
            if self._settled:
                return None
            waiter = loop.create_future()
            self._waiters.append((loop, waiter))
            return waiter

    def _raise_problem(self) -> None:
        if self._problem is not None:
            raise AuditUnavailableError(f"a decision could not be recorded: {self._problem}")


def _end(*waiters: asyncio.Future[None]) -> None:
    for each in waiters:
        # One whose task was cancelled has ended already.
        if not each.done():
            each.set_result(None)


class _AtOnce:
    """The receipt of a relaxed log, for which nobody waits."""

    def wait(self) -> None:
        """Returns."""

    async def wait_async(self) -> None:
        """Returns."""


AT_ONCE: Final = _AtOnce()

__all__ = ["AT_ONCE", "Batch"]
