"""F5: many threads in two processes that decide, reload, revoke keys and step the clock, all at once.

The interpreter is told to switch threads as often as it can. Every decision has to be the reference evaluator's answer
for a policy, a key and an instant that held at some moment of the call.

    python -m tests.faults.threads --minutes 10
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from random import Random
from typing import Final, Generic, TypeVar

from durwan import Engine, StaticKeys
from durwan.credentials.key_table import KeyTable
from durwan.model.decision import Outcome
from durwan.program import reference
from tests.faults.editions import HOUR, KEYS, NOW, asked, compiled

_THREADS: Final = 8
_EDITIONS: Final = tuple(compiled(number) for number in (3, 4, 40, 41))
_INSTANTS: Final = (NOW - 10 * HOUR, NOW, NOW + 10 * HOUR, NOW - 365 * 24 * HOUR, 2_147_483_648_000)
_REQUESTS: Final = tuple(
    asked(action, score, desk)
    for action, scores in (("orders.create", (1, 3, 40)), ("orders.cancel", (0,)), ("ping", (0,)))
    for score in scores
    for desk in range(len(KEYS))
)
_CHANGES: Final = 0.002

V = TypeVar("V")


class History(Generic[V]):
    """The values that something had, one after the other; who changes it says so before and after."""

    def __init__(self, first: V) -> None:
        self._values = [first]
        self._done = 0
        self.lock = threading.Lock()

    def begin(self, value: V) -> None:
        """From now on it may have this value."""
        self._values.append(value)

    def end(self) -> None:
        """From now on it has the last value for sure."""
        self._done = len(self._values) - 1

    @property
    def since(self) -> int:
        """Where the values begin that it may have from now on."""
        return self._done

    def values(self, since: int) -> set[V]:
        """The values that it may have had since then."""
        return set(self._values[since:])


@dataclass
class Counts:
    """What came of a run."""

    decisions: int = 0
    wrong: int = 0
    errors: int = 0
    reloads: int = 0
    revocations: int = 0
    steps: int = 0
    deadlocks: int = 0

    def faults(self) -> int:
        """How much of what must not happen has happened."""
        return self.wrong + self.errors + self.deadlocks


@cache
def answer(edition: int, index: int, instant: int, *, revoked: bool) -> Outcome:
    """The reference evaluator's answer to a request."""
    policy, request = _EDITIONS[edition], _REQUESTS[index]
    keys = StaticKeys({key_id: {**record, "revoked": revoked} for key_id, record in KEYS.items()})
    decision = reference.decide(policy.program, request, clock=lambda: instant, keys=keys.get, revision=policy.revision)
    return decision.outcome


class Turmoil:
    """One engine, and all that changes around it."""

    def __init__(self) -> None:
        self._edition = History(0)
        self._instant = History(_INSTANTS[0])
        self._revoked = {key_id: History(first=False) for key_id in KEYS}
        self._keys = KeyTable(KEYS)
        self._current, self._now = 0, _INSTANTS[0]
        self._engine = Engine(lambda: _EDITIONS[self._current], keys=self._keys, clock=lambda: self._now)
        self._numbers = {policy.revision: number for number, policy in enumerate(_EDITIONS)}
        self._counts = [Counts() for _ in range(_THREADS)]

    def run(self, seconds: float, seed: int) -> Counts:
        """What came of so many seconds."""
        sys.setswitchinterval(1e-6)
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._work, args=(counts, end, Random(f"{seed} {index}")), daemon=True)
            for index, counts in enumerate(self._counts)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()) + 60)
        total = Counts()
        for each in self._counts:
            for field in fields(Counts):
                setattr(total, field.name, getattr(total, field.name) + getattr(each, field.name))
        total.deadlocks = sum(thread.is_alive() for thread in threads)
        if total.deadlocks:
            faulthandler.dump_traceback()
        return total

    def _work(self, counts: Counts, end: float, random: Random) -> None:
        while time.monotonic() < end:
            try:
                if random.random() < _CHANGES:
                    self._change(counts, random)
                else:
                    self._check(counts, random.randrange(len(_REQUESTS)))
            except Exception:  # noqa: BLE001 - whatever it is, it must not be
                faulthandler.dump_traceback()
                counts.errors += 1

    def _change(self, counts: Counts, random: Random) -> None:
        match random.randrange(3):
            case 0:
                with self._edition.lock:
                    self._current = random.randrange(len(_EDITIONS))
                    self._edition.begin(self._current)
                    self._engine.reload()
                    self._edition.end()
                counts.reloads += 1
            case 1:
                key_id, revoked = random.choice(list(KEYS)), random.random() < 0.5
                with self._revoked[key_id].lock:
                    self._revoked[key_id].begin(revoked)
                    if revoked:
                        self._keys.revoke(key_id)
                    else:
                        self._keys.put(key_id, KEYS[key_id])
                    self._revoked[key_id].end()
                counts.revocations += 1
            case _:
                with self._instant.lock:
                    instant = random.choice(_INSTANTS)
                    self._instant.begin(instant)
                    self._now = instant
                    self._instant.end()
                counts.steps += 1

    def _check(self, counts: Counts, index: int) -> None:
        request = _REQUESTS[index]
        key = self._revoked[request["key"]]
        edition_since, instant_since, key_since = self._edition.since, self._instant.since, key.since
        decision = self._engine.decide(request)
        counts.decisions += 1
        edition = self._numbers[decision.revision]
        possible = (
            answer(edition, index, instant, revoked=revoked)
            for instant in self._instant.values(instant_since)
            for revoked in key.values(key_since)
        )
        if edition not in self._edition.values(edition_since) or decision.outcome not in possible:
            counts.wrong += 1


def run_both(seconds: float, seed: int = 1) -> list[Counts]:
    """One process beside this one, in which nothing else runs either."""
    command = [sys.executable, "-m", "tests.faults.threads", "--minutes", str(seconds / 60), "--alone"]
    both = [
        subprocess.Popen([*command, "--seed", str(each)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
        for each in (seed, seed + 1)
    ]
    return [Counts(**json.loads(process.communicate(timeout=seconds + 180)[0])) for process in both]


def main(arguments: Sequence[str] | None = None) -> int:
    """The long version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="this process alone")
    options = parser.parse_args(arguments)
    if options.alone:
        print(json.dumps(asdict(Turmoil().run(options.minutes * 60, options.seed))))
        return 0
    found = run_both(options.minutes * 60, options.seed)
    for counts in found:
        print(json.dumps(asdict(counts), indent=2))
    return 1 if any(counts.faults() for counts in found) else 0


if __name__ == "__main__":
    sys.exit(main())
