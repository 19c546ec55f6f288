"""How far a long piece of work has come, on standard error: nothing in its first second, then a bar or plain lines.

A thread draws, since the work itself may be silent for long. Whatever starts processes meanwhile should spawn them, not
fork: the thread is not in a forked child.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from threading import Event, Thread
from types import TracebackType
from typing import Any, Final, Self, TextIO

_QUIET_SECONDS: Final = 1.0
_SECONDS_BETWEEN_LINES: Final = 2.0
_SECONDS_BETWEEN_FRAMES: Final = 0.1


class ProgressBar:
    """The progress of one piece of work, in one stage or several; a context manager.

    Args:
        stage: what is being done, such as `compiling`.
        total: of how many steps; None where nobody knows.
        stream: where it is drawn; None draws nothing.
    """

    def __init__(self, stage: str, total: int | None = None, *, stream: TextIO | None) -> None:
        self._stream = stream
        self._stopping = Event()
        self._thread: Thread | None = None
        self.begin(stage, total)

    def begin(self, stage: str, total: int | None = None, *, share: Callable[[], float] | None = None) -> None:
        """The next stage, from its first step on.

        Args:
            stage: what is being done.
            total: of how many steps; None where nobody knows.
            share: tells how much of the stage is done, from 0 to 1; with it, rate and remaining time are told too.
        """
        self.stage, self.total, self.done = stage, total, 0
        self._share, self._began = share, time.monotonic()

    def advance(self, by: int = 1) -> None:
        """So many steps more are done."""
        self.done += by

    def __enter__(self) -> Self:
        if self._stream is not None:
            self._thread = Thread(target=self._run, args=(self._stream,), name="durwan-progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, stream: TextIO) -> None:
        if self._stopping.wait(_QUIET_SECONDS):
            return
        if _draws_bars(stream):
            self._draw(stream)
        else:
            self._say(stream)

    def _say(self, stream: TextIO) -> None:
        said = ""
        while True:
            words = self.words
            if words != said:
                stream.write(f"{words}\n")
                stream.flush()
            said = words
            if self._stopping.wait(_SECONDS_BETWEEN_LINES):
                return

    def _draw(self, stream: TextIO) -> None:
        drawing = _bar_of(stream)
        with drawing as bar:
            task = bar.add_task(self.stage, total=self.total, pace="")
            while not self._stopping.wait(_SECONDS_BETWEEN_FRAMES):
                bar.update(
                    task, description=self.stage, total=self.total, completed=self.done, pace=self.pace, refresh=True
                )

    @property
    def words(self) -> str:
        """The state in a line: `testing: 120 of 4,000`."""
        if self.total is not None:
            return f"{self.stage}: {self.done:,} of {self.total:,}{self.pace}"
        if not self.done:
            return f"{self.stage}{self.pace.replace(',', ':', 1)}" if self.pace else f"{self.stage} …"
        return f"{self.stage}: {self.done:,}{self.pace}"

    @property
    def pace(self) -> str:
        """How fast a stage is of which the share is known, and what it still takes: `, 1,900,000/s, 12 s left`."""
        share = 0.0 if self._share is None else self._share()
        if not share:
            return ""
        took = max(time.monotonic() - self._began, 1e-6)
        rate = f", {self.done / took:,.0f}/s" if self.done else ""
        return f"{rate}, {took * (1 - share) / share:,.0f} s left"


def _draws_bars(stream: TextIO) -> bool:
    """Whether the stream is a terminal, nobody asked for plain text, and the extra that draws is installed."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    if plain or not stream.isatty():
        return False
    # An extra, and imported only for work that takes long.
    return find_spec("rich") is not None


def _bar_of(stream: TextIO) -> Any:
    console = import_module("rich.console").Console(file=stream)
    shown: Any = import_module("rich.progress")
    columns = (
        shown.TextColumn("{task.description}"),
        shown.BarColumn(),
        shown.MofNCompleteColumn(),
        shown.TimeElapsedColumn(),
        shown.TextColumn("{task.fields[pace]}"),
    )
    return shown.Progress(*columns, console=console, transient=True, auto_refresh=False)
