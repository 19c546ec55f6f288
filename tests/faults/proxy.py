"""A TCP proxy that can delay, cut off, swallow, and shift the replies of a server, one at a time."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Final, Literal

Mode = Literal["pass", "reset", "half-close", "silent", "shift", "trickle"]
_SIZE: Final = 65_536


class Proxy:
    """Between clients and the server on a port of this machine.

    Attributes:
        mode: `pass`, `reset` (connections are reset), `half-close` (the server's side is ended), `silent` (nothing
            comes back), `shift` (each reply comes in the place of the next one), `trickle` (an octet at a time).
        delay: how many seconds each reply is held back.
        touched: how many replies it did something to.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.mode: Mode = "pass"
        self.delay = 0.0
        self.touched = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        """Its address, as that of a server."""
        return f"redis://127.0.0.1:{self.port}/0"

    def close(self) -> None:
        """Ends it, and all connections through it."""
        # Closing alone would let a thread that waits for a connection accept one more, which nobody would close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        self.cut()

    def cut(self) -> None:
        """Resets all connections through it."""
        pairs, self._pairs = self._pairs, []
        for client, server in pairs:
            with contextlib.suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for each in (client, server):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=2)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs.append((client, server))
            threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self._replies, args=(client, server), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets := client.recv(_SIZE):
                server.sendall(octets)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _replies(self, client: socket.socket, server: socket.socket) -> None:
        held = b""
        with contextlib.suppress(OSError):
            while octets := server.recv(_SIZE):
                held = self._pass_on(client, octets, held)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, client: socket.socket, octets: bytes, held: bytes) -> bytes:
        """Does to a reply what the mode says; what is held back until the next one is returned."""
        self.touched += self.mode != "pass" or self.delay > 0
        if self.delay:
            time.sleep(self.delay)
        if self.mode == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        elif self.mode == "half-close":
            client.shutdown(socket.SHUT_WR)
        elif self.mode == "trickle":
            for at in range(len(octets)):
                client.sendall(octets[at : at + 1])
                time.sleep(0.02)
        elif self.mode == "shift":
            # The reply before, or if there is none, one that somebody else got.
            client.sendall(held or self._stale)
            return octets
        elif self.mode == "pass":
            self._stale = octets
            client.sendall(octets)
        return b""

    _stale = b"*2\r\n$16\r\n0123456789abcdef\r\n:1\r\n"
