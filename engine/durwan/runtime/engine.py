"""The engine that gateways embed: request in, decision out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, Unpack, cast

from durwan.backends.bytecode import Decide, Evaluator
from durwan.model.decision import Decision
from durwan.model.request import PLAIN, KeyLookup
from durwan.model.values import read_time
from durwan.program.explanation import Explanation, explain
from durwan.runtime.bound import Bindings, BoundEngine
from durwan.runtime.decision_cache import CacheInfo, DecisionCache
from durwan.runtime.decision_store import CacheLimits
from durwan.runtime.key_lookup import prepared_keys
from durwan.runtime.limits import Counting
from durwan.runtime.nearest_answer import SECONDS, nearest_to
from durwan.runtime.policy import Compiled
from durwan.runtime.refusal import Refusal, RefusingEvaluator, nothing
from durwan.runtime.reloading import Place
from durwan.runtime.settings import Loading, Settings
from durwan.runtime.sources import Given, Source, Texts, source_at
from durwan.runtime.status import Status
from durwan.runtime.upkeep import POLL_SECONDS, Upkeep
from durwan.state.memory import MemoryState

if TYPE_CHECKING:
    from durwan.backends.queries.filter import Filter

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
    # Whether the key source tells of changes, so that what was made of a key may be remembered.
    announces_keys: bool
    cache: DecisionCache | None
    # None where there is nothing to count.
    counting: Counting | None


class Engine:
    """Decides requests by a policy set.

    Safe from any thread without a lock: a decision reads the current policy once. Safe after fork: an engine holds no
    file or socket, and its thread, where it has one, is there again in the child. Use `load` or `from_sources`.

    Args:
        source: where policies are read from; or what makes one, called again at each reload.
        settings: see `Settings`.

    Raises:
        DurwanError: there is no policy that may decide, and `on_broken` does not say to deny.
    """

    __slots__ = ("__weakref__", "_bindings", "_cache", "_clock", "_counter", "_counts", "_keys", "_policy", "_upkeep")

    _policy: _Policy

    def __init__(self, source: Source | Callable[[], Compiled], **settings: Unpack[Settings]) -> None:
        self._cache = settings.get("cache", _CACHE)
        self._keys = settings.get("keys")
        self._counter = settings.get("limits")
        self._counts = self._counter is not None or "limits" not in settings
        self._clock = settings.get("clock", wall_clock)
        self._bindings = Bindings()
        place = Place(prepare=self._ready, tested=self._tested, refusing=self._refusing, install=self._install)
        self._upkeep = Upkeep(Given(source) if callable(source) else source, place, self._clock, settings)

    @classmethod
    def load(cls, path: str | PathLike[str], **loading: Unpack[Loading]) -> Self:
        """An engine for the policy set in a directory, in a compiled bundle, or in a git repository at a revision.

        Args:
            path: the directory of the set; the file of the bundle; or, with `ref`, the repository.
            loading: see `Loading`.

        Raises:
            PolicyError: the set has mistakes; its `diagnostics` list them all.
            DurwanError: the set cannot be read, or may not decide.
        """
        source = source_at(path, loading, loading.get("clock", wall_clock))
        settings = {name: value for name, value in loading.items() if name in Settings.__optional_keys__}
        return cls(source, **cast("Settings", settings))

    @classmethod
    def from_sources(cls, sources: Mapping[str, str], **settings: Unpack[Settings]) -> Self:
        """An engine for a policy set given as texts by their paths in the set; otherwise like `load`."""
        return cls(Texts(sources), **settings)

    def decide(self, request: Mapping[str, Any]) -> Decision:
        """The decision for a request: a mapping with `action`, one mapping per context, and optionally `now`.

        Nothing that a request contains raises: what cannot be read is unknown, and unknown lets nothing through.

        Raises:
            TypeError: the request is no mapping.
        """
        policy = self._policy
        try:
            if type(request) is PLAIN:
                now = request["now"] if "now" in request else None  # noqa: SIM401 - costs less than calling get
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

    def bind(self, **contexts: Any) -> BoundEngine:
        """An engine for the requests of one connection, of which some contexts are known: `bind(key="desk-7", ...)`.

        What they settle is decided once. It follows reloads, and changes of the key that it is bound to by its id.

        Raises:
            TypeError: the policy set declares no context of such a name.
        """
        declared = self._policy.compiled.program.schema.contexts
        unknown = sorted(contexts.keys() - declared) if declared else []
        if unknown:
            raise TypeError(f"no context {unknown[0]!r} is declared; there are {', '.join(sorted(declared))}")
        bound = BoundEngine(contexts, lambda: self._policy, self.decide, self._clock)
        self._bindings.add(bound)
        return bound

    def explain(
        self,
        request: Mapping[str, Any],
        *,
        nearest: bool = True,
        may_change: Sequence[str] = (),
        seconds: float = SECONDS,
    ) -> Explanation:
        """The decision, and the truth of each condition of every rule about its action, with the values read.

        For a refusal also the nearest changes of the request that would be allowed. A solver looks for them, in a
        process of its own, which takes half a second or more; the extra `check` brings it.

        Args:
            request: the request, as `decide` takes it.
            nearest: whether to look for changes.
            may_change: patterns of what may change, such as `client.*`; the table `durwan.program.changeable` says
                what may where none is given.
            seconds: how long to look. A few seconds later the search is ended, and `unanswered` says so.

        Raises:
            TypeError: the request is no mapping.
        """
        policy = self._policy
        if not isinstance(request, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - no gateway is checked
            raise TypeError(f"a request is a mapping with 'action' and contexts, not {type(request).__name__}")
        # One instant for both, even where the clock gives it.
        moment = {**request, "now": self._clock() if request.get("now") is None else request["now"]}
        decision = policy.evaluator.decide_carefully(moment)
        program = policy.compiled.program
        explanation = explain(program, moment, decision, clock=self._clock, keys=policy.keys)
        if not nearest or decision.allowed:
            return explanation
        found = nearest_to(program, moment, keys=policy.keys, may_change=may_change, seconds=seconds)
        return explanation.with_nearest(found)

    def filter(  # noqa: PLR0913 - each is a word of its own in a call
        self,
        action: str,
        known: Mapping[str, Any] | None = None,
        /,
        *,
        now: object = None,
        columns: Mapping[str, str] | None = None,
        including_challenges: bool = False,
        window_years: int = 10,
        **contexts: Any,
    ) -> Filter:
        """What must still be true for an action to be allowed, as a condition on the rows of a table of the rest.

        For questions as "which of these ten million accounts may do this now?": what is known is worked out, the other
        attributes are columns. `.polars()` and `.sql()` give the condition; it is true for exactly the rows whose
        request would be allowed. Limits are not asked.

        Args:
            action: the action.
            known: what is known, as contexts (`{"client": {...}}`) or as single attributes (`{"risk.score": 12}`); an
                attribute that nobody knows is None.
            now: the instant, as a request gives it; the engine's clock where it is not given.
            columns: names of columns, by the path of the attribute. `risk.score` is in the column `risk_score` unless
                this says otherwise.
            including_challenges: whether requests count that would be allowed after a challenge.
            window_years: whether an attribute lies in a window that opens again and again is known for so many years
                before and after `now`, and unknown beyond.
            contexts: contexts that are known, each as a whole: `client={...}`, `key="desk-7"`.

        Raises:
            FilterError: something that is named is not declared, or said twice, or `now` is no instant.
        """
        from durwan.backends.queries.filter import FilterError, filter_of  # noqa: PLC0415 - few gateways ever ask

        policy = self._policy
        instant = self._clock() if now is None else read_time(now)
        if instant is None:
            raise FilterError(f"`now` is an instant, as in a request, not {now!r}")
        twice = sorted((known or {}).keys() & contexts.keys())
        if twice:
            raise FilterError(f"the context `{twice[0]}` is given twice")
        return filter_of(
            policy.compiled.program, action, {**(known or {}), **contexts},
            now=instant, keys=policy.keys, revision=policy.compiled.revision, columns=columns,
            including_challenges=including_challenges, window_years=window_years,
        )  # fmt: skip

    def reload(self) -> str:
        """Reads the source anew, swaps its policy in, and returns the revision; if that fails the old policy stays.

        Raises:
            PolicyError: the set has mistakes now.
            DurwanError: the set cannot be read now, or may not decide.
        """
        self._upkeep.reload()
        return self.revision

    def watch(self, *, poll_seconds: float = POLL_SECONDS) -> None:
        """Follows the source from now on, in a thread that ends with `close`.

        Args:
            poll_seconds: how often the content is compared although nothing told of a change.
        """
        self._upkeep.watch(poll_seconds)

    def status(self) -> Status:
        """By which policy the engine decides, how fresh it is, and what became of reloads. It waits for nothing."""
        return self._upkeep.status()

    @property
    def revision(self) -> str:
        """The digest of the policy that decides now; empty before there is one."""
        return self._policy.compiled.revision

    def key(self, key_id: str) -> Mapping[str, object] | None:
        """The attributes of a key, as its source has them now; None where there is no such key."""
        source = self._policy.compiled.keys if self._keys is None else self._keys
        return source.get(key_id)

    def cache_info(self) -> CacheInfo | None:
        """How the decision cache fares; None where there is none."""
        cache = self._policy.cache
        return None if cache is None else cache.info()

    @property
    def compiled(self) -> Compiled:
        """The policy that decides now: its program and the warnings of its compilation."""
        return self._policy.compiled

    def close(self) -> None:
        """Ends what follows the source. The engine goes on deciding by the policy that it has."""
        self._upkeep.close()

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
        announces = remembered is not None
        cache = None if self._cache is None else DecisionCache(evaluator, self._cache, by_id=announces)
        if remembered is not None:
            if cache is not None:
                remembered.on_change(cache.forget)
            remembered.on_change(self._bindings.renew)
        decides = evaluator if cache is None else cache
        functions: Mapping[str, Decide] = decides.functions
        carefully: Callable[[Mapping[str, Any]], Decision] = decides.decide_carefully
        counting = None
        if compiled.program.limits and self._counts:
            # What was counted stays counted when the policy changes.
            self._counter = self._counter or MemoryState()
            counting = Counting(compiled.program, keys, self._clock, self._counter, compiled.revision)
            functions, carefully = counting.functions(functions), counting.carefully(carefully)
        return _Policy(compiled, evaluator, functions, carefully, keys, announces, cache, counting)

    def _ready(self, compiled: Compiled) -> _Policy:
        """A policy that has the functions written of all actions that were asked for so far."""
        policy = self._prepare(compiled)
        before: _Policy | None = getattr(self, "_policy", None)
        if before is not None:
            policy.evaluator.prepare_like(before.evaluator)
            if policy.cache is not None:
                policy.cache.prepare(policy.evaluator.functions)
        return policy

    def _tested(self, policy: _Policy) -> Evaluator | None:
        return policy.evaluator if self._keys is None else None

    def _refusing(self, refusal: Refusal, revision: str) -> _Policy:
        evaluator = RefusingEvaluator(refusal, revision=revision, clock=self._clock)
        prepared = self._prepare(nothing(revision))
        return replace(
            prepared, evaluator=evaluator, functions={}, decide_carefully=evaluator.decide_carefully, cache=None
        )

    def _install(self, policy: _Policy) -> None:
        self._policy = policy
        self._bindings.renew()
