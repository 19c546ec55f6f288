"""Entries of the decision cache: how many there may be, and that none is found of what has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sized
from typing import Any

import pytest

from durwan.model.address import NetworkSet, parse_network
from durwan.model.decision import NEVER, Decision, Outcome
from durwan.runtime.decision_store import CacheKey, CacheLimits, DecisionStore

DECISION = Outcome(effect="allow", rule="r", status=200, code="allowed", reason="").until(None)


def fill(store: DecisionStore, key: CacheKey, action: str = "a") -> None:
    """Decides a request and stores it, with nothing in between."""
    store.store(action, key, (0, NEVER, DECISION), store.begin())


def found(store: DecisionStore, key: CacheKey, action: str = "a") -> Decision | None:
    """What looking up answers."""
    return store.of_action(action)[key][2]


def test_what_is_stored_is_found() -> None:
    """An entry is found under its own action and key alone, and counted."""
    store = DecisionStore(CacheLimits())
    fill(store, (None, 1))
    assert found(store, (None, 1)) is DECISION
    assert found(store, (None, 2)) is None
    assert found(store, (None, 1), "b") is None
    assert store.count == 1
    assert 300 < store.bytes < 1_000


def test_storing_again_takes_no_more_room() -> None:
    """An entry that replaces another one is not counted twice."""
    store = DecisionStore(CacheLimits(entries=2))
    for _ in range(10):
        fill(store, ("desk-7", 1))
    assert (store.count, store.generations) == (1, 0)


def test_a_full_store_begins_anew() -> None:
    """There are never more entries than allowed: one more drops all, of every action."""
    store = DecisionStore(CacheLimits(entries=10))
    for number in range(10):
        fill(store, (None, number), f"a{number % 2}")
    assert (store.count, store.generations) == (10, 0)
    fill(store, (None, 10))
    assert (store.count, store.bytes, store.generations) == (0, 0, 1)
    assert all(found(store, (None, number), f"a{number % 2}") is None for number in range(10))


def networks(number: int) -> NetworkSet:
    """Networks that are merged with no others."""
    found = (parse_network(f"10.0.{third}.{number % 256}/32") for third in range(14))
    return NetworkSet(network for network in found if network is not None)


def texts(number: int) -> frozenset[str]:
    """Two long texts."""
    return frozenset({f"{number:05}" * 100, f"{number:05}" * 101})


def text(number: int) -> str:
    """A long text."""
    return f"{number:05}" * 200


@pytest.mark.parametrize("position", [text, texts, networks])
def test_memory_is_bounded_whatever_the_keys_hold(position: Callable[[int], object]) -> None:
    """What a key holds is counted with all that it holds in turn."""
    store = DecisionStore(CacheLimits(bytes=50_000))
    largest = 0
    for number in range(200):
        fill(store, (None, position(number)))
        largest = max(largest, store.count)
        assert store.bytes <= 50_000
    assert store.generations > 0
    assert 5 < largest < 50


@pytest.mark.parametrize(
    "position",
    ["x" * 8_192, frozenset({"x" * 5_000, "y" * 5_000}), frozenset(range(10_000))],
    ids=["text", "texts", "numbers"],
)
def test_a_very_large_key_is_not_kept(position: object) -> None:
    """Nobody fills the memory of all with a few requests."""
    store = DecisionStore(CacheLimits())
    fill(store, (None, position))
    assert (store.count, store.bytes) == (0, 0)


def test_a_key_has_a_share_of_its_own() -> None:
    """A key with too many entries loses its own, and no other key loses any."""
    store = DecisionStore(CacheLimits(entries_of_key=5))
    fill(store, ("desk-8", 0))
    for number in range(5):
        fill(store, ("desk-7", number))
    assert store.count == 6
    fill(store, ("desk-7", 5))
    assert store.count == 1
    assert found(store, ("desk-8", 0)) is DECISION
    assert found(store, ("desk-7", 0)) is None


def test_a_key_has_a_share_of_memory_of_its_own() -> None:
    """A few large entries of a key count like many small ones."""
    store = DecisionStore(CacheLimits(bytes_of_key=20_000))
    fill(store, ("desk-8", 0))
    for number in range(12):
        fill(store, ("desk-7", f"{number:02}" * 1_000))
    assert 1 < store.count < 9
    assert store.generations == 0
    assert found(store, ("desk-8", 0)) is DECISION


def test_what_is_not_stored_takes_nothing() -> None:
    """Ids that nobody has, and whose decisions are not kept, leave no trace."""
    store = DecisionStore(CacheLimits())
    before = sizes(store)
    for _ in range(1_000):
        store.begin()
    assert sizes(store) == before


def sizes(store: DecisionStore) -> list[int]:
    """How much each part of a store holds."""
    return [len(part) for part in vars(store).values() if isinstance(part, Sized)]


def test_forgetting_a_key_drops_its_entries_of_every_action() -> None:
    """Other keys, and what hangs on no key, stay; and the room is given back."""
    store = DecisionStore(CacheLimits())
    for key_id in ("desk-7", "desk-8", None):
        for action in "ab":
            fill(store, (key_id, 1), action)
    size = store.bytes // 6
    store.forget(["desk-7", "nobody"])
    assert [found(store, (key_id, 1), action) for key_id in ("desk-7", "desk-8", None) for action in "ab"] == [
        None, None, DECISION, DECISION, DECISION, DECISION,
    ]  # fmt: skip
    assert store.count == 4
    assert abs(store.bytes - 4 * size) < 100
    store.forget(["desk-8"])
    fill(store, ("desk-7", 1))
    assert found(store, ("desk-7", 1)) is DECISION


def test_forgetting_all_empties_what_is_looked_up_in() -> None:
    """Who holds the entries of an action looks at what is kept now, whenever he took hold of them."""
    store = DecisionStore(CacheLimits())
    entries = store.of_action("a")
    fill(store, (None, 1))
    assert entries[None, 1][2] is DECISION
    store.forget(None)
    assert entries[None, 1][2] is None
    fill(store, (None, 1))
    assert entries[None, 1][2] is DECISION


CHANGES: dict[str, Callable[[DecisionStore], None]] = {
    "all keys": lambda store: store.forget(None),
    "the key": lambda store: store.forget(["desk-7"]),
    "another key": lambda store: store.forget(["desk-8"]),
    "all, then refilled": lambda store: (store.forget(None), fill(store, ("desk-8", 1)))[0],  # type: ignore[func-returns-value]
    "closed": lambda store: store.close(),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("key", [("desk-7", 1), (None, 1)], ids=["by id", "by attributes"])
def test_what_was_decided_before_a_change_is_not_stored_after_it(change: str, key: CacheKey) -> None:
    """begin, decide, change, store: the entry is not visible."""
    store = DecisionStore(CacheLimits())
    begun = store.begin()
    CHANGES[change](store)
    assert not store.is_unchanged(begun)
    store.store("a", key, (0, NEVER, DECISION), begun)
    assert found(store, key) is None


def test_a_store_that_was_full_still_takes_what_was_decided_before() -> None:
    """Beginning anew for want of room changes nothing of what is right."""
    store = DecisionStore(CacheLimits(entries=1))
    begun = store.begin()
    fill(store, (None, 1))
    fill(store, (None, 2))
    assert store.generations == 1
    store.store("a", (None, 3), (0, NEVER, DECISION), begun)
    assert found(store, (None, 3)) is DECISION


def test_a_closed_store_takes_nothing() -> None:
    """After `close` nothing is found, ever."""
    store = DecisionStore(CacheLimits())
    fill(store, (None, 1))
    store.close()
    fill(store, (None, 1))
    assert found(store, (None, 1)) is None
    assert store.count == 0


class Meanwhile(Collection[str]):
    """Ids of keys; while they are being forgotten, and the lock is held, something else happens."""

    def __init__(self, ids: Collection[str], happens: Callable[[], object]) -> None:
        self._ids = ids
        self._happens = happens

    def __iter__(self) -> Iterator[str]:
        self._happens()
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._ids


def in_a_thread(happens: Callable[[], object]) -> None:
    """In another thread, waited for: it must not wait for this one."""
    thread = threading.Thread(target=happens)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()


def test_storing_waits_for_nobody() -> None:
    """While another thread forgets, an entry is let be, and looking up goes on."""
    store = DecisionStore(CacheLimits())
    fill(store, (None, 1))

    def meanwhile() -> None:
        assert found(store, (None, 1)) is DECISION
        fill(store, (None, 2))

    store.forget(Meanwhile(["desk-7"], lambda: in_a_thread(meanwhile)))
    assert found(store, (None, 2)) is None
    assert store.count == 1


def test_a_signal_may_change_keys_while_its_own_thread_forgets() -> None:
    """Neither waits for the other, and what either forgot stays forgotten."""
    store = DecisionStore(CacheLimits())
    for key_id in ("desk-7", "desk-8"):
        fill(store, (key_id, 1))
    store.forget(Meanwhile(["desk-7"], lambda: store.forget(["desk-8"])))
    assert (found(store, ("desk-7", 1)), found(store, ("desk-8", 1)), store.count) == (None, None, 0)


@pytest.mark.parametrize("ids", [["desk-7"], ["desk-8"], None])
def test_a_signal_may_change_keys_while_its_own_thread_stores(ids: list[str] | None) -> None:
    """What was decided before is not kept, though its thread had found that nothing had changed."""
    store = DecisionStore(CacheLimits())

    class Signalled:
        def __sizeof__(self) -> int:
            store.forget(ids)
            return 100

    key = ("desk-7", Signalled())
    fill(store, key)
    assert found(store, key) is None


def test_a_wrong_entry_of_a_key_that_may_be_changing_is_no_defect_yet() -> None:
    """It drops the key's entries; a while later another one is a defect, unless a change was told in between."""
    store = DecisionStore(CacheLimits())
    fill(store, ("desk-7", 1))
    fill(store, ("desk-8", 1))
    assert not store.suspect(("desk-7", 1))
    assert (found(store, ("desk-7", 1)), found(store, ("desk-8", 1))) == (None, DECISION)
    assert not store.suspect(("desk-7", 2)), "at the same moment"
    time.sleep(1.01)
    assert store.suspect(("desk-7", 2))
    store.forget(["desk-7"])
    assert not store.suspect(("desk-7", 1))
    time.sleep(1.01)
    store.forget(None)
    assert not store.suspect(("desk-7", 1))
    assert store.suspect((None, 1))


