"""One connection to Redis or Valkey: its address, how it is opened, and one script at a time within a deadline."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from urllib.parse import SplitResult, urlsplit

from durwan.state.errors import RedisNotInstalledError, StateSetupError, StateUnavailableError
from durwan.state.redis_scripts import load
from durwan.state.redis_socket import TimedSocket

if TYPE_CHECKING:
    from collections.abc import Sequence

# How long each step of opening a connection may take, in seconds. Nobody waits for it longer than for an answer.
_STEP: Final = 0.3

Argument = str | bytes | int


class Connection(Protocol):
    """What is used of a connection of redis-py, which has no complete types."""

    def connect(self) -> None:
        """Opens it and logs in."""
        ...

    def disconnect(self) -> None:
        """Closes it."""
        ...

    def send_command(self, *args: Argument) -> None:
        """Sends a command."""
        ...

    def read_response(self, *, disable_decoding: bool) -> Any:
        """Reads the reply to a command, and raises it if it is an error."""
        ...

    def can_read(self, timeout: float) -> bool:
        """Whether something came within the time."""
        ...


@dataclass(frozen=True)
class Address:
    """Where the server is; nothing that is printed has the user or the password in it.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, as redis-py takes it.

    Raises:
        StateSetupError: the URL is none.
    """

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        try:
            known = self._parts.scheme in ("redis", "rediss", "unix") and (self._parts.port or 1)
        except ValueError:
            known = False
        if not known:
            raise StateSetupError("the URL of the state server is none: write redis://, rediss:// or unix://")

    @property
    def place(self) -> str:
        """The address without user, password and parameters."""
        parts = self._parts
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return self._parts.scheme == "unix" or self._parts.hostname in ("localhost", "127.0.0.1", "::1")

    @property
    def is_private(self) -> bool:
        """Whether it is spoken to by TLS."""
        return self._parts.scheme == "rediss"

    @property
    def has_password(self) -> bool:
        """Whether it is told who asks."""
        return bool(self._parts.password)

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    def connection(self) -> tuple[Connection, list[TimedSocket]]:
        """A connection, not open yet, that tries nothing twice; and a list with its socket once it is.

        Raises:
            RedisNotInstalledError: the extra is missing.
            StateSetupError: the URL is none.
        """
        try:
            from redis.backoff import NoBackoff  # noqa: PLC0415 - an extra, which few need
            from redis.connection import ConnectionPool  # noqa: PLC0415
            from redis.retry import Retry  # noqa: PLC0415
        except ImportError as error:
            raise RedisNotInstalledError from error
        settings = {"socket_timeout": _STEP, "socket_connect_timeout": _STEP, "retry": Retry(NoBackoff(), 0)}
        try:
            pool: Any = ConnectionPool.from_url(self.url, protocol=2, driver_info=None, **settings)  # pyright: ignore[reportUnknownMemberType] - without types
        except (ValueError, TypeError):
            # Their text may hold the password.
            raise StateSetupError("the URL of the state server is none: write redis://, rediss:// or unix://") from None
        sockets: list[TimedSocket] = []

        class Timed(pool.connection_class):  # type: ignore[misc] # as the URL says: TCP, TLS or a file
            """A connection whose reads and writes end together."""

            def _connect(self) -> TimedSocket:
                inner = super()._connect()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - no types
                sockets[:] = [TimedSocket(cast("socket.socket", inner))]
                return sockets[0]

        return cast("Connection", Timed(**pool.connection_kwargs)), sockets


class Link:
    """An open connection to a server that was found fit, for one thread at a time.

    Attributes:
        run_id: which start of which server this is.
        is_sound: whether every question was answered, so that the next answer will be that to the next question.
    """

    def __init__(self, address: Address, connection: Connection, timed: TimedSocket) -> None:
        self._socket = timed
        self._place = address.place
        self._connection = connection
        self._process = os.getpid()
        self.run_id = ""
        self.is_sound = True

    def run(self, name: str, keys: Sequence[str], arguments: Sequence[Argument], end: float) -> list[Any]:
        """Runs a script and returns its reply, without the ticket.

        Args:
            name: which script.
            keys: its keys.
            arguments: its arguments, behind the ticket.
            end: when to give up, by `time.monotonic`.

        Raises:
            StateUnavailableError: there was no answer in time, an error, or the answer to something else.
        """
        script = load(name)
        ticket = os.urandom(8).hex()
        rest = (len(keys), *keys, ticket, *arguments)
        reply = self.ask(("EVALSHA", script.digest, *rest), end)
        if reply is None:
            reply = self.ask(("EVAL", script.source, *rest), end)
        if not isinstance(reply, list) or not reply or reply[0] != ticket.encode():
            self.is_sound = False
            raise StateUnavailableError(self._place, "it sent the answer to another question")
        return reply[1:]  # pyright: ignore[reportUnknownVariableType] - as it came

    def ask(self, command: Sequence[Argument], end: float) -> Any:
        """The reply to a command; None where the server does not know a script.

        Raises:
            StateUnavailableError: there was no answer in time, or an error.
        """
        from redis.exceptions import NoScriptError, OutOfMemoryError, RedisError  # noqa: PLC0415 - there is a connection, so there is it

        self.is_sound = False
        try:
            self._socket.end = end
            self._connection.send_command(*command)
            reply = self._connection.read_response(disable_decoding=True)
        except NoScriptError:
            reply = None
        except (RedisError, OSError) as error:
            self.is_sound = isinstance(error, OutOfMemoryError)
            raise StateUnavailableError(self._place, _problem(error)) from None
        self.is_sound = True
        return reply

    def close(self) -> None:
        """Closes the connection, unless it is a parent process's."""
        if self._process == os.getpid():
            self._connection.disconnect()


def open_link(address: Address) -> Link:
    """A link, opened and logged in, of which nothing is known yet.

    Raises:
        StateUnavailableError: the server cannot be reached, or refuses.
        RedisNotInstalledError, StateSetupError: see `Address.connection`.
    """
    connection, sockets = address.connection()
    from redis.exceptions import RedisError  # noqa: PLC0415 - there is a connection, so there is it

    try:
        connection.connect()
    except (RedisError, OSError) as error:
        connection.disconnect()
        raise StateUnavailableError(address.place, _problem(error)) from None
    return Link(address, connection, sockets[0])


def _problem(error: Exception) -> str:
    """What an error is, by its class and its code: the rest of its text may hold what is secret."""
    first = str(error).split(" ", 1)[0]
    return f"{type(error).__name__} {first}" if first.isupper() else type(error).__name__


__all__ = ["Address", "Argument", "Connection", "Link", "open_link"]
