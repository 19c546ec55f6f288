"""`python benchmarks/replay_sizing.py [--quick]`: what `guides/replay-sizing.md` reckons with.

How many bytes a recorded request takes in each form of logs, and how long a processor works to compare what two policy
sets decide about it: in one process, in several, and on Spark, in files that it hands out and in Parquet that it reads
itself. Each figure is the slope between two sizes, so that what is done once (starting, compiling) stands apart; the
larger log is the smaller one several times over. Processor time is that of all processes of a run, Java's included.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durwan.runtime.policy import Compiled
    from durwan.workshop.replaying.question import Question

MILLION = 1_000_000
YEAR = 1e12
"""Requests: a year of a large exchange, 32,000 a second."""
KEYS = 500
FILES = 8
FEWER = 10
"""So many times fewer lines: they are read slowly."""
WORKS = {"W1": "8 rules", "reference": "the reference set"}
FORMS = {"lines": "JSON Lines", "nested": "Parquet", "prepared": "prepared, whole requests kept"}
PLACES = {
    "here": "one process", "processes": "a process for each core",
    "spark": "Spark, files handed out", "spark-reads": "Spark reads Parquet itself",
}  # fmt: skip
TICKS = os.sysconf("SC_CLK_TCK")


# ------------------------------------------------------------------------------------------------------------ the logs


def sides(work: str) -> tuple[Compiled, Compiled]:
    """A policy set and its next revision."""
    from benchmarks.workloads import w1, w6
    from durwan.compilation import compile_policy
    from durwan.language.policy_set import read_directory, read_mapping

    if work == "W1":
        texts = w1.POLICY, w6.NEXT
        return tuple(compile_policy(read_mapping({"w1.policy": each})).finished() for each in texts)  # type: ignore[return-value]
    root = Path(__file__).parents[1] / "policies"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "policies")
        shutil.copytree(root, copy)
        for path in copy.glob("*.policy"):
            text = path.read_text(encoding="utf-8")
            changed = text.replace("risk.score >= 90", "risk.score >= 85").replace("> 1_000_000", "> 800_000")
            path.write_text(changed, encoding="utf-8")
        return compile_policy(read_directory(root)).finished(), compile_policy(read_directory(copy)).finished()


def question(work: str) -> Question:
    """What is asked: both revisions, with all amounts."""
    from dataclasses import replace

    from durwan.credentials.keys import StaticKeys
    from durwan.workshop.replaying.question import Question, usual_amounts
    from durwan.workshop.replaying.sides import ProgramSide
    from durwan.workshop.replaying.synthetic import clone_keys

    before, after = sides(work)
    if work != "W1":
        keys = StaticKeys(clone_keys(dict(before.keys.items()), KEYS))  # type: ignore[attr-defined]
        before, after = replace(before, keys=keys), replace(after, keys=keys)
    programs = ProgramSide(before), ProgramSide(after)
    return Question(before=programs[0], after=programs[1], amounts=usual_amounts(programs))


def make_logs(work: str, rows: int, folder: Path) -> None:
    """The same requests in each form."""
    import polars as pl

    from benchmarks.workloads import w1, w6
    from durwan.workshop.replaying.logs import RecordedRequests
    from durwan.workshop.replaying.synthetic import SyntheticLog, clone_keys

    asked = question(work)
    for form in ("lines", "nested"):
        (folder / form).mkdir(parents=True)
    before = sides(work)[0]
    step = max(rows // FILES, 1)
    for number, first in enumerate(range(0, rows, step)):
        path = folder / "nested" / f"{number:03}.parquet"
        count = min(step, rows - first)
        if work == "W1":
            w6.make_rows(first, count, w1.make_keys()).write_parquet(path, compression="zstd")
        else:
            keys = clone_keys(dict(before.keys.items()), KEYS)  # type: ignore[attr-defined]
            SyntheticLog(before.program, keys, count=count, seed=number, decided=False).write(path)
        some = pl.read_parquet(path).head(-(-count // FEWER))
        some.write_ndjson(folder / "lines" / f"{number:03}.jsonl")
    side = asked.programs[0]
    log = RecordedRequests.open([folder / "nested"], side.reading, side.keys, contexts=asked.contexts)
    log.prepare(folder / "prepared", *(each.side for each in asked.programs[1:]))


# --------------------------------------------------------------------------------------------------- in another process


def compare(work: str, place: str, log: Path, master: str) -> dict[str, Any]:
    """Compares a log."""
    from durwan.workshop.replaying.logs import RecordedRequests
    from durwan.workshop.replaying.processes import usable_processors
    from durwan.workshop.replaying.running import replay
    from durwan.workshop.replaying.spark import replay_on_spark
    from durwan.workshop.replaying.summary import summarize

    asked = question(work)
    side = asked.programs[0]
    began = time.perf_counter()
    if place == "spark-reads":
        flips = replay_on_spark([log.as_uri()], asked, master=master, aside=Path(os.devnull)).flips
    else:
        opened = RecordedRequests.open([log], side.reading, side.keys, contexts=asked.contexts)
        if place in ("here", "processes"):
            flips = replay(opened, asked, processes=usable_processors() if place == "processes" else 1)
        else:
            flips = replay_on_spark(opened, asked, master=master, aside=Path(os.devnull)).flips
    found = summarize(flips, asked)
    return {"requests": found.requests, "flips": found.flips, "seconds": time.perf_counter() - began}


def measured(work: str, place: str, log: Path, master: str) -> dict[str, float]:
    """What it took to compare a log in a process of its own: by the clock, and the time of processors."""
    command = [sys.executable, __file__, "--compare", work, place, str(log), master]
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    if place == "here":
        environment["POLARS_MAX_THREADS"] = "1"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    most = [0.0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            most[0] = max(most[0], session_seconds(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    ended.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return {**json.loads(output), "processor": most[0]}


def session_seconds(session: int) -> float:
    """The processor time of all processes of a session, and of those that they waited for."""
    return sum(_seconds(path, session) for path in Path("/proc").glob("[0-9]*/stat"))


def _seconds(path: Path, session: int) -> float:
    try:
        fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    # From the third field on (proc(5)): session is the sixth, utime, stime, cutime and cstime the 14th to the 17th.
    return sum(map(int, fields[11:15])) / TICKS if int(fields[3]) == session else 0.0


# ----------------------------------------------------------------------------------------------------------- reckoning


def figures(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All that is measured, one after the other."""
    for work in arguments.works.split(","):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
            folder = Path(place)
            make_logs(work, round(arguments.rows * MILLION), folder)
            yield from _sizes_of(work, folder)
            for where, form in _runs(arguments):
                yield slope(work, where, folder / form, arguments)


