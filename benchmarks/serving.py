"""W7, over HTTP: forward authentication by `durwan serve`, beside the same server answering a constant.

    python -m benchmarks.serving [--repeat 15] [--number 4000] [--connections 16] [--only TEXT]

Each contender is a server of its own, on the same uvicorn with the same settings; they are alive at once and take
turns, so that both meet the same noise. A turn is so many requests over connections that stay open, one at a time on
each. Every request is signed by our own scheme with a nonce of its own, just before the clock runs; the constant is
sent the same bytes. What is timed is a whole exchange: the request put together again, its signature verified, its
nonce remembered, the policy decided, the answer written down, and 200 with headers for what stands behind.

Client and servers share the machine: with two cores and two workers, the client takes part of what they have.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import re
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.authorizing import POLICY
from durwan.credentials.key_hygiene import roles_by_name
from durwan.credentials.key_material import Given
from durwan.credentials.key_ring import KeyRing, NewKey, Venue
from durwan.credentials.key_rules import KeyRules
from durwan.credentials.raw_request import RawRequest
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.sealing import SealingKey
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text
from durwan.gateways.serving.application import Application, Callers, Way
from durwan.gateways.serving.assembly import Service, assemble
from durwan.gateways.serving.exchange import Receive, Reply, Scope
from durwan.gateways.serving.reading import load
from durwan.gateways.serving.server import Process, open_socket
from durwan.gateways.serving.supervisor import Supervisor
from durwan.gateways.serving.ways import FORWARD_AUTH
from durwan.model.address import NetworkSet, parse_network

HOST, CLIENT, TARGET = "api.example.com", "203.0.113.9", "/orders?notional=2500"
ROUTES = """
routes:
  POST /orders:
    action: orders.create
    attributes:
      request.notional: query.notional
