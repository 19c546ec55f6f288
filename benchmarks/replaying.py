"""`python benchmarks/replaying.py [--quick]`: W6, how fast recorded requests are decided again, and in how much memory.

W1's rules decide a prepared log of 1, 3 and 10 million requests, each of them once by one revision and once by two,
whose differences are counted; every time in a process of its own, of which the greatest memory is printed. Beside it
stands what the generated evaluator takes for one request after the other, measured in turns with it. Other policies are
there to show that nothing explodes: the reference set, and a thousand rules.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from durwan.program.program import Program
    from durwan.workshop.replaying.logs import RecordedBatch

MILLION = 1_000_000
PART = 262_144
SAMPLE = 20_000
GIBIBYTE = 1 << 30
GOAL_RATE = 20e6


@dataclass(slots=True, kw_only=True)
class Row:
    """One line: so many requests decided by one revision or by two."""

    rows: int
    revisions: int
    runs: list[dict[str, float]] = field(default_factory=list)

    def median(self, name: str) -> float:
        """The median of what was measured."""
        return statistics.median(run[name] for run in self.runs)

    @property
    def rate(self) -> float:
        """Decisions a second, by the clock."""
        return self.revisions * self.rows / self.median("seconds")

    @property
    def processor_ns(self) -> float:
        """Nanoseconds of a processor for each decision."""
        return self.median("processor") * 1e9 / self.rows / self.revisions


# ---------------------------------------------------------------------------------------------- in a process of its own


def decide(folder: Path, rows: int, revisions: int) -> dict[str, float]:
    """Decides the first rows of a prepared log, two batches at a time."""
    from benchmarks.workloads import w1, w6
    from durwan.backends.columns.evaluator import ColumnsEvaluator
    from durwan.compilation import compile_sources
    from durwan.workshop.replaying.logs import RecordedRequests, Side, of_each_batch

    programs = [compile_sources({"w.policy": text}).program for text in (w1.POLICY, w6.NEXT)[:revisions]]
    sides, evaluators = [Side(program) for program in programs], [ColumnsEvaluator(program) for program in programs]
    began, began_processor = time.perf_counter(), time.process_time()

    def work(batch: RecordedBatch) -> tuple[int, int]:
        codes = [evaluator.codes(batch.batch_for(side)) for evaluator, side in zip(evaluators, sides, strict=True)]
        return batch.rows, int((codes[0] != codes[-1]).sum())

    parts = sorted(folder.glob("*.parquet"))[: -(-rows // PART)]
    found = list(of_each_batch(RecordedRequests.open(parts, programs[0]).batches(), work))
    return {
        "rows": sum(count for count, _ in found),
        "flips": sum(flips for _, flips in found),
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - began_processor,
        "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


# ------------------------------------------------------------------------------------------------------------- the logs


def make_log(folder: Path, rows: int) -> None:
    """A prepared log of W6's requests, out of Parquet of the plain nested form."""
    from benchmarks.workloads import w1, w6
    from durwan.compilation import compile_sources
    from durwan.workshop.replaying.logs import RecordedRequests

    plain = folder / "plain"
    plain.mkdir()
    keys = w1.make_keys()
    for number, first in enumerate(range(0, rows, PART)):
        w6.make_rows(first, min(PART, rows - first), keys).write_parquet(plain / f"{number:04}.parquet")
    began = time.perf_counter()
    RecordedRequests.open([plain], compile_sources({"w.policy": w1.POLICY}).program).prepare(
        folder / "prepared", whole=False
    )
    size = sum(path.stat().st_size for path in (folder / "prepared").iterdir())
    print(f"prepared: {size / rows:.0f} bytes and {(time.perf_counter() - began) / rows * 1e6:.1f} us a request")


