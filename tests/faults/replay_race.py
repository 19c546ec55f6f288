"""F13: the same nonce from two processes of sixteen threads each, a thousand times: accepted exactly once each.

And R41: a limit of ten that all of them charge once: exactly ten are let through.

python -m tests.faults.replay_race --rounds 1000
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Barrier
from typing import Final

from durwan.state.errors import StateUnavailableError
from durwan.state.memory import MemoryState
from durwan.state.sqlite import SqliteState
from durwan.state.store import LimitCharge, StateStore
from tests.state.servers import ENGINES, MAC_KEY, binary, running

THREADS: Final = 16
# What all threads of both processes ask for in a round, and how many of them are to get it.
QUESTIONS: Final = {"nonce": 1, "limit": 10}
_LIFE: Final = 600_000
# Seconds from one round to the next: about what a round takes, so that neither process runs ahead.
_GAPS: Final = {"memory": 0.002, "sqlite": 0.05}


@dataclass(frozen=True)
class Counts:
    """What came of a race."""

    store: str
    question: str
    processes: int
    rounds: int
    right: int
    won_by_first: int
    too_few: int
    too_many: int
    unavailable: int
    seconds: float


def open_store(kind: str, place: str) -> StateStore:
    """A store for one process."""
    if kind == "memory":
        return MemoryState()
    if kind == "sqlite":
        return SqliteState(place, deadline=20)
    from durwan.state.redis import RedisState

    return RedisState(place, mac_key=MAC_KEY, deadline=5, connections=THREADS, clock=lambda: 0)


def ask(store: StateStore, question: str, number: int) -> bool:
    """Whether one thread got what all ask for."""
    if question == "nonce":
        return store.accept_once("desk-7", f"nonce-{number}", expires=2 * _LIFE, now=_LIFE)
    limit = LimitCharge(limit=f"limit-{number}", per=("desk-7",), count=QUESTIONS["limit"], period=_LIFE)
    return not store.charge([limit], now=_LIFE)


def race(store: StateStore, question: str, rounds: int, first: float, gap: float) -> tuple[list[int], int]:
    """How often each round's question was answered with yes in this process, and how often nobody could say.

    Rounds begin at instants that processes share, but for a random millisecond: `gap` seconds after one another.
    """
    accepted = [0] * rounds
    unavailable = [0] * THREADS
    barrier = Barrier(THREADS)

    late = [Random(os.getpid() + number).random() / 1000 for number in range(rounds)]

    def run(thread: int) -> list[int]:
        mine = [0] * rounds
        for number in range(rounds):
            time.sleep(max(first + number * gap + late[number] - time.time(), 0))
            barrier.wait()
            try:
                mine[number] += ask(store, question, number)
            except StateUnavailableError:
                unavailable[thread] += 1
        return mine

    with ThreadPoolExecutor(THREADS) as pool:
        for mine in [pool.submit(run, thread) for thread in range(THREADS)]:
            accepted = [one + other for one, other in zip(accepted, mine.result(), strict=True)]
    return accepted, sum(unavailable)


def run(kind: str, place: str, question: str, rounds: int, gap: float) -> Counts:
    """One race: memory is of one process, all others are shared by two."""
    began = time.time()
    first = began + 1.0
    others: list[subprocess.Popen[str]] = []
    if kind != "memory":
        command = [
            sys.executable,
            "-m",
            __spec__.name,
            "--join",
            kind,
            place,
            question,
            str(rounds),
            str(first),
            str(gap),
        ]
        others.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    store = open_store(kind, place)
    accepted, unavailable = race(store, question, rounds, first, gap)
    store.close()
    won = sum(accepted)
    for other in others:
        output, _ = other.communicate(timeout=600)
        found = json.loads(output)
        accepted = [one + two for one, two in zip(accepted, found["accepted"], strict=True)]
        unavailable += found["unavailable"]
    most = QUESTIONS[question]
    return Counts(
        store=kind, question=question, processes=1 + len(others), rounds=rounds,
        right=accepted.count(most), won_by_first=won, too_few=sum(each < most for each in accepted),
        too_many=sum(each > most for each in accepted), unavailable=unavailable,
        seconds=time.time() - began,
    )  # fmt: skip


def run_all(rounds: int) -> list[Counts]:
    """The race in every store that this machine has."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        places = {"memory": "", "sqlite": str(folder / "state.db")}
        for engine in ENGINES:
            if binary(engine):
                places[engine] = stack.enter_context(running(engine)).url
        SqliteState(places["sqlite"]).close()
        return [
            run(kind, place, question, rounds, _GAPS.get(kind, 0.01))
            for kind, place in places.items()
            for question in QUESTIONS
        ]


def _join(given: Sequence[str]) -> None:
    kind, place, question, rounds, first, gap = given
    accepted, unavailable = race(open_store(kind, place), question, int(rounds), float(first), float(gap))
    sys.stdout.write(json.dumps({"accepted": accepted, "unavailable": unavailable}))


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a table; 1 if any round was not right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--join", nargs=6, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.join:
        _join(given.join)
        return 0
    print("store    question processes  rounds  right  won by first  too few  too many  unavailable  seconds")
    found = run_all(given.rounds)
    for each in found:
        print(
            f"{each.store:8} {each.question:8} {each.processes:9} {each.rounds:7} {each.right:6} "
            f"{each.won_by_first:13} "
            f"{each.too_few:8} {each.too_many:9} {each.unavailable:12} {each.seconds:8.1f}"
        )
    return int(any(each.right != each.rounds for each in found))


if __name__ == "__main__":
    sys.exit(main())
