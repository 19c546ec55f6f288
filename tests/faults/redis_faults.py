"""F7 and F8: whatever happens to the server or to the way there, nothing is allowed that could not be proven.

Threads ask all the time while one fault after another is done. Each of them knows what is right: a nonce of its own is
new once, a nonce that was used before the fault never is, its record has its own content, nothing else's, and a limit
that is used up stays so. What they are answered is counted as right, refused, or wrong.

    python -m tests.faults.redis_faults --cycles 30 --long
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Final

from durwan.state.asynchronous import AsyncState
from durwan.state.errors import StateUnavailableError
from durwan.state.redis import RedisState
from durwan.state.store import Record, StateStore
from tests.faults.proxy import Proxy
from tests.state.servers import MAC_KEY, Server, running

THREADS: Final = 4
DEADLINE: Final = 0.05
WINDOW: Final = 500  # how long a request is in time, in milliseconds
_LIFE: Final = 60_000
_RECOVERED: Final = 20


def wall() -> int:
    """The present instant."""
    return time.time_ns() // 1_000_000


@dataclass
class Counts:
    """What came of one kind of fault.

    Attributes:
        right: correct answers while it lasted, and `refused`, and `wrong`: replays accepted, contents mixed up.
        slow: how long, in milliseconds, the slowest in a hundred took, and `slowest` the slowest of all.
        recovery: how many milliseconds after the last fault until twenty answers in a row were right.
        seen: whether the fault was noticed at all.
    """

    fault: str
    cycles: int = 0
    right: int = 0
    refused: int = 0
    wrong: int = 0
    slow: float = 0.0
    slowest: float = 0.0
    recovery: float = 0.0
    seen: bool = False
    times: list[float] = field(default_factory=list[float], repr=False)


class Asking:
    """Threads that ask a store all the time, and count what they are answered."""

    def __init__(self, store: StateStore, counts: Counts, name: str) -> None:
        self._store = store
        self._counts = counts
        self._name = name
        self._lock = threading.Lock()
        self._stop = False
        self._row = 0
        self.healthy = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(THREADS)]
        for each in self._threads:
            each.start()

    def end(self) -> None:
        """Ends the threads."""
        self._stop = True
        for each in self._threads:
            each.join()

    def relapse(self) -> None:
        """Waits for health from now on."""
        with self._lock:
            self._row = 0
            self.healthy.clear()

    def _run(self, thread: int) -> None:
        for number in count():
            if self._stop:
                return
            for question in (self._nonce, self._record):
                began = time.perf_counter()
                try:
                    answer: bool | None = question(f"{self._name}-{thread}-{number}")
                except StateUnavailableError:
                    answer = None
                self._note(answer, (time.perf_counter() - began) * 1000)
            time.sleep(0.001)

    def _note(self, answer: bool | None, milliseconds: float) -> None:
        counts = self._counts
        with self._lock:
            counts.times.append(milliseconds)
            counts.right += answer is True
            counts.wrong += answer is False
            counts.refused += answer is None
            self._row = self._row + 1 if answer is True else 0
            if self._row >= _RECOVERED:
                self.healthy.set()

    def _nonce(self, name: str) -> bool:
        """A nonce is used twice: it is accepted the first time and not the second."""
        now = wall()
        claim = {"issued": now, "expires": now + WINDOW}
        first = self._store.accept_once("desk", name, now=now, **claim)
        return first and not self._store.accept_once("desk", name, now=now, **claim)

    def _record(self, name: str) -> bool:
        """What is kept is got back as it is, or not at all."""
        now = wall()
        record = Record(kind="session", id=name, owner=name, value=name.encode(), expires=now + _LIFE)
        self._store.put(record, cap=1, now=now)
        found = self._store.get("session", name, now=now)
        return found is None or found == record


class Stage:
    """A server, a proxy before it, and a store that goes through the proxy."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.proxy = Proxy(server.port)
        self.store = RedisState(self.proxy.url, mac_key=MAC_KEY, deadline=DEADLINE)

    def close(self) -> None:
        """Ends proxy and store."""
        self.store.close()
        self.proxy.close()


Fault = tuple[Callable[[Stage], None], Callable[[Stage], None]]


def _mode(**settings: object) -> Fault:
    def begin(stage: Stage) -> None:
        for name, value in settings.items():
            setattr(stage.proxy, name, value)

    def end(stage: Stage) -> None:
        stage.proxy.mode, stage.proxy.delay = "pass", 0.0

    return begin, end


def _signal(number: int) -> Callable[[Stage], None]:
    return lambda stage: stage.server.process.send_signal(number)


def _ask(*command: str) -> Callable[[Stage], None]:
    def do(stage: Stage) -> None:
        stage.server.ask(*command)

    return do


def _lock(stage: Stage) -> None:
    stage.server.ask("CONFIG", "SET", "requirepass", "x")
    stage.proxy.cut()


def _unlock(stage: Stage) -> None:
    stage.server.ask_all(("AUTH", "x"), ("CONFIG", "SET", "requirepass", ""))


def _nothing(stage: Stage) -> None:
    pass


