"""The comparison of programs on random pairs: what it says is the same is the same, and every witness is real.

The second program of a pair is the first one after one or two mutations, or the same rules in another order, or
nothing but the same again. A request that both decide otherwise belongs to a group that was reported.

Run as a program for the long version: `python -m tests.difference_soundness --pairs 1000`. The bounded version is a
test.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any, Literal

from durwan.credentials.keys import StaticKeys
from durwan.model import types
from durwan.program import nodes
from durwan.program.program import Body, Limit, Program
from durwan.runtime.engine import Engine
from durwan.runtime.policy import Compiled
from durwan.workshop.difference import Comparison, compare
from tests.generators.mutations import mutations
from tests.generators.programs import ACTIONS, ATTRIBUTES, NOW, Generator
from tests.generators.requests import generate_request
from tests.outcomes import Group, answer, decided_differently

REQUESTS = 10_000
# Seconds for the solver, for a pair.
DEADLINE = 60.0


class UnsoundError(AssertionError):
    """A comparison that said something that is not so, with all that is needed to see it again."""


@dataclass(slots=True)
class Counts:
    """What a run did; `differing` are random requests that a pair decides differently."""

    pairs: int = 0
    same: int = 0
    undecided: int = 0
    witnesses: int = 0
    differing: int = 0


def generate_pair(seed: int) -> tuple[Program, Program, str]:
    """Two programs, and how the second was made of the first."""
    random = Random(seed)
    generator = Generator(random)
    old = generator.program()
    old = replace(old, limits=tuple(_limit(generator, order) for order in range(random.randrange(3))))
    draw = random.random()
    if draw < 0.05:
        return old, replace(old, name="again"), "nothing"
    if draw < 0.15:
        rules = random.sample(old.rules, len(old.rules))
        return old, replace(old, rules=tuple(replace(rule, order=at) for at, rule in enumerate(rules))), "another order"
    new = old
    made: list[str] = []
    for _ in range(random.choice((1, 1, 1, 2))):
        # Half of all mutations are about which actions a rule is on; one kind at a time gives each its turn.
        found = list(mutations(new))
        kind = random.choice(sorted({each.kind for each in found}))
        mutation = random.choice([each for each in found if each.kind == kind])
        new = mutation.program
        made.append(f"{mutation.place}: {mutation.detail}")
    return old, new, "; ".join(made)


def _limit(generator: Generator, order: int) -> Limit:
    random = generator.random
    one, weight = nodes.IntLiteral(value=1), nodes.Attribute(path="request.weight", type=types.Int())
    return Limit(
        name=f"limit{order}",
        actions=tuple(sorted(random.sample(ACTIONS, random.randrange(1, 4)))),
        body=Body(when=generator.condition(1), unless=generator.condition(1) if random.random() < 0.3 else nodes.FALSE),
        order=order,
        count=Decimal(random.choice((1, 100))),
        period=10_000,
        cost=random.choice((one, weight, nodes.Default(operand=weight, fallback=one))),
        per=tuple(random.sample([path for path in ATTRIBUTES if path.startswith(("key.", "client."))], 2)),
        status=429,
        code=f"limit{order}",
        reason="",
    )


def _engine(program: Program) -> Engine:
    compiled = Compiled(program=program, revision="", keys=StaticKeys({}))
    return Engine(lambda: compiled, clock=lambda: NOW, cache=None, limits=None)


def differing(old: Program, new: Program, random: Random, count: int) -> Iterator[tuple[Mapping[str, Any], Group]]:
    """Those of so many random requests that differ: sifted by generated code, told apart by the reference."""
    before, after = _engine(old), _engine(new)
    for _ in range(count):
        request = generate_request(random)
        first, second = before.decide(request), after.decide(request)
        limited = (first.allowed or second.allowed) and (old.limits or new.limits)
        if first.outcome != second.outcome or limited:
            group = decided_differently(old, new, request)
            if group is not None:
                yield request, group


def _is_reported(group: Group, old: Program, new: Program, request: Mapping[str, Any], reported: set[Group]) -> bool:
    """Whether it is a reported group, or one that repeats it for requests that a limit cannot count."""
    if group in reported:
        return True
    before, after = (answer(program, request).is_doubtful for program in (old, new))
    return (before or after) and any(
        each.action == group.action
        and (each.effect_before == "allow" if before else _side(each, "before") == _side(group, "before"))
        and (each.effect_after == "allow" if after else _side(each, "after") == _side(group, "after"))
        for each in reported
    )


def _side(group: Group, when: Literal["before", "after"]) -> tuple[str, str | None]:
    effect, rule = group[1:3] if when == "before" else group[3:5]
    return effect, None if effect == "allow" else rule


def check_pair(old: Program, new: Program, random: Random, requests: int, counts: Counts) -> Comparison:
    """Compares the two, and holds what is said against requests."""
    comparison = compare(old, new, deadline=DEADLINE)
    reported: set[Group] = set()
    for each in comparison.differences:
        group = Group(each.action, each.before.effect, each.before.rule, each.after.effect, each.after.rule)
        counts.witnesses += 1
        if (found := decided_differently(old, new, each.request)) != group:
            raise UnsoundError(f"no witness of {group}, but of {found}\nrequest {each.request!r}")
        if group in reported:
            raise UnsoundError(f"reported twice: {group}")
        reported.add(group)
    if comparison.same is not None and comparison.same == bool(reported):
        raise UnsoundError(f"{comparison.same=} with {len(reported)} differences")
    counts.pairs += 1
    counts.same += comparison.same is True
    counts.undecided += comparison.same is None
    if comparison.same is not None:
        for request, group in differing(old, new, random, requests):
            counts.differing += 1
            if not _is_reported(group, old, new, request, reported):
                raise UnsoundError(f"not reported: {group}\nrequest {request!r}")
    return comparison


def run(first_seed: int, pairs: int, requests: int = REQUESTS, *, progress: bool = False) -> Counts:
    """Checks so many pairs."""
    counts = Counts()
    started = time.monotonic()
    for seed in range(first_seed, first_seed + pairs):
        old, new, made = generate_pair(seed)
        try:
            check_pair(old, new, Random(seed), requests, counts)
        except UnsoundError as error:
            raise UnsoundError(f"seed {seed} ({made})\n{error}") from None
        if progress:
            print(f"\r{counts}, {time.monotonic() - started:,.0f} s", end="", file=sys.stderr, flush=True)
    return counts


def main() -> int:
    """The long version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    counts = run(arguments.seed, arguments.pairs, arguments.requests, progress=True)
    print(f"\n{counts}\nwhat was said to be the same was the same, and every witness was real")
    return 0


if __name__ == "__main__":
    sys.exit(main())
