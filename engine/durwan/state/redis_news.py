"""Hearing of revocations from Redis as they are made. Nothing depends on it: whoever waits looks again anyway."""

from __future__ import annotations

import os
import time
from threading import Lock

from durwan.errors import DurwanError
from durwan.forking import start_anew_after_fork
from durwan.state.redis_link import Address, Connection

_STEP = 0.3


class NewsChannel:
    """A subscription, made when somebody first waits, and again when it was lost."""

    def __init__(self, address: Address, channel: str) -> None:
        self._address = address
        self._channel = channel
        self._closed = False
        self.start_anew()
        start_anew_after_fork(self)

    def start_anew(self) -> None:
        """Without a connection: in a child process, whose parent uses the one there was."""
        self._lock = Lock()
        self._connection: Connection | None = None
        self._process = os.getpid()

    def wait(self, seconds: float) -> None:
        """Returns when something was published, or could have been missed, or after that many seconds."""
        end = time.monotonic() + seconds
        if not self._lock.acquire(timeout=seconds):
            return
        try:
            if not self._heard(end):
                time.sleep(max(end - time.monotonic(), 0))
        finally:
            # Whoever closed it meanwhile did not wait for this one.
            if self._closed:
                self._drop()
            self._lock.release()

    def close(self) -> None:
        """Ends the subscription."""
        self._closed = True
        if self._lock.acquire(timeout=_STEP):
            self._drop()
            self._lock.release()

    def _heard(self, end: float) -> bool:
        """Whether something came, or may have been missed; False where nothing can be heard, or nothing came."""
        if self._closed:
            return False
        try:
            connection = self._connection
            if connection is None:
                self._subscribe()
                return True
            if not connection.can_read(max(end - time.monotonic(), 0)):
                return False
            while connection.can_read(0):
                connection.read_response(disable_decoding=True)
        except (DurwanError, OSError, _redis_error()):
            self._drop()
            return False
        return True

    def _subscribe(self) -> None:
        connection, _ = self._address.connection()
        self._connection = connection
        connection.connect()
        connection.send_command("SUBSCRIBE", self._channel)
        connection.read_response(disable_decoding=True)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._process == os.getpid():
            connection.disconnect()


def _redis_error() -> type[Exception]:
    from redis.exceptions import RedisError  # noqa: PLC0415 - an extra, which is there since a link was opened

    return RedisError


__all__ = ["NewsChannel"]
