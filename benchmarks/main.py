"""The command line: what to run, in which sizes, how often."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import report
from benchmarks.engines import DURWAN, ENGINES, HAND_WRITTEN
from benchmarks.harness import Result, measure
from benchmarks.worker import Assignment
from benchmarks.workloads import w1, w2, w3, w4, w5

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.workloads.workload import Workload

BUILD_SECONDS = 900
CHECK_SECONDS = 20
QUICK_CHECK_SECONDS = 2
QUICK_REPEATS = 3
QUICK_LARGEST = 1_000
ONLY_LISTS = ("pytricia",)
"""Peers that take part in W3 alone."""
OURS = (HAND_WRITTEN.name, DURWAN.name)
TAKING_PART = {"w4": OURS, "w5": (*OURS, "cedarpy", "cel-cpp")}
"""Works in which not every engine takes part: no peer has a cache of decisions, or is told of a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One workload as the command line knows it."""

    name: str
    title: str
    sizes: Sequence[int]
    make: Callable[[int], Workload[Any]]


WORKS = {
    "w1": Work(name="w1", title="W1, one gateway's rules", sizes=w1.SIZES, make=w1.make_workload),
    "w2": Work(name="w2", title="W2, one rule per key", sizes=w2.SIZES, make=w2.make_workload),
    "w3": Work(name="w3", title="W3, one big address list", sizes=w3.SIZES, make=w3.make_workload),
    "w4": Work(name="w4", title="W4, cached", sizes=w4.SIZES, make=w4.make_workload),
    "w5": Work(name="w5", title="W5, bound to a connection", sizes=w5.SIZES, make=w5.make_workload),
}


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; see README.md for what they are good for."""
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description="durwan side by side with other engines")
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"{', '.join(WORKS)} (default: all)")
    parser.add_argument("--repeats", type=int, help="turns of each contender (default: 15)")
    parser.add_argument("--sizes", help="comma-separated, for W2, W3 and W4 (default: all but 100,000 rules)")
    parser.add_argument("--contenders", default="", metavar="REGEX", help="only those whose name it matches")
    parser.add_argument("--quick", action="store_true", help="a look at whether all runs; its figures mean little")
    options = parser.parse_args(arguments)
    options.works = options.works or list(WORKS)
    if unknown := sorted(set(options.works) - set(WORKS)):
        parser.error(f"no such workload: {', '.join(unknown)}")
    options.repeats = options.repeats or (QUICK_REPEATS if options.quick else 15)
    return options


def sizes_of(work: Work, options: argparse.Namespace) -> list[int]:
    """The sizes asked for; W1 has but one."""
    if options.sizes and len(work.sizes) > 1:
        return [int(size.replace("_", "")) for size in options.sizes.split(",")]
    return [size for size in work.sizes if not options.quick or size <= QUICK_LARGEST]


def takes_part(engine: str, work: str) -> bool:
    """Whether there is a form of the engine for the workload."""
    if work in TAKING_PART:
        return engine in TAKING_PART[work]
    return work == "w3" or engine not in ONLY_LISTS


def run_work(work: Work, options: argparse.Namespace) -> list[Result]:
    """Measure one workload in all its sizes at once, and print what came of it."""
    pattern = re.compile(options.contenders)
    check_seconds = QUICK_CHECK_SECONDS if options.quick else CHECK_SECONDS
    taking_part = [engine for engine in ENGINES if takes_part(engine.name, work.name)]
    assignments = [
        (engine, Assignment(module=engine.module, workload=workload, pattern=pattern, check_seconds=check_seconds))
        for workload in map(work.make, sizes_of(work, options))
        for engine in taking_part
        if engine.version is not None
    ]
    results = measure(assignments, repeats=options.repeats, build_seconds=BUILD_SECONDS)
    absent = [engine for engine in taking_part if engine.version is None]
    silent = [engine for engine in ENGINES if engine not in taking_part and work.name not in TAKING_PART]
    report.print_workload(work.title, results, absent, silent)
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print, write."""
    options = parse_arguments(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves by the door that also ends the workers
    for name in options.works:
        results = run_work(WORKS[name], options)
        print(f"\nwritten: {report.write(results, vars(options)).name}", flush=True)
