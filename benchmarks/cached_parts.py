"""`python benchmarks/cached_parts.py`: what a decision that is found in the cache costs on W4, part by part.

The function that durwan generates for an action is cut short after each of its steps, and each of these is timed: what
a step costs is what is added by it. The engine's own part is what is left of `Engine.decide`.
"""

from __future__ import annotations

import ast
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # so that benchmarks is a package, wherever it is started

from benchmarks.workloads import w4
from durwan import Engine, StaticKeys
from durwan.backends.bytecode import Decide, Evaluator, emit
from durwan.backends.bytecode.cache_key import CacheKeyWriter
from durwan.runtime.decision_store import CacheLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.workloads.workload import Request
    from durwan.backends.bytecode.cache_key import Entries

REPEATS = 15
STEPS = ("calling", "reading and checking", "cache key", "finding", "time check", "engine")
WHOLE = ("cached", "uncached", "hand-written")


def _without_tuple(statement: ast.stmt) -> list[ast.stmt]:
    """`t = (a, b)` as `a; b`: everything is read, but no cache key is made."""
    match statement:
        case ast.Assign(value=ast.Tuple(elts=elements)):
            return [ast.Expr(element) for element in elements]
        case ast.If(test=test, body=body, orelse=other):
            return [ast.If(test, [each for s in body for each in _without_tuple(s)], _spread(other))]
        case _:
            return [statement]


def _spread(statements: Iterable[ast.stmt]) -> list[ast.stmt]:
    return [each for statement in statements for each in _without_tuple(statement)]


def _cut(body: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """The body of a cached function up to and including each step: its statements are known from `cache_key.py`."""
    end = ast.Return(emit.NONE)
    *making, finding, check, miss = body
    return {
        "calling": [end],
        "reading and checking": [*_spread(making), end],
        "cache key": [*making, end],
        "finding": [*making, finding, end],
        "time check": [*making, finding, check, miss],
    }


def functions_of(engine: Engine, evaluator: Evaluator, action: str) -> dict[str, Decide]:
    """The steps of one action's cached function, with the entries that the engine has for it."""
    found: Entries = engine._policy.functions[action].__globals__["entries"]  # noqa: SLF001 - nothing public tells
    functions: dict[str, Decide] = {}
    for step in STEPS[:-1]:
        # Written anew for each: a tree is changed by being loaded.
        writer = CacheKeyWriter(evaluator._shared, evaluator._reads_of(action), strict=True, by_id=True)  # noqa: SLF001
        tree = writer.write()
        tree.body = _cut(tree.body)[step]
        functions[step] = emit.load(tree, f"{action} {step}", {**writer.bound, "entries": found, "fill": _missed})
    return functions


def _missed(*_: object) -> None:
    """A few are: the same request decided otherwise within the five seconds, since its second factor became too old."""


def _time(decide: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> float:
    start = time.process_time_ns()
    for call in calls:
        decide(*call)
    return (time.process_time_ns() - start) / len(calls)


def measure(size: int, *, by_id: bool) -> dict[str, float]:
    """Nanoseconds up to each step and of each whole, on all requests, weighted as they come."""
    workload = w4.make_workload(size)
    keys = StaticKeys(workload.content.keys)
    cached = Engine.from_sources(workload.sources, cache=CacheLimits(trial=0), keys=keys)
    uncached = Engine.from_sources(workload.sources, cache=None, keys=keys)
    declared = cached.compiled.program.schema.actions
    by_action: dict[str, list[Request]] = defaultdict(list)
    for request in workload.requests:
        if request["action"] in declared:
            by_action[request["action"]].append(request)
    totals: dict[str, float] = defaultdict(float)
    count = sum(map(len, by_action.values()))
    for action, nested in by_action.items():
        given = [{**request, "key": request["key"]["id"]} for request in nested] if by_id else nested
        for name, ns in _measure_action(cached, uncached, workload.hand_written, action, nested, given).items():
            totals[name] += ns * len(nested) / count
    return totals


def _measure_action(  # noqa: PLR0913, PLR0917 - one place calls it
    cached: Engine,
    uncached: Engine,
    hand_written: Callable[[Request], bool],
    action: str,
    nested: Sequence[Request],
    given: Sequence[Request],
) -> dict[str, float]:
    for engine in (cached, uncached):
        for request in (*given, *given):
            engine.decide(request)
    steps = functions_of(cached, cached._policy.evaluator, action)  # noqa: SLF001 - likewise
    instants = [(request, request["now"]) for request in given]
    runs: dict[str, tuple[Callable[..., Any], Sequence[tuple[Any, ...]]]] = {
        **{name: (function, instants) for name, function in steps.items()},
        "cached": (cached.decide, [(request,) for request in given]),
        "uncached": (uncached.decide, [(request,) for request in given]),
        "hand-written": (hand_written, [(request,) for request in nested]),
    }
    samples: dict[str, list[float]] = defaultdict(list)
    for _ in range(REPEATS):
        for name, (function, calls) in runs.items():
            for _ in range(max(3, 2_000 // len(calls))):
                _time(function, calls)
            passes = max(1, 2_000 // len(calls))
            samples[name].append(statistics.median(_time(function, calls) for _ in range(passes)))
    return {name: statistics.median(taken) for name, taken in samples.items()}


def print_parts(title: str, up_to: dict[str, float]) -> None:
    """What each step adds."""
    print(f"\n{title}")
    before = 0.0
    for step in STEPS:
        now = up_to["cached"] if step == "engine" else up_to[step]
        print(f"  {step:24} {now - before:8.0f} ns  {(now - before) / up_to['cached']:6.0%}")
        before = now
    for name in WHOLE:
        print(f"  {name:24} {up_to[name]:8.0f} ns  {up_to[name] / up_to['cached']:6.0%}")


def main() -> None:
    """Both sets of rules, keys by their attributes and by their ids."""
    for size in w4.SIZES:
        for by_id in (False, True):
            print_parts(f"{size} rules, {'keys by id' if by_id else 'keys by attributes'}", measure(size, by_id=by_id))


if __name__ == "__main__":
    main()
