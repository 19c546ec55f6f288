"""Where and how Envoy is answered, by a configuration."""

from __future__ import annotations

from durwan.credentials.secret import Secret
from durwan.gateways.envoy import Certificates, EnvoyListener
from durwan.gateways.envoy_protocol import envoy_protocol
from durwan.gateways.serving.application import Callers
from durwan.gateways.serving.configuration import Configuration
from durwan.gateways.serving.resolving import Resolver


def envoy_listener(configuration: Configuration, resolver: Resolver, callers: Callers) -> EnvoyListener | None:
    """The listener; None where Envoy is not answered.

    Raises:
        EnvoyNotInstalledError: the extra is missing.
        ConfigurationError: a certificate cannot be read.
    """
    section = configuration.envoy
    if section is None:
        return None
    envoy_protocol()  # says here, before anything is answered, what is not installed
    return EnvoyListener(
        address=str(section.listen),
        sends_bodies=section.sends_bodies,
        secret=callers.secret,
        secret_header=callers.header.decode(),
        certificates=_certificates(configuration, resolver),
        shared=configuration.workers > 1,
    )


def _certificates(configuration: Configuration, resolver: Resolver) -> Certificates | None:
    section, tls = configuration.envoy, configuration.tls
    if section is None or tls is None:
        return None
    clients = section.clients
    return Certificates(
        chain=resolver.content(tls.certificate, ("tls", "certificate")),
        key=Secret(resolver.content(tls.key, ("tls", "key"))),
        clients=None if clients is None else resolver.content(clients, ("envoy", "clients")),
    )


__all__ = ["envoy_listener"]
