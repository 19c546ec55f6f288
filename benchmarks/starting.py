"""`python benchmarks/starting.py [--large] [--quick]`: W8, how long it takes until something is decided or checked.

Every figure is the median of several processes that do nothing else, in seconds of the processor, beside those of the
clock. On a busy machine the second is what you wait, and the first what durwan can do something about.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGE = 100_000


@dataclass(slots=True, kw_only=True)
class Row:
    """One figure: what is done, with how many rules, and the goals for it in seconds, as a share, and in MiB."""

    what: str
    size: int = 0
    goal: float | None = None
    share_goal: float | None = None
    mebibytes_goal: float | None = None
    share_of: Row | None = None
    costs: list[dict[str, float]] = field(default_factory=list)

    def median(self, key: str) -> float:
        """The median of what was measured."""
        return statistics.median(cost[key] for cost in self.costs)

    @property
    def share(self) -> float | None:
        """What part of the whole it is, where there is a whole."""
        if self.share_of is not None:
            return self.median("processor") / self.share_of.median("processor")
        return self.median("share") if "share" in self.costs[0] else None

    @property
    def goals(self) -> Iterator[tuple[str, bool]]:
        """Each goal in words, and whether it is reached."""
        if self.goal is not None:
            yield f"<= {self.goal:g} s", self.median("processor") <= self.goal
        if self.share_goal is not None and self.share is not None:
            yield f"<= {self.share_goal:g} of the whole", self.share <= self.share_goal
        if self.mebibytes_goal is not None:
            yield f"<= {self.mebibytes_goal:,.0f} MiB", self.median("mebibytes") <= self.mebibytes_goal


def measure(arguments: argparse.Namespace) -> list[Row]:
    """All figures, each printed as soon as it is there."""
    with tempfile.TemporaryDirectory() as place:
        return [_shown(row) for row in _rows(arguments, Path(place))]


def _rows(arguments: argparse.Namespace, place: Path) -> Iterator[Row]:
    repeats = 1 if arguments.quick else 5
    sizes = (10, 1_000) if arguments.quick else (10, 1_000, 10_000)
    yield _taken(Row(what="import durwan", goal=0.04), "import_durwan", place, repeats)
    yield _taken(Row(what="from durwan import Engine"), "import_engine", place, repeats)
    cold = Row(what="policy-check policies/, empty cache", goal=1.0)
    for number in range(repeats):
        _taken(cold, "check_cold", _new(place, f"cold{number}"), 1)
    yield cold
    kept = Row(what="policy-check policies/, second run", goal=1.0)
    yield _taken(kept, "check_cold", place / "cold0", repeats)
    for size in (*sizes, *((LARGE,) if arguments.large else ())):
        yield from _rows_of_size(size, place, 1 if size == LARGE else repeats)


def _rows_of_size(size: int, place: Path, repeats: int) -> Iterator[Row]:
    text = Row(what="import and compile from text", size=size, goal={1_000: 2.5, LARGE: 150.0}.get(size))
    text.mebibytes_goal = 6_144 if size == LARGE else None
    yield _taken(text, "compile_text", place, repeats)
    if size >= 1_000:
        share_goal = 0.2 if size >= 10_000 else None
        again = Row(what="one rule changed, compiler kept", size=size, goal=2.0 if size == LARGE else None)
        again.share_goal = share_goal
        yield _taken(again, "recompile", place, repeats)
        whole = _taken(Row(what="compile", size=size), "compile_imported", place, repeats)
        store = _new(place, f"store{size}")
        _taken(Row(what="fill"), "fill_store", store, 1, size)
        stored = Row(what="one file of 100 changed, new process", size=size, share_goal=share_goal, share_of=whole)
        yield _taken(stored, "compile_stored", store, repeats)
    bundles = _new(place, f"bundle{size}")
    _taken(Row(what="write"), "write_bundle", bundles, 1, size)
    bundle = Row(what="load a bundle", size=size, goal={1_000: 0.1, LARGE: 10.0}.get(size))
    yield _taken(bundle, "load_bundle", bundles, repeats)


def _new(place: Path, name: str) -> Path:
    found = place / name
    found.mkdir(mode=0o700)
    return found


def _taken(row: Row, step: str, directory: Path, repeats: int, size: int | None = None) -> Row:
    from benchmarks.workloads.w8 import take

    row.costs += [take(step, row.size if size is None else size, directory) for _ in range(repeats)]
    return row


def _shown(row: Row) -> Row:
    size = f"{row.size:,} rules" if row.size else ""
    share = "" if row.share is None else f"{row.share:.3f}"
    goals = "; ".join(f"{'reached' if reached else 'NOT REACHED'}: {goal}" for goal, reached in row.goals)
    figures = f"{row.median('processor'):9.3f} s {row.median('seconds'):9.3f} s {row.median('mebibytes'):7,.0f} MiB"
    print(f"{row.what:38} {size:>14} {figures} {share:>6}  {goals}", flush=True)
    return row


def write(rows: Sequence[Row], arguments: argparse.Namespace) -> Path:
    """Into the day's file, in the form of the other results, with seconds of the clock and MiB beside."""
    from benchmarks import report

    report.RESULTS.mkdir(exist_ok=True)
    path = report.RESULTS / f"{dt.datetime.now(dt.UTC).date()}-starting{'-quick' if arguments.quick else ''}.json"
    records = [
        {
            "work": "w8",
            "contender": row.what,
            "size": row.size,
            "ns": round(row.median("processor") * 1e9),
            "ratio": None if row.share is None else round(row.share, 4),
            "wrong": 0,
            "clock_ns": round(row.median("seconds") * 1e9),
            "mebibytes": round(row.median("mebibytes"), 1),
        }
        for row in rows
    ]
    path.write_text("[\n" + ",\n".join(map(json.dumps, records)) + "\n]\n", encoding="utf-8")
    machine = {**report.machine(), "options": vars(arguments)}
    path.with_suffix(".machine.json").write_text(json.dumps(machine, indent=2) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="benchmarks/starting.py", description="how long durwan takes to start")
    parser.add_argument("--large", action="store_true", help="100,000 rules as well; takes some minutes")
    parser.add_argument("--quick", action="store_true", help="each figure once, and small sets only")
    arguments = parser.parse_args()
    print(f"{'':53} {'processor':>11} {'clock':>11} {'memory':>11} {'share':>6}  goals")
    print(f"\nwritten: {write(measure(arguments), arguments).name}", flush=True)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # so that benchmarks is a package, wherever it is started
    main()
