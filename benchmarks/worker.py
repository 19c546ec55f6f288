"""One engine in a process of its own: builds its contenders, checks every answer, and times them on request."""

from __future__ import annotations

import gc
import importlib
import json
import logging
import resource
import signal
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from typing import TypeAlias

    from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload

    Pass: TypeAlias = Callable[[Decider, Sequence[Any]], float]
    """Decides requests one after the other, and returns nanoseconds a decision."""

TURN_NS = 20_000_000
"""About how long a contender decides in one turn; a slow one gets a few requests, a fast one several rounds of all."""
MOST_ROUNDS = 5
WARMING_PASSES = 3
WARM_UP_SECONDS = 0.5
FEWEST_REQUESTS = 3
DECODED_AT_ONCE = 200
"""Few enough to be in the processor's cache still when they are decided, many enough that reading the clock costs
nothing beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How building and checking a contender went."""

    contender: str
    build_seconds: float | None = None
    build_mebibytes: float | None = None
    """Growth of the process's peak memory while it was built; 0 where the peak lay earlier."""
    checked: int = 0
    wrong: int = 0
    problem: str | None = None
    """Why it cannot be timed, where it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One turn: nanoseconds a decision, beside the hand-written function's in the same process at the same time."""

    ns: float
    hand_written_ns: float
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a worker is to do."""

    module: str
    workload: Workload[Any]
    pattern: re.Pattern[str]
    check_seconds: float


def _pass_of_answers(decide: Decider, requests: Sequence[Any]) -> float:
    # The process's own time: nothing here waits for anything, so what passes besides is other programs on the machine.
    start = time.process_time_ns()
    for request in requests:
        decide(request)
    return (time.process_time_ns() - start) / len(requests)


def _pass_of_decisions(decide: Decider, requests: Sequence[Any]) -> float:
    start = time.process_time_ns()
    for request in requests:
        decide(request).allowed  # noqa: B018 - reading the answer is part of what a caller does
    return (time.process_time_ns() - start) / len(requests)


def _decoding(a_pass: Pass) -> Pass:
    """The same for requests that come as JSON text, decoded outside the timing."""

    def decoding_pass(decide: Decider, texts: Sequence[Any]) -> float:
        ns = 0.0
        for start in range(0, len(texts), DECODED_AT_ONCE):
            requests = [json.loads(text) for text in texts[start : start + DECODED_AT_ONCE]]
            ns += a_pass(decide, requests) * len(requests)
        return ns / len(texts)

    return decoding_pass


class Runner:
    """A contender that is built: its answers can be checked, and it can be timed."""

    def __init__(self, contender: Contender[Any], workload: Workload[Any]) -> None:
        """Building is what is timed as loading; making the contender's own request objects is not."""
        self._contender = contender
        self._workload = contender.instead() if contender.instead else workload
        before, start = _peak_mebibytes(), time.perf_counter()
        self._decide = contender.build(self._workload)
        self.build_seconds = time.perf_counter() - start
        self.build_mebibytes = _peak_mebibytes() - before
        self._pass: Pass = _pass_of_decisions if contender.returns_decision else _pass_of_answers
        self._base_pass: Pass = _pass_of_answers
        if contender.decoded:
            self._pass, self._base_pass = _decoding(self._pass), _decoding(self._base_pass)
        self._base = self._for_hand_written(self._workload.requests)
        self._given = self._for_contender(self._workload.requests)
        self._unseen = self._start_unseen()
        self._ns = 0.0

    def _for_contender(self, requests: Sequence[Request]) -> Sequence[Any]:
        given = self._contender.given
        return self._for_hand_written([given(request) for request in requests] if given else requests)

    def _for_hand_written(self, requests: Sequence[Request]) -> Sequence[Any]:
        return [json.dumps(request) for request in requests] if self._contender.decoded else requests

    def _start_unseen(self) -> Iterator[list[Request]]:
        start = self._workload.unseen if self._contender.unseen else None
        return start() if start else iter(())

    def check(self, seconds: float) -> tuple[int, int]:
        """Compare with the plain reference, on all requests or until `seconds` have passed: checked, wrong."""
        requests, expected = self._given, self._workload.expected
        if self._contender.unseen:
            unseen = next(self._unseen)
            requests, expected = self._for_contender(unseen), [self._workload.reference(request) for request in unseen]
        checked = wrong = 0
        start = time.perf_counter()
        for request, answer in zip(requests, expected, strict=True):
            decided = self._decide(json.loads(request) if self._contender.decoded else request)
            wrong += bool(decided.allowed if self._contender.returns_decision else decided) != answer
            checked += 1
            if time.perf_counter() - start > seconds:
                break
        self._ns = (time.perf_counter() - start) / checked * 1e9
        return checked, wrong

    def warm_up(self) -> None:
        """Decide for a while, as a gateway has done long since, and learn how long a decision takes then.

        CPython rewrites bytecode that runs often, and an engine may prepare what it needs when it is first needed, so
        that the first decisions, those of the check, say nothing about the later ones.
        """
        start, number = time.perf_counter(), 0
        while time.perf_counter() - start < WARM_UP_SECONDS:
            self._ns = self._pass(self._decide, self._requests_of(number))
            number += 1

    def turn(self, number: int) -> Sample:
        """Time the contender, with the hand-written function right before and right after."""
        own = self._requests_of(number)
        rounds = max(1, min(MOST_ROUNDS, int(TURN_NS / (self._ns * len(own)))))
        return _middle([self._round(own) for _ in range(rounds)])

    def _requests_of(self, number: int) -> Sequence[Any]:
        """All requests for a fast contender, the next few for a slow one."""
        count = max(FEWEST_REQUESTS, int(TURN_NS / self._ns))
        if count >= len(self._given):
            return self._given
        start = number * count % len(self._given)
        return [*self._given, *self._given][start : start + count]

    def _round(self, own: Sequence[Any]) -> Sample:
        before = self._hand_written_pass()
        if self._contender.unseen or len(own) == len(self._base):  # so fast that it matters
            for _ in range(WARMING_PASSES):
                self._pass(self._decide, self._unseen_or(own))
        ns = self._pass(self._decide, self._unseen_or(own))
        mean = (before + self._hand_written_pass()) / 2
        return Sample(ns=ns, hand_written_ns=mean, ratio=ns / mean)

    def _unseen_or(self, own: Sequence[Any]) -> Sequence[Any]:
        return self._for_contender(next(self._unseen)) if self._contender.unseen else own

    def _hand_written_pass(self) -> float:
        """The contender leaves its own data in the caches, and it takes passes until they hold the function's again.

        The contender, which comes after the function, is given as many. Where it is given addresses that nobody has
        seen, so is the function: the borders about an address that came before are in the processor's caches.
        """
        decide = self._workload.hand_written
        for _ in range(WARMING_PASSES):
            self._base_pass(decide, self._unseen_base())
        return self._base_pass(decide, self._unseen_base())

    def _unseen_base(self) -> Sequence[Any]:
        return self._for_hand_written(next(self._unseen)) if self._contender.unseen else self._base


