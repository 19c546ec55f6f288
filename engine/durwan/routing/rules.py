"""What a gate takes for a request at all: from whom it believes which headers, which hosts and methods, how much."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from durwan.errors import DurwanError
from durwan.model.address import NetworkSet

_METHOD: Final = re.compile(r"[A-Z]{3,10}", re.ASCII)
_HEADER: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# Headers of which a request has one at most: two readers would not agree upon which of two counts.
SINGLETONS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "content-digest",
        "signature",
        "signature-input",
        "dpop",
        "x-api-key",
        "idempotency-key",
    }
)


class RequestRulesError(DurwanError):
    """Rules that cannot be applied as they are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRules:
    """What is taken for a request. Names of headers are in lower case, with `-` and neither `_` nor `.`.

    Attributes:
        trusted: the networks of those who may say for whom they ask, and may send headers that rename the target.
        forwarded: the header in which they say so: addresses with commas between them, the nearest hop last.
        unix_socket: whether a peer without an address, as of a Unix socket, is one of them; else it is refused.
        methods: the methods that are taken, in upper case.
        hosts: the hosts that are taken, `api.example.com` or `localhost:8080`, without the ports 80 and 443; None: any.
        singletons: headers that may come once only, besides those that a route reads.
        identity: headers that the gate sets for what stands behind it. None comes under a name that is nearly theirs.
        most_target: bytes of the request target.
        most_segments: segments of the path.
        most_headers: header lines.
        most_header_bytes: bytes of the names and values of all headers.
        most_hops: addresses in the header of those who are trusted.

    Raises:
        RequestRulesError: a method or a header is not written as it has to be.
    """

    trusted: NetworkSet = field(default_factory=NetworkSet)
    forwarded: str = "x-forwarded-for"
    unix_socket: bool = False
    methods: frozenset[str] = METHODS
    hosts: frozenset[str] | None = None
    singletons: frozenset[str] = SINGLETONS
    identity: frozenset[str] = frozenset()
    most_target: int = 8 << 10
    most_segments: int = 64
    most_headers: int = 100
    most_header_bytes: int = 16 << 10
    most_hops: int = 32

    def __post_init__(self) -> None:
        """Refuses what would silently never match."""
        for method in sorted(self.methods):
            if not _METHOD.fullmatch(method) or method in {"CONNECT", "TRACE"}:
                raise RequestRulesError(f"the method {method!r} cannot be taken: write 3 to 10 capital letters")
        for name in sorted({self.forwarded, *self.singletons, *self.identity}):
            if not _HEADER.fullmatch(name):
                raise RequestRulesError(f"the header {name!r} is not written in lower case, with dashes alone")


__all__ = ["METHODS", "SINGLETONS", "RequestRules", "RequestRulesError"]
