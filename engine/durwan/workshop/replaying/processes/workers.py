"""Processes that do tasks, started and ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import IO, Any, Final, cast

from durwan.errors import DurwanError
from durwan.workshop.replaying.logs import LogError

# Ctrl-C reaches all processes of a terminal; it is the first one that ends the others.
_CODE: Final = """\
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from durwan.workshop.replaying.processes.worker import main
main()
"""
Task = dict[str, Any]
Answer = dict[str, Any]


class WorkerError(DurwanError):
    """A process ended before its work was done; the text says what to do."""


class WorkerFaultError(RuntimeError):
    """A mistake in durwan that a process ran into."""


@contextmanager
def workers(question: str, count: int) -> Generator[Callable[[Iterable[Task]], Iterator[Answer]]]:
    """Processes that do tasks; what they found comes in the order of the tasks. All have ended when this ends.

    Args:
        question: what is asked, as `question_text` writes it.
        count: how many processes.
    """
    started: list[_Worker] = []
    idle: SimpleQueue[_Worker] = SimpleQueue()

    def answer(task: Task) -> Answer:
        worker = idle.get()
        try:
            return worker.answer(task)
        finally:
            idle.put(worker)

    # A thread for each process, which waits for it.
    pool = ThreadPoolExecutor(count)
    try:
        for _ in range(count):
            started.append(_Worker(question))
            idle.put(started[-1])
        yield lambda tasks: pool.map(answer, tasks)
    finally:
        for each in started:
            each.kill()
        pool.shutdown(cancel_futures=True)
        for each in started:
            each.close()


class _Worker:
    """One process."""

    def __init__(self, question: str) -> None:
        # A process has one core, and polars would take all that there are. It imports what this one would.
        path = os.pathsep.join(each or os.curdir for each in sys.path)
        environment = {**os.environ, "POLARS_MAX_THREADS": "1", "PYTHONPATH": path}
        self._process = subprocess.Popen(  # noqa: S603 - this very Python, with code of ours
            [sys.executable, "-P", "-c", _CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        self._questions = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)
        # It is told with the first task, by the thread that waits for it: so all start at the same time.
        self._untold = [question]

    def answer(self, task: Task) -> Answer:
        """What a task found.

        Raises:
            LogError: the log cannot be read.
            WorkerError: the process has ended.
        """
        said = self._said([*self._untold, json.dumps(task)])
        if not said:
            raise WorkerError(_ended(self._process.wait()))
        self._untold = []
        answer: Answer = json.loads(said)
        if "error" in answer:
            raise LogError(answer["error"])
        if "fault" in answer:
            text, trace = answer["fault"]
            error = WorkerFaultError(text)
            error.add_note(trace)
            raise error
        return answer

    def _said(self, lines: Iterable[str]) -> bytes:
        """What it says to that; nothing where it has ended."""
        try:
            for line in lines:
                self._questions.write(f"{line}\n".encode())
            self._questions.flush()
        except BrokenPipeError:
            return b""
        return self._answers.readline()

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    def close(self) -> None:
        """Waits for its end, which was brought about."""
        self._answers.close()
        # What it was not told any more, it need not be told.
        with suppress(BrokenPipeError):
            self._questions.close()
        self._process.wait()


def _ended(code: int) -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    return (
        f"a process that compared requests {how}, maybe for want of memory: use fewer by --processes, or one alone by "
        "--processes 1"
    )


__all__ = ["WorkerError", "WorkerFaultError", "workers"]
