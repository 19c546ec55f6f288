"""Keys that change under an engine: what is remembered of them never masks what they are now."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from types import BuiltinMethodType, FrameType
from typing import Any

import pytest

from durwan import Engine, StaticKeys
from durwan.credentials import key_table, keys
from durwan.credentials.key_table import KeyTable
from durwan.credentials.keys import ChangingKeys, KeySource
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.model.schema import Schema
from durwan.model.values import StringSet
from durwan.runtime import key_lookup
from durwan.runtime.decision_store import CacheLimits
from durwan.runtime.key_lookup import PreparedKeys, prepared, prepared_keys

NOW = 1_772_442_000_000  # 2026-03-02T09:00:00Z
SCHEMA = Schema(
    actions=frozenset({"orders.create"}),
    scopes={"all": frozenset({"all", "orders.write"}), "orders.write": frozenset({"orders.write"})},
    attributes={
        "key.id": types.String(None),
        "key.owner": types.String(None),
        "key.scopes": types.SetOf(types.Scope()),
        "key.symbols": types.SetOf(types.String(None)),
        "key.networks": types.Network(),
        "key.expires": types.Time(),
        "key.revoked": types.Bool(),
        "client.expires": types.Time(),
    },
)
POLICY = """
actions { orders.create orders.cancel }
scopes { orders.write  orders.cancel }
context key { tier : int }

deny revoked on * when key.revoked because "revoked" respond 401 key_revoked
deny early on orders.create when key.tier default 9 < 2
allow cancel on orders.cancel when key.scopes has orders.cancel
allow trade on orders.create when key.scopes has orders.write and client.ip in key.networks
"""
TRADER: dict[str, object] = {"scopes": ["orders.write"], "networks": ["203.0.113.0/24"], "revoked": False}
# Every action cached from its first decision on.
AT_ONCE = CacheLimits(trial=0)


def order(key: str = "desk-7", action: str = "orders.create") -> dict[str, Any]:
    """A request that a trader may make."""
    return {"action": action, "key": key, "client": {"ip": "203.0.113.9"}, "now": NOW}


def engine_of(source: KeySource, cache: CacheLimits | None = AT_ONCE) -> Engine:
    """An engine that looks up keys in a source."""
    return Engine.from_sources({"a.policy": POLICY}, keys=source, cache=cache)


class Counting:
    """A source that changes and counts what it is asked."""

    def __init__(self, table: KeyTable) -> None:
        self.table = table
        self.asked: list[str] = []

    def get(self, key_id: str, /) -> Mapping[str, object] | None:
        """As the table, counted."""
        self.asked.append(key_id)
        return self.table.get(key_id)

    def listen(self, listener: keys.Listener, /) -> None:
        """As the table."""
        self.table.listen(listener)


class Plain:
    """Somebody's own source, which tells nobody of its changes."""

    def __init__(self, records: dict[str, dict[str, object]]) -> None:
        self.records = records

    def get(self, key_id: str, /) -> Mapping[str, object] | None:
        """What the key is now."""
        return self.records.get(key_id)


# ---------------------------------------------------------------------------------------------------------- preparing


def test_attributes_are_read_beforehand() -> None:
    """Into the form that is cheapest to read; what cannot be read is left out, what is not declared stays."""
    source = StaticKeys(
        {
            "a": {
                "id": "a",
                "owner": "bert",
                "scopes": ["all"],
                "symbols": ["X"],
                "networks": ["10.0.0.0/8"],
                "expires": "2026-03-02T09:00:00Z",
                "revoked": True,
                "other": 1,
            },
            "b": {"scopes": "all", "symbols": [1], "networks": ["10.0.0.1/8"], "expires": "soon"},
        }
    )
    ready = PreparedKeys(source, SCHEMA)
    assert ready["a"] == {
        "id": "a",
        "owner": "bert",
        "scopes": {"all", "orders.write"},
        "symbols": {"X"},
        "networks": ready["a"]["networks"],
        "expires": NOW,
        "revoked": True,
        "other": 1,
    }
    assert [type(ready["a"][name]) for name in ("scopes", "symbols", "networks")] == [StringSet, StringSet, NetworkSet]
    assert ready["b"] == {}