FAULTS: Final[dict[str, Fault]] = {
    "killed": (lambda stage: stage.server.kill(), lambda stage: stage.server.start()),
    "stopped": (_signal(signal.SIGSTOP), _signal(signal.SIGCONT)),
    "5 ms late": _mode(delay=0.005),
    "50 ms late": _mode(delay=0.05),
    "500 ms late": _mode(delay=0.5),
    "5,000 ms late": _mode(delay=5.0),
    "reset": _mode(mode="reset"),
    "half-closed": _mode(mode="half-close"),
    "silent": _mode(mode="silent"),
    "an octet at a time": _mode(mode="trickle"),
    "replies shifted": _mode(mode="shift"),
    "connections cut": (lambda stage: stage.proxy.cut(), _nothing),
    "read only": (_ask("REPLICAOF", "127.0.0.1", "1"), _ask("REPLICAOF", "NO", "ONE")),
    "out of memory": (_ask("CONFIG", "SET", "maxmemory", "1"), _ask("CONFIG", "SET", "maxmemory", "0")),
    "emptied": (_ask("FLUSHALL"), _nothing),
    "scripts forgotten": (_ask("SCRIPT", "FLUSH"), _nothing),
    "password changed": (_lock, _unlock),
}  # fmt: skip
# What a server does as well as ever, or what lets it answer in time.
HARMLESS: Final = frozenset({"5 ms late", "scripts forgotten", "connections cut", "emptied"})


def _replays(stage: Stage, used: Sequence[tuple[str, int]]) -> int:
    """How many nonces that were used before the fault are accepted again while their requests are still in time."""
    accepted = 0
    for name, issued in used:
        now = wall()
        if now > issued + WINDOW:
            continue
        with suppress(StateUnavailableError):
            accepted += stage.store.accept_once("old", name, now=now, issued=issued, expires=issued + 2 * WINDOW)
    return accepted


def run(engine: str, fault: str, cycles: int, seconds: float) -> Counts:
    """One fault, so many times, so long each."""
    counts = Counts(fault)
    begin, end = FAULTS[fault]
    with running(engine) as server:
        stage = Stage(server)
        time.sleep(2 * WINDOW / 1000)  # until the new server vouches for requests that are issued now
        asking = Asking(stage.store, counts, fault)
        for cycle in range(cycles):
            asking.relapse()
            assert asking.healthy.wait(10), fault
            used = [(f"{fault}-{cycle}-{number}", wall()) for number in range(20)]
            for name, issued in used:
                with suppress(StateUnavailableError):
                    stage.store.accept_once("old", name, now=wall(), issued=issued, expires=issued + 2 * WINDOW)
            before = counts.refused, stage.proxy.touched
            begin(stage)
            time.sleep(seconds)
            end(stage)
            ended = time.monotonic()
            asking.relapse()
            counts.wrong += _replays(stage, used)
            assert asking.healthy.wait(30), fault
            counts.recovery = max(counts.recovery, (time.monotonic() - ended) * 1000)
            counts.seen |= (counts.refused, stage.proxy.touched) != before
            counts.cycles += 1
        asking.end()
        stage.close()
    counts.times.sort()
    counts.slow, counts.slowest = counts.times[len(counts.times) * 99 // 100], counts.times[-1]
    return counts


@dataclass
class CrossTalk:
    """F8: what came of operations that were given up at random moments, and of replies that were shifted."""

    cancelled: int = 0
    answered: int = 0
    refused: int = 0
    mixed_up: int = 0


async def _cross_talk(store: StateStore, number: int, seed: int) -> CrossTalk:
    found = CrossTalk()
    random = Random(seed)
    front = AsyncState(store, deadline=1.0)
    now = wall()
    names = [f"caller-{each}" for each in range(50)]
    for name in names:
        record = Record(kind="session", id=name, owner=name, value=name.encode(), expires=now + 10 * _LIFE)
        await front.put(record, cap=1, now=now)

    async def ask(name: str) -> None:
        try:
            record = await asyncio.wait_for(front.get("session", name, now=now), random.uniform(0, 0.004))
        except TimeoutError:
            found.cancelled += 1
        except StateUnavailableError:
            found.refused += 1
        else:
            found.answered += 1
            found.mixed_up += record is None or record.value != name.encode()

    for _ in range(0, number, 20):
        await asyncio.gather(*(ask(random.choice(names)) for _ in range(20)))
    front.close()
    return found


def cross_talk(engine: str, number: int) -> CrossTalk:
    """So many operations, each of which is given up after a random time that is about as long as it takes."""
    with running(engine) as server:
        store = RedisState(server.url, mac_key=MAC_KEY, deadline=DEADLINE)
        found = asyncio.run(_cross_talk(store, number, 1))
        store.close()
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables; 1 if anything was wrong, or a fault was not seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="valkey")
    parser.add_argument("--cycles", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--long", action="store_true", help="each fault lasts 1, 5 and 30 seconds")
    parser.add_argument("--only", action="append", help="a fault; all of them without")
    given = parser.parse_args(arguments)
    failed = False
    print("fault                seconds cycles   right refused  wrong  p99 ms  max ms  recovery ms")
    for seconds in (1, 5, 30) if given.long else (given.seconds,):
        for fault in given.only or FAULTS:
            found = run(given.engine, fault, given.cycles, seconds)
            failed |= found.wrong > 0 or not (found.seen or fault in HARMLESS)
            print(
                f"{fault:20} {seconds:7} {found.cycles:6} {found.right:7} {found.refused:7} {found.wrong:6} "
                f"{found.slow:7.1f} {found.slowest:7.1f} {found.recovery:12.0f}", flush=True,
            )  # fmt: skip
    mixed = cross_talk(given.engine, 10_000)
    print(mixed)
    return int(failed or mixed.mixed_up > 0)


if __name__ == "__main__":
    sys.exit(main())