def check(folder: Path) -> Callable[[], float]:
    """Compares columns with the generated evaluator on some requests; returns what times a pass of it over them."""
    from benchmarks.workloads import w1, w6
    from durwan import Engine
    from durwan.backends.columns.evaluator import ColumnsEvaluator
    from durwan.compilation import compile_sources
    from durwan.workshop.replaying.logs import RecordedRequests

    for text in (w6.NEXT, w1.POLICY):
        program = compile_sources({"w.policy": text}).program
        batch = next(RecordedRequests.open([folder / "plain"], program).batches())
        requests = batch.requests(range(SAMPLE))
        evaluator, engine = ColumnsEvaluator(program), Engine.from_sources({"w.policy": text}, cache=None)
        codes = evaluator.codes(batch.batch).head(SAMPLE).to_list()
        if codes != [evaluator.code_of(engine.decide(request).outcome) for request in requests]:
            sys.exit("columns and the generated evaluator differ: nothing is measured")

    def one_pass() -> float:
        began = time.process_time()
        for request in requests:
            engine.decide(request)
        return (time.process_time() - began) / len(requests) * 1e9

    return one_pass


# ----------------------------------------------------------------------------------------------------------- measuring


def measure(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """All figures, printed as soon as they are there."""
    sizes = [max(PART, round(float(size) * MILLION)) for size in arguments.sizes.split(",")]
    log = Path(arguments.keep) if arguments.keep else folder
    if not (log / "prepared").exists():
        log.mkdir(exist_ok=True)
        make_log(log, max(sizes))
    one_pass = check(log)
    rows = [Row(rows=size, revisions=revisions) for size in sizes for revisions in (1, 2)]
    alone: list[float] = []
    for _ in range(arguments.repeats):
        for row in rows:
            row.runs.append(_in_a_process(log / "prepared", row))
            row.rows = int(row.runs[-1]["rows"])
        alone.append(one_pass())
    call = statistics.median(alone)
    for row in rows:
        print(_line(row, call))
    _print_goals(rows)
    return [*(_record(row, call) for row in rows), *_others(call, quick=arguments.quick)]


def _in_a_process(folder: Path, row: Row) -> dict[str, float]:
    command = [
        sys.executable,
        __file__,
        "--decide",
        str(folder),
        "--rows",
        str(row.rows),
        "--revisions",
        str(row.revisions),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _line(row: Row, call: float) -> str:
    flips = f"{int(row.runs[0]['flips']):,} differ" if row.revisions > 1 else ""
    return (
        f"{row.rows:>12,} requests, {row.revisions} revision{'s' if row.revisions > 1 else ' '} "
        f"{row.rate / 1e6:6.1f} M decisions/s  "
        f"processor {row.processor_ns:5.1f} ns  {row.median('bytes') / 2**20:6,.0f} MiB  "
        f"{call / row.processor_ns:5.1f} x the generated evaluator ({call:.0f} ns a call)  {flips}"
    )


def _print_goals(rows: Sequence[Row]) -> None:
    largest = max(rows, key=lambda row: (row.rows, row.revisions))
    fastest = max(row.rate for row in rows if row.rows == largest.rows)
    by_processor = 2e9 / min(row.processor_ns for row in rows if row.rows == largest.rows)
    most = largest.median("bytes")
    goals = [
        (f"{fastest / 1e6:.1f} M decisions/s by the clock, goal >= 20", fastest >= GOAL_RATE),
        (f"{by_processor / 1e6:.1f} M decisions/s of two processors without other work", by_processor >= GOAL_RATE),
        (f"{most / 2**20:,.0f} MiB for {largest.rows:,} requests, goal <= 1,024", most <= GIBIBYTE),
        *_linear([row for row in rows if row.revisions == largest.revisions]),
    ]
    for text, reached in goals:
        print(f"{'reached' if reached else 'NOT REACHED':12} {text}")


def _linear(rows: Sequence[Row]) -> Iterator[tuple[str, bool]]:
    """Whether a further request costs no more in a long log than in a short one: what is done once is in neither."""
    costs = [
        (more.median("processor") - less.median("processor")) * 1e9 / (more.rows - less.rows)
        for less, more in itertools.pairwise(rows)
    ]
    for (less, more), (before, after) in zip(itertools.pairwise(rows[1:]), itertools.pairwise(costs), strict=True):
        growth = after / before
        text = f"a further request takes {after:.1f} ns from {less.rows:,} to {more.rows:,}, {growth:.2f} times as long"
        yield f"{text} as before, goal <= 1.2", growth <= 1.2


def _record(row: Row, call: float) -> dict[str, Any]:
    return {
        "work": "w6", "contender": f"{row.revisions} revision{'s' if row.revisions > 1 else ''}", "size": row.rows,
        "ns": round(1e9 / row.rate, 2), "ratio": round(row.processor_ns / call, 4),
        "wrong": 0, "processor_ns": round(row.processor_ns, 2), "mebibytes": round(row.median("bytes") / 2**20, 1),
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------------- other policies


def _others(call: float, *, quick: bool) -> list[dict[str, Any]]:
    """The reference set and a thousand rules: what one request costs, columns read and computed."""
    from benchmarks.workloads import w2
    from durwan.compilation import compile_directory, compile_sources
    from durwan.workshop.replaying.synthetic import clone_keys

    reference = compile_directory(str(Path(__file__).parents[1] / "policies"))
    keys = clone_keys(dict(reference.keys.items()), 500)  # type: ignore[attr-defined]
    work = w2.make_workload(1_000)
    many = compile_sources(work.sources).program
    rows = 20_000 if quick else PART
    return [
        _other("reference set", reference.program, keys, rows, call),
        _other("a thousand rules", many, {f"k{number}": {"id": f"k{number}"} for number in range(1_000)}, rows, call),
    ]


def _other(name: str, program: Program, keys: dict[str, Any], rows: int, call: float) -> dict[str, Any]:
    from durwan.backends.columns.evaluator import ColumnsEvaluator
    from durwan.workshop.replaying.logs import RecordedRequests
    from durwan.workshop.replaying.synthetic import SyntheticLog

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "log.parquet"
        SyntheticLog(program, keys, count=rows, decided=False).write(path)
        RecordedRequests.open([path], program, keys.get).prepare(Path(place) / "prepared", whole=False)
        began = time.process_time()
        (batch,) = RecordedRequests.open([Path(place) / "prepared"], program, keys.get).batches()
        ready = batch.batch
        read = time.process_time()
        ColumnsEvaluator(program).codes(ready)
        ended = time.process_time()
    ns = (ended - began) / rows * 1e9
    print(
        f"{name}: {len(program.rules):,} rules, {rows:,} requests, processor {ns:,.0f} ns a request: "
        f"{(read - began) / rows * 1e9:,.0f} to read {len(ready.frame.columns)} columns, "
        f"{(ended - read) / rows * 1e9:,.0f} to decide"
    )
    return {"work": "w6", "contender": name, "size": rows, "ns": round(ns), "ratio": round(ns / call, 3), "wrong": 0}


def write(records: Sequence[dict[str, Any]], arguments: argparse.Namespace) -> Path:
    """Into the day's file, in the form of the other results, with the processor's time and MiB beside."""
    from benchmarks import report

    report.RESULTS.mkdir(exist_ok=True)
    path = report.RESULTS / f"{dt.datetime.now(dt.UTC).date()}-replaying{'-quick' if arguments.quick else ''}.json"
    path.write_text("[\n" + ",\n".join(map(json.dumps, records)) + "\n]\n", encoding="utf-8")
    machine = {
        **report.machine(),
        "options": {name: value for name, value in vars(arguments).items() if name != "keep"},
    }
    path.with_suffix(".machine.json").write_text(json.dumps(machine, indent=2, default=str) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/replaying.py", description="how fast recorded requests are decided"
    )
    parser.add_argument("--sizes", default="1,3,10", help="millions of requests")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small logs and one repeat: does it all run?")
    parser.add_argument("--keep", help="a directory in which the log is kept, and found by the next run")
    parser.add_argument("--decide", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--revisions", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.decide:
        print(json.dumps(decide(arguments.decide, arguments.rows, arguments.revisions)))
        return
    if arguments.quick:
        arguments.sizes, arguments.repeats = "0.3,0.6", 1
    with tempfile.TemporaryDirectory() as place:
        records = measure(arguments, Path(place))
    print(f"written to {write(records, arguments).name}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
