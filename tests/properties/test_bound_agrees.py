"""A bound engine decides like its engine: whatever contexts are fixed, on generated programs and requests."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from durwan.model.request import instant_of
from durwan.runtime.engine import Engine
from tests import differential
from tests.generators.programs import NOW, generate_program
from tests.generators.requests import generate_request

PARTS = 10
PROGRAMS = 60
REQUESTS = 12
CONTEXTS = ("key", "client", "session", "risk", "request")


def split(request: dict[str, Any], random: Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Contexts to be fixed, and the rest of the request; now and then the rest contradicts what is fixed."""
    names = [name for name in CONTEXTS if name in request]
    fixed = {name: request[name] for name in random.sample(names, random.randrange(len(names) + 1))}
    rest = {name: each for name, each in request.items() if name not in fixed}
    if fixed and random.random() < 0.1:
        rest[random.choice(list(fixed))] = random.choice(("desk-7", {"id": "other", "ip": "10.0.0.1"}, None))
    return fixed, rest


@pytest.mark.parametrize("part", range(PARTS))
def test_bound_decides_like_whole(part: int) -> None:
    """Everything but the deadline is alike at first and when asked again, and no deadline is too late."""
    allowed = 0
    for seed in range(part * PROGRAMS, (part + 1) * PROGRAMS):
        program, random = generate_program(7_000_000 + seed), Random(seed)
        engine = differential.engine_of(program)
        first = generate_request(random)
        fixed, _ = split(first, random)
        bound = engine.bind(**fixed)
        for _ in range(REQUESTS):
            drawn = generate_request(random)
            rest = {name: each for name, each in drawn.items() if name not in fixed or random.random() < 0.1}
            whole = {**rest, **fixed}
            expected = engine.decide(whole)
            first_time, got = bound.decide(rest), bound.decide(rest)
            assert first_time.outcome == got.outcome == expected.outcome, (seed, fixed, rest)
            check_deadline(engine, whole, got.valid_until, random)
            allowed += got.allowed
    assert allowed > PROGRAMS // 4, "the generator no longer makes requests worth deciding"


def check_deadline(engine: Engine, whole: dict[str, Any], until: int | None, random: Random) -> None:
    """Until the deadline of a bound decision, the whole request is decided as it is now."""
    now = instant_of(whole, lambda: NOW)
    if now is None:
        return
    first = engine.decide(whole).outcome
    for instant in differential.instants_before(now, until, random):
        assert engine.decide({**whole, "now": instant}).outcome == first, (whole, instant)


def test_possible_actions_keep_their_word() -> None:
    """What is said to be allowed or refused is so for every rest, by the rule that is named."""
    settled = 0
    for seed in range(300):
        program, random = generate_program(9_000_000 + seed), Random(seed)
        engine = differential.engine_of(program)
        fixed, _ = split(generate_request(random), random)
        possible = engine.bind(**fixed).possible_actions()
        for _ in range(6):
            rest = generate_request(random)
            action = rest["action"]
            if type(action) is not str or action not in possible:
                continue
            decision = engine.decide({**rest, **fixed})
            found = possible[action]
            if decision.code == "invalid_now":
                continue
            if found.verdict != "depends":
                settled += 1
                assert decision.allowed == (found.verdict == "allowed"), (seed, rest)
                assert found.rule is None or decision.rule == found.rule, (seed, rest)
            else:
                assert not {path.partition(".")[0] for path in found.depends_on} & fixed.keys()
    assert settled > 100
