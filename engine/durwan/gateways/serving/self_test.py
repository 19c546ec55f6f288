"""What has to be refused before anything is answered: a server that lets it through does not start (R69).

The policy set's own tests, those under `must_pass`, are run wherever it is loaded. Here whole requests go the whole
way: those that the configuration names, and, at every route that is not public, one without a credential.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from durwan.credentials.authenticator import Accepted, Authenticator
from durwan.credentials.raw_request import RawRequest
from durwan.errors import DurwanError
from durwan.gateways.gate import Gate, Parts
from durwan.gateways.serving.configuration import Configuration, ProbeSection
from durwan.model.address import parse_network
from durwan.routing import Route

# An address that is nobody's (RFC 5737).
_NOBODY: Final = "192.0.2.1"
_FILLED: Final = "x"


class OpenDoorError(DurwanError):
    """A server that would allow what has to be denied.

    Attributes:
        names: what it would allow.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        listed = "\n".join(f"  {name}" for name in names)
        super().__init__(f"nothing is answered, because this would be allowed and has to be denied:\n{listed}")


def refuse_open_doors(
    parts: Parts, accepted: Accepted | None, configuration: Configuration, routes: Sequence[Route]
) -> int:
    """Sends each request through a gate of the same parts, which records nothing and counts nobody.

    Returns:
        How many requests were refused.

    Raises:
        OpenDoorError: one of them was not.
    """
    now = parts.clock()
    gate = _gate(parts, accepted)
    tried = [*_configured(configuration, now), *_without_credential(configuration, routes, now)]
    allowed = [name for name, raw in tried if gate.admit(raw).allowed]
    if allowed:
        raise OpenDoorError(allowed)
    return len(tried)


def _gate(parts: Parts, accepted: Accepted | None) -> Gate:
    authenticator = None if accepted is None else Authenticator(replace(accepted, attempts=None), parts.clock)
    return Gate(
        replace(parts, authenticator=authenticator, sessions=None, recorder=None, metrics=None, activity=None,
                idempotency=None)
    )  # fmt: skip


def _configured(configuration: Configuration, now: int) -> Iterator[tuple[str, RawRequest]]:
    for probe in configuration.must_deny:
        yield f"{probe.name} (of must_deny)", _probe(probe, configuration, now)


def _without_credential(
    configuration: Configuration, routes: Sequence[Route], now: int
) -> Iterator[tuple[str, RawRequest]]:
    for route in routes:
        if not route.is_public:
            filled = [_FILLED if each.startswith("{") else each for each in route.template.split("/")]
            probe = ProbeSection(name=route.key, method=route.method, target="/".join(filled))
            yield f"{route.key} without a credential", _probe(probe, configuration, now)


def _probe(probe: ProbeSection, configuration: Configuration, now: int) -> RawRequest:
    hosts = configuration.requests.hosts
    host = probe.host or (hosts[0] if hosts else "localhost")
    lines = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in probe.headers.items()]
    body = probe.body.encode()
    if body:
        lines.append((b"content-length", b"%d" % len(body)))
    address = _NOBODY if parse_network(probe.address) is None else probe.address
    return RawRequest(probe.method, probe.target.encode(), ((b"host", host.encode()), *lines), body, address, now)


__all__ = ["OpenDoorError", "refuse_open_doors"]
