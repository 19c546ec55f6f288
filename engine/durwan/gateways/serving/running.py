"""Starting and stopping: sockets, then one process or several, until they are told to end."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from durwan.diagnostics.terminal import visible
from durwan.errors import DurwanError, PolicyError
from durwan.gateways.serving.assembly import assemble
from durwan.gateways.serving.checks import check
from durwan.gateways.serving.kinds import Listener
from durwan.gateways.serving.reading import ConfigurationError, Loaded
from durwan.gateways.serving.self_test import OpenDoorError
from durwan.gateways.serving.server import Process, name_of, open_socket
from durwan.gateways.serving.supervisor import Supervisor, WorkerError
from durwan.gateways.serving.telling import take_over
from durwan.runtime.self_test import SelfTestError

_SECOND = 1_000
_FINDINGS, _REFUSED, _BROKEN = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Server:
    """All of `durwan serve`.

    Attributes:
        loaded: its configuration.
        environment: the variables of the environment.
        says: where it is said what is answered; standard error is for the lines of the log.
        told: where it is said why nothing is.
    """

    loaded: Loaded
    environment: Mapping[str, str]
    says: TextIO = sys.stdout
    told: TextIO = sys.stderr

    def run(self) -> int:
        """Answers until it is told to end.

        Returns:
            The exit code; what went wrong was told.

        Raises:
            ConfigurationError: settings are unsafe together.
            DurwanError: the sockets cannot be had.
        """
        configuration = self.loaded.configuration
        mistakes = check(self.loaded)
        if mistakes:
            raise ConfigurationError(mistakes)
        with ExitStack() as opened:
            sockets = [self._opened(opened, each) for each in configuration.listen]
            admins = [self._opened(opened, each) for each in self._admins()]
            names = [name_of(each) for each in (*sockets, *admins)]
            if configuration.workers > 1:
                return self._supervise(sockets, admins, names)
            code, why = self._work(sockets, admins, 1, lambda: self._say(names))
            self._tell(why)
            return code

    def _admins(self) -> list[Listener]:
        """Where operators ask: each worker by itself, the second at the next port, or at a socket with its number."""
        configuration = self.loaded.configuration
        first = configuration.admin
        if first is None:
            return []
        return [
            first.model_copy(update={
                "port": first.port + number if first.port else 0,
                "path": f"{first.path}.{number + 1}" if first.path and number else first.path,
            })
            for number in range(configuration.workers)
        ]  # fmt: skip

    def _supervise(self, sockets: list[socket.socket], admins: list[socket.socket], names: list[str]) -> int:
        stop = self.loaded.configuration.stop
        supervisor = Supervisor(
            work=lambda number, ready: self._work(sockets, admins, number, ready),
            count=self.loaded.configuration.workers,
            patience=(stop.drain + stop.grace) / _SECOND + 5,
            ready=lambda: self._say(names),
        )
        try:
            return supervisor.run()
        except WorkerError as error:
            self._tell(str(error))
            return error.code if error.code > 0 else _REFUSED

    def _work(
        self, sockets: list[socket.socket], admins: list[socket.socket], number: int, ready: Callable[[], object]
    ) -> tuple[int, str]:
        """The work of a worker: its exit code, and why it could not start."""
        try:
            service = assemble(self.loaded, self.environment)
            take_over(service.log)
            Process(service, sockets, admins[number - 1] if admins else None, ready).run()
        except DurwanError as error:
            return code_of(error), str(error)
        return 0, ""

    def _tell(self, why: str) -> None:
        if why:
            self.told.write(f"durwan: error: {visible_lines(why)}\n")
            self.told.flush()

    def _say(self, names: list[str]) -> None:
        configuration = self.loaded.configuration
        scheme = "http" if configuration.tls is None else "https"
        shown = [name if name.startswith("unix:") else f"{scheme}://{name}" for name in names]
        if configuration.envoy is not None:
            shown.append(f"grpc://{configuration.envoy.listen}")
        many = "" if configuration.workers == 1 else f", {configuration.workers} workers"
        self.says.write(f"durwan: answering at {', '.join(shown)}{many}\n")
        self.says.flush()

    def _opened(self, stack: ExitStack, listener: Listener) -> socket.socket:
        """A socket that is closed at the end; one in the file system is gone then."""
        placed = (
            listener.model_copy(update={"path": str(self.loaded.file(listener.path))}) if listener.path else listener
        )
        opened = open_socket(placed)
        if placed.path:
            stack.callback(Path(placed.path).unlink, missing_ok=True)
        stack.callback(opened.close)
        return opened


def code_of(error: DurwanError) -> int:
    """The exit code of what went wrong before anything was answered."""
    if isinstance(error, PolicyError):
        return _BROKEN
    return _FINDINGS if isinstance(error, OpenDoorError | SelfTestError) else _REFUSED


def visible_lines(text: str) -> str:
    """Each line of a text with nothing in it that a terminal would obey."""
    return "\n".join(visible(line) for line in text.splitlines())


__all__ = ["Server", "code_of", "visible_lines"]