def test_a_key_is_prepared_when_it_is_first_asked_for() -> None:
    """Nothing before; afterwards the source is not asked again."""
    source = Counting(KeyTable({"a": {}, "b": {}}))
    ready = PreparedKeys(source, SCHEMA)
    assert source.asked == []
    assert ready["a"] is ready["a"] is ready.get("a")
    assert source.asked == ["a"]


def test_an_unknown_id_is_never_remembered() -> None:
    """It raises, or `get` answers nothing; and when it becomes known, it is found."""
    table = KeyTable()
    ready = PreparedKeys(table, SCHEMA)
    for number in range(1_000):
        assert ready.get(f"nobody-{number}") is None
    with pytest.raises(KeyError):
        _ = ready["nobody"]
    assert len(ready) == 0
    table.put("nobody", {})
    assert ready["nobody"] == {"id": "nobody"}


def test_only_an_exact_text_is_an_id() -> None:
    """Neither a number nor text of another class is looked up in the source."""

    class Text(str):
        __slots__ = ()

    source = Counting(KeyTable({"a": {}}))
    ready = PreparedKeys(source, SCHEMA)
    unusual: list[Any] = [Text("a"), 5, None, ("a",)]
    for given in unusual:
        with pytest.raises(KeyError):
            _ = ready[given]
    assert source.asked == []
    assert len(ready) == 0


def test_of_a_source_that_tells_nothing_nothing_is_remembered() -> None:
    """Its own `get` is the lookup; sources that stand still or tell of changes are prepared."""
    plain = Plain({"a": {}})
    assert prepared_keys(plain, SCHEMA) is None
    assert prepared(plain, SCHEMA) == plain.get
    for source in (StaticKeys(), KeyTable()):
        lookup = prepared(source, SCHEMA)
        assert isinstance(getattr(lookup, "__self__", None), PreparedKeys)
    assert isinstance(KeyTable(), ChangingKeys)
    assert not isinstance(plain, ChangingKeys)
    assert not isinstance(StaticKeys(), ChangingKeys)


def test_strict_functions_ask_the_dict_itself() -> None:
    """The lookup in generated code is the dict's own, without a Python frame between."""
    table = KeyTable({"desk-7": TRADER})
    engine = engine_of(table, cache=None)
    assert engine.decide(order()).allowed
    evaluator: Any = engine._policy.evaluator  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - it is about what happens inside
    find = evaluator._shared.find_key  # noqa: SLF001
    assert type(find) is BuiltinMethodType
    assert isinstance(find.__self__, PreparedKeys)


# ------------------------------------------------------------------------------------------------------------ changes


def test_those_who_ask_are_told_after_the_change_is_visible() -> None:
    """With the ids, or None for all; when they are told, the key is only found as it is now."""
    table = KeyTable({"a": {"owner": "x"}, "b": {}})
    ready = PreparedKeys(table, SCHEMA)
    told: list[object] = []

    def listen(changed: Any) -> None:
        told.append((None if changed is None else sorted(changed), ready["a"]))

    assert ready["a"] == {"id": "a", "owner": "x"}
    ready.on_change(listen)
    table.revoke("a")
    table.update({"a": {"owner": "y"}, "b": {}})
    table.replace({"a": {}})
    assert told == [
        (["a"], {"id": "a", "owner": "x", "revoked": True}),
        (["a", "b"], {"id": "a", "owner": "y"}),
        (None, {"id": "a"}),
    ]


