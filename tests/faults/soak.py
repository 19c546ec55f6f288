"""F20: hours of mixed traffic through a whole gate, with reloads and a server that goes away now and then.

What is right is known of each request beforehand. While the shared state is away, a request that should be allowed may
be refused, with 503 and nothing else; one that should be refused may never be allowed. Memory and open files are looked
at from the warm-up on.

    python -m tests.faults.soak --seconds 3600 --reload 60 --blip 300
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGSTOP

from durwan.audit.log import AuditLog
from durwan.audit.settings import LogSettings
from durwan.credentials.raw_request import RawRequest
from durwan.gateways.activity import Activity
from durwan.state.memory import MemoryState
from durwan.state.store import StateStore
from tests.gates import POLICY, GateRig
from tests.key_rings import Clock
from tests.state.servers import ENGINES, Server, binary, running

THREADS = 2
BLIP = 1.0  # seconds that the server is stopped
_ORDER = json.dumps({"symbol": "BTC-PERP", "notional": "2500"}).encode()
_LARGE = json.dumps({"symbol": "BTC-PERP", "notional": "250000"}).encode()
_UNLIMITED = POLICY.replace("to 3 per 1m", "to 1_000_000 per 1m")


@dataclass
class Wall(Clock):
    """The present instant."""

    def __call__(self) -> int:
        self.now = time.time_ns() // 1_000_000
        return self.now


@dataclass
class Findings:
    """What came of it all.

    Attributes:
        right: answers that were as they had to be; `refused`: 503 in place of an allow; `wrong`: everything else.
        reloads: how often the policy was exchanged, and `blips` how often the server went away.
        memory: resident bytes, and `files` open files, from the warm-up on, with the seconds at which they were read.
    """

    right: int = 0
    refused: int = 0
    wrong: Counter[str] = field(default_factory=Counter[str])
    reloads: int = 0
    blips: int = 0
    memory: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    files: list[int] = field(default_factory=list[int])

    @property
    def growth(self) -> float:
        """Bytes of memory an hour: the slope of a straight line through what was read."""
        if len(self.memory) < 3:
            return 0.0
        mean_at = sum(at for at, _ in self.memory) / len(self.memory)
        mean = sum(size for _, size in self.memory) / len(self.memory)
        spread = sum((at - mean_at) ** 2 for at, _ in self.memory)
        return 3600 * sum((at - mean_at) * (size - mean) for at, size in self.memory) / spread

    @property
    def availability(self) -> float:
        """The share of answers that were as they had to be."""
        return self.right / max(self.right + self.refused + self.wrong.total(), 1)


def _traffic(rig: GateRig, random: Random) -> tuple[RawRequest, bool]:
    """A request, and whether it has to be allowed."""
    kinds: list[tuple[Callable[[], RawRequest], bool]] = [
        (lambda: rig.signed("POST", "/orders", _ORDER), True),
        (lambda: rig.signed("GET", f"/orders/{random.randrange(10**9)}"), True),
        (lambda: rig.request("GET", "/status"), True),
        (lambda: rig.signed("POST", "/orders", _LARGE), False),
        (lambda: rig.signed("GET", "/orders", peer=f"192.0.2.{random.randrange(256)}"), False),
        (lambda: rig.request("GET", f"/nothing/{random.randrange(10**9)}"), False),
        (lambda: rig.request("GET", "/orders"), False),
        (lambda: rig.signed("DELETE", "/account"), False),
    ]
    make, allowed = random.choice(kinds)
    return make(), allowed


class Soak:
    """One run."""

    def __init__(self, folder: Path, store: StateStore, server: Server | None) -> None:
        self.log = AuditLog(folder / "audit", LogSettings(strict=True))
        parts = {"recorder": self.log, "activity": Activity(store), "waits": True}
        (folder / "gate").mkdir()
        self.rig = GateRig(folder / "gate", clock=Wall(), policy=_UNLIMITED, store=store, parts=parts)
        self.server = server
        self.findings = Findings()
        self._end = threading.Event()
        self._lock = threading.Lock()

    def run(self, *, seconds: float, reload: float, blip: float) -> Findings:
        """Asks for so long, exchanging the policy every `reload` seconds, and stopping the server every `blip`."""
        threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        at = {"reload": began + reload, "blip": began + blip, "look": began + seconds / 5}
        while (now := time.monotonic()) < began + seconds:
            time.sleep(0.05)
            if now >= at["reload"]:
                at["reload"] = now + reload
                self.rig.engine.reload()
                self.findings.reloads += 1
            if self.server is not None and now >= at["blip"]:
                at["blip"] = now + blip
                self._blip(self.server)
            if now >= at["look"]:
                at["look"] = now + seconds / 50
                self._look(now - began)
        self._end.set()
        for thread in threads:
            thread.join()
        self.log.close()
        return self.findings

    def _ask(self, number: int) -> None:
        random = Random(number)
        while not self._end.is_set():
            raw, allowed = _traffic(self.rig, random)
            answer = self.rig.gate.admit(raw)
            with self._lock:
                if answer.allowed is allowed:
                    self.findings.right += 1
                elif allowed and answer.status == 503:
                    self.findings.refused += 1
                else:
                    self.findings.wrong[f"{answer.status} {answer.code}"] += 1

    def _blip(self, server: Server) -> None:
        server.process.send_signal(SIGSTOP)
        time.sleep(BLIP)
        server.process.send_signal(SIGCONT)
        self.findings.blips += 1

    def _look(self, at: float) -> None:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        self.findings.memory.append((at, pages * os.sysconf("SC_PAGE_SIZE")))
        self.findings.files.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - counted, and nothing else


def soak(*, seconds: float, reload: float, blip: float) -> Findings:
    """Runs with a server where there is one, and in memory otherwise."""
    engine = next((each for each in ENGINES if binary(each)), None)
    with tempfile.TemporaryDirectory() as folder:
        if engine is None:
            return Soak(Path(folder), MemoryState(), None).run(seconds=seconds, reload=reload, blip=blip)
        with running(engine) as server:
            store = server.state(Wall(), deadline=0.05)
            try:
                return Soak(Path(folder), store, server).run(seconds=seconds, reload=reload, blip=blip)
            finally:
                store.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs for as long as asked, and tells what was found; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--reload", type=float, default=5.0)
    parser.add_argument("--blip", type=float, default=20.0)
    given = parser.parse_args(arguments)
    found = soak(seconds=given.seconds, reload=given.reload, blip=given.blip)
    sys.stdout.write(
        f"right {found.right:,}, refused for want of state {found.refused:,}, wrong {dict(found.wrong)}\n"
        f"availability {found.availability:.3%}, {found.reloads} reloads, {found.blips} blips\n"
        f"memory grows by {found.growth / 1e6:.2f} MB an hour, files open {min(found.files)} to {max(found.files)}\n"
    )
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
