"""Who asks: the keys and the authenticator that a configuration describes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from durwan.credentials.attempts import AttemptLimits, Attempts
from durwan.credentials.authenticator import Accepted, TokenVerifier
from durwan.credentials.key_files import read_key_files
from durwan.credentials.key_store import KeyStore
from durwan.credentials.key_table import KeyTable
from durwan.credentials.sealing import KeyedHash
from durwan.credentials.sessions import Sessions, SessionSettings
from durwan.credentials.signed_requests import SignedRequests
from durwan.credentials.tokens.claims import TokenRules
from durwan.credentials.tokens.dpop import DpopVerifier
from durwan.errors import DurwanError
from durwan.gateways.serving.configuration import Configuration, TokensSection
from durwan.gateways.serving.reading import ConfigurationError, Loaded
from durwan.gateways.serving.resolving import Resolver
from durwan.model.schema import Schema
from durwan.state.revocations import RevocationView
from durwan.state.store import StateStore

Clock = Callable[[], int]
_KINDS = frozenset({"https", "http"})


@dataclass(slots=True, kw_only=True)
class Identification:
    """How it is found out who asks.

    Attributes:
        accepted: which credentials are accepted; None where there is none.
        sessions: told of decisions about sessions.
        waits: whether an issuer of tokens may have to be asked.
    """

    accepted: Accepted | None
    sessions: Sessions | None
    waits: bool


def identification(
    loaded: Loaded, resolver: Resolver, store: StateStore, revoked: RevocationView, clock: Clock
) -> Identification:
    """What finds out who asks.

    Raises:
        DurwanError: keys, secrets, schemes or issuers cannot be used.
    """
    configuration = loaded.configuration
    credentials = configuration.credentials
    if not credentials.any:
        return Identification(accepted=None, sessions=None, waits=False)
    keys = _key_store(configuration, resolver, clock)
    sessions = _sessions(configuration, resolver, store, clock)
    if sessions is not None and keys is not None:
        sessions.follow(keys)
    limits, share = credentials.attempts, 1 if configuration.state.shared else configuration.workers
    accepted = Accepted(
        signed=_signed(configuration, resolver, store, keys, revoked),
        keys=keys if credentials.bearer else None,
        tokens=None if credentials.tokens is None else _tokens(credentials.tokens, resolver, revoked, clock),
        proofs=None if credentials.proofs is None else DpopVerifier(
            store, clock=clock, algorithms=credentials.proofs.algorithms
        ),
        uri="" if credentials.proofs is None else credentials.proofs.uri,
        sessions=sessions,
        session_header=b"x-session" if credentials.sessions is None else credentials.sessions.header.encode(),
        revoked=revoked,
        attempts=None if limits is None else Attempts(
            store,
            AttemptLimits(failures=max(limits.failures // share, 1), successes=max(limits.successes // share, 1)),
        ),
    )  # fmt: skip
    return Identification(accepted=accepted, sessions=sessions, waits=credentials.tokens is not None)


# ------------------------------------------------------------------------------------------------------------ keys


class FollowedKeys:
    """The keys of a file outside of the policy set, read again when it changes.

    Args:
        path: the file.
        schema: what the policies declare.

    Raises:
        ConfigurationError: it has mistakes.
        DurwanError: it cannot be read.
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self._path = path
        self._declared = [each.removeprefix("key.") for each in schema.attributes if each.startswith("key.")]
        self._scopes = schema.scopes or None
        self._seen = self._marks()
        self.table = KeyTable(self._read(), declared=self._declared, scopes=self._scopes)

    def look(self) -> bool:
        """Reads the file again if it has changed, and says whether it did.

        Raises:
            DurwanError: it has mistakes now, or cannot be read; then the keys stay as they were.
        """
        marks = self._marks()
        if marks == self._seen:
            return False
        self._seen = marks
        self.table.replace(self._read())
        return True

    def _read(self) -> dict[str, Any]:
        name = self._path.name
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise DurwanError(f"the key file {self._path} cannot be read: {error.strerror or error}") from None
        found, report = read_key_files(
            {name: content}, name, declared=self._declared, scopes=self._scopes, most_bytes=256 << 20
        )
        if report:
            raise ConfigurationError(report)
        return dict(found.items())

    def _marks(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _key_store(configuration: Configuration, resolver: Resolver, clock: Clock) -> KeyStore | None:
    if configuration.keys.secrets is None:
        return None
    return KeyStore(resolver.path(configuration.keys.secrets), resolver.sealing_key, clock=clock)


# ----------------------------------------------------------------------------------------------------- credentials


def _signed(
    configuration: Configuration,
    resolver: Resolver,
    store: StateStore,
    keys: KeyStore | None,
    revoked: RevocationView,
) -> SignedRequests | None:
    name = configuration.credentials.signatures
    if name is None or keys is None:
        return None
    from durwan.credentials.schemes.loading import load_scheme, read_scheme, scheme_names  # noqa: PLC0415 - as needed

    if name in scheme_names():
        return SignedRequests(load_scheme(name), keys, store, revoked)
    place = ("credentials", "signatures")
    if not name.endswith(".json"):
        raise resolver.fault(place, f"there is no such scheme: there are {', '.join(scheme_names())}, or a .json file")
    return SignedRequests(read_scheme(resolver.content(name, place), name), keys, store, revoked)


def _tokens(section: TokensSection, resolver: Resolver, revoked: RevocationView, clock: Clock) -> TokenVerifier:
    from durwan.credentials.tokens.jwt_verifier import JwtVerifier  # noqa: PLC0415 - an extra

    rules = TokenRules(
        issuer=section.issuer,
        audience=section.audience,
        types=frozenset(section.types),
        required=frozenset(section.required),
        longest=section.longest,
        leeway=section.leeway,
    )
    return JwtVerifier(rules, _issuer_keys(section, resolver), clock=clock, revoked=revoked)


def _issuer_keys(section: TokensSection, resolver: Resolver) -> Any:
    """The issuer's keys: where it publishes them, or in a file."""
    if section.keys.partition("://")[0] in _KINDS:
        from durwan.credentials.tokens.issuer_client import IssuerClient  # noqa: PLC0415 - an extra
        from durwan.credentials.tokens.remote_key_set import RemoteKeySet  # noqa: PLC0415

        return RemoteKeySet(section.keys, client=IssuerClient(), algorithms=frozenset(section.algorithms))
    from durwan.credentials.tokens.key_set import read_key_set  # noqa: PLC0415 - an extra

    content = resolver.content(section.keys, ("credentials", "tokens", "keys"), 64 << 10)
    return read_key_set(content, frozenset(section.algorithms))


def _sessions(configuration: Configuration, resolver: Resolver, store: StateStore, clock: Clock) -> Sessions | None:
    section = configuration.credentials.sessions
    if section is None:
        return None
    shared = configuration.state.shared
    hashing = resolver.sealing_key().keyed_hash("sessions") if shared else KeyedHash.for_this_process()
    settings = SessionSettings(
        most=section.most,
        longest_idle=section.idle,
        longest_life=section.life,
        environment=configuration.gateway.environment,
    )
    return Sessions(store, hashing, clock, settings)


__all__ = ["FollowedKeys", "Identification", "identification"]
