"""The instants at which a request would be allowed, found by going through time as decisions say that they change.

Every decision says until when it certainly stays, so nothing is missed, and no solver is needed to be sure of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from durwan.backends.solver.nearest.situation import NOW, Situation, Way
from durwan.backends.solver.question import UndecidedError
from durwan.model import types
from durwan.model.types import TIME_MAX
from durwan.program import nodes, reference
from durwan.program.charges import settle
from durwan.program.nodes import Expression
from durwan.program.program import Body, Program

# Two edges a week of several windows, for some years.
_MOST_STEPS: Final = 2_000


class Moments:
    """A way at other instants than its own; what it carries moves along."""

    def __init__(self, situation: Situation, way: Way) -> None:
        now = way.changes[NOW]
        assert isinstance(now, int)  # noqa: S101 - an instant
        ages = {path: now - value for path, value in way.carried.items() if isinstance(value, int)}
        self._program = _with_ages(situation.program, ages)
        self._request = situation.request(way.changes)
        self._clock = situation.now

    def first(self, start: int) -> int | None:
        """The first instant, from one on, at which it is allowed; None if there is none.

        Raises:
            UndecidedError: that would take too long.
        """
        at = start
        for _ in range(_MOST_STEPS):
            allowed, until = self._at(at)
            if allowed:
                return at
            if until is None:
                return None
            at = until
        raise UndecidedError("it is not allowed soon")

    def last(self, start: int) -> int:
        """The last instant up to which it stays allowed, from one at which it is.

        Raises:
            UndecidedError: that would take too long.
        """
        at = start
        for _ in range(_MOST_STEPS):
            allowed, until = self._at(at)
            if not allowed:
                return at - 1
            if until is None:
                return TIME_MAX
            at = until
        raise UndecidedError("it is allowed for long")

    def _at(self, now: int) -> tuple[bool, int | None]:
        request = {**self._request, NOW: now}
        decision = reference.decide(self._program, request, clock=lambda: self._clock)
        if not decision.allowed:
            return False, decision.valid_until
        if not settle(self._program, request, clock=lambda: self._clock).allowed:
            # Until when a limit cannot count, no decision says.
            raise UndecidedError("a limit cannot count the request")
        return True, decision.valid_until


def _with_ages(program: Program, ages: Mapping[str, int]) -> Program:
    """The program of requests in which some instants always lie as long in the past."""
    if not ages:
        return program
    lets = {name: _aged(expression, ages) for name, expression in program.lets.items()}
    return replace(
        program,
        lets=lets,
        rules=tuple(replace(rule, body=_aged_body(rule.body, ages)) for rule in program.rules),
        limits=tuple(
            replace(limit, body=_aged_body(limit.body, ages), cost=_aged(limit.cost, ages)) for limit in program.limits
        ),
    )


def _aged_body(body: Body, ages: Mapping[str, int]) -> Body:
    return Body(when=_aged(body.when, ages), unless=_aged(body.unless, ages))


def _aged(expression: Expression, ages: Mapping[str, int]) -> Expression:
    match expression:
        case nodes.Attribute(path=path) if path in ages:
            age = nodes.DurationLiteral(value=ages[path])
            return nodes.Operation(operator="-", operands=(nodes.Now(), age), type=types.Time())
        case nodes.IsKnown(operand=nodes.Attribute(path=path)) if path in ages:
            return nodes.TRUE
        case nodes.Operation(operands=operands) | nodes.And(operands=operands) | nodes.Or(operands=operands):
            return replace(expression, operands=tuple(_aged(operand, ages) for operand in operands))
        case nodes.Not(operand=operand) | nodes.Default(operand=operand):
            return replace(expression, operand=_aged(operand, ages))
        case _:
            return expression
