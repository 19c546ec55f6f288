"""One action in the decision cache: is it worth caching, and by which function is it answered?

An action is *tried* at first: its requests are answered from the cache, every other one is decided beside, and both are
timed. Then it is judged: *cached* if that pays; *left alone* for good if looking up costs as much as deciding, or if
there is little to gain; else, where its requests just do not come again, left alone for a while and then tried again.
A cached action is tried again after every so many misses.

Times are measured by single calls, in turns, on a machine that does other things too, so medians are compared.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter_ns
from typing import Any, Final, Protocol

from durwan.backends.bytecode import Decide, Evaluator
from durwan.model.decision import NEVER, Decision
from durwan.runtime.decision_store import CacheKey, CacheLimits, DecisionStore

# So many times `CacheLimits.trial` requests are tried. The first half only fill the cache.
_TRIED: Final = 16
# Misses after which a cached action is tried again, and decisions after which one that was left alone is.
_TRY_AGAIN: Final = 8_192
_REST: Final = 65_536
_LONGEST_REST: Final = _REST << 6
# Nanoseconds: an action that is decided in less is left alone for good where its requests do not come again.
_CHEAP: Final = 2_000
# A cache that saves less than this part of a decision is not worth its memory.
_LEAST_SAVING: Final = 0.1
# Strict cache keys that may fail before they are made carefully; careful ones before the action is tried again.
_STRICT_FAILURES: Final = 8
_CAREFUL_FAILURES: Final = 1_024


class Owner(Protocol):
    """What a cached action tells the cache that it belongs to."""

    def answer_by(self, action: str, function: Decide | None) -> None:
        """The function that answers the action from now on; None for the evaluator's own."""
        ...

    def agree(self, key: CacheKey, kept: Decision, fresh: Decision) -> bool:
        """Whether an entry that still holds says what was decided afresh."""
        ...


class _Trial:
    """Nanoseconds of each decision, each answer that was found and each that was not; and how many were found."""

    def __init__(self) -> None:
        self.decided: list[int] = []
        self.found: list[int] = []
        self.missed: list[int] = []
        self.hits = 0


