"""What settings must be like together: mistakes that each of them by itself does not have."""

from __future__ import annotations

from collections.abc import Iterator

from durwan.diagnostics import Diagnostic
from durwan.gateways.serving import mistakes
from durwan.gateways.serving.configuration import Configuration
from durwan.gateways.serving.reading import Loaded, Places


def check(loaded: Loaded) -> list[Diagnostic]:
    """All that is unsafe or cannot work, in no particular order."""
    configuration, places = loaded.configuration, loaded.places
    return [
        *_reachable(configuration, places),
        *_policies(loaded),
        *_credentials(configuration, places),
        *_shared(configuration, places),
        *_asked_one_by_one(configuration, places),
        *_hashed(configuration, places),
    ]


def _reachable(configuration: Configuration, places: Places) -> Iterator[Diagnostic]:
    """Whoever can reach the server passes for a proxy, unless there is something that only proxies know."""
    if configuration.proxies.secret is None:
        for index, listener in enumerate(configuration.listen):
            if not listener.is_private:
                yield mistakes.unsafe_setting(
                    places.value(("listen", index)),
                    f"`{listener}` can be reached from elsewhere, and whoever reaches it passes for a proxy",
                    "listen on loopback or at a socket, or have proxies show a secret: `proxies.secret`",
                )

    envoy = configuration.envoy
    if envoy is None:
        return
    asks = configuration.proxies.secret is not None or envoy.clients is not None
    if not asks and not envoy.listen.is_private:
        yield mistakes.unsafe_setting(
            places.value(("envoy",)),
            f"`{envoy.listen}` can be reached from elsewhere, and whoever reaches it passes for Envoy",
            "listen on loopback or at a socket, or have Envoy show a secret or a certificate: `proxies.secret`, "
            "`envoy.clients`",
        )
    if envoy.clients is not None and configuration.tls is None:
        yield mistakes.missing_setting(places.value(("envoy",)), "tls")
    if envoy.listen.path and configuration.workers > 1:
        yield mistakes.unsafe_setting(
            places.value(("envoy",)),
            "several workers cannot answer Envoy at one socket in the file system",
            "listen at an address and port, `127.0.0.1:9191`, or have one worker",
        )


def _policies(loaded: Loaded) -> Iterator[Diagnostic]:
    policies, places = loaded.configuration.policies, loaded.places
    path = loaded.file(policies.path)
    if not path.exists():
        yield mistakes.unresolved(places.value(("policies", "path")), "policies.path", f"there is no {path}")
    elif path.is_file() and policies.trust is None and not policies.unsigned:
        yield mistakes.unsafe_setting(
            places.value(("policies", "path")),
            "a bundle is taken that anybody may have made",
            "name the keys that must have signed it in `policies.trust`, or write `unsigned: true`",
        )
    elif path.is_dir() and policies.trust is not None:
        yield mistakes.unsafe_setting(
            places.value(("policies", "trust")), "a directory has no signatures", "name a bundle, or leave out `trust`"
        )


def _credentials(configuration: Configuration, places: Places) -> Iterator[Diagnostic]:
    credentials, keys = configuration.credentials, configuration.keys
    if (credentials.signatures is not None or credentials.bearer) and keys.secrets is None:
        yield mistakes.missing_setting(places.value(("keys",)), "keys.secrets")
    if credentials.proofs is not None and credentials.tokens is None:
        yield mistakes.missing_setting(places.value(("credentials",)), "credentials.tokens")
    if configuration.forward_auth and not configuration.requests.hosts and credentials.signatures is not None:
        yield mistakes.unsafe_setting(
            places.value(("requests",)),
            "requests are signed for a host, and any host is taken",
            "name the hosts under which clients call: `requests.hosts: [api.example.com]`",
        )


def _shared(configuration: Configuration, places: Places) -> Iterator[Diagnostic]:
    """What one worker remembers another has to know: or a request is accepted once by each of them."""
    credentials, state = configuration.credentials, configuration.state
    remembers = credentials.signatures is not None or credentials.proofs is not None or credentials.sessions is not None
    if configuration.workers > 1 and remembers and not state.shared:
        yield mistakes.unsafe_setting(
            places.value(("workers",)),
            f"{configuration.workers} workers each remember for themselves which requests came before",
            "name what they share: `state.sqlite` on one machine, or `state.redis`",
        )


def _asked_one_by_one(configuration: Configuration, places: Places) -> Iterator[Diagnostic]:
    """Each worker counts for itself, so each has to be asked."""
    if configuration.workers > 1 and configuration.metrics == "prometheus" and configuration.admin is None:
        yield mistakes.unsafe_setting(
            places.value(("metrics",)),
            "at listeners that several workers share, nobody knows whose metrics these are",
            "name `admin`, an address and a port: the first worker answers there, the next one at the next port",
        )


def _hashed(configuration: Configuration, places: Places) -> Iterator[Diagnostic]:
    audit = configuration.audit
    if audit is not None and audit.hash and audit.key is None:
        yield mistakes.missing_setting(places.value(("audit",)), "audit.key")


__all__ = ["check"]
