"""The engine that gateways embed: request in, decision out."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from types import TracebackType
from typing import Any, Final, Self

from durwan.backends.bytecode import Decide, Evaluator
from durwan.credentials.keys import KeySource
from durwan.model.decision import Decision
from durwan.model.request import PLAIN, KeyLookup
from durwan.program.explanation import Explanation, explain
from durwan.runtime.decision_cache import CacheInfo, DecisionCache
from durwan.runtime.decision_store import CacheLimits
from durwan.runtime.key_lookup import prepared_keys
from durwan.runtime.policy import Compiled

# Decisions are remembered unless the embedder says otherwise.
_CACHE: Final = CacheLimits()


def wall_clock() -> int:
    """The current instant, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class _Policy:
    """All that one revision decides by. An engine swaps it whole, by one assignment."""

    compiled: Compiled
    evaluator: Evaluator
    # What decides each action, from the cache where there is one; and what decides when that gives up.
    functions: Mapping[str, Decide]
    decide_carefully: Callable[[Mapping[str, Any]], Decision]
    keys: KeyLookup
    cache: DecisionCache | None


class Engine:
    """Decides requests by a policy set.

    Safe from any thread without a lock: a decision reads the current policy once. Safe after fork: an engine holds no
    file, socket or thread. Use `load` or `from_sources` to make one.
    """

    __slots__ = ("_cache", "_clock", "_compile", "_keys", "_policy")

    def __init__(
        self,
        compile_: Callable[[], Compiled],
        *,
        keys: KeySource | None = None,
        clock: Callable[[], int] = wall_clock,
        cache: CacheLimits | None = _CACHE,
    ) -> None:
        self._cache = cache
        self._compile = compile_
        self._keys = keys
        self._clock = clock
        self._policy = self._prepare(compile_())

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        *,
        keys: KeySource | None = None,
        clock: Callable[[], int] = wall_clock,
        cache: CacheLimits | None = _CACHE,
    ) -> Self:
        """An engine for the policy set in a directory.

        Args:
            path: the directory of the set.
            keys: where keys are looked up by id; the set's own `keys/*.yaml` if not given.
            clock: the current instant in milliseconds since the epoch, for requests that bring no `now`.
            cache: how many decisions are remembered; None for none.

        Raises:
            PolicyError: the set has mistakes; its `diagnostics` list them all.
            DurwanError: the set cannot be read.
        """
        place = fspath(path)
        return cls(lambda: _front_end().compile_directory(place), keys=keys, clock=clock, cache=cache)

    @classmethod
    def from_sources(
        cls,
        sources: Mapping[str, str],
        *,
        keys: KeySource | None = None,
        clock: Callable[[], int] = wall_clock,
        cache: CacheLimits | None = _CACHE,
    ) -> Self:
        """An engine for a policy set given as texts by their paths in the set; otherwise like `load`."""
        texts = dict(sources)
        return cls(lambda: _front_end().compile_sources(texts), keys=keys, clock=clock, cache=cache)

    def decide(self, request: Mapping[str, Any]) -> Decision:
        """The decision for a request: a mapping with `action`, one mapping per context, and optionally `now`.

        Nothing that a request contains raises: what cannot be read is unknown, and unknown lets nothing through.

        Raises:
            TypeError: the request is no mapping.
        """
        policy = self._policy
        try:
            if type(request) is PLAIN:
                now = request["now"] if "now" in request else None
                if now is None:
                    now = self._clock()
                action = request["action"]
                if type(action) is str and type(now) is int:
                    return policy.functions[action](request, now)
        except Exception:  # noqa: BLE001, S110 - something is absent or odd: decided again, carefully
            pass
        if not isinstance(request, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - no gateway is checked
            raise TypeError(f"a request is a mapping with 'action' and contexts, not {type(request).__name__}")
        return policy.decide_carefully(request)

    def explain(self, request: Mapping[str, Any]) -> Explanation:
        """The decision, and the truth of each condition of every rule about its action, with the values read.

        Raises:
            TypeError: the request is no mapping.
        """
        policy = self._policy
        if not isinstance(request, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - no gateway is checked
            raise TypeError(f"a request is a mapping with 'action' and contexts, not {type(request).__name__}")
        # One instant for both, even where the clock gives it.
        moment = {**request, "now": self._clock() if request.get("now") is None else request["now"]}
        decision = policy.evaluator.decide_carefully(moment)
        return explain(policy.compiled.program, moment, decision, clock=self._clock, keys=policy.keys)

    def reload(self) -> str:
        """Compiles the policy set anew, swaps it in, and returns its revision; on a mistake the old one stays.

        Raises:
            PolicyError: the set has mistakes now.
            DurwanError: the set cannot be read now.
        """
        self._policy = self._prepare(self._compile())
        return self.revision

    @property
    def revision(self) -> str:
        """The digest of the policy that decides now."""
        return self._policy.compiled.revision

    def cache_info(self) -> CacheInfo | None:
        """How the decision cache fares; None where there is none."""
        cache = self._policy.cache
        return None if cache is None else cache.info()

    @property
    def compiled(self) -> Compiled:
        """The policy that decides now: its program and the warnings of its compilation."""
        return self._policy.compiled

    def close(self) -> None:
        """Ends the use of the engine. It holds nothing that must be given back yet; embedders may rely on the call."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, compiled: Compiled) -> _Policy:
        source = compiled.keys if self._keys is None else self._keys
        remembered = prepared_keys(source, compiled.program.schema)
        keys: KeyLookup = source.get if remembered is None else remembered.get
        evaluator = Evaluator(compiled.program, clock=self._clock, keys=keys, revision=compiled.revision)
        if self._cache is None:
            return _Policy(compiled, evaluator, evaluator.functions, evaluator.decide_carefully, keys, None)
        cache = DecisionCache(evaluator, self._cache, by_id=remembered is not None)
        if remembered is not None:
            remembered.on_change(cache.forget)
        return _Policy(compiled, evaluator, cache.functions, cache.decide_carefully, keys, cache)


def _front_end() -> Any:
    """The compiler, imported only where text has to be compiled: a gateway that loads no text never imports Lark."""
    return importlib.import_module("durwan.compilation")
