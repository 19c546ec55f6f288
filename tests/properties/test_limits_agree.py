"""The engine's limits are the reference's, on generated programs and requests."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from durwan.program import nodes
from durwan.program.charges import settle
from durwan.program.program import Limit, Program
from durwan.runtime.engine import Engine
from durwan.runtime.limits import UntouchedCounter
from durwan.runtime.policy import Compiled
from tests.differential import KEYS
from tests.generators.programs import ACTIONS, ATTRIBUTES, NOW, generate_program
from tests.generators.requests import generate_request

PROGRAMS = 40
REQUESTS = 100
COUNTED = ("key.id", "client.ip", "request.symbol", "request.side", "request.notional")
COSTS: tuple[nodes.Expression, ...] = (
    nodes.IntLiteral(value=1),
    nodes.Attribute(path="request.weight", type=ATTRIBUTES["request.weight"]),
    nodes.Default(
        operand=nodes.Attribute(path="request.notional", type=ATTRIBUTES["request.notional"]),
        fallback=nodes.DecimalLiteral(value=Decimal("0.5")),
    ),
)


def _limited(seed: int) -> Program:
    """A program whose denies became limits, so that many requests are asked for them."""
    random = Random(seed)
    program = generate_program(seed)
    limits = tuple(
        Limit(
            name=f"limit{number}",
            actions=rule.actions,
            body=rule.body,
            order=number,
            count=Decimal(random.choice([0, 1, 50, 10**18])),
            period=1_000,
            cost=random.choice(COSTS),
            per=tuple(random.sample(COUNTED, random.randint(1, 2))),
            status=429,
            code=f"limit{number}",
            reason="",
        )
        for number, rule in enumerate(program.rules)
        if rule.effect != "allow"
    )
    allows = tuple(rule for rule in program.rules if rule.effect == "allow" or rule.shadow)
    door = replace(
        program.rules[0], effect="allow", name="door", actions=tuple(sorted(ACTIONS)), shadow=False, order=999
    )
    open_door = replace(door, body=replace(door.body, when=nodes.TRUE, unless=nodes.FALSE), remedy=None)
    return replace(program, rules=(*allows, open_door), limits=limits)


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_limits_agree(seed: int) -> None:
    """Which limits are asked, what they cost, and what cannot be counted is the same in the engine."""
    program = _limited(seed)
    compiled = Compiled(program=program, revision="", keys=KEYS)
    engine = Engine(lambda: compiled, clock=lambda: NOW, limits=UntouchedCounter())
    random = Random(seed)
    seen: set[str] = set()
    for _ in range(REQUESTS):
        request = generate_request(random)
        decision = engine.decide(request)
        settled = settle(program, request, clock=lambda: NOW, keys=KEYS.get)
        too_much = [charge.limit for charge in settled.charges if charge.is_too_much]
        expected = (too_much[0].code, too_much[0].name) if too_much else (settled.code, settled.rule)
        assert (decision.code, decision.rule) == expected, request
        if not too_much:
            assert decision.unknowns == settled.outcome.unknowns
        seen.add(decision.code)
    assert seen
