"""A request as it came over the wire, before anything is known or believed about it."""

from __future__ import annotations

from dataclasses import dataclass

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class RawRequest:
    """The bytes that came in, none of them decoded, joined, sorted or repaired.

    Signatures are verified over these bytes, and the same bytes have to be what is forwarded and what the decision is
    about. A message on a connection that stays open, such as a WebSocket's, is a request whose `body` is the message.

    Attributes:
        method: the method as it stood in the request line, `GET`; in whatever case it came.
        target: the request target as it stood in the request line: the path and, after `?`, the query, still encoded.
        headers: name and value of every header line in the order they came, repeated ones repeated. Names in any case.
        body: the whole body, after transfer encoding and before content encoding; empty where there is none.
        peer: the address of the caller, which whoever accepted the connection vouches for.
        received: when it came, in milliseconds since the epoch.
    """

    method: str
    target: bytes
    headers: Headers
    body: bytes
    peer: str
    received: int

    def __repr__(self) -> str:
        """How much there is of it: each of its parts may hold a key, a signature, or what somebody means to trade."""
        sizes = f"{len(self.target)} bytes of target, {len(self.headers)} headers, {len(self.body)} bytes of body"
        return f"<RawRequest: {sizes}>"
