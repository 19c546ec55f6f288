"""F3: reloads while decisions are made, one in ten of them broken in some way.

Two threads of this process decide by an engine that reads signed bundles, and a process beside them by one that reads
a directory; each engine is reloaded every 50 ms. Every decision is compared with the reference evaluator's answer by
the revision that it names, and that revision has to have decided at some moment of the call.

    python -m tests.faults.reload_under_load --reloads 1000
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from durwan import DurwanError
from tests.faults.editions import Bundles, Change, Directories, requests, write

_FIRST: Final = 10


@dataclass
class Counts:
    """What came of a run; the times are in microseconds."""

    decisions: int = 0
    wrong: int = 0
    of_another_time: int = 0
    errors: int = 0
    reloads: int = 0
    refused: dict[str, int] = field(default_factory=dict[str, int])
    broken_activated: int = 0
    good_refused: int = 0
    revisions_seen: int = 0
    steady_p99: float = 0.0
    during_p99: float = 0.0
    during_max: float = 0.0

    def faults(self) -> int:
        """How much of what must not happen has happened."""
        return self.wrong + self.of_another_time + self.errors + self.broken_activated + self.good_refused


class Times:
    """How often something took how long, to 64 ns."""

    def __init__(self) -> None:
        self.buckets = [0] * (1 << 18)
        self.most = 0

    def add(self, nanoseconds: int) -> None:
        """Once more."""
        bucket = nanoseconds >> 6
        self.buckets[bucket if bucket < 1 << 18 else -1] += 1
        self.most = max(self.most, nanoseconds)

    @classmethod
    def of_all(cls, parts: Sequence[Times]) -> Times:
        """Those of several threads."""
        found = cls()
        found.buckets = [sum(counts) for counts in zip(*(part.buckets for part in parts), strict=True)]
        found.most = max(part.most for part in parts)
        return found

    @property
    def count(self) -> int:
        """How often."""
        return sum(self.buckets)

    @property
    def p99(self) -> float:
        """What 99 of 100 did not exceed, in microseconds; what took more than 16 ms counts as 16 ms."""
        left = self.count - self.count * 99 // 100
        for bucket in range(len(self.buckets) - 1, -1, -1):
            left -= self.buckets[bucket]
            if left <= 0:
                return (bucket + 1) * 0.064
        return 0.0

    @property
    def greatest(self) -> float:
        """The longest, in microseconds."""
        return self.most / 1000


class Load:
    """One engine, the changes that it goes through, and the threads that ask it all the while."""

    def __init__(self, source: Bundles | Directories, reloads: int, *, callers: int, broken_each: int) -> None:
        self._source = source
        self._asked = requests(_FIRST + reloads + 1)
        self._changes = self._prepare(reloads, broken_each)
        good = [change for change in self._changes if change.revision is not None]
        # The editions that decide, in their order.
        self._order = {change.revision: index for index, change in enumerate(good)}
        self._answers = [change.answers for change in good]
        # How many editions were about to decide, and how many decided for sure.
        self._announced = self._done = 1
        self._stop = threading.Event()
        self._counts = Counts()
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._callers = callers
        write(source.folder, self._changes[0])
        self._engine = source.engine()

    def _prepare(self, reloads: int, broken_each: int) -> list[Change]:
        source, changes = self._source, [self._source.good(_FIRST, self._asked)]
        for turn in range(1, reloads + 1):
            number = _FIRST + turn
            broken, count = turn % broken_each == 0, turn // broken_each
            fault = source.faults[count % len(source.faults)]
            changes.append(source.bad(number, fault) if broken else source.good(number, self._asked))
        return changes

    def run(self, steady_seconds: float, pause_seconds: float) -> Counts:
        """First without reloads, then with them."""
        # What this program holds is none of the engine's; the garbage collector need not look through it.
        gc.collect()
        gc.freeze()
        steady = self._asking(lambda: time.sleep(steady_seconds))
        during = self._asking(lambda: self._reload_all(pause_seconds))
        self._counts.decisions = steady.count + during.count
        self._counts.steady_p99 = steady.p99
        self._counts.during_p99, self._counts.during_max = during.p99, during.greatest
        self._counts.revisions_seen = len(self._seen)
        return self._counts

    def _asking(self, meanwhile: Callable[[], None]) -> Times:
        """How long each decision took that was made meanwhile."""
        self._stop.clear()
        times = [Times() for _ in range(self._callers)]
        threads = [threading.Thread(target=self._ask, args=(each, index)) for index, each in enumerate(times)]
        for thread in threads:
            thread.start()
        try:
            meanwhile()
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        return Times.of_all(times)

    def _reload_all(self, pause_seconds: float) -> None:
        for change in self._changes[1:]:
            started = time.monotonic()
            write(self._source.folder, change)
            self._announced += change.revision is not None
            self._reload(change)
            self._done = self._announced
            time.sleep(max(0.0, started + pause_seconds - time.monotonic()))

    def _reload(self, change: Change) -> None:
        before = self._engine.revision
        try:
            revision = self._engine.reload()
        except DurwanError:
            self._counts.good_refused += change.revision is not None
            self._counts.broken_activated += self._engine.revision != before
            self._counts.refused[change.fault] = self._counts.refused.get(change.fault, 0) + 1
        else:
            self._counts.reloads += 1
            self._counts.broken_activated += revision != change.revision

    def _ask(self, times: Times, offset: int) -> None:
        engine, asked, stop, clock = self._engine, self._asked, self._stop, time.perf_counter_ns
        index, wrong, other, errors = offset, 0, 0, 0
        seen: set[str] = set()
        while not stop.is_set():
            index = (index + 1) % len(asked)
            first = self._done - 1
            start = clock()
            try:
                decision = engine.decide(asked[index])
            except Exception:  # noqa: BLE001 - whatever it is, it must not be
                errors += 1
                continue
            times.add(clock() - start)
            last = self._announced - 1
            edition = self._order.get(decision.revision, -1)
            seen.add(decision.revision)
            if not first <= edition <= last:
                other += 1
            elif decision.outcome != self._answers[edition][index]:
                wrong += 1
        with self._lock:
            self._counts.wrong += wrong
            self._counts.of_another_time += other
            self._counts.errors += errors
            self._seen |= seen


def run(folder: Path, reloads: int, *, kind: str, callers: int, broken_each: int = 10) -> Counts:
    """One engine under load; `kind` is bundles or directories, and one in `broken_each` changes is broken."""
    logger = logging.getLogger("durwan")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    source = Bundles(folder) if kind == "bundles" else Directories(folder)
    load = Load(source, reloads, callers=callers, broken_each=broken_each)
    try:
        return load.run(steady_seconds=1.0, pause_seconds=0.05)
    finally:
        logger.setLevel(level)


def run_both(reloads: int, broken_each: int = 10) -> dict[str, Counts]:
    """Two threads in this process, and a process beside it."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        command = [sys.executable, "-m", "tests.faults.reload_under_load", "--alone", two]
        command += ["--reloads", str(reloads), "--broken-each", str(broken_each)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as beside:
            here = run(Path(one), reloads, kind="bundles", callers=2, broken_each=broken_each)
            there, _ = beside.communicate(timeout=600 + reloads)
    return {"bundles": here, "directories": Counts(**json.loads(there))}


def main(arguments: Sequence[str] | None = None) -> int:
    """The long version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reloads", type=int, default=1_000)
    parser.add_argument("--broken-each", type=int, default=10, help="one in so many changes is broken")
    parser.add_argument("--alone", type=Path, metavar="FOLDER", help="the process beside: a directory, one caller")
    options = parser.parse_args(arguments)
    if options.alone is not None:
        counts = run(options.alone, options.reloads, kind="directories", callers=1, broken_each=options.broken_each)
        print(json.dumps(asdict(counts)))
        return 0
    started = time.monotonic()
    found = run_both(options.reloads, options.broken_each)
    for kind, counts in found.items():
        print(kind, json.dumps(asdict(counts), indent=2))
    print(f"{sum(each.decisions for each in found.values()):,} decisions in {time.monotonic() - started:.0f} s")
    return 1 if any(counts.faults() for counts in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
