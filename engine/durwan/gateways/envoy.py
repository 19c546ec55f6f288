"""Envoy's external authorization over gRPC: what Envoy asks goes through the gate, and what it answers goes back.

Everything that goes wrong here is a denied response with 503. Envoy denies as well if it is told nothing in time, and
if the connection breaks, as long as it is configured so (`failure_mode_allow: false`); guides/envoy.md has it all.

Calls are taken on the event loop: with 32 at once that answered 4,600 a second on one core, and a pool of threads
3,300 (benchmarks in the commit that made this). gRPC has threads of its own, so a process forks before it serves.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from durwan.credentials.refusals import refuse
from durwan.credentials.secret import Secret
from durwan.errors import DurwanError
from durwan.gateways.envoy_answer import denied, response_of
from durwan.gateways.envoy_protocol import SERVICE, EnvoyProtocol, envoy_protocol
from durwan.gateways.envoy_request import Checked, read_check
from durwan.gateways.gate import Gate
from durwan.model.address import parse_address
from durwan.runtime.engine import wall_clock

_LOG: Final = logging.getLogger("durwan")
# A message holds, besides the body, what Envoy tells of the head: 60 KiB of headers at most, and of certificates.
_HEAD: Final = 256 << 10
_UNAVAILABLE: Final = (
    b'{"type":"about:blank","title":"Service Unavailable","status":503,'
    b'"detail":"the gateway is not ready","code":"not_ready"}'
)
_PROBLEM: Final = ((b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"))


class EnvoyListenerError(DurwanError):
    """Envoy cannot be answered as it is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """What a listener shows, and whom it believes. All of it is PEM.

    Attributes:
        chain: the certificate of the listener, and those up to its root.
        key: the private key of it.
        clients: the roots of those who may ask; None asks nobody for a certificate.
    """

    chain: bytes
    key: Secret
    clients: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyListener:
    """Where Envoy is answered, and how.

    Attributes:
        address: `127.0.0.1:9191`, `[::1]:9191` or `unix:/run/durwan/envoy.sock`; port 0 takes a free one.
        sends_bodies: whether Envoy was told to send bodies (`with_request_body`); see `envoy_request`.
        secret: what Envoy has to show (`initial_metadata`); None asks for nothing.
        secret_header: the metadata in which it does, in lower case.
        certificates: for TLS; None speaks in the clear.
        shared: whether other processes of ours take calls at the same address.
        most_calls: calls at the same time; one more is refused at once.
        longest: seconds after which a call is refused that has no deadline of its own, or a later one.

    Raises:
        EnvoyListenerError: anybody could ask there.
    """

    address: str = "127.0.0.1:9191"
    sends_bodies: bool = False
    secret: Secret | None = None
    secret_header: str = "durwan-proxy-secret"  # noqa: S105 - where it stands
    certificates: Certificates | None = None
    shared: bool = False
    most_calls: int = 1_024
    longest: float = 5.0

    def __post_init__(self) -> None:
        shown = self.certificates is not None and self.certificates.clients is not None
        if self.secret is None and not shown and not _is_local(self.address):
            raise EnvoyListenerError(
                f"whoever reaches {self.address} could ask in Envoy's place: listen on 127.0.0.1 or a Unix socket, "
                "or ask for a secret or for certificates"
            )


def _is_local(address: str) -> bool:
    """Whether nobody beyond this machine gets there."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    packed = parse_address(address.rpartition(":")[0].strip("[]"))
    return packed is not None and (packed[:1] == b"\x7f" if len(packed) == 4 else packed == bytes(15) + b"\x01")


class EnvoyServer:
    """Answers Envoy, until `stop`. Made by `serve_envoy`.

    Attributes:
        port: where; 0 for a Unix socket.
    """

    def __init__(self, server: Any, health: Any, port: int) -> None:
        self._server = server
        self._health = health
        self.port = port

    async def ready(self, *, is_ready: bool) -> None:
        """Whether the health service says so. Calls are answered all the same: it is the gate that refuses them."""
        statuses: Any = envoy_protocol().HealthCheckResponse
        for service in ("", SERVICE):
            await self._health.set(service, statuses.SERVING if is_ready else statuses.NOT_SERVING)

    async def stop(self, grace: float = 5.0) -> None:
        """Takes no more calls, and waits until those that came are answered, for so many seconds at most."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)


