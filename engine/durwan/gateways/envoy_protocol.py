"""The messages and the server of Envoy's external authorization, as gRPC's own packages have them.

They carry no types, so this is a border: what comes from here is `Any`, and does not leave the modules named `envoy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Final

from durwan.errors import DurwanError

SERVICE: Final = "envoy.service.auth.v3.Authorization"


class EnvoyNotInstalledError(DurwanError):
    """Envoy is to be answered, and the extra that speaks gRPC is not installed."""

    command = "pip install 'durwan[envoy]'"

    def __init__(self) -> None:
        super().__init__(f"answering Envoy needs grpcio, grpcio-health-checking and xds-protos: {self.command}")


@dataclass(frozen=True, slots=True)
class EnvoyProtocol:
    """What is used of those packages.

    Attributes:
        grpc: gRPC.
        aio: gRPC for event loops.
        CheckRequest: what Envoy asks.
        CheckResponse: what it is answered.
        HealthServicer: tells the status of services.
        HealthCheckResponse: has the names of them.
        serve_health: adds that service to a server.
    """

    grpc: Any
    aio: Any
    CheckRequest: Any
    CheckResponse: Any
    HealthServicer: Any
    HealthCheckResponse: Any
    serve_health: Any


@cache
def envoy_protocol() -> EnvoyProtocol:
    """Loads the packages: a tenth of a second, and never before a fork (gRPC has threads).

    Raises:
        EnvoyNotInstalledError: the extra is missing.
    """
    try:
        messages: Any = import_module(f"{SERVICE.rpartition('.')[0]}.external_auth_pb2")
        health: Any = import_module("grpc_health.v1.health")
        health_messages: Any = import_module("grpc_health.v1.health_pb2")
        health_services: Any = import_module("grpc_health.v1.health_pb2_grpc")
        grpc: Any = import_module("grpc")
        aio: Any = import_module("grpc.aio")
    except ImportError as error:
        raise EnvoyNotInstalledError from error
    return EnvoyProtocol(
        grpc,
        aio,
        messages.CheckRequest,
        messages.CheckResponse,
        health.aio.HealthServicer,
        health_messages.HealthCheckResponse,
        health_services.add_HealthServicer_to_server,
    )


__all__ = ["SERVICE", "EnvoyNotInstalledError", "EnvoyProtocol", "envoy_protocol"]
