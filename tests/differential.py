"""Reference and generated code on random programs and requests: they must agree on everything.

Run as a program for the long version: `python -m tests.differential --pairs 10000000`. The bounded version is a test.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from durwan.backends.bytecode import Evaluator
from durwan.credentials.keys import StaticKeys
from durwan.model.decision import Decision
from durwan.model.request import instant_of
from durwan.model.types import TIME_MAX
from durwan.program import reference
from durwan.program.program import Program
from durwan.runtime.engine import Engine
from durwan.runtime.key_lookup import prepared
from durwan.runtime.policy import Compiled
from tests.generators.programs import DAY, HOUR, MINUTE, NOW, TIMES, generate_program
from tests.generators.requests import generate_request

REQUESTS_PER_PROGRAM = 100
KEYS = StaticKeys(
    {
        "desk-7": {
            "id": "desk-7",
            "environment": "production",
            "scopes": ["write", "stream"],
            "networks": ["10.0.0.0/24", "2001:db8::/48"],
            "symbols": ["BTC-PERP"],
            "created": "2025-12-02T09:00:00Z",
            "revoked": False,
        }
    }
)


class DisagreementError(AssertionError):
    """Two evaluators that do not decide alike, with all that is needed to see it again."""


def engine_of(program: Program) -> Engine:
    """An engine for a program that was not compiled from text."""
    compiled = Compiled(program=program, revision="", keys=KEYS)
    return Engine(lambda: compiled, clock=lambda: NOW)


def evaluator_of(engine: Engine) -> Evaluator:
    """The generated evaluator that an engine uses now."""
    return engine._policy.evaluator  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - it is about what happens inside


def check_strict(engine: Engine, request: Mapping[str, Any]) -> None:
    """A strict function may give up, but not because of how it was written."""
    action, now = request.get("action"), request.get("now")
    if type(action) is str and type(now) is int:
        try:
            evaluator_of(engine).functions[action](request, now)
        except NameError as error:
            raise DisagreementError(f"the strict function is broken: {error}\nrequest  {request!r}") from error
        except Exception:  # noqa: BLE001, S110 - giving up is its right
            pass


def shuffled(program: Program, random: Random) -> Program:
    """The same rules in another source order."""
    rules = random.sample(program.rules, len(program.rules))
    return replace(program, rules=tuple(replace(rule, order=order) for order, rule in enumerate(rules)))


def compare(program: Program, engine: Engine, request: Mapping[str, Any], random: Random) -> Decision:
    """Decides by both: everything but the deadline must be alike, and no deadline may be too late."""
    lookup = prepared(KEYS, program.schema)
    expected = reference.decide(program, request, clock=lambda: NOW, keys=lookup)
    check_strict(engine, request)
    left = evaluator_of(engine).left_to_reference
    got = engine.decide(request)
    if evaluator_of(engine).left_to_reference != left and "Raising" not in repr(request):
        raise DisagreementError(f"the generated code could not decide\nrequest  {request!r}")
    if expected.outcome != got.outcome:
        raise DisagreementError(f"request  {request!r}\nexpected {expected!r}\ngot      {got!r}")
    now = instant_of(request, lambda: NOW)
    if now is not None and random.random() < 0.25:
        for until in {expected.valid_until, got.valid_until}:
            for instant in instants_before(now, until, random):
                later = reference.decide(program, {**request, "now": instant}, clock=lambda: NOW, keys=lookup)
                if later.outcome != expected.outcome:
                    raise DisagreementError(
                        f"{until=} {instant=}\nrequest {request!r}\nat first {expected!r}\nthen {later!r}"
                    )
    return expected


def instants_before(now: int, until: int | None, random: Random) -> set[int]:
    """Instants at which a decision with this deadline must still be the same: its last, and some where tests change."""
    if until is not None and until <= now:
        raise DisagreementError(f"the deadline {until} is not after {now}")
    last = TIME_MAX if until is None else until - 1
    near = (now + random.choice((1, MINUTE, HOUR, DAY)), random.choice(TIMES) + random.choice((-1, 0, 1, MINUTE * 5)))
    return {last} | {instant for instant in near if now <= instant <= last}


def run(first_seed: int, pairs: int, *, progress: bool = False) -> int:
    """Compares on so many program and request pairs; returns how many were allowed."""
    allowed = 0
    started = time.monotonic()
    for number in range(0, pairs, REQUESTS_PER_PROGRAM):
        seed = first_seed + number
        program = generate_program(seed)
        engine = engine_of(program)
        random = Random(seed)
        for index in range(REQUESTS_PER_PROGRAM):
            try:
                allowed += compare(program, engine, generate_request(random), random).allowed
            except DisagreementError as found:
                raise DisagreementError(f"seed {seed}, request {index}\n{found}") from None
        if progress and number % 10_000 == 0:
            rate = (number + REQUESTS_PER_PROGRAM) / (time.monotonic() - started)
            print(f"\r{number:>10,} pairs, {rate:,.0f}/s", end="", file=sys.stderr, flush=True)
    return allowed


def main() -> int:
    """The long version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    allowed = run(arguments.seed, arguments.pairs, progress=True)
    print(f"\n{arguments.pairs:,} pairs agree; {allowed:,} were allowed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