def test_a_listener_that_raises_keeps_no_other_from_being_told() -> None:
    """And the error reaches the writer."""
    table = KeyTable({"a": {}})
    ready = PreparedKeys(table, SCHEMA)
    told: list[str] = []

    def fail(_changed: object) -> None:
        raise RuntimeError("no")

    ready.on_change(lambda _: told.append("first"))
    ready.on_change(fail)
    ready.on_change(lambda _: told.append("last"))
    with pytest.raises(RuntimeError):
        table.revoke("a")
    assert sorted(told) == ["first", "last"]


def test_prepared_keys_that_nobody_needs_any_more_are_let_go() -> None:
    """The source holds them weakly: a reload does not make every later change slower."""
    table = KeyTable({"desk-7": TRADER})
    engine = engine_of(table)
    for _ in range(3):
        engine.decide(order())
        engine.reload()
    gc.collect()
    listeners: Any = table._listeners._listeners  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - it is about what is held
    assert len(listeners) == 1


def test_changing_one_key_of_many_touches_that_one() -> None:
    """Whatever their number: one record is made, one is forgotten and prepared anew, and nothing is compiled."""
    table = KeyTable({f"key-{number}": TRADER for number in range(10_000)})
    source = Counting(table)
    engine = engine_of(source)
    assert source.asked == []
    before, revision = dict(table.items()), engine.revision
    for number in range(0, 10_000, 100):
        assert engine.decide(order(f"key-{number}")).allowed
    asked = len(source.asked)
    functions: Any = engine._policy.evaluator.functions  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - it is about what is made anew
    written = dict(functions)
    table.revoke("key-500")
    assert engine.decide(order("key-500")).code == "key_revoked"
    for number in range(0, 10_000, 100):
        assert engine.decide(order(f"key-{number}")).allowed is (number != 500)
    assert source.asked[asked:] == ["key-500"]
    assert [key_id for key_id, record in table.items() if record is not before[key_id]] == ["key-500"]
    assert functions == written
    assert engine.revision == revision


def test_a_flood_of_unknown_ids_leaves_the_prepared_keys_empty() -> None:
    """Each is denied, and none is remembered."""
    table = KeyTable({"desk-7": TRADER})
    engine = engine_of(table)
    for number in range(2_000):
        assert not engine.decide(order(f"nobody-{number}")).allowed
    lookup: Any = engine._policy.keys  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - it is about what is held
    assert len(lookup.__self__) == 0


def test_decisions_follow_every_change() -> None:
    """Random changes and decisions: the engine decides as one that is made at that moment from the same keys."""
    ids = [f"k{number}" for number in range(4)]
    for seed in range(40):
        random = Random(seed)
        table, model = KeyTable(declared=("tier",)), dict[str, dict[str, object]]()
        engine = engine_of(table, random.choice([AT_ONCE, CacheLimits(trial=1), None]))
        for _ in range(60):
            change(table, model, random, random.choice(ids))
            fresh = engine_of(StaticKeys(model), None) if random.random() < 0.05 else None
            for key_id in random.choices([*ids, "nobody"], k=4):
                request = order(key_id, random.choice(["orders.create", "orders.cancel"]))
                decision = engine.decide(request)
                assert decision.effect == expected(model, request)
                assert fresh is None or fresh.decide(request) == decision


def record_of(random: Random) -> dict[str, object]:
    """The attributes of some key."""
    record: dict[str, object] = {
        "scopes": random.sample(["orders.write", "orders.cancel"], random.randrange(3)),
        "networks": random.choice([["203.0.113.0/24"], ["10.0.0.0/8"], ["203.0.113.9", "2001:db8::/48"]]),
        "revoked": random.random() < 0.3,
    }
    return record | ({"tier": random.randrange(4)} if random.random() < 0.5 else {})


