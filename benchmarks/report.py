"""Results as text for a reader, and as records for a program."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.engines import DURWAN, ENGINES, Engine
from benchmarks.goals import goals_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.harness import Result

RESULTS = Path(__file__).with_name("results")
WIDTH = 46
Record = dict[str, Any]


def print_workload(title: str, results: Sequence[Result], absent: Sequence[Engine], silent: Sequence[Engine]) -> None:
    """One table for each size, then what could not be shown in it, compile times and goals."""
    for size in sorted({result.size for result in results}):
        print(f"\n{title}, size {size:,}")
        print(f"{'':{WIDTH}} {'ns':>13} {'x hand':>10} {'p10-p90':>19} {'load':>9}  answers")
        for result in sorted((r for r in results if r.size == size), key=_order):
            print(_row(result))
        for engine in absent:
            print(f"{engine.name:{WIDTH}} not installed: {engine.pip_command}")
    for engine in silent:
        print(f"{engine.name:{WIDTH}} is no policy engine, and has no form for this workload")
    print()
    for line in _compile_lines(results):
        print(line)
    if results:
        print("goals:")
        for goal in goals_of(results[0].workload, results):
            print(f"  {goal}")


def _order(result: Result) -> tuple[bool, float]:
    return not result.samples, result.ratio if result.samples else 0.0


def _row(result: Result) -> str:
    preparation = result.preparation
    if preparation.problem:
        return f"{result.contender:{WIDTH}} {preparation.problem}"
    if preparation.wrong:
        return f"{result.contender:{WIDTH}} NOT TIMED: {preparation.wrong:,} of {preparation.checked:,} answers wrong"
    low, high = result.spread
    return (
        f"{result.contender:{WIDTH}} {result.ns:13,.0f} {_times(result.ratio):>10} {_times(low):>9}-{_times(high):<9}"
        f" {preparation.build_seconds or 0:7,.2f} s  {preparation.checked:,} right"
    )


def _times(ratio: float) -> str:
    return f"{ratio:,.2f}" if ratio < 100 else f"{ratio:,.0f}"


def _compiled(results: Sequence[Result]) -> Iterator[tuple[Result, float]]:
    for result in results:
        if result.contender == DURWAN.name and result.preparation.build_seconds is not None:
            yield result, result.preparation.build_seconds


def _compile_lines(results: Sequence[Result]) -> Iterator[str]:
    for result, seconds in _compiled(results):
        grown = result.preparation.build_mebibytes
        yield f"durwan compile, size {result.size:,}: {seconds:,.3f} s, peak memory grew by {grown:,.0f} MiB"


def records_of(results: Sequence[Result]) -> list[Record]:
    """What is kept of a run; `ns` and `ratio` are None where answers were wrong, and what failed is not kept."""
    records = [
        {
            "work": result.workload,
            "contender": result.contender,
            "size": result.size,
            "ns": round(result.ns, 1) if result.samples else None,
            "ratio": round(result.ratio, 4) if result.samples else None,
            "wrong": result.preparation.wrong,
        }
        for result in results
        if result.samples or result.preparation.wrong
    ]
    records += [
        {
            "work": result.workload,
            "contender": "durwan compile",
            "size": result.size,
            "ns": round(seconds * 1e9),
            "ratio": None,
            "wrong": 0,
        }
        for result, seconds in _compiled(results)
    ]
    return records


def machine() -> Record:
    """Where and with what a run was made."""
    versions = {engine.name: engine.version or "not installed" for engine in ENGINES if engine.distribution}
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "versions": versions,
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()


def write(results: Sequence[Result], options: Record) -> Path:
    """Merge into the day's file: what this run measured replaces what an earlier one measured of the same contender."""
    RESULTS.mkdir(exist_ok=True)
    suffix = "-quick" if options.get("quick") else ""
    path = RESULTS / f"{dt.datetime.now(dt.UTC).date()}{suffix}.json"
    records = records_of(results)
    measured = {_identity(record) for record in records}
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    kept = [record for record in earlier if _identity(record) not in measured]
    merged = sorted(kept + records, key=lambda record: (record["work"], record["size"]))
    lines = ",\n".join(json.dumps(record) for record in merged)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    beside = path.with_suffix(".machine.json")
    beside.write_text(json.dumps({**machine(), "options": options}, indent=2) + "\n", encoding="utf-8")
    return path


def _identity(record: Record) -> tuple[str, str, int]:
    return record["work"], record["contender"], record["size"]
