"""The decision cache: what was decided a moment ago is not decided again, and never otherwise than it would be now.

Why two requests that are decided otherwise never share an entry stands in `durwan.backends.bytecode.cache_key`, how
entries come and go in `durwan.runtime.decision_store`, and which actions are worth caching in
`durwan.runtime.cached_action`. In short:

* An entry holds from the instant at which it was decided until the decision's `valid_until` (R17), and is decided
  again after a while in any case. Where the two differ the cache is wrong: it is dropped and stays off.
* Decisions for doubt, and decisions that the generated code could not make, are not kept (R21).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeGuard

from durwan.backends.bytecode import Decide, Evaluator
from durwan.model.decision import Decision
from durwan.model.request import PLAIN
from durwan.runtime.cached_action import CachedAction
from durwan.runtime.decision_store import CacheKey, CacheLimits, DecisionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheInfo:
    """How a decision cache fares.

    Attributes:
        entries: decisions that are in it.
        bytes: what they take, as estimated.
        fills: decisions that were made because they were not in it.
        generations: how often it began anew.
        rechecks: entries that were compared with a decision made afresh.
        differences: how many of these differed: more than 0 is a defect of durwan, and the cache is off since.
        cached: the actions that are answered from it now.
    """

    entries: int
    bytes: int
    fills: int
    generations: int
    rechecks: int
    differences: int
    cached: tuple[str, ...]


class DecisionCache:
    """The decisions of one evaluator, by what its rules read.

    Args:
        evaluator: what decides; a cache follows the functions that it writes.
        limits: how much is kept.
        by_id: whether `forget` is told whenever what a key's id stands for has changed. Without it, requests that
            name a key by its id are not cached.
    """

    def __init__(self, evaluator: Evaluator, limits: CacheLimits, *, by_id: bool) -> None:
        # What decides each action now: from the cache, or as the evaluator does.
        self.functions: dict[str, Decide] = {}
        self._evaluator = evaluator
        self._limits = limits
        self._by_id = by_id
        self._actions: dict[str, CachedAction] = {}
        self._alone: set[str] = set()
        self._store = DecisionStore(limits)
        self._rechecks = self._differences = 0
        evaluator.published = self._follow

    def decide_carefully(self, request: Any) -> Decision:
        """The decision for a request that no function of `functions` could decide."""
        action = request.get("action") if type(request) is PLAIN else None
        if self._is_cacheable(action):
            known = self._actions.get(action)
            if known is not None:
                known.failed()
            else:
                self.prepare([action])
        return self._evaluator.decide_carefully(request)

    def _is_cacheable(self, action: object) -> TypeGuard[str]:
        """Whether it is an action that is cached, or may come to be."""
        known = type(action) is str and action in self._evaluator.actions
        return known and action not in self._alone and not self._differences

    def prepare(self, actions: Iterable[str]) -> None:
        """Writes what looks up the decisions of these declared actions."""
        for action in tuple(actions):
            begun = CachedAction(self, self._evaluator, self._store, action, self._limits, by_id=self._by_id)
            # Of two threads that come to this at once, one begins.
            if self._actions.setdefault(action, begun) is begun:
                begun.start()

    def forget(self, ids: Collection[str] | None) -> None:
        """What these ids of keys stand for has changed, or what all of them do (None): nothing decided before stays.

        When this returns, no decision is answered by what was decided before.
        """
        self._store.forget(ids)

    def info(self) -> CacheInfo:
        """How the cache fares."""
        actions = list(self._actions.items())
        return CacheInfo(
            entries=self._store.count,
            bytes=self._store.bytes,
            fills=sum(cached.fills for _, cached in actions),
            generations=self._store.generations,
            rechecks=self._rechecks,
            differences=self._differences,
            cached=tuple(sorted(action for action, cached in actions if cached.is_cached)),
        )

    # ------------------------------------------------------------------------- what its parts and the evaluator tell

    def answer_by(self, action: str, function: Decide | None) -> None:
        """The function that answers an action from now on; None for the evaluator's own, whichever that is."""
        if function is not None:
            if action not in self._alone:
                self.functions[action] = function
            return
        self._alone.add(action)
        own = self._evaluator.functions.get(action)
        if own is None:
            self.functions.pop(action, None)
        else:
            self.functions[action] = own

    def agree(self, key: CacheKey, kept: Decision, fresh: Decision) -> bool:
        """Compares an entry that still holds with what is decided afresh; a difference ends the use of the cache."""
        self._rechecks += 1
        if kept.outcome is fresh.outcome or kept.outcome == fresh.outcome:
            return True
        if self._store.suspect(key):
            self._differences += 1
            self._store.close()
            for cached in list(self._actions.values()):
                cached.leave_alone()
        return False

    def _follow(self, action: str, function: Decide) -> None:
        if action in self._alone:
            self.functions[action] = function