def change(table: KeyTable, model: dict[str, dict[str, object]], random: Random, key_id: str) -> None:
    """One random change of the table and of what it should be."""
    record = record_of(random)
    match random.randrange(6):
        case 0 | 1:
            table.put(key_id, record)
            model[key_id] = {"id": key_id, **record}
        case 2 if key_id in model:
            table.revoke(key_id)
            model[key_id]["revoked"] = True
        case 3 if key_id in model:
            table.remove(key_id)
            del model[key_id]
        case 4:
            many = {each: record_of(random) for each in (key_id, "k0")}
            table.update(many)
            model.update({each: {"id": each, **values} for each, values in many.items()})
        case 5 if random.random() < 0.3:
            table.replace({key_id: record})
            model.clear()
            model[key_id] = {"id": key_id, **record}
        case _:
            pass


def expected(model: Mapping[str, Mapping[str, Any]], request: Mapping[str, Any]) -> str:
    """What the policy means, in a few lines of Python."""
    key = model.get(request["key"])
    if key is None or key["revoked"]:
        return "deny"
    if request["action"] == "orders.cancel":
        return "allow" if "orders.cancel" in key["scopes"] else "deny"
    near = any(each.startswith("203.") for each in key["networks"])
    return "allow" if "orders.write" in key["scopes"] and near and key.get("tier", 9) >= 2 else "deny"


# -------------------------------------------------------------------------------------------------------------- races


class Stopped:
    """A thread that does some work, and stops before the nth instruction of it that lies in some files."""

    def __init__(self, work: Callable[[], object], files: Callable[[str], bool], stop_at: int) -> None:
        self.stopped_or_done = threading.Event()
        self.is_stopped = False
        self._work = work
        self._files = files
        self._left = stop_at
        self._go = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self.stopped_or_done.wait(30)

    def finish(self) -> None:
        """Has it go on to the end."""
        self._go.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        sys.settrace(self._trace)
        try:
            self._work()
        finally:
            sys.settrace(None)
            self.stopped_or_done.set()

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if not self._files(frame.f_code.co_filename):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            self._left -= 1
            if self._left == 0:
                self.is_stopped = True
                self.stopped_or_done.set()
                self._go.wait(30)
        return self._trace


