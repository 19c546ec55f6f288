"""What it means that two programs decide a request differently: the oracle of the tests of differences and mutations.

A request is decided differently where effect, status, code, obligations or remedies are, or, for what is allowed,
which limits count it, with their count, period, cost, `per` values and answer. The name of the rule alone is no
difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from durwan.model.decision import Remedy
from durwan.model.request import Attributes, KeyLookup, instant_of, no_keys
from durwan.program import reference
from durwan.program.program import Program

# The instant of requests that bring none: 2026-03-02T09:00:00Z, a Monday.
NOW = 1_772_442_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingLimit:
    """A limit that counts a request: what it allows, the values that it reads, and what it answers when used up."""

    count: Decimal
    period: int
    cost: Any
    per: tuple[tuple[str, Any], ...]
    answer: tuple[int, str]

    @property
    def is_doubtful(self) -> bool:
        """Whether it cannot count, because what it reads is not known."""
        return self.cost is None or any(value is None for _, value in self.per)


class Decided(NamedTuple):
    """All of a decision that a difference may be in. In which order remedies and limits come is none."""

    effect: str
    status: int
    code: str
    obligations: tuple[tuple[str, Any], ...] = ()
    remedies: frozenset[Remedy] = frozenset()
    limits: frozenset[CountingLimit] = frozenset()


class Group(NamedTuple):
    """Which rule decided before and which after: the differences of an action are told apart by it."""

    action: str
    effect_before: str
    rule_before: str | None
    effect_after: str
    rule_after: str | None


class Answer(NamedTuple):
    """What becomes of a request, and which rule, or limit that cannot count, decided that."""

    decided: Decided
    rule: str | None

    @property
    def is_doubtful(self) -> bool:
        """Whether it is refused because a limit cannot count."""
        return self.decided.code == "limit_unknown"


def answer(program: Program, request: Mapping[str, Any]) -> Answer:
    """What becomes of a request as long as no limit is used up, by the reference evaluator and section 7."""
    found = reference.decide(program, request, clock=lambda: NOW).outcome
    limits = counting_limits(program, request) if found.effect == "allow" else []
    doubtful = next((name for name, limit in limits if limit.is_doubtful), None)
    if doubtful is not None:
        return Answer(Decided("deny", 400, "limit_unknown"), doubtful)
    obligations = tuple(sorted(found.obligations.items()))
    counting = frozenset(limit for _, limit in limits)
    decided = Decided(found.effect, found.status, found.code, obligations, frozenset(found.remedies), counting)
    return Answer(decided, found.rule)


def counting_limits(program: Program, request: Mapping[str, Any]) -> list[tuple[str, CountingLimit]]:
    """The limits, by name, that count an allowed request: those whose body is not false (language page, section 7)."""
    if not program.limits:
        return []
    evaluation, attributes = evaluation_of(program, request)
    return [
        (
            limit.name,
            CountingLimit(
                count=limit.count,
                period=limit.period,
                cost=evaluation.read(limit.cost).value,
                per=tuple((path, attributes.read(path)) for path in limit.per),
                answer=(limit.status, limit.code),
            ),
        )
        for limit in program.limits
        if request["action"] in limit.actions and evaluation.body(limit.body).value is not False
    ]


def evaluation_of(
    program: Program, request: Mapping[str, Any], keys: KeyLookup = no_keys
) -> tuple[reference.Evaluation, Attributes]:
    """The reference evaluator's view of a request, for reading single expressions."""
    attributes = Attributes(program.schema, request, keys)
    now = instant_of(request, lambda: NOW)
    assert now is not None, "the request's own instant cannot be read"
    return reference.Evaluation(program, attributes, now), attributes


def breaks(program: Program, name: str, request: Mapping[str, Any]) -> bool:
    """Whether the request breaks the invariant of this name (language page, section 9)."""
    invariant = next(each for each in program.invariants if each.name == name)
    evaluation, _ = evaluation_of(program, request)
    if request["action"] not in invariant.actions or evaluation.read(invariant.condition).value is not True:
        return False
    return reference.decide(program, request, clock=lambda: NOW).allowed == (invariant.holds == "never")


def decided_differently(old: Program, new: Program, request: Mapping[str, Any]) -> Group | None:
    """The group that a request belongs to, or None where both programs decide it alike."""
    before, after = answer(old, request), answer(new, request)
    return None if before.decided == after.decided else group_of(request, before, after)


def group_of(request: Mapping[str, Any], before: Answer, after: Answer) -> Group:
    """The group of a request that is answered so before and so after."""
    return Group(request["action"], before.decided.effect, before.rule, after.decided.effect, after.rule)
