"""Limits enforced: what the rules allow is charged to all limits that are asked, or to none and refused.

Which limits are asked is a question like which shadow rules apply, so the generated evaluator answers it: it decides by
a program whose shadow rules are the limits. What is counted by, and how much, is read only of those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, Protocol

from durwan.backends.bytecode import Decide, Evaluator
from durwan.model.address import NetworkSet
from durwan.model.decision import Decision, Outcome
from durwan.model.request import PLAIN, Attributes, KeyLookup, instant_of
from durwan.model.values import Value
from durwan.program import reference
from durwan.program.charges import LIMIT_DOUBT, LIMIT_UNKNOWN, charge_of
from durwan.program.program import Limit, Program, Rule
from durwan.state.store import LimitCharge, UsedUp

UNAVAILABLE: Final = "limits_unavailable"
_NOT_COUNTED: Final = "this cannot be counted at the moment; try again"


class LimitCounter(Protocol):
    """What counts: any `durwan.state.store.StateStore` does."""

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """Charges all of the limits, or none of them and returns those that have no room."""
        ...


class UntouchedCounter:
    """Counters that are as new at every request: for tests of policies, which ask of single requests."""

    def charge(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        """The limits of which a single request costs more than there is; nothing is remembered."""
        del now
        return tuple(UsedUp(charge=each, retry_at=None) for each in charges if each.cost > each.count)


class Counting:
    """The limits of one program, and what counts them.

    Args:
        program: whose limits they are.
        keys: how the id of a key becomes its attributes.
        clock: the current instant, for requests that bring none.
        counter: what counts.
        revision: the digest that refusals carry.
    """

    def __init__(
        self,
        program: Program,
        keys: KeyLookup,
        clock: Callable[[], int],
        counter: LimitCounter,
        revision: str = "",
    ) -> None:
        self._program = program
        self._keys = keys
        self._clock = clock
        self._counter = counter
        self._revision = revision
        self._limits = {limit.name: limit for limit in program.limits}
        self._limited = frozenset(action for limit in program.limits for action in limit.actions)
        asking = replace(program, rules=tuple(map(_as_rule, program.limits)), limits=(), invariants=())
        self._asking = Evaluator(asking, clock=clock, keys=keys)

    def functions(self, inner: Mapping[str, Decide]) -> Mapping[str, Decide]:
        """The functions of actions, with limits counted; they follow what `inner` has."""
        return _Counted(self, inner, self._program.schema.actions)

    def carefully(self, inner: Callable[[Mapping[str, Any]], Decision]) -> Callable[[Mapping[str, Any]], Decision]:
        """What decides any request, with limits counted."""
        return lambda request: self.counted(inner(request), request)

    def function(self, action: str, inner: Decide, given: Mapping[str, Any]) -> Decide:
        """What decides an action of requests to which the given contexts are added, with limits counted."""
        if action not in self._limited:
            return inner

        def decide(request: Mapping[str, Any], now: int) -> Decision:
            decision = inner(request, now)
            return self.settle(decision, {**request, **given}, now) if decision.allowed else decision

        return decide

    def settle(self, decision: Decision, request: dict[str, Any], now: int) -> Decision:
        """What becomes of a plain request that the rules allow."""
        action: str = request["action"]
        if action not in self._limited:
            return decision
        try:
            return self._settled(decision, request, now)
        except Exception:  # noqa: BLE001 - a counter that fails, whatever it raises, lets nothing through
            return self._refused(decision, 503, UNAVAILABLE, _NOT_COUNTED).until(now)

    def counted(self, decision: Decision, request: Mapping[str, Any]) -> Decision:
        """What becomes of any request, of which the rules made this decision."""
        if not decision.allowed:
            return decision
        try:
            plain = {name: request.get(name) for name in ("action", "now", *self._program.schema.contexts)}
            now = instant_of(plain, self._clock)
        except Exception:  # noqa: BLE001 - a foreign mapping that answered before and does not now
            now = plain = None
        if now is None or plain is None:
            return self._refused(decision, 503, UNAVAILABLE, _NOT_COUNTED).until(self._clock())
        return self.settle(decision, request if type(request) is PLAIN else plain, now)

    def _settled(self, decision: Decision, request: dict[str, Any], now: int) -> Decision:
        asked = [self._limits[name] for name in self._asking.decide_at(request["action"], request, now).shadows]
        if not asked:
            return decision
        attributes = Attributes(self._program.schema, request, self._keys)
        evaluation = reference.Evaluation(self._program, attributes, now)
        charges: list[LimitCharge] = []
        for limit in asked:
            charge = charge_of(evaluation, limit)
            if charge.unknowns or charge.cost is None:
                refused = self._refused(decision, 400, LIMIT_DOUBT, LIMIT_UNKNOWN, limit, charge.unknowns)
                return refused.until(decision.valid_until)
            charges.append(_charged(limit, charge.cost, attributes))
        used_up = self._counter.charge(charges, now=now)
        return self._used_up(decision, used_up, now) if used_up else decision

    def _used_up(self, decision: Decision, used_up: Sequence[UsedUp], now: int) -> Decision:
        """The answer of the first one; it is worth trying again when all of them have room."""
        limit = self._limits[used_up[0].charge.limit]
        instants = [each.retry_at for each in used_up]
        known = [each for each in instants if each is not None]
        after = max(known) if len(known) == len(instants) else None
        refused = self._refused(decision, limit.status, limit.code, limit.reason, limit)
        refused = replace(refused, retry_after=None if after is None else max(after - now, 0) / 1000)
        ends = [each for each in (decision.valid_until, after) if each is not None]
        return refused.until(min(ends, default=None))

    def _refused(  # noqa: PLR0913, PLR0917 - the parts of an answer
        self,
        decision: Decision,
        status: int,
        code: str,
        reason: str,
        limit: Limit | None = None,
        unknowns: tuple[str, ...] = (),
    ) -> Outcome:
        return Outcome(
            effect="deny",
            rule=None if limit is None else limit.name,
            status=status,
            code=code,
            reason=reason,
            unknowns=unknowns,
            shadows=decision.shadows,
            revision=self._revision,
        )


class _Counted(dict[str, Decide]):
    """Functions by action, made when first asked for; each asks for the inner one anew, which may be exchanged."""

    def __init__(self, counting: Counting, inner: Mapping[str, Decide], actions: frozenset[str]) -> None:
        super().__init__()
        self._counting = counting
        self._inner = inner
        self._actions = actions

    def __missing__(self, action: str) -> Decide:
        if action not in self._actions:
            raise KeyError(action)
        inner, settle = self._inner, self._counting.settle

        def decide(request: Mapping[str, Any], now: int) -> Decision:
            decision = inner[action](request, now)
            return settle(decision, request, now) if decision.allowed else decision  # type: ignore[arg-type]  # a dict

        self[action] = decide
        return decide


def _as_rule(limit: Limit) -> Rule:
    """A rule that applies exactly where the limit is asked."""
    return Rule(
        effect="deny",
        name=limit.name,
        actions=limit.actions,
        body=limit.body,
        order=limit.order,
        status=limit.status,
        code=limit.code,
        reason=limit.reason,
        shadow=True,
    )


def _charged(limit: Limit, cost: int | Decimal, attributes: Attributes) -> LimitCharge:
    per = tuple(_canonical(attributes.read(path)) for path in limit.per)
    return LimitCharge(limit=limit.name, per=per, count=limit.count, period=limit.period, cost=cost)


def _canonical(value: Value | None) -> str:
    """A text that is the same for equal values of one type, and for no others."""
    match value:
        case str():
            return value
        case bytes():
            return value.hex()
        case Decimal():
            return f"{value.normalize():f}"
        case frozenset():
            return repr(sorted(value))
        case NetworkSet():
            return repr(value)
        case _:
            return str(value)