def test_storing_while_others_forget_leaves_nothing_stale() -> None:
    """Two threads fill with what the key is, one changes it and forgets: after each change nothing old is found."""
    store, versions, stale, stop = DecisionStore(CacheLimits()), [0], list[int](), threading.Event()
    outcomes = [
        Outcome(effect="allow", rule=str(each), status=200, code="", reason="").until(None) for each in range(800)
    ]

    def fills() -> None:
        while not stop.is_set():
            begun = store.begin()
            entry = (0, NEVER, outcomes[versions[0]])
            store.store("a", ("desk-7", 1), entry, begun)

    threads = [threading.Thread(target=fills) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for version in range(1, len(outcomes)):
            versions[0] = version
            store.forget(["desk-7"] if version % 2 else None)
            kept = found(store, ("desk-7", 1))
            if kept is not None and kept.rule != str(version):
                stale.append(version)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert stale == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_process_has_a_lock_of_its_own() -> None:
    """A fork in the midst of another thread's forgetting: the child stores and forgets, and waits for nobody."""
    script = """
        # Imported first: so what it does after a fork would come first.
        from durwan.runtime.key_lookup import prepared_keys
        import os, threading, time
        from durwan import Engine
        from durwan.credentials.key_table import KeyTable
        from tests.unit.runtime.test_decision_store import DecisionStore, CacheLimits, Meanwhile, fill, found

        keys = KeyTable({"desk-7": {}})
        text = "actions { a }\\ndeny r on a when key.revoked\\nallow a on a\\n"
        engine = Engine.from_sources({"a.policy": text}, keys=keys, cache=CacheLimits(trial=0))
        held, done = threading.Event(), threading.Event()
        def hold():
            held.set(), done.wait()
        cache = engine._policy.cache
        thread = threading.Thread(target=cache.forget, args=[Meanwhile(["desk-7"], hold)])
        thread.start(), held.wait()
        child = os.fork()
        if not child:
            cache.forget(["desk-7"])
            fill(cache._store, ("desk-7", 1))
            os._exit(0 if found(cache._store, ("desk-7", 1)) is not None else 1)
        done.set(), thread.join()
        end, ended = time.monotonic() + 20, (0, 0)
        while not ended[0] and time.monotonic() < end:
            time.sleep(0.01)
            ended = os.waitpid(child, os.WNOHANG)
        if not ended[0]:
            os.kill(child, 9)
            raise SystemExit("the child waits for ever")
        raise SystemExit(os.waitstatus_to_exitcode(ended[1]))
    """
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)], check=False, timeout=60)
    assert ran.returncode == 0


def test_keys_of_any_shape_are_sized() -> None:
    """The estimate holds for keys of nothing at all, too."""
    store = DecisionStore(CacheLimits())
    keys: list[Any] = [(), (None,), ("desk-7",), ("desk-7", None, 1, True)]
    for key in keys:
        fill(store, key)
    assert store.count == 4
