"""W4: W1 and a whole organisation's 200 rules, by requests of which nine in ten were there a moment ago.

A gateway's clock goes on while it decides: the requests come within five seconds, and one that repeats another has an
instant of its own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.workloads import organisation, organisation_requests, w1
from benchmarks.workloads.w1_by_hand import make_hand_written, make_reference
from benchmarks.workloads.workload import Decide, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    Draw: TypeAlias = Callable[[random.Random, int], Request]
    """One new request at an instant."""

SIZES = (8, 200)
"""Rules: those of W1, and those of the organisation."""
REQUESTS = 2_000
DISTINCT = REQUESTS // 10
START = 1_772_445_600_000
"""Monday, 2 March 2026, 10:00 UTC, in milliseconds."""
MILLISECONDS = 5_000
"""From the first request to the last."""

UNCACHED, CACHED, AT_ONCE = "uncached", "cached", "cached at once"
"""What an engine is told. If it is told nothing it is `cached`: it judges by itself which actions are worth it."""
WARM, FRESH, RENEWED = FORMS = "warm", "fresh", "a tenth new"
"""How requests come: the same objects pass after pass, so that all are found in the cache; the same decoded anew from
JSON; or each pass other ones, likewise decoded, of which a tenth was not there before."""


def contender(cache: str, form: str, *, by_id: bool) -> str:
    """The name of durwan's contender."""
    return f"durwan {cache}, {form}" + ", keys by id" * by_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """What a contender needs that looks keys up by their ids."""

    keys: Mapping[str, Mapping[str, object]]


def repeating(rng: random.Random, draw: Draw, start: int) -> list[Request]:
    """Nine in ten repeat one of the others, but for their instants; shuffled."""
    distinct = [draw(rng, start) for _ in range(DISTINCT)]
    bodies = distinct + rng.choices(distinct, k=REQUESTS - DISTINCT)
    rng.shuffle(bodies)
    return [{**body, "now": start + number * MILLISECONDS // REQUESTS} for number, body in enumerate(bodies)]


def going_on(draw: Draw) -> Iterator[list[Request]]:
    """One list after the other, as time goes by: a tenth of each was never there before."""
    rng, start = random.Random(45), START
    while True:
        yield repeating(rng, draw, start)
        start += MILLISECONDS


def _workload(
    size: int,
    draw: Draw,
    keys: Mapping[str, Mapping[str, object]],
    sources: Mapping[str, str],
    functions: tuple[Decide, Decide],
) -> Workload[Keyed]:
    reference, hand_written = functions
    requests = repeating(random.Random(44), draw, START)
    return Workload(
        name="w4",
        size=size,
        content=Keyed(keys=keys),
        sources=sources,
        requests=requests,
        expected=[reference(request) for request in requests],
        reference=reference,
        hand_written=hand_written,
        unseen=lambda: going_on(draw),
    )


def _of_gateway() -> Workload[Keyed]:
    keys = w1.make_keys()
    holders = list(keys.values())

    def draw(rng: random.Random, now: int) -> Request:
        request, _ = w1.draw_request(rng, holders)
        age = request["now"] - request["session"]["mfa_at"]
        return {**request, "session": {"mfa_at": now - age}, "now": now}

    functions = make_reference(w1.NETWORKS), make_hand_written(w1.NETWORKS)
    return _workload(SIZES[0], draw, keys, {"gateway.policy": w1.POLICY}, functions)


def _of_organisation() -> Workload[Keyed]:
    names = organisation.make_names()
    rules = organisation.make_rules(names)
    keys = organisation_requests.make_keys(START)
    holders = list(keys.values())

    def draw(rng: random.Random, now: int) -> Request:
        return organisation_requests.draw_request(rng, holders, names, now)

    sources = organisation.policy_sources(rules, names)
    return _workload(SIZES[1], draw, keys, sources, organisation.make_functions(rules, names))


def make_workload(size: int) -> Workload[Keyed]:
    """One of the two sizes; any other is taken for the organisation's, which has 200 rules."""
    return _of_gateway() if size == SIZES[0] else _of_organisation()