def _runs(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    forms = arguments.forms.split(",")
    only = {"spark-reads": "nested", "processes": "lines"}
    for place in arguments.places.split(","):
        yield from ((place, form) for form in forms if form == only.get(place, form))


def _sizes_of(work: str, folder: Path) -> Iterator[dict[str, Any]]:
    from durwan.workshop.replaying.logs import RecordedRequests

    side = question(work).programs[0]
    for form, name in FORMS.items():
        log = RecordedRequests.open([folder / form], side.reading)
        each = sum(file.size for file in log.files) / sum(batch.rows for batch in log.batches())
        print(f"{work:10} {name:32} {each:7.0f} bytes a request", flush=True)
        yield {"work": work, "form": form, "bytes": round(each, 1)}


def slope(work: str, where: str, log: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """What each request costs, and what is done once: through the least of several runs of two sizes."""
    least: list[dict[str, float]] = []
    for times in (arguments.times if where == "here" else arguments.spark_times).split(","):
        copy = copied(log, int(times))
        runs = [measured(work, where, copy, arguments.master) for _ in range(arguments.repeats)]
        least.append({name: min(run[name] for run in runs) for name in runs[0]})
    small, large = least
    more = large["requests"] - small["requests"]
    costs = {name: (large[name] - small[name]) / more for name in ("processor", "seconds")}
    once = {name: small[name] - costs[name] * small["requests"] for name in costs}
    print(
        f"{work:10} {PLACES[where]:26} {FORMS[log.name]:32} processor {costs['processor'] * 1e9:7.0f} ns a request, "
        f"{1 / costs['processor'] / 1e6:6.2f} M requests/s a core, once {once['processor']:5.1f} s; "
        f"by the clock {costs['seconds'] * 1e9:7.0f} ns, once {once['seconds']:5.1f} s; "
        f"{large['flips']:,.0f} flips of {large['requests']:,.0f}; "
        f"a trillion: {YEAR * costs['processor'] / 3600:,.0f} core hours",
        flush=True,
    )
    return {
        "work": work, "place": where, "form": log.name, "requests": [small["requests"], large["requests"]],
        "ns": round(costs["processor"] * 1e9, 1), "clock_ns": round(costs["seconds"] * 1e9, 1),
        "once": round(once["processor"], 2), "clock_once": round(once["seconds"], 2), "flips": large["flips"],
    }  # fmt: skip


def copied(log: Path, times: int) -> Path:
    """A log with the same requests several times over, on as much disk as once."""
    copy = log.with_name(f"{log.name}-{times}")
    if not copy.exists():
        copy.mkdir()
        for path in log.iterdir():
            for number in range(times):
                os.link(path, copy / f"{number:03}-{path.name}")
    return copy


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks/replay_sizing.py", description="what a replay costs")
    parser.add_argument("--rows", type=float, default=0.5, help="millions of requests that are made")
    parser.add_argument("--times", default="1,4", help="how often they are compared in one process: two numbers")
    parser.add_argument(
        "--spark-times", default="4,16", help="how often they are compared in several processes, and on Spark"
    )
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--master", default="local[2]", help="where Spark runs")
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--places", default=",".join(PLACES), help="`here` and `processes` need no Spark")
    parser.add_argument("--quick", action="store_true", help="small logs and one repeat: does it all run?")
    parser.add_argument("--compare", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help="where logs are made (default: the temporary directory)")
    parser.add_argument("-o", "--output", type=Path, help="a file for the figures, as JSON")
    arguments = parser.parse_args()
    if arguments.compare:
        work, place, log, master = arguments.compare
        print(json.dumps(compare(work, place, Path(log), master)))
        return
    if arguments.quick:
        arguments.rows, arguments.repeats, arguments.spark_times = 0.02, 1, "1,4"
    records = list(figures(arguments))
    if arguments.output:
        arguments.output.write_text("[\n" + ",\n".join(map(json.dumps, records)) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
