"""What a gateway does alone, and the awaited front of a store."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from durwan.state.asynchronous import AsyncState
from durwan.state.errors import StateUnavailableError
from durwan.state.memory import MemoryState
from durwan.state.outage import OUTAGE, SharedLimits
from durwan.state.sqlite import SqliteState
from durwan.state.store import LimitCharge, Record, Revocation, StateStore, UsedUp
from tests.state.conftest import NOW
from tests.state.test_store import charge, record


class Gone(MemoryState):
    """A store in memory that can be out of reach."""

    gone = False

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        if self.gone:
            raise StateUnavailableError("the store", "it is gone")
        return super().charge(charges, now=now)


def test_only_limits_go_on_without_the_store() -> None:
    """Everything else that is asked of a store denies while it cannot be asked, or lets policies deny."""
    other = {name: answer for name, answer in OUTAGE.items() if answer != "deny"}
    assert other == {"limit": "count alone", "activity": "unknown"}


def test_a_gateway_alone_lets_its_share_through() -> None:
    """While the store cannot be asked, one of three gateways lets a third of each limit through."""
    store = Gone()
    limits = SharedLimits(store, gateways=3)
    asked = [charge(10, 1000), charge(100, 1000, 1, "wide")]
    assert not limits.charge(asked, now=NOW).alone
    store.gone = True
    found = [limits.charge(asked, now=NOW + 10) for _ in range(5)]
    assert [each.used_up for each in found[:3]] == [(), (), ()]
    assert found[3].used_up == found[4].used_up == (UsedUp(charge=asked[0], retry_at=NOW + 1010),)
    assert all(each.alone for each in found)
    assert limits.charge(asked, now=NOW + 1010).used_up == ()
    store.gone = False
    assert not limits.charge(asked, now=NOW + 1010).alone


def test_a_share_is_cut_off() -> None:
    """A limit that is smaller than the number of gateways lets nothing through alone."""
    store = Gone()
    store.gone = True
    assert SharedLimits(store, gateways=3).charge([charge(2, 1000)], now=NOW).used_up
    assert SharedLimits(store, gateways=2).charge([charge(2, 1000)], now=NOW).used_up == ()
    with pytest.raises(ValueError, match="gateway"):
        SharedLimits(store, gateways=0)


# -------------------------------------------------------------------------------------------------------------- awaited


def test_every_operation_is_awaited(make_store: Callable[[], StateStore]) -> None:
    """Each operation answers as the store does."""

    async def ask() -> None:
        front = AsyncState(make_store(), deadline=5)
        assert await front.accept_once("desk", "a", expires=NOW + 60_000, now=NOW)
        assert not await front.accept_once("desk", "a", expires=NOW + 60_000, now=NOW)
        assert await front.accept_rising("desk", 7)
        assert await front.charge([charge(1, 60_000)], now=NOW) == ()
        assert await front.peek([charge(1, 60_000)], now=NOW) == await front.charge([charge(1, 60_000)], now=NOW) != ()
        assert await front.put(record("a"), cap=1, now=NOW) == ()
        assert await front.get("session", "a", now=NOW) == record("a")
        assert await front.update(record("a", value=b"new"), now=NOW)
        assert [each.value for each in await front.newest_of("session", "desk", now=NOW)] == [b"new"]
        await front.delete("session", "a")
        assert await front.get("session", "a", now=NOW) is None
        await front.revoke(Revocation(kind="key", id="a", until=NOW + 1), now=NOW)
        news = await front.run(lambda store: store.revoked_since(None, now=NOW))
        assert [each.id for each in news.revocations] == ["a"]
        front.close()

    asyncio.run(ask())


def test_too_many_operations_are_refused_and_none_waits_long(tmp_path: object) -> None:
    """Beyond the room, and beyond the deadline, an operation is refused; a cancelled one gives its room back."""
    store = SqliteState(f"{tmp_path}/state.db")
    release = threading.Event()

    async def ask() -> None:
        front = AsyncState(store, threads=1, most=3, deadline=0.1)
        slow = asyncio.create_task(front.run(lambda _: release.wait(5)))
        await asyncio.sleep(0.05)
        late = asyncio.create_task(front.get("session", "a", now=NOW))
        gone = asyncio.create_task(front.get("session", "a", now=NOW))
        await asyncio.sleep(0.05)
        with pytest.raises(StateUnavailableError, match="3 operations"):
            await front.get("session", "a", now=NOW)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await asyncio.sleep(0.05)
        release.set()
        assert await slow
        with pytest.raises(StateUnavailableError, match="busy"):
            await late
        assert await front.get("session", "a", now=NOW) is None
        front.close()

    asyncio.run(ask())
    store.close()


def test_the_event_loop_goes_on_while_a_store_waits(tmp_path: object) -> None:
    """A store that blocks does not block the event loop."""
    store = SqliteState(f"{tmp_path}/state.db", deadline=0.3)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store._file.step():  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - to be in the way
            held.set()
            done.wait()

    async def ask() -> int:
        front = AsyncState(store)
        waiting = asyncio.create_task(
            front.put(Record(kind="s", id="a", owner="o", value=b"", expires=NOW + 1), cap=1, now=NOW)
        )
        turns = 0
        while not waiting.done():
            await asyncio.sleep(0.01)
            turns += 1
        with pytest.raises(StateUnavailableError):
            await waiting
        front.close()
        return turns

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    began = time.monotonic()
    assert asyncio.run(ask()) > 10
    assert time.monotonic() - began < 2
    done.set()
    thread.join()
    store.close()
