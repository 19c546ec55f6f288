"""The decision cache in an engine: what it keeps, what it never keeps, and what ends it."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from durwan import Decision, Engine, StaticKeys
from durwan.credentials.key_table import KeyTable
from durwan.credentials.keys import Listener, Listeners
from durwan.model.types import TIME_MAX
from durwan.runtime.decision_store import CacheLimits
from tests.generators.requests import Imposter, Raising
from tests.unit.runtime.caches import ALWAYS, NOW, POLICY, answered, cache_of, engine_of, info_of, is_hit, poison, trade

HOLDER = {"scopes": ["orders.write"], "revoked": False}


def warm(engine: Engine, request: Mapping[str, Any]) -> Decision:
    """Decides until the request is answered from the cache."""
    for _ in range(2):
        engine.decide(request)
    decision, from_cache = answered(engine, request)
    assert from_cache
    return decision


# ------------------------------------------------------------------------------------------------------ what is kept


@pytest.mark.parametrize("key", [HOLDER, "desk-7"], ids=["attributes", "id"])
def test_a_request_that_comes_again_is_answered_from_the_cache(key: object) -> None:
    """By a key's attributes and by its id."""
    engine = engine_of(keys=StaticKeys({"desk-7": HOLDER}))
    decision = warm(engine, trade(key=key))
    assert decision.allowed
    assert decision == engine_of(None, keys=StaticKeys({"desk-7": HOLDER})).decide(trade(key=key))
    assert info_of(engine).entries == 1


def test_no_cache_means_none() -> None:
    """An engine without a cache says so."""
    assert engine_of(None).cache_info() is None


def test_without_notice_of_changes_nothing_is_kept_by_id() -> None:
    """A key source that tells of no change is asked each time; requests that bring the attributes are cached."""

    class Silent:
        def __init__(self) -> None:
            self.revoked = False

        def get(self, key_id: str, /) -> Mapping[str, object] | None:
            return {**HOLDER, "revoked": self.revoked}

    keys = Silent()
    engine = engine_of(keys=keys)
    for _ in range(20):
        assert engine.decide(trade(key="desk-7")).allowed
    assert info_of(engine).entries == 0
    keys.revoked = True
    assert engine.decide(trade(key="desk-7")).code == "key_revoked"
    warm(engine, trade())


# --------------------------------------------------------------------------------------- R21, what is never kept


class Fields(Mapping[str, Any]):
    """A context that is a mapping and no dict, and answers otherwise each time."""

    def __init__(self, *values: object) -> None:
        self._values = list(values)

    def __getitem__(self, name: str) -> Any:
        return self._values.pop(0) if self._values else 95

    def __iter__(self) -> Any:
        return iter(("score",))

    def __len__(self) -> int:
        return 1


class Context(dict[str, Any]):
    """A dict of a class of its own."""


class KeyId(str):
    """A text of a class of its own."""

    __slots__ = ()


ALIEN: dict[str, dict[str, Any]] = {
    "a context that is no dict": {"risk": MappingProxyType({"score": 1})},
    "a context of another class": {"risk": Context(score=1)},
    "a context that changes": {"risk": Fields(1, 1, 1)},
    "a key that is no dict": {"key": MappingProxyType(HOLDER)},
    "a key of another class": {"key": Context(HOLDER)},
    "an id of another class": {"key": KeyId("desk-7")},
    "an id that equals all": {"key": Imposter("desk-7")},
    "no key": {"key": None},
    "a key that is a number": {"key": 7},
    "a key that raises": {"key": Raising()},
    "a context that raises": {"risk": Raising()},
}


@pytest.mark.parametrize("alien", ALIEN)
def test_what_is_no_plain_data_is_never_cached(alien: str) -> None:
    """It is decided each time, as without a cache, and takes no answer from the cache either."""
    keys = StaticKeys({"desk-7": HOLDER})
    engine, plain = engine_of(keys=keys), engine_of(None, keys=keys)
    warm(engine, trade())
    warm(engine, trade(key="desk-7"))
    entries = info_of(engine).entries
    for _ in range(30):
        request = trade(**ALIEN[alien])
        if alien != "a context that changes":
            assert engine.decide(request) == plain.decide(request)
        else:
            engine.decide(request)
    assert info_of(engine).entries == entries
    assert engine.decide(trade(risk=Fields())).code == "risk_block"


def test_a_request_that_is_no_dict_is_never_cached() -> None:
    """A mapping of a framework is decided carefully, each time."""
    engine = engine_of()
    warm(engine, trade())
    for _ in range(5):
        assert engine.decide(MappingProxyType(trade())).allowed
        assert engine.decide(Context(trade(risk={"score": 95}))).code == "risk_block"
    assert info_of(engine).entries == 1


@pytest.mark.parametrize(
    "doubtful",
    [{"risk": {}}, {"risk": {"score": "high"}}, {"risk": {"score": 101}}, {"key": {"scopes": ["orders.write"]}}],
)
def test_doubt_is_not_kept(doubtful: dict[str, Any]) -> None:
    """A decision that hangs on something unknown is made each time."""
    engine = engine_of()
    warm(engine, trade())
    for _ in range(30):
        assert engine.decide(trade(**doubtful)).unknowns
    assert info_of(engine).entries == 1


