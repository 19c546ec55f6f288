"""F14: something is revoked in one process while another is asked about it all the time: how long that one allows it.

Then the other one is cut off from the store: it has to deny once it can no longer know.

    python -m tests.faults.revocation_lag --rounds 1000
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from durwan.state.errors import StateUnavailableError
from durwan.state.revocations import RevocationView
from durwan.state.store import Revocation
from tests.faults.proxy import Proxy
from tests.faults.replay_race import open_store
from tests.state.servers import ENGINES, binary, running

LOOK: Final = 0.2
STALE: Final = 1.0
_LIFE: Final = 600_000


@dataclass(frozen=True)
class Lags:
    """How long revocations took, in milliseconds, and how long a process that was cut off went on allowing."""

    store: str
    rounds: int
    median: float
    p99: float
    worst: float
    cut_off: float | None


def wall() -> int:
    """The present instant."""
    return time.time_ns() // 1_000_000


def follow(kind: str, place: str) -> None:
    """The other process: for each line with an id, allows until it knows better, and then says when that was.

    A line that ends with `!` is allowed until the view says that it does not know.
    """
    view = RevocationView(open_store(kind, place), clock=wall, look=LOOK, stale=STALE).start()
    print("ready", flush=True)
    for line in sys.stdin:
        name = line.strip()
        last = time.monotonic()
        print("allowed", flush=True)
        try:
            while not view.is_revoked("key", name):
                last = time.monotonic()
                time.sleep(0.0002)
        except StateUnavailableError:
            name += " unknown"
        print(name, last, flush=True)


class Follower:
    """The other process, as seen from this one."""

    def __init__(self, kind: str, place: str) -> None:
        command = [sys.executable, "-m", __spec__.name, "--follow", kind, place]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in: IO[str] = self._process.stdin
        self._out: IO[str] = self._process.stdout
        assert self._out.readline() == "ready\n"

    def watch(self, name: str) -> None:
        """Has it allow something."""
        self._in.write(name + "\n")
        self._in.flush()
        assert self._out.readline() == "allowed\n"

    def last_allowed(self) -> tuple[str, float]:
        """When it allowed that for the last time, and what it then knew."""
        answer, instant = self._out.readline().rsplit(" ", 1)
        return answer, float(instant)

    def end(self) -> None:
        """Ends it."""
        with self._process:
            self._in.close()


def run(kind: str, place: str, rounds: int, proxy: Proxy | None) -> Lags:
    """Revokes in this process; the other one is spoken to through the proxy, if there is one."""
    follower = Follower(kind, proxy.url if proxy else place)
    view = RevocationView(open_store(kind, place), clock=wall, look=LOOK, stale=STALE).start()
    lags: list[float] = []
    for number in range(rounds):
        name = f"desk-{number}"
        follower.watch(name)
        view.revoke(Revocation(kind="key", id=name, until=wall() + _LIFE))
        returned = time.monotonic()
        assert view.is_revoked("key", name)
        answer, last = follower.last_allowed()
        assert answer == name
        lags.append(max(last - returned, 0) * 1000)
    cut_off = _cut_off(follower, proxy) if proxy else None
    follower.end()
    view.close()
    return Lags(
        store=kind, rounds=rounds, median=sorted(lags)[rounds // 2], p99=sorted(lags)[rounds * 99 // 100],
        worst=max(lags), cut_off=cut_off,
    )  # fmt: skip


def _cut_off(follower: Follower, proxy: Proxy) -> float:
    """How many milliseconds a process that hears nothing any more goes on allowing."""
    follower.watch("desk-never-revoked")
    proxy.mode = "silent"
    began = time.monotonic()
    answer, last = follower.last_allowed()
    assert answer.endswith("unknown")
    assert proxy.touched
    return (last - began) * 1000


def run_all(rounds: int) -> list[Lags]:
    """The lags of every store that processes share."""
    with ExitStack() as stack:
        place = str(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "state.db")
        found = [run("sqlite", place, rounds, None)]
        for engine in ENGINES:
            if binary(engine):
                server = stack.enter_context(running(engine))
                proxy = Proxy(server.port)
                found.append(run(engine, server.url, rounds, proxy))
                proxy.close()
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a table; 1 if a revocation took a second or more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--follow", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.follow:
        follow(*given.follow)
        return 0
    found = run_all(given.rounds)
    print("store    rounds  median ms   p99 ms  worst ms  cut off ms")
    for each in found:
        cut_off = f"{each.cut_off:11.0f}" if each.cut_off is not None else "          -"
        print(f"{each.store:8} {each.rounds:6} {each.median:10.2f} {each.p99:8.2f} {each.worst:9.2f} {cut_off}")
    return int(any(each.worst >= 1000 for each in found))


if __name__ == "__main__":
    sys.exit(main())