def _middle(samples: Sequence[Sample]) -> Sample:
    return Sample(
        ns=statistics.median(sample.ns for sample in samples),
        hand_written_ns=statistics.median(sample.hand_written_ns for sample in samples),
        ratio=statistics.median(sample.ratio for sample in samples),
    )


def _peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def _prepare(contender: Contender[Any], assignment: Assignment) -> tuple[Preparation, Runner | None]:
    name = contender.name
    if contender.largest is not None and assignment.workload.size > contender.largest:
        return Preparation(contender=name, problem=f"not run beyond {contender.largest:,}"), None
    try:
        runner = Runner(contender, assignment.workload)
        checked, wrong = runner.check(assignment.check_seconds)
    except Exception as error:  # noqa: BLE001 - whatever a peer raises is shown as its result
        return Preparation(contender=name, problem=f"failed: {error!r}"[:200]), None
    preparation = Preparation(
        contender=name,
        build_seconds=runner.build_seconds,
        build_mebibytes=runner.build_mebibytes,
        checked=checked,
        wrong=wrong,
    )
    if wrong:
        return preparation, None
    runner.warm_up()
    return preparation, runner


def _contenders(assignment: Assignment, parent: Connection) -> tuple[Contender[Any], ...]:
    try:
        contenders: Contenders = importlib.import_module(assignment.module).CONTENDERS
    except Exception as error:  # noqa: BLE001 - likewise
        name = assignment.module.rpartition(".")[2]
        parent.send(Preparation(contender=name, problem=f"failed: {error!r}"[:200]))
        return ()
    return tuple(
        contender
        for contender in contenders.get(assignment.workload.name, ())
        if assignment.pattern.search(contender.name)
    )


def work(assignment: Assignment, parent: Connection) -> None:
    """Prepare every contender, then time whichever the parent names.

    The parent is sent the name of each contender as it is begun, its Preparation when it is done, and None after the
    last; then each (index, turn number) from it is answered with a Sample, until None comes.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.disable(logging.CRITICAL)  # pycasbin writes every denied request to the log otherwise
    contenders = _contenders(assignment, parent)
    runners: list[Runner | None] = []
    for contender in contenders:
        parent.send(contender.name)
        preparation, runner = _prepare(contender, assignment)
        runners.append(runner)
        parent.send(preparation)
    parent.send(None)
    gc.collect()
    gc.freeze()
    while (order := parent.recv()) is not None:
        index, number = order
        runner = runners[index]
        parent.send(runner.turn(number) if runner else None)