class Beside:
    """A thread that does some work, which may have to wait for another one."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._thread = threading.Thread(target=work)
        self._thread.start()

    def finish(self) -> None:
        """Waits for its end."""
        self._thread.join(30)
        assert not self._thread.is_alive()


def files_of(*modules: Any) -> Callable[[str], bool]:
    """Whether a file is that of one of these modules."""
    return {module.__file__ for module in modules}.__contains__


class Memory:
    """The least that keeps what was made of keys: the place of each is taken before its key is looked up."""

    def __init__(self, ready: PreparedKeys) -> None:
        self.places: dict[str, dict[str, object]] = {}
        self._ready = ready
        ready.on_change(self.forget)

    def forget(self, changed: Any) -> None:
        """Drops the places of keys that changed."""
        for key_id in tuple(self.places) if changed is None else changed:
            self.places.pop(key_id, None)

    def is_revoked(self, key_id: str) -> object:
        """What the key says, remembered."""
        place = self.places.setdefault(key_id, {})
        if "revoked" not in place:
            place["revoked"] = self._ready[key_id]["revoked"]
        return place["revoked"]


def revoke(table: KeyTable) -> None:
    """Revokes the key; a change among others."""
    table.revoke("a")


def replace(table: KeyTable) -> None:
    """Replaces all keys, this one by a revoked one."""
    table.replace({"a": {"revoked": True}})


@pytest.mark.parametrize("write", [revoke, replace])
def test_what_was_read_before_a_change_is_not_remembered_after_it(write: Callable[[KeyTable], None]) -> None:
    """Stopped before every single instruction of reading, while the whole change is made: nothing old stays."""
    stops = 0
    for stop_at in range(1, 10_000):
        table = KeyTable({"a": {"revoked": False}})
        ready = PreparedKeys(table, SCHEMA)
        memory = Memory(ready)
        reader = Stopped(partial(memory.is_revoked, "a"), files_of(key_lookup, sys.modules[__name__]), stop_at)
        # Where the reader has the lock, the writer waits for it; else it returns now.
        writer = None
        has_lock = not ready._lock.acquire(blocking=False)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - to know who waits
        if has_lock:
            writer = Beside(partial(write, table))
        else:
            ready._lock.release()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            write(table)
            assert ready["a"]["revoked"] is True
            assert memory.is_revoked("a") is True
        reader.finish()
        if writer is not None:
            writer.finish()
        assert ready["a"]["revoked"] is True
        assert memory.is_revoked("a") is True
        if not reader.is_stopped:
            break
        stops += 1
    assert stops > 80


@pytest.mark.parametrize("write", [revoke, replace])
def test_a_change_that_is_half_made_leaves_nothing_old(write: Callable[[KeyTable], None]) -> None:
    """Stopped before every single instruction of changing, while others read: when it returns, nothing old stays."""
    stops = 0
    for stop_at in range(1, 10_000):
        table = KeyTable({"a": {"revoked": False}})
        ready = PreparedKeys(table, SCHEMA)
        memory = Memory(ready)
        if stop_at % 2:
            assert memory.is_revoked("a") is False
        writer = Stopped(partial(write, table), files_of(key_lookup, key_table, keys), stop_at)
        memory.is_revoked("a")
        writer.finish()
        assert ready["a"]["revoked"] is True
        assert memory.is_revoked("a") is True
        if not writer.is_stopped:
            break
        stops += 1
    assert stops > 100


def is_decision_path(path: str) -> bool:
    """Whether code is part of deciding: the run-time, or generated."""
    return f"durwan{os.sep}runtime{os.sep}" in path or path.startswith("durwan generated ")


@pytest.mark.parametrize("warm", [True, False])
def test_an_engine_never_keeps_what_was_decided_before_a_change(warm: bool) -> None:
    """Stopped before the instructions of a decision, while the key is revoked: no later decision is an allow."""
    table = KeyTable({"a": TRADER})
    engine = engine_of(table)
    stops = 0
    for stop_at in range(1, 10_000):
        info = engine.cache_info()
        if stop_at > 1 and info is not None and not info.cached:
            # What an engine made of one race, turning its cache off, must not spare it the next one.
            engine = engine_of(table)
        table.put("a", TRADER)
        assert [engine.decide(order("a")).allowed for _ in range(3)] == [True] * 3
        if not warm:
            table.put("a", TRADER)
        reader = Stopped(partial(engine.decide, order("a")), is_decision_path, stop_at)
        writer = Beside(partial(revoke, table))
        if not locks_of(engine):
            writer.finish()
            assert engine.decide(order("a")).code == "key_revoked"
        reader.finish()
        writer.finish()
        assert engine.decide(order("a")).code == "key_revoked"
        if not reader.is_stopped:
            break
        stops += 1
    assert stops > (20 if warm else 500)


def locks_of(engine: Engine) -> bool:
    """Whether a thread is stopped while it holds a lock for which a writer waits."""
    policy: Any = engine._policy  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - to know who waits
    locks = [policy.keys.__self__._lock, policy.cache._store._lock]  # noqa: SLF001
    for lock in locks:
        if not lock.acquire(blocking=False):
            return True
        lock.release()
    return False


def test_after_a_revocation_returns_no_decision_is_an_allow() -> None:
    """A thousand times: others decide without a pause, and none that begins after the return allows."""
    table = KeyTable({"desk-7": TRADER})
    engine = engine_of(table)
    revoked_at: list[float] = [0.0]
    allowed: list[tuple[int, float]] = []
    decided = [0, 0]
    done = threading.Event()
    now_at = [0]
    last: list[tuple[int, float]] = [(0, 0.0)] * 2

    def have_decided(before: tuple[int, ...]) -> bool:
        """Whether each thread has begun and ended a decision since."""
        return all(now >= then + 2 for now, then in zip(decided, before, strict=True))

    def hammer(place: int) -> None:
        request = order()
        while not done.is_set():
            repetition, begun = now_at[0], time.perf_counter()
            decision = engine.decide(request)
            decided[place] += 1
            if decision.allowed:
                last[place] = (repetition, begun)

    def is_allowed_now() -> bool:
        return any(repetition == now_at[0] for repetition, _ in last)

    threads = [threading.Thread(target=hammer, args=(place,)) for place in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    for thread in threads:
        thread.start()
    try:
        for repetition in range(1, 1_001):
            now_at[0] = repetition
            table.put("desk-7", TRADER)
            wait_for(is_allowed_now)
            table.revoke("desk-7")
            revoked_at.append(time.perf_counter())
            wait_for(partial(have_decided, tuple(decided)))
            allowed.extend(each for each in last if each[0] == repetition)
    finally:
        done.set()
        for thread in threads:
            thread.join(30)
        sys.setswitchinterval(interval)
    lag = max(begun - revoked_at[repetition] for repetition, begun in allowed)
    print(f"\nlatest beginning of an allow, after the return of revoke: {lag * 1e6:.1f} us; {sum(decided)} decisions")
    assert len(allowed) >= 1_000
    assert lag <= 0


def wait_for(holds: Callable[[], bool]) -> None:
    """Lets other threads go on until something holds."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0)


