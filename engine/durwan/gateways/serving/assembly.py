"""From a configuration to what answers: every part made, tested, and told of the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from durwan.audit.log import AuditLog
from durwan.credentials.authenticator import Authenticator
from durwan.credentials.secret import Secret
from durwan.errors import DurwanError
from durwan.gateways.activity import Activity
from durwan.gateways.answer import Answers
from durwan.gateways.envoy import EnvoyListener
from durwan.gateways.gate import Gate, Parts
from durwan.gateways.idempotency import Idempotency
from durwan.gateways.logs import Log
from durwan.gateways.metrics import Metrics, NoMetrics, Sources
from durwan.gateways.opa import opa_ways
from durwan.gateways.opentelemetry import OpenTelemetryMetrics
from durwan.gateways.profiles import PROFILES
from durwan.gateways.prometheus import PrometheusMetrics
from durwan.gateways.serving.application import Application, Callers, Way
from durwan.gateways.serving.checks import check
from durwan.gateways.serving.configuration import Configuration
from durwan.gateways.serving.envoy_listener import envoy_listener
from durwan.gateways.serving.identification import FollowedKeys, Identification, identification
from durwan.gateways.serving.reading import ConfigurationError, Loaded
from durwan.gateways.serving.recording import open_record
from durwan.gateways.serving.resolving import Resolver
from durwan.gateways.serving.routes import FollowedRoutes
from durwan.gateways.serving.self_test import refuse_open_doors
from durwan.gateways.serving.store import open_store
from durwan.gateways.serving.telling import Telling
from durwan.gateways.serving.ways import (
    Asking,
    Readiness,
    forward_auth_ways,
    health_ways,
    metrics_ways,
    prefixed_ways,
)
from durwan.gateways.upstream import NAMES
from durwan.model.address import NetworkSet, parse_network
from durwan.routing import RequestRules
from durwan.runtime.bundle_trust import Trust, read_public_key
from durwan.runtime.engine import Engine, wall_clock
from durwan.runtime.settings import Loading
from durwan.runtime.status import Status
from durwan.state.memory import MemoryState
from durwan.state.outage import SharedCounter, SharedLimits
from durwan.state.revocations import RevocationView
from durwan.state.store import StateStore

Clock = Callable[[], int]
_SECOND: Final = 1_000


class CountedAloneError(DurwanError):
    """Several workers would each count the limits of a policy set for themselves."""

    def __init__(self, workers: int) -> None:
        super().__init__(
            f"the policy set has limits, and {workers} workers would each count for themselves: name what they share, "
            "`state.sqlite` on one machine, or `state.redis`"
        )


@dataclass(slots=True, kw_only=True)
class Service:
    """All that answers in one process.

    Attributes:
        loaded: its configuration.
        engine: what decides.
        gate: the pipeline.
        application: what answers at the listeners.
        admin: what answers at the listener for operators; None where there is none.
        readiness: whether requests may come.
        routes: the routes.
        keys: keys outside of the policy set; None without.
        tried: how many requests the self-test saw refused.
        log: where lines go.
        envoy: where Envoy is answered; None where it is not.
    """

    loaded: Loaded
    engine: Engine
    gate: Gate
    application: Application
    admin: Application | None
    readiness: Readiness
    routes: FollowedRoutes
    keys: FollowedKeys | None
    tried: int
    log: Log
    envoy: EnvoyListener | None
    _closing: list[Callable[[], object]]

    @property
    def is_ready(self) -> bool:
        """Whether requests may come, and are answered by a policy that is fresh."""
        status = self.engine.status()
        return self.readiness.is_open and status.ready and not status.stale

    def reload(self) -> None:
        """Reads policies, routes and keys again. What cannot be read stays as it was, and is told in the log."""
        for what, again in (("keys", self.look), ("policies", self.engine.reload)):
            try:
                again()
            except DurwanError as error:
                # Policies say it themselves.
                if what == "keys":
                    self.log.event("keys_reload_failed", level="error", problem=str(error))

    def look(self) -> None:
        """Reads the keys again if their file has changed.

        Raises:
            DurwanError: they cannot be read; they stay as they were.
        """
        if self.keys is not None:
            self.keys.look()

    def close(self) -> None:
        """Ends all that runs beside, the record last: whatever was answered is in it."""
        self.readiness.is_open = False
        for each in self._closing:
            try:
                each()
            except Exception as error:  # noqa: BLE001 - the next one is to be closed all the same
                self.log.event("close_failed", level="error", problem=error)


def assemble(
    loaded: Loaded,
    environment: Mapping[str, str] | None = None,
    *,
    clock: Clock = wall_clock,
    records: bool = True,
) -> Service:
    """What answers by a configuration, in this process; without a record where none is to be kept.

    Raises:
        ConfigurationError: settings are unsafe together, or what they name cannot be used.
        DurwanError: a part cannot be made, the policy fails its tests, or allows what has to be denied.
    """
    mistakes = check(loaded)
    if mistakes:
        raise ConfigurationError(mistakes)
    return _Assembly(loaded, os.environ if environment is None else environment, clock, records=records).service()


class _Assembly:
    """The making of a service; what was made is closed again where the rest cannot be."""

    def __init__(self, loaded: Loaded, environment: Mapping[str, str], clock: Clock, *, records: bool) -> None:
        self._loaded = loaded
        self._configuration: Configuration = loaded.configuration
        self._resolver = Resolver(loaded, environment)
        self._clock = clock
        self._records = records
        self._closing: list[Callable[[], object]] = []
        self._routes: FollowedRoutes | None = None
        self._metrics: Metrics = NoMetrics()
        self._log = Log(level=self._configuration.log)

    def service(self) -> Service:
        """The service.

        Raises:
            DurwanError: see `assemble`.
        """
        try:
            return self._service()
        except BaseException:
            for each in reversed(self._closing):
                each()
            raise

    def _service(self) -> Service:
        configuration = self._configuration
        callers = self._callers()
        store = open_store(self._loaded, self._resolver, self._clock)
        self._closing.append(store.close)
        engine, keys = self._engine(store)
        rules = self._rules()
        named = configuration.policies.routes
        path = None if named is None else self._resolver.path(named)
        routes = self._routes = FollowedRoutes(path, rules, lambda: engine.compiled)
        revoked = RevocationView(store, clock=self._clock).start()
        self._closing.append(revoked.close)
        who = identification(self._loaded, self._resolver, store, revoked, self._clock)
        parts = self._parts(engine, routes, who, store)
        tried = refuse_open_doors(parts, who.accepted, configuration, routes.table.routes)
        # Only now, since a server that does not start should leave no trace of itself in the record.
        recorder = self._recorder()
        self._metrics = self._counting(engine, recorder)
        gate = Gate(replace(parts, recorder=recorder, metrics=Telling(self._log, self._metrics)))
        readiness = Readiness()
        ways = self._ways(gate, engine, routes, keys)
        health = {**health_ways(engine, readiness), **metrics_ways(configuration, self._metrics)}
        admin = None if configuration.admin is None else Application(health, replace(callers, secret=None))
        return Service(
            loaded=self._loaded,
            engine=engine,
            gate=gate,
            application=Application(
                ways if admin is not None else {**ways, **health},
                callers,
                prefixed_ways(configuration, gate, rules, self._clock),
            ),
            admin=admin,
            readiness=readiness,
            routes=routes,
            keys=keys,
            tried=tried,
            log=self._log,
            envoy=envoy_listener(configuration, self._resolver, callers),
            _closing=self._closing,
        )

    # ------------------------------------------------------------------------------------------------------- parts

    def _engine(self, store: StateStore) -> tuple[Engine, FollowedKeys | None]:
        configuration, policies = self._configuration, self._configuration.policies
        loading: Loading = {"clock": self._clock, "on_reload": self._reloaded, "poll_seconds": policies.poll / _SECOND}
        if policies.max_age is not None:
            loading["max_age"] = policies.max_age / _SECOND
        if policies.trust is not None:
            trust = policies.trust
            loading["trust"] = Trust(
                keys=tuple(read_public_key(self._resolver.path(each)) for each in trust.keys),
                threshold=trust.threshold,
                name=trust.name,
                state=None if trust.state is None else self._resolver.path(trust.state),
            )
        if not isinstance(store, MemoryState):
            gateways = max(configuration.state.gateways, configuration.workers)
            loading["limits"] = SharedCounter(SharedLimits(store, gateways=gateways), self._counted_alone)
        path = self._resolver.path(policies.path)
        keys = None
        if configuration.keys.file is not None:
            # What may stand in a key file, the policies say; so they are read once before.
            once: Loading = {**loading, "on_reload": _nobody}
            with Engine.load(path, **once) as first:
                keys = FollowedKeys(self._resolver.path(configuration.keys.file), first.compiled.program.schema)
            loading["keys"] = keys.table
        loading["watch"] = policies.watch
        engine = Engine.load(path, **loading)
        self._closing.insert(0, engine.close)
        if configuration.workers > 1 and not configuration.state.shared and engine.compiled.program.limits:
            raise CountedAloneError(configuration.workers)
        return engine, keys

    def _reloaded(self, status: Status) -> None:
        """A file of routes is read again with the policies, whose names it uses; one that cannot be stays as it was."""
        self._log.reloaded(status)
        if self._routes is not None and status.last_error is None:
            try:
                self._routes.reload()
            except DurwanError as error:
                self._log.event("routes_reload_failed", level="error", problem=str(error))

    def _rules(self) -> RequestRules:
        configuration = self._configuration
        return RequestRules(
            trusted=_networks(configuration.proxies.hops),
            forwarded=configuration.proxies.forwarded,
            methods=frozenset(configuration.requests.methods),
            hosts=frozenset(configuration.requests.hosts) or None,
            identity=frozenset(name.decode() for name in NAMES),
        )

    def _parts(self, engine: Engine, routes: FollowedRoutes, who: Identification, store: StateStore) -> Parts:
        configuration = self._configuration
        in_memory = isinstance(store, MemoryState)
        return Parts(
            engine=engine,
            router=routes,
            authenticator=None if who.accepted is None else Authenticator(who.accepted, self._clock),
            sessions=who.sessions,
            activity=Activity(store, lambda: self._metrics.failed("activity")) if configuration.activity else None,
            idempotency=Idempotency(store) if configuration.idempotency else None,
            gateway=configuration.gateway.model_dump(exclude_none=True),
            answers=self._answers(),
            clock=self._clock,
            most_body=configuration.requests.most_body,
            waits=who.waits or not in_memory,
        )

    def _recorder(self) -> AuditLog | None:
        section = self._configuration.audit
        if section is None or not self._records:
            return None
        record = open_record(section, self._resolver, self._clock, self._log)
        # The last to be closed: whatever was answered is in it.
        self._closing.append(record.close)
        return record

    def _counting(self, engine: Engine, recorder: AuditLog | None) -> Metrics:
        sources = Sources(engine=engine, audit=None if recorder is None else recorder.status)
        match self._configuration.metrics:
            case "prometheus":
                return PrometheusMetrics(sources)
            case "otel":
                return OpenTelemetryMetrics(sources)
            case "none":
                return NoMetrics()

    def _counted_alone(self, alone: bool) -> None:
        """Limits were charged; `alone` is whether by this gateway by itself, since the store cannot be asked."""
        if alone:
            self._metrics.failed("limits")

    def _ways(self, gate: Gate, engine: Engine, routes: FollowedRoutes, keys: FollowedKeys | None) -> dict[str, Way]:
        configuration = self._configuration
        ways: dict[str, Way] = {}
        if configuration.forward_auth:
            ways |= forward_auth_ways(configuration, gate, routes.rules, self._clock)
        if configuration.authzen is not None:
            asking = Asking(gate=gate, engine=engine, routes=routes, keys=None if keys is None else keys.table)
            ways |= asking.ways(configuration, configuration.authzen, self._resolver, self._clock)
        if configuration.opa is not None:
            ways |= opa_ways(gate, self._clock, configuration.opa.path)
        return ways

    def _answers(self) -> Answers:
        section, credentials = self._configuration.answers, self._configuration.credentials
        schemes = ["Bearer"] if credentials.bearer or credentials.tokens is not None else []
        schemes += ["DPoP"] if credentials.proofs is not None else []
        schemes += ["Signature"] if credentials.signatures is not None else []
        profile = PROFILES[section.profile]
        return Answers(
            profile=profile, realm=section.realm, schemes=tuple(schemes or ["Bearer"]), problems=section.about or ""
        )

    def _callers(self) -> Callers:
        proxies = self._configuration.proxies
        secret: Secret | None = None
        if proxies.secret is not None:
            secret = self._resolver.secret(proxies.secret, ("proxies", "secret"))
        return Callers(networks=_networks(proxies.networks), secret=secret, header=proxies.secret_header.encode())


def _networks(texts: list[str]) -> NetworkSet:
    return NetworkSet(found for found in map(parse_network, texts) if found is not None)


def _nobody(status: Status) -> None:
    """Nobody is told."""
    del status


__all__ = ["CountedAloneError", "Service", "assemble"]