@pytest.mark.parametrize(
    "request_",
    [trade(action="nonsense"), trade(action=None), trade(now="soon"), trade(now=TIME_MAX + 1), trade(now=True)],
)
def test_errors_are_not_kept(request_: dict[str, Any]) -> None:
    """An unknown action and an instant that is none are refused each time."""
    engine = engine_of()
    warm(engine, trade())
    for _ in range(30):
        assert engine.decide(request_).code in {"unknown_action", "invalid_now"}
    assert info_of(engine).entries == 1
    assert warm(engine, trade()).allowed


def test_what_the_reference_evaluator_decided_is_not_kept() -> None:
    """Where the generated code could not decide, its entry would hide a defect."""

    class Faulty:
        """Keys that cannot be read, but tell of changes."""

        def get(self, key_id: str, /) -> Mapping[str, object] | None:
            raise OSError("the store of keys is gone")

        def listen(self, listener: Listener, /) -> None:
            """Nothing ever changes."""

    text = "actions { a }\nallow a on a when key.revoked or risk.score >= 1\ncontext risk { score : int }\n"
    engine = engine_of(keys=Faulty(), text=text)
    warm(engine, trade(action="a"))
    for _ in range(30):
        decision = engine.decide(trade(action="a", key="desk-7"))
        assert (decision.allowed, decision.unknowns) == (True, ())
    assert info_of(engine).entries == 1


# ----------------------------------------------------------------------------- R19, what changes while it is decided


class Meddled:
    """A key source in which something happens while a key is looked up: after it was read, before it is answered."""

    def __init__(self, **keys: Mapping[str, object]) -> None:
        self._keys = dict(keys)
        self._listeners = Listeners()
        self.meanwhile: Callable[[], None] | None = None
        self.between: Callable[[], None] | None = None

    def get(self, key_id: str, /) -> Mapping[str, object] | None:
        found = self._keys.get(key_id)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return found

    def listen(self, listener: Listener, /) -> None:
        self._listeners.add(listener)

    def put(self, key_id: str, record: Mapping[str, object], *, tells: str | None = "") -> None:
        """Changes a key and tells of it, or of another one, or with None that any may have changed."""
        self._keys[key_id] = record
        if self.between is not None:
            between, self.between = self.between, None
            between()
        self._listeners.tell(None if tells is None else [tells or key_id])


REVOKED = HOLDER | {"revoked": True}
BY_ID = trade(key="desk7")


@pytest.mark.parametrize("tells", ["", None], ids=["the key", "all keys"])
@pytest.mark.parametrize("asked_meanwhile", [False, True], ids=["", "asked meanwhile"])
def test_a_key_that_is_revoked_while_a_request_is_decided(tells: str | None, *, asked_meanwhile: bool) -> None:
    """Read the old key, revoke it, store: nobody is answered by the old key; and the cache takes it for no defect."""
    keys = Meddled(desk7=HOLDER)
    engine = engine_of(keys=keys)
    warm(engine, trade())
    seen: list[str] = []

    def meanwhile() -> None:
        keys.put("desk7", REVOKED, tells=tells)
        if asked_meanwhile:
            seen.extend(engine.decide(BY_ID).code for _ in range(2))

    keys.meanwhile = meanwhile
    assert engine.decide(BY_ID).allowed, "it began before the key was revoked"
    assert is_hit(engine, BY_ID) is asked_meanwhile, "what was decided by the new key stays"
    assert [engine.decide(BY_ID).code for _ in range(3)] == ["key_revoked"] * 3
    assert seen == ["key_revoked"] * 2 * asked_meanwhile
    assert info_of(engine).differences == 0
    assert warm(engine, BY_ID).code == "key_revoked"


def test_a_key_that_is_found_changed_before_it_is_told_is_no_defect() -> None:
    """Between the change and its being told, an entry may be compared with a decision by the new key."""
    keys = Meddled(desk7=HOLDER)
    engine = engine_of(CacheLimits(trial=0, recheck=10), keys=keys)
    warm(engine, BY_ID)
    # The key is not remembered: another thread's change stood in the way.
    lookup: Any = engine._policy.keys  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - there is no other way to it
    lookup.__self__.clear()
    seen: list[str] = []
    keys.between = lambda: seen.append(engine.decide(BY_ID | {"now": NOW + 10}).code)
    keys.put("desk7", REVOKED)
    assert seen == ["key_revoked"]
    assert info_of(engine).differences == 0
    assert warm(engine, BY_ID).code == "key_revoked"


