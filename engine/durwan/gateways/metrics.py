"""What a gateway tells of itself in numbers: which there are, and by what they are told apart.

Nothing that a request brings is a label. What tells series apart is declared: effects, the actions, codes and limits of
the policy, the codes by which a gate refuses, and the names below. Whatever else turns up counts as `other`; so
there are never more series than the policy set has words, whatever is sent (R22, R61, R62).

Gauges are read when somebody asks for them. Several worker processes have metrics of their own, each asked for itself:
their revisions, ages and caches are facts of each process, which adding them up would hide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

from durwan.credentials.refusals import CODES
from durwan.gateways.answer import Answer
from durwan.program.charges import LIMIT_DOUBT
from durwan.program.program import Program
from durwan.runtime.decision_cache import CacheInfo
from durwan.runtime.engine import Engine
from durwan.runtime.policy import Compiled
from durwan.runtime.status import Status

OTHER: Final = "other"
NONE: Final = "none"
EFFECTS: Final = ("allow", "deny", "challenge", "refused")
# What decides beside the rules: the evaluators, the counting of limits, and an engine that has no policy.
OWN_CODES: Final = frozenset(
    {
        "allowed", "no_rule_allows", "unknown_action", "invalid_now", LIMIT_DOUBT, "limits_unavailable", "not_ready",
        "policy_stale",
    }
)  # fmt: skip
# What a gate goes on without, or by itself, while its store cannot be asked; other failures show in the codes.
PARTS: Final = ("activity", "limits")
# Upper bounds in seconds, from microseconds for a decision to seconds for an outage.
BOUNDS: Final = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5,
    10.0,
)  # fmt: skip


class Metrics(Protocol):
    """Counts what a gateway does. Safe from any thread, and never raises."""

    def answered(self, answer: Answer, seconds: float) -> None:
        """An answer was given, so many seconds after the request had come."""
        ...

    def failed(self, part: str) -> None:
        """A store could not be asked for something that goes on without it, one of `PARTS`."""
        ...

    def exposition(self) -> tuple[bytes, str]:
        """All of it as text, and the type of that text; nothing where the numbers are sent instead."""
        ...


class NoMetrics:
    """Counts nothing."""

    def answered(self, answer: Answer, seconds: float) -> None:
        """See `Metrics`."""

    def failed(self, part: str) -> None:
        """See `Metrics`."""

    def exposition(self) -> tuple[bytes, str]:
        """See `Metrics`."""
        return b"", "text/plain; charset=utf-8"


class Listener(Protocol):
    """What is told of every answer: metrics are, and a log is."""

    def answered(self, answer: Answer, seconds: float) -> None:
        """See `Metrics`."""
        ...


class Together:
    """Several that are told of every answer: `Parts(metrics=Together(metrics, log))`."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def answered(self, answer: Answer, seconds: float) -> None:
        """Tells each of them."""
        for each in self._listeners:
            each.answered(answer, seconds)


class Labels(NamedTuple):
    """What answers are counted by."""

    effect: str
    code: str
    action: str


class Vocabulary:
    """The words by which the answers of one policy are told apart.

    Args:
        program: the policy's program.
    """

    def __init__(self, program: Program) -> None:
        declared = {rule.code for rule in program.rules} | {limit.code for limit in program.limits}
        self._codes = frozenset(declared | OWN_CODES | CODES.keys())
        self._actions = program.schema.actions
        self._limits = frozenset(limit.name for limit in program.limits)

    def labels(self, answer: Answer) -> Labels:
        """What an answer is counted by."""
        decision, action = answer.decision, answer.action
        effect = "refused" if decision is None else decision.effect
        code = answer.code if answer.code in self._codes else OTHER
        if action not in self._actions:
            action = NONE if action is None else OTHER
        return Labels(effect, code, action)

    def used_up(self, answer: Answer) -> str | None:
        """The limit that refused; None where none did."""
        decision = answer.decision
        if decision is None or decision.rule not in self._limits or decision.code == LIMIT_DOUBT:
            return None
        return decision.rule


