"""Engines with a decision cache, and what can be seen of it from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from durwan import Engine
from durwan.credentials.keys import KeySource
from durwan.model.decision import Decision
from durwan.model.types import TIME_MAX
from durwan.runtime.decision_cache import CacheInfo, DecisionCache
from durwan.runtime.decision_store import CacheLimits

NOW = 1_772_442_000_000  # 2026-03-02T09:00:00Z
ALWAYS = CacheLimits(trial=0, recheck=TIME_MAX)

# `slow` takes long to decide, and `quick` hardly any time.
_RULES = """
actions { trade slow quick login hours }
scopes { orders.write }
context risk { score : int 0..100 }
window day = mon..sun 08:00..18:00 "UTC"
deny revoked on trade when key.revoked respond 401 key_revoked
deny risky on trade when risk.score >= 90 respond 403 risk_block
allow trade on trade when key.scopes has orders.write
allow quick on quick when risk.score < 50
allow hours on hours when now in day
challenge aged on login when now - session.mfa_at > 5m require mfa within 5m
allow login on login when key.scopes has orders.write
allow slow on slow when request.symbol is known and session.id is known
"""
_SLOW = "".join(f'deny slow_{number} on slow when request.symbol like "*{number}*x*"\n' for number in range(60))
POLICY = _RULES + _SLOW


def engine_of(limits: CacheLimits | None = ALWAYS, *, keys: KeySource | None = None, text: str = POLICY) -> Engine:
    """An engine whose clock stands still."""
    return Engine.from_sources({"a.policy": text}, keys=keys, clock=lambda: NOW, cache=limits)


def trade(**changes: Any) -> dict[str, Any]:
    """A request that is allowed, with changes."""
    return {
        "action": "trade", "key": {"scopes": ["orders.write"], "revoked": False}, "risk": {"score": 1}, "now": NOW,
    } | changes  # fmt: skip


def cache_of(engine: Engine) -> DecisionCache:
    """The cache inside."""
    cache = engine._policy.cache  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - it is about what happens inside
    assert cache is not None
    return cache


def info_of(engine: Engine) -> CacheInfo:
    """How the cache fares."""
    info = engine.cache_info()
    assert info is not None
    return info


def is_hit(engine: Engine, request: Mapping[str, Any]) -> bool:
    """Decides, and whether the answer came from the cache."""
    return answered(engine, request)[1]


def answered(engine: Engine, request: Mapping[str, Any]) -> tuple[Decision, bool]:
    """The decision, and whether the cache had it: without a fill, by a function of the cache that did not give up."""
    before = info_of(engine)
    decision = engine.decide(request)
    after = info_of(engine)
    entries = cache_of(engine)._store.of_action(request["action"])  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - see above
    held = any(entry[2] is not None and entry[2].outcome == decision.outcome for entry in entries.values())
    return decision, request["action"] in before.cached and before.fills == after.fills and held


def poison(engine: Engine, action: str, wrong: Decision) -> int:
    """Puts a wrong decision into every entry of an action; how many there are."""
    entries = cache_of(engine)._store.of_action(action)  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - see above
    for key, (since, until, _) in list(entries.items()):
        entries[key] = (since, until, wrong)
    return len(entries)
