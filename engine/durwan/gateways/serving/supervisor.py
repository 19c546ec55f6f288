"""Several processes that answer at the same sockets, and the one that starts, watches and stops them.

The parent binds the sockets, forks, and does nothing else: it has no threads, no policy and no secrets. Each worker
loads an engine of its own, and takes connections from the same listening sockets. With sockets of their own
(SO_REUSEPORT) connections would be spread more evenly, but those handed to a worker that hangs or is stopped would wait
for it, or be lost; so whoever is free takes the next one. uvicorn's own supervisor would do, but starts workers anew on
SIGHUP instead of having them reload, and answers before all of them have passed their tests.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Final, NoReturn

from durwan.errors import DurwanError

# The work of one worker, by its number: it calls `ready` once it answers, and returns its exit code, and why it could
# not start.
Work = Callable[[int, Callable[[], object]], tuple[int, str]]

_READY: Final = b"."
# As much as a pipe takes in one piece (POSIX, PIPE_BUF).
_LONGEST_WHY: Final = 4_096
_LONGEST_START: Final = 60.0
_LOOK_EVERY: Final = 0.2
# A worker that ends so soon after it began has not ended by accident.
_SOON: Final = 5.0
_MOST_SOON: Final = 3
_STOPPED: Final = (signal.SIGTERM, signal.SIGINT)
_FAULT: Final = 10


class WorkerError(DurwanError):
    """A worker could not start.

    Attributes:
        code: its exit code.
    """

    def __init__(self, number: int, code: int, why: str) -> None:
        self.code = code
        super().__init__(why or f"worker {number} ended with {code} before it answered anything")


@dataclass(slots=True)
class _Worker:
    number: int
    pid: int
    # What it says that it answers by, and what it notices by that the parent is gone.
    told: int
    began: float
    is_ready: bool = False
    why: str = ""


@dataclass(slots=True)
class Supervisor:
    """Runs workers.

    Attributes:
        work: the work of each.
        count: how many there are.
        patience: how many seconds they may take to stop.
        ready: called once all of them answer.
    """

    work: Work
    count: int
    patience: float
    ready: Callable[[], object]
    _workers: dict[int, _Worker] = field(default_factory=dict[int, _Worker])
    _soon: int = 0
    _signal: int = 0

    def run(self) -> int:
        """Runs them until it is told to stop, and starts those anew that end by themselves.

        Returns:
            0 where all of them stopped as they should.

        Raises:
            WorkerError: one could not start; the others are stopped.
        """
        with self._signals():
            try:
                self._start()
                if not self._signal:
                    self.ready()
                    self._watch()
            except BaseException:
                self._stop()
                raise
            return self._stop()

    # ----------------------------------------------------------------------------------------------------- starting

    def _start(self) -> None:
        for number in range(1, self.count + 1):
            self._fork(number)
        end = time.monotonic() + _LONGEST_START
        while not all(each.is_ready for each in self._workers.values()) and not self._signal:
            self._hear(max(min(end - time.monotonic(), _LOOK_EVERY), 0))
            for worker, code in self._ended():
                raise WorkerError(worker.number, code, worker.why)
            if time.monotonic() >= end:
                raise DurwanError(f"the workers did not answer within {_LONGEST_START:.0f} seconds")

    def _fork(self, number: int) -> None:
        told, tells = os.pipe()
        stays, ours = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._be_worker(number, tells, stays, (told, ours, *(each.told for each in self._workers.values())))
        os.close(tells)
        os.close(stays)
        os.set_inheritable(ours, False)
        # The writing end of `stays` is held for as long as this process lives, and by nobody else.
        self._workers[pid] = _Worker(number, pid, told, time.monotonic())
        _HELD[pid] = ours

    def _be_worker(self, number: int, tells: int, stays: int, others: tuple[int, ...]) -> NoReturn:
        code = _FAULT
        try:
            for each in (*others, *_HELD.values()):
                os.close(each)
            for each in (*_STOPPED, signal.SIGHUP):
                signal.signal(each, signal.SIG_DFL)
            _end_with(stays)
            code, why = self.work(number, lambda: os.write(tells, _READY))
            os.write(tells, why.encode("utf-8", "replace")[:_LONGEST_WHY])
        except BaseException as error:  # noqa: BLE001 - nothing of the parent's may run in its child
            logging.getLogger("durwan").log(logging.ERROR, "worker %d failed: %s", number, type(error).__name__)
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)

    def _hear(self, seconds: float) -> None:
        waiting = [each for each in self._workers.values() if not each.is_ready]
        found, _, _ = select.select([each.told for each in waiting], [], [], seconds)
        for worker in waiting:
            if worker.told in found:
                heard = os.read(worker.told, _LONGEST_WHY)
                worker.is_ready = heard == _READY
                worker.why = "" if worker.is_ready else worker.why + heard.decode("utf-8", "replace")

    # ----------------------------------------------------------------------------------------------------- watching

    def _watch(self) -> None:
        while not self._signal:
            time.sleep(_LOOK_EVERY)
            for worker, code in self._ended():
                self._soon = self._soon + 1 if time.monotonic() - worker.began < _SOON else 0
                logging.getLogger("durwan").error("worker %d ended with %d, and is started anew", worker.number, code)
                if self._soon >= _MOST_SOON:
                    raise WorkerError(worker.number, code, worker.why)
                self._fork(worker.number)

    def _ended(self) -> Iterator[tuple[_Worker, int]]:
        """Those that have ended, with their exit codes; they are none of ours any more."""
        for pid in list(self._workers):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                worker = self._workers.pop(pid)
                worker.why += (
                    os.read(worker.told, _LONGEST_WHY).decode("utf-8", "replace").removeprefix(_READY.decode())
                )
                os.close(worker.told)
                os.close(_HELD.pop(pid))
                yield worker, os.waitstatus_to_exitcode(status)

    # ----------------------------------------------------------------------------------------------------- stopping

    def _stop(self) -> int:
        self._tell(signal.SIGTERM)
        worst = 0
        end = time.monotonic() + self.patience
        while self._workers:
            worst = max([worst, *(abs(code) for _, code in self._ended())])
            if time.monotonic() >= end:
                self._tell(signal.SIGKILL)
                end = float("inf")
            time.sleep(0.02)
        return worst

    def _tell(self, number: int) -> None:
        for pid in list(self._workers):
            os.kill(pid, number)

    @contextmanager
    def _signals(self) -> Generator[None]:
        before = {each: signal.getsignal(each) for each in (*_STOPPED, signal.SIGHUP)}
        for each in _STOPPED:
            signal.signal(each, self._stopped)
        signal.signal(signal.SIGHUP, self._again)
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _again(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._tell(number)

    def _stopped(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._signal = number


# The ends of pipes by which workers notice that their parent is gone, by the worker.
_HELD: Final[dict[int, int]] = {}


def _end_with(stays: int) -> None:
    """Ends this process as if it were told to, once the process that holds the other end is gone."""
    from threading import Thread  # noqa: PLC0415 - in a worker alone

    def wait() -> None:
        os.read(stays, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, name="durwan parent", daemon=True).start()


__all__ = ["Supervisor", "Work", "WorkerError"]
