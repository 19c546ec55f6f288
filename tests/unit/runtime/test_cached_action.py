"""Whether an action is worth caching, and what becomes of requests of which no cache key can be made."""

from __future__ import annotations

from typing import Any

import pytest

from durwan import Engine
from durwan.backends.bytecode import Decide, Evaluator
from durwan.compilation import compile_sources
from durwan.model.decision import Decision
from durwan.runtime.cached_action import CachedAction
from durwan.runtime.decision_cache import DecisionCache
from durwan.runtime.decision_store import CacheKey, CacheLimits, DecisionStore
from tests.unit.runtime.caches import ALWAYS, NOW, POLICY, engine_of, info_of, is_hit, trade

TRIED = CacheLimits(trial=64)
# So many decisions, and the judgement is made: 64 times 16, and one that wrote the functions.
TRIAL = 64 * 16 + 1
PAUSE = 65_536


def slow(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A request whose decision takes long."""
    return {"action": "slow", "request": {"symbol": f"BTC-{number}"}, "session": {"id": "s"}, "now": NOW} | changes


def ask(engine: Engine, request: dict[str, Any], times: int) -> None:
    """The same request, again and again."""
    for _ in range(times):
        engine.decide(request)


# ----------------------------------------------------------------------------------------------------------- judging


def test_an_action_that_takes_long_and_comes_again_is_cached() -> None:
    """After the trial its requests are answered from the cache."""
    engine = engine_of(TRIED)
    ask(engine, slow(), TRIAL)
    assert info_of(engine).cached == ("slow",)
    fills = info_of(engine).fills
    ask(engine, slow(), 1_000)
    assert info_of(engine).fills == fills


def test_an_action_that_is_cheaper_to_decide_is_left_alone() -> None:
    """One comparison takes no longer than a lookup: it is decided, for good."""
    engine = engine_of(TRIED)
    quick = {"action": "quick", "risk": {"score": 1}, "now": NOW}
    ask(engine, quick, TRIAL)
    assert info_of(engine).cached == ()
    fills = info_of(engine).fills
    ask(engine, quick, PAUSE + 2_000)
    assert (info_of(engine).cached, info_of(engine).fills) == ((), fills)


def test_an_action_whose_requests_never_come_again_pauses() -> None:
    """What is never found is not looked for; after a while it is tried again, and cached once requests come again."""
    engine = engine_of(TRIED)
    for number in range(TRIAL):
        engine.decide(slow(number))
    assert info_of(engine).cached == ()
    fills = info_of(engine).fills
    ask(engine, slow(), PAUSE - 100)
    assert info_of(engine).fills == fills, "while it pauses, nothing is looked up"
    ask(engine, slow(), 100 + TRIAL)
    assert info_of(engine).cached == ("slow",)


def test_a_cached_action_whose_requests_stop_coming_again_is_given_up() -> None:
    """Every so many misses it is tried again."""
    engine = engine_of(TRIED)
    ask(engine, slow(), TRIAL)
    assert info_of(engine).cached == ("slow",)
    for number in range(8_192 + 2 * TRIAL):
        engine.decide(slow(number))
    assert info_of(engine).cached == ()


# ------------------------------------------------------------------------------------------------- keys that fail


def test_a_strict_key_that_often_fails_is_made_carefully() -> None:
    """Where what the rules read is often absent the cache key says so; what was kept before is still found."""
    text = POLICY + 'deny tagged on hours when request.tag is known and request.tag == "x" and now in day\n'
    text = text.replace("actions {", "context request { tag : string }\nactions {")
    engine = engine_of(ALWAYS, text=text)
    whole, lacking = ({"action": "hours", "request": fields, "now": NOW} for fields in ({"tag": "a"}, {}))
    ask(engine, whole, 2)
    assert is_hit(engine, whole)
    ask(engine, lacking, 20)
    assert is_hit(engine, lacking)
    assert is_hit(engine, whole)
    assert info_of(engine).entries == 2


def test_requests_without_a_key_do_not_end_the_cache_for_others() -> None:
    """Whoever sends requests that cannot be cached, however many, takes the cache from nobody."""
    engine = engine_of(TRIED)
    ask(engine, slow(), TRIAL)
    for _ in range(30):
        for _ in range(100):
            engine.decide(slow(session=None))
        ask(engine, slow(), 2 * TRIAL)
        assert info_of(engine).cached == ("slow",)
    assert is_hit(engine, slow())


def test_an_action_whose_requests_never_have_a_key_pauses() -> None:
    """What can never be cached is not tried at every request."""
    engine = engine_of(TRIED)
    ask(engine, slow(session=None), 4 * TRIAL)
    assert info_of(engine).cached == ()
    assert info_of(engine).entries == 0


def test_a_clock_that_goes_back_finds_only_what_held_then() -> None:
    """An entry answers for no instant before the one at which it was decided."""
    engine = engine_of(ALWAYS)
    hours = {"action": "hours", "now": NOW}
    ask(engine, hours, 2)
    assert is_hit(engine, hours)
    assert not is_hit(engine, hours | {"now": NOW - 1})
    assert is_hit(engine, hours | {"now": NOW})
    assert engine.decide(hours | {"now": NOW - 3_600_001}).code == "no_rule_allows"


# ---------------------------------------------------------------------------------------------- alone with its owner


class Owner:
    """What a cached action tells its cache."""

    def __init__(self) -> None:
        self.answers: list[Decide | None] = []
        self.compared: list[tuple[CacheKey, Decision, Decision]] = []

    def answer_by(self, action: str, function: Decide | None) -> None:
        self.answers.append(function)

    def agree(self, key: CacheKey, kept: Decision, fresh: Decision) -> bool:
        self.compared.append((key, kept, fresh))
        return kept == fresh


def evaluator() -> Evaluator:
    return Evaluator(compile_sources({"a.policy": POLICY}).program, clock=lambda: NOW)


def test_nothing_is_answered_before_it_starts() -> None:
    """Of two that are made for one action by two threads, only the one that starts is ever used."""
    owner = Owner()
    cached = CachedAction(owner, evaluator(), DecisionStore(ALWAYS), "trade", ALWAYS, by_id=True)
    assert owner.answers == []
    cached.start()
    assert len(owner.answers) == 1
    assert cached.is_cached


class Unwritable(Evaluator):
    """An evaluator that cannot write what answers from a cache."""

    def cached(self, *_given: Any, **_named: Any) -> Decide:
        raise RuntimeError("a defect of the generator")


def test_an_action_whose_function_cannot_be_written_is_decided() -> None:
    """A defect costs the cache and not the decision."""
    compiled = compile_sources({"a.policy": POLICY})
    unwritable = Unwritable(compiled.program, clock=lambda: NOW)
    cache = DecisionCache(unwritable, ALWAYS, by_id=True)
    for _ in range(3):
        assert cache.decide_carefully(trade()).allowed
    assert cache.info().cached == ()
    assert cache.functions["trade"] is unwritable.functions["trade"]


@pytest.mark.parametrize("wait", [0, 9_999, 10_000, 10**9])
def test_what_still_holds_is_compared_before_it_is_replaced(wait: int) -> None:
    """A decision that was made although there was an entry that holds is compared with it, and reaches as far back."""
    owner, store = Owner(), DecisionStore(ALWAYS)
    CachedAction(owner, evaluator(), store, "trade", CacheLimits(trial=0), by_id=True).start()
    function: Any = owner.answers[0]
    for now in (NOW, NOW + wait):
        function(trade(now=now), now)
    (entry,) = store.of_action("trade").values()
    assert len(owner.compared) == (wait >= 10_000)
    assert entry[0] == NOW
    assert entry[1] == (NOW + wait if wait >= 10_000 else NOW) + 10_000
