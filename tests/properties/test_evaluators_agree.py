"""Reference and generated code decide alike on generated programs and requests."""

from __future__ import annotations

from random import Random

import pytest

from durwan.backends.bytecode import Evaluator
from durwan.model.request import instant_of
from durwan.program import reference
from durwan.runtime.key_lookup import prepared
from tests import differential
from tests.generators.programs import NOW, generate_program
from tests.generators.requests import generate_request

# 100,000 pairs in all, in parts that run side by side. `python -m tests.differential --pairs 10000000` is the long run.
PARTS = 20
PAIRS = 5_000


@pytest.mark.parametrize("part", range(PARTS))
def test_both_evaluators_agree(part: int) -> None:
    """Decision, rule, status, remedies, unknowns and shadows are alike, and no deadline is too late."""
    allowed = differential.run(part * PAIRS + 1_000_000, PAIRS)
    assert PAIRS // 20 < allowed < PAIRS // 2, "the generator no longer makes requests worth deciding"


def test_a_deadline_is_no_later_than_the_first_change() -> None:
    """Millisecond by millisecond up to half a second ahead, nothing changes before the deadline."""
    checked = 0
    for seed in range(150):
        program = generate_program(seed)
        lookup = prepared(differential.KEYS, program.schema)
        engine = differential.engine_of(program)
        random = Random(seed)
        request = generate_request(random)
        now = instant_of(request, lambda: NOW)
        if now is None:
            continue
        decision = engine.decide(request)
        last = min(now + 500, decision.valid_until or now + 500)
        for instant in range(now + 1, last):
            later = reference.decide(program, {**request, "now": instant}, clock=lambda: NOW, keys=lookup)
            assert later.outcome == decision.outcome, (seed, instant)
            checked += 1
    assert checked > 10_000


def test_plain_requests_are_decided_by_generated_code() -> None:
    """The generated code leaves to the reference only requests that hold objects which are no plain data."""
    left = 0
    for seed in range(40):
        program = generate_program(seed)
        evaluator = Evaluator(program, clock=lambda: NOW, keys=prepared(differential.KEYS, program.schema))
        random = Random(seed)
        for _ in range(50):
            request = generate_request(random)
            request = {name: value for name, value in request.items() if name in ("action", "now")}
            evaluator.decide_carefully(request)
        left += evaluator.left_to_reference
    assert left == 0


@pytest.mark.parametrize("seed", range(30))
def test_the_order_of_rules_never_changes_what_is_allowed(seed: int) -> None:
    """Shuffled rules allow, challenge and refuse the same requests."""
    program = generate_program(seed)
    random = Random(seed)
    requests = [generate_request(random) for _ in range(20)]
    before = [differential.engine_of(program).decide(request).effect for request in requests]
    for _ in range(5):
        shuffled = differential.shuffled(program, random)
        engine = differential.engine_of(shuffled)
        assert [engine.decide(request).effect for request in requests] == before
