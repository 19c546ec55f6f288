"""State in memory: what it has of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from durwan.state.errors import StateUnavailableError
from durwan.state.expiring import Expiring, FullError
from durwan.state.memory import MemoryState
from durwan.state.store import LimitCharge, Record, Revocation
from tests.state.conftest import NOW


def test_what_is_full_refuses() -> None:
    """Where there is no room, nothing is accepted and nothing forgotten, until something has expired."""
    store = MemoryState(most=2)

    def one(name: str, now: int = NOW) -> list[Callable[[], object]]:
        limit = LimitCharge(limit=name, per=(), count=5, period=50)
        kept = Record(kind="session", id=name, owner=name, value=b"", expires=now + 100)
        return [
            lambda: store.accept_once("desk", name, expires=now + 100, now=now),
            lambda: store.charge([limit], now=now),
            lambda: store.put(kept, cap=1, now=now),
            lambda: store.revoke(Revocation(kind="key", id=name, until=now + 100), now=now),
        ]

    for name in "ab":
        for each in one(name):
            each()
    for each in one("c"):
        with pytest.raises(StateUnavailableError, match="full"):
            each()
    assert not store.accept_once("desk", "a", expires=NOW + 100, now=NOW)
    assert store.get("session", "a", now=NOW)
    for each in one("c", NOW + 100):
        each()
    assert store.accept_rising("one", 1)
    assert store.accept_rising("two", 1)
    with pytest.raises(StateUnavailableError, match="full"):
        store.accept_rising("three", 1)
    assert store.accept_rising("one", 2)


def test_several_limits_without_room_for_all_are_not_charged() -> None:
    """If one of several new limits has no room in memory, none is charged."""
    store = MemoryState(most=2)
    limits = [LimitCharge(limit=name, per=(), count=1, period=50) for name in "abc"]
    with pytest.raises(StateUnavailableError, match="full"):
        store.charge(limits, now=NOW)
    assert store.charge(limits[:2], now=NOW) == ()


def test_a_process_that_was_started_again_refuses_what_it_may_have_forgotten() -> None:
    """With its beginning given, a nonce that may have been used before it is refused; later ones are taken."""
    store = MemoryState(since=NOW)
    with pytest.raises(StateUnavailableError, match="older"):
        store.accept_once("desk", "a", issued=NOW + 999, expires=NOW + 1999, now=NOW + 500)
    assert store.accept_once("desk", "a", issued=NOW + 1000, expires=NOW + 2000, now=NOW + 500)
    with pytest.raises(StateUnavailableError, match="in 1 s"):
        store.accept_once("desk", "b", expires=NOW + 999 + 1000, now=NOW + 999)
    assert store.accept_once("desk", "b", expires=NOW + 1000 + 1000, now=NOW + 1000)


def test_memory_does_not_grow_with_what_is_gone() -> None:
    """Records that come and go leave nothing behind, nor do their owners."""
    store = MemoryState()
    for number in range(2_000):
        name = str(number)
        store.put(Record(kind="session", id=name, owner=name, value=b"", expires=NOW + 10**6), cap=1, now=NOW)
        store.delete("session", name)
    contents = store._contents  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - that nothing is left is the test
    assert len(contents.records) == 0
    assert len(contents.owned) < 100


def test_an_entry_whose_expiry_moves() -> None:
    """An entry lives until the expiry that it was given last, however often that moved."""
    entries = Expiring[str, int](2)
    for number in range(500):
        entries.put("a", number, expires=1000 - number, now=0)
    entries.put("a", 7, expires=2000, now=0)
    entries.put("b", 8, expires=500, now=0)
    with pytest.raises(FullError):
        entries.put("c", 9, expires=500, now=499)
    entries.put("c", 9, expires=1999, now=500)
    entries.forget(1999)
    assert (entries.get("a"), entries.get("b"), entries.get("c")) == (7, None, None)
    assert (len(entries), entries.horizon) == (1, 1999)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_process_begins_empty() -> None:
    """A child forked while another thread holds the lock is not stuck, and knows nothing of its parent's."""
    store = MemoryState()
    store.accept_once("desk", "a", expires=NOW + 100, now=NOW)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store._lock:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - to fork at the worst moment
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if store.accept_once("desk", "a", expires=NOW + 100, now=NOW) else 1)
    done.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    assert not store.accept_once("desk", "a", expires=NOW + 100, now=NOW)
