"""Drives the workers: one process for each engine and size, all alive at once, timed in turns, one at a time.

Only ratios taken inside one process at one time mean anything on a shared machine, and only turns that alternate
between all contenders see the same noise; so each turn brackets the contender with the hand-written function, and every
contender of every size has its first turn before any has its second.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.worker import Assignment, Preparation, Sample, work

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from benchmarks.engines import Engine
    from benchmarks.workloads.workload import Workload


@dataclass(slots=True, kw_only=True)
class Result:
    """What came of one contender at one size."""

    workload: str
    size: int
    engine: str
    contender: str
    preparation: Preparation
    samples: list[Sample] = field(default_factory=list)

    @property
    def ns(self) -> float:
        """Nanoseconds a decision."""
        return statistics.median(sample.ns for sample in self.samples)

    @property
    def ratio(self) -> float:
        """Times what the hand-written function takes in the same process at the same time."""
        return statistics.median(sample.ratio for sample in self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The ratio's 10th and 90th percentile."""
        ratios = sorted(sample.ratio for sample in self.samples)
        last = len(ratios) - 1
        return ratios[round(last * 0.1)], ratios[round(last * 0.9)]


class Worker:
    """The parent's side of one worker process."""

    def __init__(self, engine: Engine, assignment: Assignment) -> None:
        """Fork rather than spawn: the workload is shared as it is, and no peer is loaded in the parent."""
        self._engine = engine
        self._workload: Workload[Any] = assignment.workload
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        self._connection: Connection = ours
        self._process: BaseProcess = context.Process(target=work, args=(assignment, theirs), daemon=True)
        sys.stdout.flush()
        self._process.start()
        theirs.close()
        self.results: list[Result] = []

    def prepare(self, build_seconds: float) -> None:
        """Wait until all contenders are built and checked; a process that takes longer or dies is given up."""
        begun = self._engine.name
        while True:
            try:
                message = self._connection.recv() if self._connection.poll(build_seconds) else TimeoutError
            except EOFError:
                message = EOFError
            match message:
                case None:
                    return
                case str():
                    begun = message
                    _progress(f"  {self._workload.name} {self._workload.size:,}: building {begun}")
                case Preparation():
                    self._add(message)
                case _:
                    self._give_up(begun, late=message is TimeoutError, build_seconds=build_seconds)
                    return

    def _add(self, preparation: Preparation) -> None:
        self.results.append(
            Result(
                workload=self._workload.name,
                size=self._workload.size,
                engine=self._engine.name,
                contender=preparation.contender,
                preparation=preparation,
            )
        )

    def _give_up(self, begun: str, *, late: bool, build_seconds: float) -> None:
        problem = f"not ready within {build_seconds:,.0f} s" if late else "its process died"
        if all(result.contender != begun for result in self.results):
            self._add(Preparation(contender=begun, problem=problem))
        for result in self.results:
            if result.preparation.problem is None:
                result.samples.clear()
                result.preparation = Preparation(contender=result.contender, problem=f"{begun}: {problem}")
        self._process.kill()

    def take_turn(self, number: int) -> None:
        """Time every contender of this process once."""
        for index, result in enumerate(self.results):
            if result.preparation.problem is None and not result.preparation.wrong:
                self._time(result, index, number)

    def _time(self, result: Result, index: int, number: int) -> None:
        try:
            self._connection.send((index, number))
            result.samples.append(self._connection.recv())
        except (EOFError, BrokenPipeError):
            self._give_up(result.contender, late=False, build_seconds=0)

    def stop(self) -> None:
        """Let the process end."""
        if self._process.is_alive():
            self._connection.send(None)
        self._process.join(10)


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(assignments: Sequence[tuple[Engine, Assignment]], *, repeats: int, build_seconds: float) -> list[Result]:
    """Build and check everything, then time everything in `repeats` alternating turns."""
    workers: list[Worker] = []
    for engine, assignment in assignments:
        worker = Worker(engine, assignment)
        worker.prepare(build_seconds)
        workers.append(worker)
    for number in range(repeats):
        _progress(f"  turn {number + 1} of {repeats}")
        for worker in workers:
            worker.take_turn(number)
    for worker in workers:
        worker.stop()
    return [result for worker in workers for result in worker.results]