"""
GOAL = 0.7
_CODE = re.compile(r"x-decision-code: (\S+)")


class Constant:
    """What is answered without a look at anything."""

    _REPLY = Reply(200, ((b"x-durwan-key", b"desk-7"), (b"x-durwan-action", b"orders.create")))

    async def __call__(self, scope: Scope, receive: Receive) -> Reply:
        """The same reply, always."""
        del scope, receive
        return self._REPLY


@dataclass
class Scenario:
    """What is compared.

    Attributes:
        name: how it is called.
        workers: how many processes answer.
        settings: what the configuration says beside the usual.
        signs: whether requests are signed; otherwise they bring a token.
        has_goal: whether the goal is about it.
    """

    name: str
    workers: int = 1
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    signs: bool = True
    has_goal: bool = False


SCENARIOS = [
    Scenario("signed, no record"),
    Scenario("signed, relaxed record", settings={"audit": {"directory": "audit", "strict": False}}, has_goal=True),
    Scenario("signed, strict record", settings={"audit": {"directory": "audit", "strict": True}}, has_goal=True),
    Scenario("token, relaxed record", settings={"audit": {"directory": "audit", "strict": False}}, signs=False),
    Scenario(
        "token, relaxed record, 2 workers", 2, {"audit": {"directory": "audit", "strict": False}}, signs=False
    ),
]  # fmt: skip


@dataclass
class Files:
    """A venue in a directory, and what its clients hold."""

    folder: Path
    secret: Secret
    token: Secret

    def requests(self, scenario: Scenario, number: int) -> list[bytes]:
        """So many requests, as a proxy forwards them."""
        scheme = load_scheme("durwan")
        now = time.time_ns() // 1_000_000
        said = (
            f"GET {FORWARD_AUTH} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-forwarded-method: POST\r\n"
            f"x-forwarded-uri: {TARGET}\r\nx-forwarded-host: {HOST}\r\nx-forwarded-for: {CLIENT}\r\n"
            "x-forwarded-proto: https\r\nuser-agent: client/1.0\r\naccept: */*\r\n"
        )
        if not scenario.signs:
            return [f"{said}authorization: Bearer {self.token.reveal().decode()}\r\n\r\n".encode()] * number
        raw = RawRequest("POST", TARGET.encode(), ((b"host", HOST.encode()),), b"", CLIENT, now)
        key = scheme.secret_key(self.secret.reveal().decode())
        found: list[bytes] = []
        for _ in range(number):
            signed = scheme.sign(raw, "desk-7", key, timestamp=now)
            lines = "".join(f"{name.decode()}: {value.decode()}\r\n" for name, value in signed.headers[1:])
            found.append(f"{said}{lines}\r\n".encode())
        return found


def make_files(folder: Path) -> Files:
    """Policies, routes, and two keys: one signs, one has a token."""
    (folder / "policies" / "keys").mkdir(parents=True)
    (folder / "policies" / "a.policy").write_text(POLICY)
    (folder / "policies" / "routes.yaml").write_text(ROUTES)
    key = secrets.token_bytes(32)
    (folder / "sealing.key").touch(mode=0o600)
    (folder / "sealing.key").write_text(key.hex())
    made = Files(folder, *(Secret(new_secret_text("dwk", None).encode()) for _ in range(2)))
    scopes = {"orders.write": ("orders.write",)}
    venue = Venue(rules=KeyRules((), scopes), roles=roles_by_name(scopes))
    ring = KeyRing(
        folder / "policies" / "keys" / "keys.yaml", folder / "keys.secrets", lambda: SealingKey(Secret(key)),
        venue=venue, clock=lambda: time.time_ns() // 1_000_000,
    )  # fmt: skip
    attributes = {"scopes": ["orders.write"], "networks": ["203.0.113.0/24"], "labels": []}
    ring.add([
        NewKey(attributes={"id": "desk-7", **attributes}, given=Given(kind="hmac", secret=made.secret)),
        NewKey(attributes={"id": "bot-1", **attributes}, given=Given(kind="token", secret=made.token)),
    ])  # fmt: skip
    return made


def configure(files: Files, scenario: Scenario, name: str) -> Path:
    """The configuration of a scenario. What it writes lies in a directory of its own."""
    settings: dict[str, Any] = {
        "policies": {"path": "policies", "watch": False},
        "requests": {"hosts": [HOST]},
        "listen": ["127.0.0.1:0"],
        "proxies": {"sends_bodies": True},
        "log": "error",
        "keys": {"secrets": "keys.secrets", "sealing_key": {"file": "sealing.key"}},
        # Attempts are counted as always; but nobody in the field comes so often.
        "credentials": {
            **({"signatures": "durwan"} if scenario.signs else {"bearer": True}),
            "attempts": {"successes": 10**9},
        },
        "workers": scenario.workers,
        "stop": {"drain": "0s"},
        **scenario.settings,
    }
    if "audit" in settings:
        settings["audit"] = {**settings["audit"], "directory": f"audit-{name}"}
    if "state" in settings:
        settings["state"] = {"sqlite": f"state-{name}.db"}
    path = files.folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def answer(configuration: Path, opened: socket.socket, *, constant: bool) -> None:
    """The work of a server's process."""
    loaded = load(configuration, {})

    def work(number: int, ready: Any) -> tuple[int, str]:
        del number
        service: Service = assemble(loaded, {})
        if constant:
            everybody = Callers(
                networks=NetworkSet([found]) if (found := parse_network("127.0.0.0/8")) else NetworkSet()
            )
            service.application = Application({FORWARD_AUTH: Way(endpoint=Constant())}, everybody)
        Process(service, [opened], None, ready).run()
        return 0, ""

    count = loaded.configuration.workers
    if count == 1:
        os._exit(work(1, lambda: None)[0])
    os._exit(Supervisor(work, count, 5, lambda: None).run())


@contextmanager
def server(configuration: Path, *, constant: bool) -> Generator[int]:
    """A server; its port."""
    loaded = load(configuration, {})
    with open_socket(loaded.configuration.listen[0]) as opened:
        context = multiprocessing.get_context("fork")
        process = context.Process(target=answer, args=(configuration, opened), kwargs={"constant": constant})
        process.start()
        try:
            yield opened.getsockname()[1]
        finally:
            process.terminate()
            process.join(10)


# ------------------------------------------------------------------------------------------------------------ client


@dataclass
class Turn:
    """What came of one turn: requests a second, the time of each in seconds, and how many were refused."""

    rate: float = 0.0
    times: list[float] = field(default_factory=list[float])
    refused: int = 0
    why: str = ""


