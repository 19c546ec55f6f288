"""Processes that do tasks, started and ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Final

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
        environment = {
            **os.environ, "POLARS_MAX_THREADS": "1", "PYTHONPATH": os.pathsep.join(each or os.curdir for each in sys.path)
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
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
        assert self._process.stdin is not None, "it was asked for"
        assert self._process.stdout is not None, "it was asked for"
        try:
            for line in lines:
                self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            return b""
        return self._process.stdout.readline()

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    def close(self) -> None:
        """Waits for its end, which was brought about."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    # What it was not told any more.
                    continue
        self._process.wait()


def _ended(code: int) -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    return (
        f"a process that compared requests {how}, maybe for want of memory: use fewer by --processes, or one alone by "
        "--processes 1"
    )


__all__ = ["WorkerError", "WorkerFaultError", "workers"]
