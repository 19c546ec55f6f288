"""The decision cache on random policies, with a clock that moves both ways, keys that change, and reloads.

Every answer from the cache must be what is decided afresh at the same instant (F16). Run as a program for the long
version: `python -m tests.cache_soundness --lookups 10000000`. The bounded version is a test.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from durwan.credentials.key_table import KeyTable
from durwan.model.decision import Decision
from durwan.model.request import PLAIN
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.values import format_instant
from durwan.runtime.cached_action import CachedAction
from durwan.runtime.decision_cache import DecisionCache
from durwan.runtime.decision_store import CacheLimits
from durwan.runtime.engine import Engine
from durwan.runtime.policy import Compiled
from tests.generators.programs import ATTRIBUTES, DAY, HOUR, MINUTE, NOW, TIMES, generate_program
from tests.generators.requests import ODD, generate_request, moment, plausible

LOOKUPS_PER_PROGRAM = 10_000
KEY_IDS = ("desk-7", "desk-8", "ünïcode")
UNKNOWN_IDS = ("", "nobody")
# How the clock moves from one lookup to the next.
MOVES = (0, 0, 0, 0, 0, 0, 1, 1, 1, 7, 7, MINUTE, -1, -HOUR, DAY)


class UnsoundError(AssertionError):
    """An answer from the cache that is not what would be decided now."""


@dataclass(slots=True)
class Counts:
    """What a run did."""

    lookups: int = 0
    hits: int = 0
    allowed: int = 0
    key_changes: int = 0
    reloads: int = 0


class Scene:
    """Two engines over the same policies and keys: one with a cache, one that decides everything afresh."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.counts = Counts()
        self.programs = [generate_program(seed), generate_program(seed + 1)]
        self.keys = KeyTable({key_id: key_attributes(random) for key_id in KEY_IDS[:2]}, declared=DECLARED)
        compiled = Compiled(program=self.programs[0], revision="", keys=self.keys)
        self.compiled = compiled
        # A recheck every now and then, and so few entries that they are dropped in between.
        limits = CacheLimits(
            trial=0, recheck=random.choice((50, TIME_MAX, TIME_MAX)), entries=random.choice((8, 4_096, 4_096))
        )
        self.cached = Engine(lambda: self.compiled, keys=self.keys, clock=lambda: self.now, cache=limits)
        self.plain = Engine(lambda: self.compiled, keys=self.keys, clock=lambda: self.now, cache=None)
        self.now = NOW
        self.pool = [self.request() for _ in range(12)]

    def request(self) -> dict[str, Any]:
        """A request of the pool, from which others are varied: rather one that is not decided by doubt."""
        request: dict[str, Any] = {}
        for _ in range(self.random.choice((1, 8, 8))):
            request = generate_request(self.random)
            if self.random.random() < 0.6:
                request["key"] = self.random.choice((*KEY_IDS, *UNKNOWN_IDS, "desk-7", "desk-7"))
            if not self.plain.decide(request).unknowns:
                break
        return request

    def step(self) -> None:
        """One lookup, and what may happen before it."""
        draw = self.random.random()
        if draw < 0.01:
            self.change_a_key()
        elif draw < 0.0102:
            self.reload()
        elif draw < 0.012:
            self.pool[self.random.randrange(len(self.pool))] = self.request()
        self.look_up(self.vary(self.random.choice(self.pool)))

    def change_a_key(self) -> None:
        self.counts.key_changes += 1
        key_id = self.random.choice(KEY_IDS)
        match self.random.randrange(4):
            case 0 if key_id in self.keys:
                self.keys.remove(key_id)
            case 1 if key_id in self.keys:
                self.keys.revoke(key_id)
            case 2:
                self.keys.replace({each: key_attributes(self.random) for each in KEY_IDS})
            case _:
                self.keys.put(key_id, key_attributes(self.random))

    def reload(self) -> None:
        self.counts.reloads += 1
        self.compiled = replace(self.compiled, program=self.random.choice(self.programs))
        self.finish()
        self.cached.reload()
        self.plain.reload()

    def vary(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The request as it comes again: later or earlier, and perhaps with one thing changed."""
        random = self.random
        varied: dict[str, Any] = {name: dict(each) if type(each) is PLAIN else each for name, each in request.items()}
        if random.random() < 0.2:
            path = random.choice(tuple(ATTRIBUTES))
            context, _, name = path.partition(".")
            if type(varied.get(context)) is PLAIN:
                odd = random.random() < 0.2
                varied[context][name] = random.choice(ODD) if odd else plausible(ATTRIBUTES[path], random)
        self.now = max(TIME_MIN, min(TIME_MAX, self.now + random.choice(MOVES)))
        if random.random() < 0.02:
            self.now = random.choice(TIMES)
        if random.random() < 0.1:
            del varied["now"]
        else:
            varied["now"] = self.now
        return varied

    def look_up(self, request: dict[str, Any]) -> None:
        """Compares what the cache answers with what is decided afresh, now and at the edges of its deadline."""
        expected = self.plain.decide(request)
        got = self.answer(request)
        self.compare(request, expected, got)
        until = got.valid_until
        if until is not None and self.random.random() < 0.1:
            for self.now in (until - 1, until, until + 1):
                if TIME_MIN <= self.now <= TIME_MAX:
                    later = {**request, "now": self.now}
                    self.compare(later, self.plain.decide(later), self.answer(later))

    def answer(self, request: dict[str, Any]) -> Decision:
        """What the engine answers: where it would ask the cache, by asking the cache, to see whether that was a hit."""
        self.counts.lookups += 1
        action = request["action"]
        if type(action) is str and type(request.get("now")) is int:
            cached = self.actions().get(action)
            fills = 0 if cached is None else cached.fills
            try:
                decision = _cache(self.cached).functions[action](request, request["now"])
            except Exception:  # noqa: BLE001 - a function may give up; the engine goes on from there
                return self.cached.decide(request)
            self.counts.hits += cached is not None and cached.fills == fills
            return decision
        return self.cached.decide(request)

    def actions(self) -> Mapping[str, CachedAction]:
        """The actions that the cache knows of now."""
        return _cache(self.cached)._actions  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - it is about what happens inside

    def compare(self, request: Mapping[str, Any], expected: Decision, got: Decision) -> None:
        self.counts.allowed += got.allowed
        if expected.outcome != got.outcome or (got.valid_until is not None and got.valid_until <= self.now):
            raise UnsoundError(f"at {self.now}\nrequest  {request!r}\nexpected {expected!r}\ngot      {got!r}")

    def finish(self) -> None:
        """The cache itself must have found nothing either."""
        info = self.cached.cache_info()
        assert info is not None
        if info.differences:
            raise UnsoundError(f"the cache found itself wrong: {info}")


def _cache(engine: Engine) -> DecisionCache:
    cache = engine._policy.cache  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - it is about what happens inside
    assert cache is not None
    return cache


DECLARED = {path.partition(".")[2]: declared for path, declared in ATTRIBUTES.items() if path.startswith("key.")}


def key_attributes(random: Random) -> dict[str, Any]:
    """What a key may be, as key files have it."""
    found = {name: plausible(declared, random) for name, declared in DECLARED.items() if random.random() < 0.8}
    found.pop("id", None)
    if "created" in found:
        found["created"] = format_instant(moment(random))
    return found


def run(first_seed: int, lookups: int, *, progress: bool = False) -> Counts:
    """Looks up so often, over as many policies as that takes."""
    total = Counts()
    started = time.monotonic()
    seed = first_seed
    while total.lookups < lookups:
        scene = Scene(seed)
        try:
            while scene.counts.lookups < LOOKUPS_PER_PROGRAM:
                scene.step()
            scene.finish()
        except UnsoundError as found:
            raise UnsoundError(f"seed {seed}\n{found}") from None
        for name in ("lookups", "hits", "allowed", "key_changes", "reloads"):
            setattr(total, name, getattr(total, name) + getattr(scene.counts, name))
        seed += 2
        if progress and seed % 50 == 1:
            rate = total.lookups / (time.monotonic() - started)
            print(f"\r{total.lookups:>12,} lookups, {rate:,.0f}/s", end="", file=sys.stderr, flush=True)
    return total


def main() -> int:
    """The long version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lookups", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    counts = run(arguments.seed, arguments.lookups, progress=True)
    print(f"\n{counts}\nno answer from the cache differed from a fresh decision")
    return 0


if __name__ == "__main__":
    sys.exit(main())
