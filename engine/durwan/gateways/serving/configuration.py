"""What `durwan serve` can be told: one YAML file, one section of it a class.

Every field that is left out has a default that is safe. Files are relative to the directory of the configuration.
`reading` reads it; `assembly` makes of it what answers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from durwan.gateways.serving.kinds import (
    Count,
    Duration,
    File,
    Flag,
    Header,
    Host,
    Listener,
    Listening,
    Method,
    Network,
    SecretSource,
    Section,
)

_SECOND = 1_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE


class TrustSection(Section):
    """Whose bundles are taken; see `durwan.Trust`."""

    keys: Annotated[list[File], Field(min_length=1)]
    threshold: Count = 1
    name: str | None = None
    state: File | None = None


class PoliciesSection(Section):
    """Which policy set decides, and how its changes are followed.

    `path` is a directory or a bundle; a bundle needs `trust`, or `unsigned: true`. `max_age` is how long the source may
    be out of reach before everything is denied.
    """

    path: File = "policies"
    routes: File | None = None
    trust: TrustSection | None = None
    unsigned: Flag = False
    watch: Flag = True
    poll: Duration = 30 * _SECOND
    max_age: Duration | None = None


class GatewaySection(Section):
    """The context `gateway`: which one this is."""

    environment: str | None = None
    venue: str | None = None
    node: str | None = None


class ProxiesSection(Section):
    """The proxies that call, and are believed whom they ask for.

    `networks` is where they are; over a socket in the file system, whoever can open it is one. `forwarded` is the
    header in which they say from where a request came; `hops` are further proxies that stand before them, whose own
    addresses in that header are passed over. On anything but loopback they have to show `secret` in `secret_header`.
    `sends_bodies` says that they send the body of each request that has one (`forwardBody` of Traefik): what is decided
    about by its body is refused otherwise.
    """

    networks: list[Network] = Field(default_factory=lambda: ["127.0.0.0/8", "::1"])
    hops: list[Network] = Field(default_factory=list[Network])
    forwarded: Header = "x-forwarded-for"
    secret: SecretSource | None = None
    secret_header: Header = "durwan-proxy-secret"  # noqa: S105 - the name of a header
    sends_bodies: Flag = False


class RequestsSection(Section):
    """Which requests are taken up at all."""

    hosts: list[Host] = Field(default_factory=list[str])
    methods: Annotated[list[Method], Field(min_length=1)] = Field(
        default_factory=lambda: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    )
    most_body: Count = 1 << 20


class KeysSection(Section):
    """API keys. `file` says what they may do, by itself the policy set's own; `secrets` is what verifies them."""

    file: File | None = None
    secrets: File | None = None
    sealing_key: SecretSource | None = None


class TokensSection(Section):
    """Access tokens of one issuer, as JWT. `keys` is where it publishes its keys, a URL of https, or a file of them."""

    issuer: Annotated[str, Field(min_length=1)]
    audience: Annotated[str, Field(min_length=1)]
    algorithms: Annotated[list[str], Field(min_length=1)]
    keys: Annotated[str, Field(min_length=1)]
    types: list[str] = Field(default_factory=lambda: ["at+jwt", "application/at+jwt"])
    required: list[str] = Field(default_factory=lambda: ["sub", "client_id", "iat", "jti"])
    longest: Duration = 2 * _HOUR
    leeway: Duration = 0


class ProofsSection(Section):
    """Proofs of possession (DPoP). `uri` is the gateway as clients address it, `https://api.example.com`."""

    uri: Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.:\[\]-]+$")]
    algorithms: Annotated[list[str], Field(min_length=1)] = Field(default_factory=lambda: ["ES256", "EdDSA"])


class SessionsSection(Section):
    """Sessions, which come beside another credential."""

    header: Header = "x-session"
    most: Count = 16
    idle: Duration = 24 * _HOUR
    life: Duration = 30 * 24 * _HOUR


class AttemptsSection(Section):
    """How many may fail from one address, and how many may succeed with one credential, in a minute."""

    failures: Count = 20
    successes: Count = 10_000


class CredentialsSection(Section):
    """Which credentials are accepted; what is left out is not.

    `signatures` is a scheme by its name, `durwan` or one of an exchange, or a file with a profile of one's own.
    `bearer` takes keys whose whole credential is a token.
    """

    signatures: str | None = None
    bearer: Flag = False
    tokens: TokensSection | None = None
    proofs: ProofsSection | None = None
    sessions: SessionsSection | None = None
    attempts: AttemptsSection | None = Field(default_factory=AttemptsSection)

    @property
    def any(self) -> bool:
        """Whether there is any credential that is accepted."""
        return self.signatures is not None or self.bearer or self.tokens is not None


class RedisSection(Section):
    """State in Redis or Valkey. `url` is secret, for it holds a password; `mac_key` has 32 bytes in hex or base64."""

    url: SecretSource
    mac_key: SecretSource
    prefix: str = "durwan:"
    plain: Flag = False


class StateSection(Section):
    """What gateways remember together: `sqlite` a file on this machine, `redis` a server; else each process its own.

    `gateways` is how many processes there are at most that share a limit, which each counts alone in an outage.
    """

    sqlite: File | None = None
    redis: RedisSection | None = None
    gateways: Count = 1

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.sqlite is not None and self.redis is not None:
            raise ValueError("`sqlite` or `redis`, not both")
        return self

    @property
    def shared(self) -> bool:
        """Whether other processes know what one remembers."""
        return self.sqlite is not None or self.redis is not None