async def serve_envoy(gate: Gate, listener: EnvoyListener, clock: Callable[[], int] = wall_clock) -> EnvoyServer:
    """Begins to answer Envoy on the running event loop.

    Raises:
        EnvoyNotInstalledError: the extra `envoy` is missing.
        EnvoyListenerError: the address is taken, or the certificates cannot be read.
    """
    protocol = envoy_protocol()
    server = protocol.aio.server(
        maximum_concurrent_rpcs=listener.most_calls,
        options=(
            ("grpc.so_reuseport", int(listener.shared)),
            ("grpc.max_receive_message_length", gate.most_body + _HEAD),
        ),
    )
    server.add_generic_rpc_handlers((_handler(protocol, _Checks(gate, listener, clock)),))
    health: Any = protocol.HealthServicer()
    protocol.serve_health(health, server)
    try:
        port = _listen(protocol, server, listener)
    except (RuntimeError, ValueError) as error:
        raise EnvoyListenerError(f"Envoy cannot be answered at {listener.address}: {error}") from None
    serving = EnvoyServer(server, health, port)
    await serving.ready(is_ready=True)
    await server.start()
    return serving


def _listen(protocol: EnvoyProtocol, server: Any, listener: EnvoyListener) -> int:
    shown = listener.certificates
    if shown is None:
        port: int = server.add_insecure_port(listener.address)
    else:
        credentials: Any = protocol.grpc.ssl_server_credentials(
            [(shown.key.reveal(), shown.chain)],
            root_certificates=shown.clients,
            require_client_auth=shown.clients is not None,
        )
        port = server.add_secure_port(listener.address, credentials)
    return 0 if listener.address.startswith("unix") else port


def _handler(protocol: EnvoyProtocol, checks: _Checks) -> Any:
    """The service. A message that cannot be read comes as None: gRPC would answer it with an error."""

    def read(message: bytes) -> Any:
        try:
            return protocol.CheckRequest.FromString(message)
        except Exception:  # noqa: BLE001 - whatever it raises, there is no request
            return None

    check: Any = protocol.grpc.unary_unary_rpc_method_handler(
        checks.check, request_deserializer=read, response_serializer=protocol.CheckResponse.SerializeToString
    )
    return protocol.grpc.method_handlers_generic_handler(SERVICE, {"Check": check})


class _Checks:
    """The service's one method."""

    def __init__(self, gate: Gate, listener: EnvoyListener, clock: Callable[[], int]) -> None:
        self._gate = gate
        self._listener = listener
        self._clock = clock

    async def check(self, request: Any, context: Any) -> Any:
        """The `CheckResponse` to a `CheckRequest`; None stands for one that cannot be read."""
        try:
            if request is None or not self._is_known(context):
                return denied(503, _PROBLEM, _UNAVAILABLE)
            async with asyncio.timeout(self._remaining(context)):
                return await self._answered(request)
        except Exception as error:  # noqa: BLE001 - a defect of ours, or no time left: nobody passes by it
            _LOG.error("Envoy's question could not be answered: %s", type(error).__name__)
            return denied(503, _PROBLEM, _UNAVAILABLE)

    async def _answered(self, request: Any) -> Any:
        checked = read_check(request, self._clock(), sends_bodies=self._listener.sends_bodies)
        begun = self._gate.begin(checked.raw)
        fault = self._fault(checked, needs_body=begun.needs_body)
        if fault is not None and begun.refusal is None:
            begun = begun.refused(fault)
        # Also a body that nobody asked for: one that was put to a signed request without any has to be noticed.
        answer = await self._gate.finish_async(begun, checked.body)
        return response_of(answer, checked.raw)

    def _fault(self, checked: Checked, *, needs_body: bool) -> Any:
        if checked.fault is not None or not needs_body:
            return checked.fault
        return refuse("request_too_large") if len(checked.body) > self._gate.most_body else checked.body_fault

    def _is_known(self, context: Any) -> bool:
        """Whether it is Envoy who asks, as far as a secret shows that."""
        secret = self._listener.secret
        if secret is None:
            return True
        shown = [value for name, value in context.invocation_metadata() or () if name == self._listener.secret_header]
        if len(shown) != 1:
            return False
        given = shown[0] if isinstance(shown[0], bytes) else shown[0].encode()
        return hmac.compare_digest(given, secret.reveal())

    def _remaining(self, context: Any) -> float:
        """Seconds within which an answer is of use to whoever asks."""
        remaining: float | None = context.time_remaining()
        return self._listener.longest if remaining is None else min(remaining, self._listener.longest)


__all__ = ["Certificates", "EnvoyListener", "EnvoyListenerError", "EnvoyServer", "serve_envoy"]