class Caller(asyncio.Protocol):
    """One connection: a request, its whole response, and the next one."""

    def __init__(self, requests: Iterator[bytes], turn: Turn, done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._turn = turn
        self._done = done
        self._transport: Any = None
        self._began = 0.0
        self._parts = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._parts += data
        head, end, body = self._parts.partition(b"\r\n\r\n")
        if not end or (not body and b"content-length: 0" not in head):
            return
        if not head.startswith(b"HTTP/1.1 200 "):
            self._turn.refused += 1
            self._turn.why = self._parts.decode("latin-1")
        self._turn.times.append(time.perf_counter() - self._began)
        self._parts = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server has gone"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            if not self._done.done():
                self._done.set_result(None)
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def _fail(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(error)
            self._transport.close()


async def _turn(port: int, requests: Sequence[bytes], connections: int) -> Turn:
    loop = asyncio.get_running_loop()
    shared, turn = iter(requests), Turn()
    ends = [loop.create_future() for _ in range(connections)]
    began = time.perf_counter()
    for end in ends:
        await loop.create_connection(lambda end=end: Caller(shared, turn, end), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    turn.rate = len(turn.times) / (time.perf_counter() - began)
    return turn


def take_turn(port: int, requests: Sequence[bytes], connections: int) -> Turn:
    """Sends all of them."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_turn(port, requests, connections))


def wait_for(port: int, files: Files, scenario: Scenario, *, seconds: float = 60) -> None:
    """Until a request goes on; what remembers nonces in memory takes none that may have been used before it began."""
    end = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            taken = take_turn(port, files.requests(scenario, 1), 1)
            if not taken.refused:
                return
            if time.monotonic() >= end:
                raise RuntimeError(taken.why)
        time.sleep(0.2)


# ------------------------------------------------------------------------------------------------------------ report


def measure(files: Files, scenario: Scenario, arguments: argparse.Namespace, number: int) -> float:
    """Both servers of a scenario, in turns; the median of the ratios."""
    turns: dict[str, list[Turn]] = {"constant": [], "durwan": []}
    with ExitStack() as running:
        ports = {
            name: running.enter_context(
                server(configure(files, scenario, f"{name}-{number}"), constant=name == "constant")
            )
            for name in turns
        }
        for port in ports.values():
            wait_for(port, files, scenario)
        for turn in range(arguments.repeat + 1):
            for name, port in ports.items():
                taken = take_turn(port, files.requests(scenario, arguments.number), arguments.connections)
                if turn:
                    turns[name].append(taken)
    ratio = median(b.rate / a.rate for a, b in zip(turns["constant"], turns["durwan"], strict=True))
    sys.stdout.write(f"\n{scenario.name}; {scenario.workers} worker{'s' if scenario.workers > 1 else ''}\n")
    for name, found in turns.items():
        sys.stdout.write(
            f"  {name:<9} {median(each.rate for each in found):9,.0f}/s  {_percentiles(found)}{_refused(found)}\n"
        )
    verdict = "" if not scenario.has_goal else "  reached" if ratio >= GOAL else f"  NOT REACHED ({GOAL:.0%})"
    sys.stdout.write(f"  durwan by constant  {ratio:.1%}{verdict}\n")
    sys.stdout.flush()
    return ratio


def _percentiles(turns: Sequence[Turn]) -> str:
    every = sorted(each for turn in turns for each in turn.times)
    named = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
    return "  ".join(f"{name} {every[min(int(len(every) * at), len(every) - 1)] * 1e3:7.2f} ms" for name, at in named)


def _refused(turns: Sequence[Turn]) -> str:
    """Where some were: what a store that is asked too often cannot say in time is refused."""
    count = sum(each.refused for each in turns)
    codes = sorted({found[1] for each in turns if (found := _CODE.search(each.why)) is not None})
    return f"  {count} refused: {', '.join(codes)}" if count else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--number", type=int, default=4_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--only", default="", help="scenarios with this in their names")
    arguments = parser.parse_args()
    sys.stdout.write(f"W7, over HTTP; medians of {arguments.repeat} turns of {arguments.number} requests on ")
    sys.stdout.write(f"{arguments.connections} connections; {os.cpu_count()} cores; goal: {GOAL:.0%} of a constant\n")
    with tempfile.TemporaryDirectory() as folder:
        files = make_files(Path(folder))
        for number, scenario in enumerate(SCENARIOS):
            if arguments.only in scenario.name:
                measure(files, scenario, arguments, number)


if __name__ == "__main__":
    main()
