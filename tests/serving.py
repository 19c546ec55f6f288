"""`durwan serve` as a process of its own, for tests, and a client that sends exactly what it is told."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

ROOT = Path(__file__).parents[1]
_ANSWERING = re.compile(r"answering at (\S+?)(?:,|$)", re.MULTILINE)


@dataclass
class Response:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that came once."""
        found = [value for each, value in self.headers if each == name]
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A server that answers."""

    process: subprocess.Popen[bytes]
    log: Path
    addresses: list[str] = field(default_factory=list[str])
    authority: str | None = None

    @property
    def url(self) -> str:
        return self.addresses[0]

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        *,
        at: int = 0,
    ) -> Response:
        """One request on a connection of its own."""
        lines = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        if not any(name.lower() == "host" for name, _ in lines):
            lines.insert(0, ("host", "localhost"))
        if body is not None:
            lines.append(("content-length", str(len(body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in [*lines, ("connection", "close")])
        return read_response(
            self.exchange(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b""), at=at)
        )

    def post(self, target: str, document: object, headers: Mapping[str, str] | None = None) -> Response:
        """A JSON document."""
        sent = {"content-type": "application/json", **(headers or {})}
        return self.send("POST", target, sent, json.dumps(document).encode())

    def exchange(self, raw: bytes, *, at: int = 0) -> bytes:
        """Sends bytes, and returns all that comes back."""
        with self.connected(at=at) as connection:
            connection.sendall(raw)
            parts: list[bytes] = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts)

    @contextmanager
    def connected(self, *, at: int = 0) -> Generator[socket.socket]:
        """A connection."""
        scheme, _, place = self.addresses[at].partition(":")
        if scheme == "unix":
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(10)
                connection.connect(place)
                yield connection
            return
        host, _, port = place.removeprefix("//").rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            if scheme == "http":
                yield connection
                return
            context = ssl.create_default_context(cafile=self.authority)
            with context.wrap_socket(connection, server_hostname="localhost") as secured:
                yield secured

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, *, within: float = 15) -> int:
        """Tells it to end, and returns its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.process.wait(within)

    def said(self) -> str:
        """All that it has said."""
        return self.log.read_text()


def command(*words: str | Path) -> list[str]:
    """How `durwan serve` is called."""
    return [sys.executable, "-m", "durwan.cli.durwan", "serve", *map(str, words)]


def environment(**variables: str) -> dict[str, str]:
    """The environment of a server: nothing of durwan in it but what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DURWAN_")}
    return {**kept, "DURWAN_STOP__DRAIN": "0s", **variables}


@contextmanager
def serving(
    configuration: Path,
    log: Path,
    *,
    authority: Path | None = None,
    within: float = 30,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Generator[Running]:
    """A server that answers by a configuration, until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(configuration), cwd=configuration.parent, env=environment(**variables), stderr=output,
            stdout=output,
        )  # fmt: skip
    running = Running(process, log, authority=None if authority is None else str(authority))
    try:
        end = time.monotonic() + within
        while not (found := _ANSWERING.search(log.read_text())):
            assert process.poll() is None, f"ended with {process.returncode}: {running.said()}"
            assert time.monotonic() < end, f"does not answer: {running.said()}"
            time.sleep(0.02)
        line = log.read_text()[found.start(1) :].split("\n", 1)[0]
        running.addresses = [part for part in line.split(", ") if part.startswith(("http", "unix"))]
        yield running
    finally:
        running.stop()


def start_fails(configuration: Path, **variables: str) -> tuple[int, str]:
    """The exit code of a server that must not start, and what it says."""
    done = subprocess.run(
        command(configuration), cwd=configuration.parent, env=environment(**variables), capture_output=True,
        text=True, timeout=30, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def read_response(raw: bytes) -> Response:
    """The response in all that came back."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Response(int(first.split(" ")[1]), headers, body)
