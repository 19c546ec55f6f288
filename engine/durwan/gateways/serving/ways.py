"""What is answered at which path, by a configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from durwan.credentials.keys import KeySource
from durwan.gateways.authzen.endpoints import authzen_ways
from durwan.gateways.authzen.entities import Entities, read_entities
from durwan.gateways.authzen.search import Search
from durwan.gateways.authzen.translation import Names, Translation
from durwan.gateways.forward_auth import ForwardAuth, Forwarded, NginxAuth, Prefixed
from durwan.gateways.gate import Gate
from durwan.gateways.metrics import Metrics
from durwan.gateways.serving.application import GET, Document, Way
from durwan.gateways.serving.configuration import AuthzenSection, Configuration
from durwan.gateways.serving.exchange import NO_STORE, Reply, json_reply
from durwan.gateways.serving.reading import ConfigurationError
from durwan.gateways.serving.resolving import Resolver
from durwan.gateways.serving.routes import FollowedRoutes
from durwan.routing import RequestRules
from durwan.runtime.engine import Engine

Clock = Callable[[], int]
FORWARD_AUTH: Final = "/forward-auth"
NGINX: Final = "/nginx"
ENVOY: Final = "/envoy"


@dataclass(slots=True)
class Readiness:
    """Whether requests may come: from the moment at which everything is there, until it is to stop."""

    is_open: bool = False


def forward_auth_ways(configuration: Configuration, gate: Gate, rules: RequestRules, clock: Clock) -> dict[str, Way]:
    """For proxies that say in headers what a request is about. nginx never sends a body."""
    proxies = configuration.proxies
    original = Forwarded(rules, clock, proxies.secret_header.encode())
    return {
        FORWARD_AUTH: Way(endpoint=ForwardAuth(gate, original, sends_bodies=proxies.sends_bodies)),
        NGINX: Way(endpoint=NginxAuth(ForwardAuth(gate, original))),
    }


def prefixed_ways(configuration: Configuration, gate: Gate, rules: RequestRules, clock: Clock) -> dict[str, Way]:
    """For proxies that send the request itself, its target behind a prefix."""
    proxies = configuration.proxies
    if not configuration.forward_auth:
        return {}
    original = Prefixed(ENVOY.encode(), rules, clock, proxies.secret_header.encode())
    return {ENVOY: Way(endpoint=ForwardAuth(gate, original, sends_bodies=proxies.sends_bodies))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What AuthZEN is answered by.

    Attributes:
        gate: decides, and records.
        engine: whose policy is searched.
        routes: the routes.
        keys: keys outside of the policy set; None without.
    """

    gate: Gate
    engine: Engine
    routes: FollowedRoutes
    keys: KeySource | None

    def ways(
        self, configuration: Configuration, section: AuthzenSection, resolver: Resolver, clock: Clock
    ) -> dict[str, Way]:
        """All its endpoints.

        Raises:
            ConfigurationError: the file of entities has mistakes.
        """
        names = Names(
            key_subjects=frozenset(section.key_subjects),
            route_resources=frozenset(section.route_resources),
            subject=section.subject_context,
            resource=section.resource_context,
            action_properties=section.action_context,
            action=section.action,
        )
        translation = Translation(names=names, entities=_entities(section, resolver), routes=self.routes)
        search = Search(
            self.engine,
            translation,
            keys=self.keys,
            gateway=configuration.gateway.model_dump(exclude_none=True),
            clock=clock,
            most=section.most_candidates,
        )
        url = section.url or _url(configuration)
        return authzen_ways(self.gate, translation, search, url=url, most=section.most_evaluations)


def _entities(section: AuthzenSection, resolver: Resolver) -> Entities:
    if section.entities is None:
        return Entities()
    content = resolver.content(section.entities, ("authzen", "entities"))
    entities, report = read_entities(resolver.path(section.entities), content)
    if report:
        raise ConfigurationError(report)
    return entities


def _url(configuration: Configuration) -> str:
    """The address of the first listener, under which the server is called unless the configuration says otherwise."""
    first = next((each for each in configuration.listen if not each.path), None)
    scheme = "http" if configuration.tls is None else "https"
    return f"{scheme}://{'localhost' if first is None else first}"


def metrics_ways(configuration: Configuration, metrics: Metrics) -> dict[str, Way]:
    """Metrics, where somebody comes and asks for them; at the listeners for all only for those who may call."""
    if configuration.metrics != "prometheus":
        return {}

    def exposition() -> Reply:
        content, kind = metrics.exposition()
        return Reply(200, ((b"content-type", kind.encode()), NO_STORE), content)

    return {"/metrics": Way(endpoint=Document(exposition), methods=GET, open=configuration.admin is not None)}


def health_ways(engine: Engine, readiness: Readiness) -> dict[str, Way]:
    """Whether it lives, and whether requests may come; it says nothing of anybody."""

    def ready() -> Reply:
        status = engine.status()
        is_ready = readiness.is_open and status.ready and not status.stale
        said = {"ready": is_ready, "revision": status.revision, "stale": status.stale}
        return json_reply(said, 200 if is_ready else 503)

    return {
        "/health": Way(endpoint=Document(lambda: json_reply({"alive": True})), methods=GET, open=True),
        "/ready": Way(endpoint=Document(ready), methods=GET, open=True),
    }


__all__ = [
    "ENVOY",
    "FORWARD_AUTH",
    "NGINX",
    "Asking",
    "Readiness",
    "forward_auth_ways",
    "health_ways",
    "metrics_ways",
    "prefixed_ways",
]