class AnswersSection(Section):
    """What clients are told: the exact code, or a coarse one; `about` is where the codes are explained."""

    profile: Literal["exact", "coarse", "opaque"] = "exact"
    about: str | None = None
    realm: str = "api"


class AuditSection(Section):
    """The record of decisions. `strict` answers only what is recorded durably; otherwise a loss is an alarm.

    Each process writes a stream of its own below `directory`, as files or, with `kind: sqlite`, as one file. `mask` and
    `hash` are attributes, `request.address` or `client.*`; `hash` needs `key`. With `signing_key`, a PEM file,
    checkpoints are signed; they are exported to the directory `checkpoints`, from where they are to be copied away.
    """

    directory: File
    kind: Literal["files", "sqlite"] = "files"
    strict: Flag = True
    mask: list[str] = Field(default_factory=list[str])
    hash: list[str] = Field(default_factory=list[str])
    key: SecretSource | None = None
    signing_key: File | None = None
    checkpoints: File | None = None
    origin: str = "durwan"


class AuthzenSection(Section):
    """How requests of AuthZEN become requests of durwan.

    The id of a subject of a type in `key_subjects` is that of a key. Any other subject, with its properties, is the
    context `subject_context`, and any resource `resource_context`; the properties of the action are `action_context`.
    For a resource of a type in `route_resources` the action is a method, and the route says what is asked for; else
    it is `action`, in which `{action}` and `{resource_type}` stand for what came. `entities` is a file of subjects and
    resources that are known, with their properties. `url` is the address under which this server is called.
    """

    url: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~/-]*)?$")] | None = None
    key_subjects: list[str] = Field(default_factory=lambda: ["key"])
    route_resources: list[str] = Field(default_factory=lambda: ["route"])
    subject_context: str = "subject"
    resource_context: str = "resource"
    action_context: str = "request"
    action: str = "{action}"
    entities: File | None = None
    most_evaluations: Count = 100
    most_candidates: Count = 10_000


class OpaSection(Section):
    """The OPA-compatible endpoint: `/v1/data/` and `path`."""

    path: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*$")] = "durwan"


class EnvoySection(Section):
    """Envoy's external authorization over gRPC.

    `sends_bodies` says that Envoy was told to send bodies (`with_request_body`). On anything but loopback, Envoy shows
    `proxies.secret`, or, where there is `tls`, a certificate that comes from one of those in the file `clients`.
    """

    listen: Listening = Listener(address="127.0.0.1", port=9191)
    sends_bodies: Flag = False
    clients: File | None = None


class TlsSection(Section):
    """The certificate that listeners show, and its key, in PEM files."""

    certificate: File
    key: File


class StopSection(Section):
    """`drain` is how long it goes on taking connections, not ready any more; `grace` how long what runs may take."""

    drain: Duration = _SECOND
    grace: Duration = 10 * _SECOND


class ProbeSection(Section):
    """A request that has to be refused before anything is answered: the self-test sends it through all of it."""

    name: str
    method: Method = "GET"
    target: Annotated[str, Field(pattern=r"^/")]
    host: str = ""
    address: str = "192.0.2.1"
    headers: dict[Header, str] = Field(default_factory=dict[str, str])
    body: str = ""


class Configuration(Section):
    """All of it."""

    policies: PoliciesSection = PoliciesSection()
    gateway: GatewaySection = GatewaySection()
    listen: Annotated[list[Listening], Field(min_length=1)] = Field(
        default_factory=lambda: [Listener(address="127.0.0.1", port=8181)]
    )
    admin: Listening | None = None
    tls: TlsSection | None = None
    workers: Annotated[int, Field(strict=True, ge=1, le=256)] = 1
    stop: StopSection = StopSection()
    proxies: ProxiesSection = ProxiesSection()
    requests: RequestsSection = RequestsSection()
    keys: KeysSection = KeysSection()
    credentials: CredentialsSection = CredentialsSection()
    state: StateSection = StateSection()
    answers: AnswersSection = AnswersSection()
    audit: AuditSection | None = None
    activity: Flag = True
    idempotency: Flag = True
    metrics: Literal["prometheus", "otel", "none"] = "none"
    log: Literal["error", "warning", "info", "debug"] = "info"
    forward_auth: Flag = True
    authzen: AuthzenSection | None = AuthzenSection()
    opa: OpaSection | None = OpaSection()
    envoy: EnvoySection | None = None
    must_deny: list[ProbeSection] = Field(default_factory=list[ProbeSection])

    def effective(self) -> dict[str, Any]:
        """All settings as plain data, defaults included. There are no secrets in it, only where they are."""
        return self.model_dump(mode="json", exclude_none=True)


__all__ = [
    "AnswersSection", "AttemptsSection", "AuditSection", "AuthzenSection", "Configuration", "CredentialsSection",
    "EnvoySection", "GatewaySection", "KeysSection", "OpaSection", "PoliciesSection", "ProbeSection", "ProofsSection",
    "ProxiesSection", "RedisSection", "RequestsSection", "SessionsSection", "StateSection", "StopSection",
    "TlsSection", "TokensSection", "TrustSection",
]  # fmt: skip