def test_a_policy_that_is_replaced_while_a_request_is_decided() -> None:
    """Evaluate by the old policy, reload, store: what was stored is found by nobody."""
    keys = Meddled(desk7=HOLDER)
    sources = {"a.policy": POLICY}
    engine = Engine(
        lambda: engine_of(None, text=sources["a.policy"]).compiled, keys=keys, clock=lambda: NOW, cache=ALWAYS
    )
    warm(engine, trade())

    def meanwhile() -> None:
        sources["a.policy"] = POLICY.replace("risk.score >= 90", "risk.score >= 1")
        engine.reload()
        assert engine.decide(BY_ID).code == "risk_block"

    keys.meanwhile = meanwhile
    assert engine.decide(BY_ID).allowed, "it began before the reload"
    assert [engine.decide(BY_ID).code for _ in range(3)] == ["risk_block"] * 3
    assert engine.decide(trade()).code == "risk_block"


@pytest.mark.parametrize("rounds", [150])
def test_two_threads_fill_while_one_revokes(rounds: int) -> None:
    """Whoever asks after `revoke` has returned is refused, whatever other threads were about."""
    keys = KeyTable({"desk-7": HOLDER, "desk-8": HOLDER})
    engine, stop = engine_of(CacheLimits(trial=0, recheck=1), keys=keys), threading.Event()
    request = trade(key="desk-7")

    def fills() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            engine.decide(request | {"risk": {"score": number % 90}})
            engine.decide(request | {"now": NOW + number})

    threads = [threading.Thread(target=fills) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    allowed: list[int] = []
    try:
        for thread in threads:
            thread.start()
        for number in range(rounds):
            keys.put("desk-7", HOLDER)
            assert engine.decide(request).allowed
            if number % 2:
                keys.revoke("desk-7")
            else:
                keys.replace({"desk-7": REVOKED})
            allowed += [number for _ in range(3) if engine.decide(request).allowed]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert allowed == []
    assert info_of(engine).differences == 0


def test_threads_that_ask_first_at_once_share_one_cache() -> None:
    """Whichever thread's cache an action is answered from, what is forgotten is forgotten in it."""
    for _ in range(30):
        keys = KeyTable({"desk-7": HOLDER})
        engine, barrier = engine_of(keys=keys), threading.Barrier(3)

        def asks(engine: Engine = engine, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            for _ in range(5):
                engine.decide(trade(key="desk-7"))

        threads = [threading.Thread(target=asks) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        keys.replace({"desk-7": REVOKED})
        assert engine.decide(trade(key="desk-7")).code == "key_revoked"


# ----------------------------------------------------------------------------------------------- the cache itself


def test_a_wrong_entry_ends_the_cache() -> None:
    """An entry that says otherwise than a fresh decision is found at its recheck; from then on nothing is cached."""
    engine = engine_of(CacheLimits(trial=0, recheck=10_000))
    refused = warm(engine, trade(risk={"score": 95}))
    assert poison(engine, "trade", warm(engine, trade())) == 2
    assert engine.decide(trade(risk={"score": 95}, now=NOW + 9_999)).allowed, "nobody has looked yet"
    assert engine.decide(trade(risk={"score": 95}, now=NOW + 10_000)).outcome == refused.outcome
    info = info_of(engine)
    assert (info.differences, info.rechecks, info.entries, info.cached) == (1, 1, 0, ())
    for _ in range(100):
        assert engine.decide(trade(risk={"score": 95})).outcome == refused.outcome
        assert engine.decide(trade(action="quick", risk={"score": 1})).allowed
    assert (info_of(engine).entries, info_of(engine).fills) == (0, info.fills)


def test_a_wrong_entry_of_a_key_that_did_not_change_ends_the_cache() -> None:
    """The first drops the entries of that key alone, which may just be changing; the second is a defect."""
    engine = engine_of(CacheLimits(trial=0, recheck=10_000), keys=StaticKeys({"desk-7": HOLDER}))
    request, later = (trade(key="desk-7", risk={"score": 95}, now=NOW + wait) for wait in (0, 10_000))
    allowed = warm(engine, trade())
    for differences in (0, 1):
        warm(engine, request)
        poison(engine, "trade", allowed)
        assert engine.decide(later).code == "risk_block"
        assert info_of(engine).differences == differences
        time.sleep(1.01)
    assert info_of(engine).cached == ()


def test_an_entry_is_compared_after_a_while() -> None:
    """No entry is trusted for longer than `recheck`, and one that agrees is kept on."""
    engine = engine_of(CacheLimits(trial=0, recheck=10_000))
    warm(engine, trade())
    for count in (1, 2, 3):
        assert not is_hit(engine, trade(now=NOW + count * 10_000))
        assert info_of(engine).rechecks == count
        assert is_hit(engine, trade(now=NOW + count * 10_000 + 9_999))
    assert is_hit(engine, trade()), "it was so all the time"


def test_a_reload_leaves_nothing_of_the_old_cache() -> None:
    """A new policy has a cache of its own, and the old one is given up."""
    engine = engine_of()
    warm(engine, trade())
    before = id(cache_of(engine))
    engine.reload()
    gc.collect()
    assert info_of(engine).entries == 0
    assert before != id(cache_of(engine))
    warm(engine, trade())