# --------------------------------------------------------------------------------------------------------------- fork


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_process_that_is_forked_off_in_the_midst_of_a_change_is_sound() -> None:
    """A thread that is not in it holds the locks: the child decides, changes, and decides anew."""
    table = KeyTable({"desk-7": TRADER})
    engine = engine_of(table, None)
    assert engine.decide(order()).allowed
    inside, go = threading.Event(), threading.Event()

    class Slow:
        def told(self, _changed: object) -> None:
            """Takes its time."""
            with ready._lock:  # noqa: SLF001
                inside.set()
                go.wait(30)

    ready: Any = engine._policy.keys.__self__  # type: ignore[attr-defined] # noqa: SLF001 # pyright: ignore[reportPrivateUsage, reportFunctionMemberAccess]
    slow = Slow()
    table.listen(slow.told)
    writer = Beside(lambda: table.put("desk-7", TRADER))
    assert inside.wait(30)
    child = os.fork()
    if child == 0:  # pragma: no cover - coverage does not see it
        go.set()
        before = engine.decide(order()).allowed
        table.revoke("desk-7")
        os._exit(0 if before and engine.decide(order()).code == "key_revoked" else 1)
    go.set()
    writer.finish()
    assert wait_for_child(child) == 0
    assert engine.decide(order()).allowed


def wait_for_child(child: int) -> int:
    """The exit code of a process, which is killed if it does not end."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -1


def test_preparing_waits_for_nobody() -> None:
    """Where the lock is taken, the key is found all the same, and is not remembered."""
    ready = PreparedKeys(KeyTable({"a": {}}), SCHEMA)
    taken, go = threading.Event(), threading.Event()

    def hold() -> None:
        with ready._lock:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - to have it taken
            taken.set()
            go.wait(30)

    holder = Beside(hold)
    assert taken.wait(30)
    assert ready["a"] == {"id": "a"}
    assert len(ready) == 0
    go.set()
    holder.finish()
    assert ready["a"] == {"id": "a"}
    assert len(ready) == 1


def test_loading_tells_all(tmp_path: Path) -> None:
    """A file that is loaded into a table takes effect at once."""
    table = KeyTable({"desk-7": TRADER})
    engine = engine_of(table)
    assert engine.decide(order()).allowed
    file = tmp_path / "keys.json"
    file.write_text('{"keys": [{"id": "desk-7", "revoked": true}]}', encoding="utf-8")
    table.load(file)
    assert engine.decide(order()).code == "key_revoked"
