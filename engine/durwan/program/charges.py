"""Which limits count a request that the rules allow, and what they count: section 7 of the language page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from durwan.model.decision import EffectName, Outcome
from durwan.model.request import Attributes, KeyLookup, instant_of, no_keys
from durwan.program import reference
from durwan.program.program import Limit, Program

LIMIT_DOUBT = "limit_unknown"
LIMIT_UNKNOWN = "what this is counted by is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A limit that is asked: how much it would be charged, and the attributes that keep it from counting."""

    limit: Limit
    cost: int | Decimal | None
    unknowns: tuple[str, ...]

    @property
    def is_too_much(self) -> bool:
        """Whether it is more than the limit ever holds."""
        return self.cost is not None and self.cost > self.limit.count

    @property
    def terms(self) -> tuple[object, ...]:
        """What a client can notice of the limit, its name apart."""
        limit = self.limit
        return limit.count, limit.period, limit.per, self.cost, limit.status


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An outcome as the rules have it, and the limits that would be charged for it."""

    outcome: Outcome
    charges: tuple[Charge, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether it is allowed as long as no limit is used up."""
        return self.outcome.effect == "allow"

    @property
    def effect(self) -> EffectName:
        """`allow`, `deny` or `challenge`."""
        return self.outcome.effect

    @property
    def rule(self) -> str | None:
        """The rule that decided, or the limit that could not count; None for a default deny."""
        return self.outcome.rule

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.outcome.status

    @property
    def code(self) -> str:
        """The machine-readable reason."""
        return self.outcome.code


def settle(
    program: Program, request: Mapping[str, Any], *, clock: Callable[[], int], keys: KeyLookup = no_keys
) -> Settled:
    """What the reference evaluator decides, with the limits that are asked, as if none had been charged before."""
    outcome = reference.decide(program, request, clock=clock, keys=keys).outcome
    now = instant_of(request, clock)
    if outcome.effect != "allow" or now is None:
        return Settled(outcome=outcome)
    evaluation = reference.Evaluation(program, Attributes(program.schema, request, keys), now)
    asked = [limit for limit in program.limits if request["action"] in limit.actions]
    charges = tuple(charge_of(evaluation, limit) for limit in asked if evaluation.body(limit.body).value is not False)
    doubtful = next((each for each in charges if each.unknowns), None)
    return Settled(outcome=outcome, charges=charges) if doubtful is None else Settled(outcome=_refusal(doubtful))


def charge_of(evaluation: reference.Evaluation, limit: Limit) -> Charge:
    """What a limit that is asked would be charged. A cost below zero would give back, and counts as unknown."""
    cost = evaluation.read(limit.cost)
    if cost.value is not None and cost.value < 0:
        cost = cost._replace(value=None, doubts=evaluation.read_in(limit.cost))
    unread = {path for path in limit.per if evaluation.read_path(path) is None}
    return Charge(limit=limit, cost=cost.value, unknowns=tuple(sorted({*cost.doubts, *unread})))


def _refusal(charge: Charge) -> Outcome:
    return Outcome(
        effect="deny",
        rule=charge.limit.name,
        status=400,
        code=LIMIT_DOUBT,
        reason=LIMIT_UNKNOWN,
        unknowns=charge.unknowns,
        revision="",
    )
