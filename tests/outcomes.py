"""What it means that two programs decide a request differently: the oracle of the tests of differences and mutations.

A request is decided differently where effect, status, code, obligations or remedies are, or, for what is allowed,
which limits count it, with their count, period, cost and `per` values. The name of the rule alone is no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from durwan.model.decision import Outcome, Remedy
from durwan.model.request import Attributes, KeyLookup, instant_of, no_keys
from durwan.program import reference
from durwan.program.program import Program

# The instant of requests that bring none: 2026-03-02T09:00:00Z, a Monday.
NOW = 1_772_442_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingLimit:
    """A limit that counts a request: what it allows, and the values that it reads, which may be unknown."""

    count: Decimal
    period: int
    cost: Any
    per: tuple[tuple[str, Any], ...]


class Decided(NamedTuple):
    """All of a decision that a difference may be in."""

    effect: str
    status: int
    code: str
    obligations: tuple[tuple[str, Any], ...]
    remedies: tuple[Remedy, ...]
    limits: tuple[CountingLimit, ...]


class Group(NamedTuple):
    """Which rule decided before and which after: the differences of an action are told apart by it."""

    action: str
    effect_before: str
    rule_before: str | None
    effect_after: str
    rule_after: str | None


def outcome(program: Program, request: Mapping[str, Any]) -> Outcome:
    """What the reference evaluator decides."""
    return reference.decide(program, request, clock=lambda: NOW).outcome


def decided(program: Program, request: Mapping[str, Any], found: Outcome | None = None) -> Decided:
    """What the program makes of a request; `found` is what the rules decide, where that is known already."""
    found = found or outcome(program, request)
    return Decided(
        effect=found.effect,
        status=found.status,
        code=found.code,
        obligations=tuple(sorted(found.obligations.items())),
        remedies=found.remedies,
        limits=counting_limits(program, request) if found.effect == "allow" else (),
    )


def counting_limits(program: Program, request: Mapping[str, Any]) -> tuple[CountingLimit, ...]:
    """The limits that count an allowed request: those whose body is not false (language page, section 7)."""
    if not program.limits:
        return ()
    evaluation, attributes = evaluation_of(program, request)
    counting = [
        CountingLimit(
            count=limit.count,
            period=limit.period,
            cost=evaluation.read(limit.cost).value,
            per=tuple((path, attributes.read(path)) for path in limit.per),
        )
        for limit in program.limits
        if request["action"] in limit.actions and evaluation.body(limit.body).value is not False
    ]
    # In which order they are checked changes nothing: all are charged, or none.
    return tuple(sorted(counting, key=repr))


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
    return (outcome(program, request).effect == "allow") == (invariant.holds == "never")


def decided_differently(old: Program, new: Program, request: Mapping[str, Any]) -> Group | None:
    """The group that a request belongs to, or None where both programs decide it alike."""
    before, after = outcome(old, request), outcome(new, request)
    if decided(old, request, before) == decided(new, request, after):
        return None
    return Group(request["action"], before.effect, before.rule, after.effect, after.rule)