class CachedAction:
    """One action of a decision cache.

    Args:
        owner: the cache.
        evaluator: what decides.
        store: where entries are kept.
        action: the action's name.
        limits: of the cache.
        by_id: whether requests that name a key by its id may be cached.
    """

    def __init__(  # noqa: PLR0913 - one cache makes them all
        self, owner: Owner, evaluator: Evaluator, store: DecisionStore, action: str, limits: CacheLimits, *, by_id: bool
    ) -> None:
        self.fills = 0
        self.is_cached = False
        self._owner = owner
        self._evaluator = evaluator
        self._store = store
        self._action = action
        self._limits = limits
        self._by_id = by_id
        self._strict = True
        self._failures = 0
        self._rest = _REST
        self._function: Any = None  # written by _write
        self._try_at = _TRY_AGAIN

    def start(self) -> None:
        """Answers the action from now on."""
        if not self._write():
            return
        if self._limits.trial:
            self._try()
        else:
            self._answer_cached()

    def failed(self) -> None:
        """A function of this action gave up on a request."""
        if not self.is_cached:
            return
        self._failures += 1
        if self._strict and self._failures >= _STRICT_FAILURES:
            # What the rules read is often absent: from now on the cache key says so, instead of failing.
            self._strict, self._failures = False, 0
            if self._write():
                self._answer_cached()
        elif self._failures >= _CAREFUL_FAILURES and self._limits.trial:
            # Whoever sends what cannot be cached takes the cache from nobody to whom it is of use.
            self._failures = 0
            self._try()

    def leave_alone(self) -> None:
        """Answers the action as the evaluator does, for good."""
        self.is_cached = False
        self._owner.answer_by(self._action, None)

    def _answer(self, function: Decide, *, is_cached: bool) -> None:
        self.is_cached = is_cached
        self._owner.answer_by(self._action, function)

    def _answer_cached(self) -> None:
        self._answer(self._function, is_cached=True)

    def _write(self) -> bool:
        try:
            function: Any = self._evaluator.cached(self._action, self._fill, strict=self._strict, by_id=self._by_id)
        except Exception:  # noqa: BLE001 - a defect of the generator must not stop decisions that need no cache
            self.leave_alone()
            return False
        function.__globals__["entries"] = self._store.of_action(self._action)
        self._function = function
        return True

    # ------------------------------------------------------------------------------------------------- filling

    def _fill(self, key: CacheKey, request: Any, now: int) -> Decision:
        """The decision for a request that has no entry, or one that no longer holds."""
        evaluator, store = self._evaluator, self._store
        begun, left = store.begin(), evaluator.left_to_reference
        decision = evaluator.decide_at(self._action, request, now)
        self.fills += 1
        if decision.unknowns or evaluator.left_to_reference != left:
            return decision
        since, kept = now, store.of_action(self._action)[key]
        if kept[2] is not None and kept[0] <= now < _until(kept[2]) and store.is_unchanged(begun):
            if not self._owner.agree(key, kept[2], decision):
                return decision
            since = kept[0]
        until = min(_until(decision), now + self._limits.recheck)
        store.store(self._action, key, (since, until, decision), begun)
        if self.fills >= self._try_at and self._limits.trial and self.is_cached:
            self._try_at = self.fills + _TRY_AGAIN
            self._try()
        return decision

    # ------------------------------------------------------------------------------------------------- judging

    def _try(self) -> None:
        """Learns what deciding costs, what an answer from the cache and a miss cost, and how often there is which.

        Every request is answered from the cache, so that it fills as it will; every other one is decided beside.
        """
        function, decide_at = self._function, self._evaluator.decide_at
        trial = _Trial()
        left = self._limits.trial * _TRIED
        counted = left // 2

        def tried(request: Any, now: int) -> Decision:
            nonlocal left
            left -= 1
            if left <= 0:
                # Before the last one, not after it: it may have no key, and then raises.
                self._judge(trial, trial.hits / counted)
            if left & 1:
                start = perf_counter_ns()
                decide_at(self._action, request, now)
                trial.decided.append(perf_counter_ns() - start)
            fills, start = self.fills, perf_counter_ns()
            decision: Decision = function(request, now)
            cost = perf_counter_ns() - start
            is_hit = self.fills == fills
            trial.hits += is_hit and left < counted
            if not left & 1:
                (trial.found if is_hit else trial.missed).append(cost)
            return decision

        self._answer(tried, is_cached=True)

    def _judge(self, trial: _Trial, rate: float) -> None:
        decided, found, missed = (_later(costs) for costs in (trial.decided, trial.found, trial.missed))
        most = decided * (1 - _LEAST_SAVING)
        if found > most:
            self.leave_alone()
        elif rate * found + (1 - rate) * max(missed, decided) <= most:
            self._rest = _REST
            self._answer_cached()
        elif decided < _CHEAP:
            # Counting how long it was left alone costs something, too.
            self.leave_alone()
        else:
            self._pause()

    def _pause(self) -> None:
        """Leaves the action alone for a while, each time for longer."""
        left = self._rest
        self._rest = min(2 * self._rest, _LONGEST_REST)

        def paused(request: Any, now: int) -> Decision:
            nonlocal left
            left -= 1
            if left <= 0:
                self._try()
            return self._evaluator.decide_at(self._action, request, now)

        self._answer(paused, is_cached=False)


def _later(costs: list[int]) -> float:
    """The usual cost in the second half: CPython needs some calls until it runs a new function at its speed."""
    return median(costs[len(costs) // 2 :] or [0])


def _until(decision: Decision) -> int:
    return NEVER if decision.valid_until is None else decision.valid_until
