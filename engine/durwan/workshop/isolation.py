"""Work that may never end, done where it can be ended: in child processes, with a deadline for each piece of it.

A solver's own time limits are soft, and sometimes it does not come back at all. So each piece is given to a child, and
a child that does not answer in time is killed and replaced: its piece remains undone, and says so.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Generic, TypeVar

_Piece = TypeVar("_Piece")
_Answer = TypeVar("_Answer")

_MOST_CHILDREN: Final = 8


class ChildError(Exception):
    """A child failed; the text is its error."""


def answers(
    make: Callable[[], Callable[[_Piece], _Answer]],
    pieces: Sequence[_Piece],
    seconds: float,
    *,
    afresh: bool = False,
) -> Iterator[tuple[int, _Answer | None]]:
    """The answer to each piece with its position, as they come; None for one that was not answered in time.

    Args:
        make: called once in each child; makes what answers a piece. Answers cross a pipe: they must be plain.
        pieces: what to work on.
        seconds: the time for each piece.
        afresh: whether each piece has a child of its own. What a solver finds depends on all that it was asked before,
            and which child is asked what, on how long the others take: so the same is found every time.

    Raises:
        ChildError: a child failed.
    """
    waiting = list(enumerate(pieces))[::-1]
    count = min(os.cpu_count() or 1, len(pieces), _MOST_CHILDREN)
    children = [_Child(make, seconds) for _ in range(count)]
    try:
        for child in children:
            child.give(*waiting.pop())
        working = list(children)
        while working:
            for child, has_answered in _settled(working):
                if has_answered:
                    yield child.place, child.take()
                    if afresh and waiting:
                        child.replace()
                else:
                    child.replace()
                    yield child.place, None
                working.remove(child)
                if waiting:
                    child.give(*waiting.pop())
                    working.append(child)
    finally:
        for child in children:
            child.end()


def _settled(working: Sequence[_Child[_Piece, _Answer]]) -> list[tuple[_Child[_Piece, _Answer], bool]]:
    """The children that have answered, and those whose time is over."""
    first = min(child.deadline for child in working)
    ready = wait([child.connection for child in working], timeout=max(first - time.monotonic(), 0))
    now = time.monotonic()
    return [
        (child, child.connection in ready) for child in working if child.connection in ready or child.deadline <= now
    ]


class _Child(Generic[_Piece, _Answer]):
    """One process, and the piece that it works on."""

    def __init__(self, make: Callable[[], Callable[[_Piece], _Answer]], seconds: float) -> None:
        self._make = make
        self._seconds = seconds
        self.place = 0
        self.deadline = 0.0
        self._start()

    def give(self, place: int, piece: _Piece) -> None:
        """Sets it to work on a piece."""
        self.place = place
        self.deadline = time.monotonic() + self._seconds
        self.connection.send(piece)

    def replace(self) -> None:
        """Ends it, and puts another process in its place."""
        self.end()
        self._start()

    def take(self) -> _Answer:
        """Its answer, which has come.

        Raises:
            ChildError: it is an error.
        """
        try:
            failure, answer = self.connection.recv()
        except EOFError:
            self._process.join()
            raise ChildError(f"a child process ended with {self._process.exitcode}") from None
        if failure is not None:
            raise ChildError(failure)
        return answer  # type: ignore[no-any-return]  # what `make` made it answer

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        self.connection.close()
        self._process.kill()
        self._process.join()

    def _start(self) -> None:
        # A forked child has the programs without their having to be sent.
        context: Any = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
        self.connection, theirs = context.Pipe()
        self._process: Any = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        self._process.start()
        theirs.close()


def _serve(connection: Connection, make: Callable[[], Callable[[Any], Any]]) -> None:
    """What a child does: answers pieces until nobody asks any more."""
    # Ctrl-C reaches the whole group of processes; the parent ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        answer = make()
        while True:
            connection.send((None, answer(connection.recv())))
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, it is for the parent to say
        connection.send((f"{type(error).__name__}: {error}", None))