class Vocabularies:
    """The vocabulary of the policy that decides now, made once a policy."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._made: tuple[Compiled, Vocabulary] | None = None

    def now(self) -> Vocabulary:
        """That of the policy that decides now."""
        compiled, made = self._engine.compiled, self._made
        if made is None or made[0] is not compiled:
            made = self._made = (compiled, Vocabulary(compiled.program))
        return made[1]


class AuditStatus(Protocol):
    """What an audit log says of itself, in numbers."""

    @property
    def available(self) -> bool:
        """Whether it can be written."""
        ...

    @property
    def written(self) -> int:
        """How many records were written."""
        ...

    @property
    def lost(self) -> int:
        """How many were given up."""
        ...

    @property
    def waiting(self) -> int:
        """How many wait to be written."""
        ...

    @property
    def failures(self) -> int:
        """How often writing failed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What gauges are read from.

    Attributes:
        engine: the engine.
        audit: what the audit log says of itself; None without one.
    """

    engine: Engine
    audit: Callable[[], AuditStatus] | None = None


Values = Iterable[tuple[Mapping[str, str], float]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A number that is read when somebody asks for it.

    Attributes:
        name: its name without `durwan_`; that of a counter without `_total`.
        kind: whether it goes up and down, or only up.
        meaning: what it is, in one sentence.
        read: the values, each with its labels.
        label: the label that tells its values apart; empty where there is one value.
        unit: its unit, for those that take it apart from the name.
    """

    name: str
    kind: Literal["gauge", "counter"]
    meaning: str
    read: Callable[[Sources], Values]
    label: str = ""
    unit: str = ""

    def values(self, sources: Sources) -> Values:
        """The values now; none where they cannot be had."""
        try:
            return tuple(self.read(sources))
        except Exception:  # noqa: BLE001 - a number that cannot be read keeps no other one back
            return ()


def _status(read: Callable[[Status], float | None]) -> Callable[[Sources], Values]:
    return lambda sources: _one(read(sources.engine.status()))


def _cache(read: Callable[[CacheInfo], float]) -> Callable[[Sources], Values]:
    def values(sources: Sources) -> Values:
        found = sources.engine.cache_info()
        return () if found is None else _one(read(found))

    return values


def _audit(read: Callable[[AuditStatus], float]) -> Callable[[Sources], Values]:
    return lambda sources: () if sources.audit is None else _one(read(sources.audit()))


def _one(value: float | None) -> Values:
    return () if value is None else (({}, float(value)),)


def _revision(sources: Sources) -> Values:
    revision = sources.engine.revision
    return (({"revision": revision}, 1.0),) if revision else ()


def _cached_actions(sources: Sources) -> Values:
    found = sources.engine.cache_info()
    if found is None:
        return
    for action in sorted(sources.engine.compiled.program.schema.actions):
        yield {"action": action}, float(action in found.cached)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


READINGS: Final = (
    Reading("ready", "gauge", "Whether there is a policy to decide by.", _status(lambda it: it.ready)),
    Reading("policy_info", "gauge", "The policy that decides.", _revision, "revision"),
    Reading(
        "policy_age_seconds", "gauge", "Since its source was last seen to hold just this policy.",
        _status(lambda it: _seconds(it.age)), unit="s",
    ),
    Reading("policy_stale", "gauge", "Whether the policy is older than it may be.", _status(lambda it: it.stale)),
    Reading(
        "policy_ageing", "gauge", "Whether the bundle has passed half of its life.", _status(lambda it: it.ageing)
    ),
    Reading(
        "policy_expires_timestamp_seconds", "gauge", "When the bundle expires.",
        _status(lambda it: _seconds(it.expires)), unit="s",
    ),
    Reading("policy_reloads", "counter", "Policies that were put in place.", _status(lambda it: it.reloads)),
    Reading("policy_reload_failures", "counter", "Reloads that failed.", _status(lambda it: it.failures)),
    Reading("cache_entries", "gauge", "Decisions in the cache.", _cache(lambda it: it.entries)),
    Reading("cache_bytes", "gauge", "What they take, as estimated.", _cache(lambda it: it.bytes), unit="By"),
    Reading("cache_fills", "counter", "Decisions made since they were not in the cache.", _cache(lambda it: it.fills)),
    Reading("cache_rechecks", "counter", "Entries compared with a fresh decision.", _cache(lambda it: it.rechecks)),
    Reading(
        "cache_differences", "counter", "Entries that differed: a defect, and the cache is off since.",
        _cache(lambda it: it.differences),
    ),
    Reading("cache_action", "gauge", "Whether an action is answered from the cache.", _cached_actions, "action"),
    Reading("audit_available", "gauge", "Whether the audit log can be written.", _audit(lambda it: it.available)),
    Reading("audit_records", "counter", "Records written to the audit log.", _audit(lambda it: it.written)),
    Reading("audit_lost", "counter", "Records given up.", _audit(lambda it: it.lost)),
    Reading("audit_waiting", "gauge", "Records that wait to be written.", _audit(lambda it: it.waiting)),
    Reading("audit_failures", "counter", "Times that writing failed.", _audit(lambda it: it.failures)),
)  # fmt: skip

__all__ = [
    "BOUNDS",
    "EFFECTS",
    "NONE",
    "OTHER",
    "OWN_CODES",
    "PARTS",
    "READINGS",
    "AuditStatus",
    "Labels",
    "Listener",
    "Metrics",
    "NoMetrics",
    "Reading",
    "Sources",
    "Together",
    "Vocabularies",
    "Vocabulary",
]
