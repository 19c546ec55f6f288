"""One call from a raw request to who asks: `Authenticator.authenticate`, or `authenticate_async` on an event loop.

Exactly one credential is accepted: a signature, or a token; a session may come beside it. Two are refused, since who
asks would be a matter of which one is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from durwan.credentials.attempts import Attempts
from durwan.credentials.identity import Identity
from durwan.credentials.key_store import KeyStore, KeysUnavailableError
from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal, refuse
from durwan.credentials.session import Holder, Session
from durwan.credentials.sessions import Place, Sessions
from durwan.credentials.signed_requests import Revoked, SignedRequests
from durwan.credentials.tokens.dpop import DpopVerifier, Proof, check_binding
from durwan.credentials.tokens.verified import Outcome, VerifiedToken
from durwan.model.address import parse_address
from durwan.state.errors import StateUnavailableError

_LONGEST: Final = 8_192
_UNAUTHENTICATED: Final = 401
_AUTHORIZATION: Final = b"authorization"
_DPOP: Final = b"dpop"
# Methods whose requests have a body only where a header says so; over HTTP/2 others may have one without.
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class TokenVerifier(Protocol):
    """Verifies tokens: a `JwtVerifier`, `OpaqueTokens` or an `Introspection`."""

    def verify(self, token: str | bytes) -> Outcome:
        """What the token says, or why it is refused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Which credentials an authenticator accepts; what is None is not accepted.

    Attributes:
        signed: requests that are signed.
        keys: keys whose whole credential is a token, sent as `Authorization: Bearer`.
        tokens: access tokens, sent as `Authorization: Bearer` or `DPoP`.
        proofs: proofs of possession for tokens that are bound to a key.
        uri: for proofs: scheme and authority of the gateway as clients address it, `https://api.example.com`.
        sessions: sessions.
        session_header: the header in which the identifier of a session comes, in lower case.
        revoked: which keys and sessions were revoked, where gateways share that.
        attempts: counts who tries how often; None counts nobody.
    """

    signed: SignedRequests | None = None
    keys: KeyStore | None = None
    tokens: TokenVerifier | None = None
    proofs: DpopVerifier | None = None
    uri: str = ""
    sessions: Sessions | None = None
    session_header: bytes = b"x-session"
    revoked: Revoked | None = None
    attempts: Attempts | None = None


@dataclass(frozen=True, slots=True)
class _Bearer:
    """A token as it came, and the proof beside it."""

    token: bytes
    is_bound: bool
    proof: bytes | None


class Authenticator:
    """Finds out who asks. Safe from any thread.

    Args:
        accepted: which credentials are accepted.
        clock: milliseconds since the epoch.
    """

    def __init__(self, accepted: Accepted, clock: Callable[[], int]) -> None:
        self._accepted = accepted
        self._clock = clock

    def authenticate(self, raw: RawRequest) -> Identity | Refusal:
        """Who asks, or why nobody is believed to. Never raises for what a request holds."""
        if parse_address(raw.peer) is None:
            return refuse("request_malformed")
        attempts = self._accepted.attempts
        if attempts is None:
            return self._found(raw)
        refusal = attempts.may_try(raw.peer, self._clock())
        if refusal is not None:
            return refusal
        found = self._found(raw)
        if isinstance(found, Identity):
            return attempts.succeeded(found, self._clock()) or found
        if found.status == _UNAUTHENTICATED:
            attempts.failed(raw.peer, self._clock())
        return found

    def reads_body(self, raw: RawRequest) -> bool:
        """Whether who asks may depend on the body of a request, of which the head alone is there."""
        if self._accepted.signed is None:
            return False
        has_body = raw.method not in _BODILESS
        for name, value in raw.headers:
            lower = name.lower()
            if lower == _AUTHORIZATION and value[:7].lower().startswith((b"bearer ", b"dpop ")):
                return False
            has_body = has_body or lower == b"transfer-encoding" or (lower == b"content-length" and value != b"0")
        return has_body

    def standing(self, identity: Identity) -> Refusal | None:
        """Why somebody who has proved who they are is not believed any more: revoked, or expired since.

        For connections that stay open. What a session may still do is the policy's to say, by its times.
        """
        token, session = identity.token, identity.session
        if token is not None and self._clock() >= token.expires:
            return refuse("token_expired")
        for revoked_id in () if token is None else token.revocation_ids:
            if self._revocation("token", revoked_id) is not None:
                return refuse("token_revoked")
        if session is not None and (refusal := self._revocation("session", session.id)) is not None:
            return refusal
        return None if identity.key is None else self._standing_of(identity.key)

    def _standing_of(self, key_id: str) -> Refusal | None:
        signed, keys = self._accepted.signed, self._accepted.keys
        refusal = refuse("credential_revoked") if signed is None else signed.standing(key_id)
        if refusal is not None and keys is not None:
            try:
                refusal = keys.find(key_id).standing()
            except KeysUnavailableError as error:
                refusal = error.refusal
        return refusal or self._revocation("key", key_id)

    def _found(self, raw: RawRequest) -> Identity | Refusal:
        bearer = self._bearer(raw)
        if isinstance(bearer, Refusal):
            return bearer
        found = self._signed(raw) if bearer is None else self._by_token(raw, bearer)
        return found if isinstance(found, Refusal) else self._with_session(raw, found)

    async def authenticate_async(self, raw: RawRequest) -> Identity | Refusal:
        """As `authenticate`, without holding up the event loop while a store or an issuer is asked."""
        import asyncio  # noqa: PLC0415 - gateways without an event loop do without

        return await asyncio.to_thread(self.authenticate, raw)

    # ------------------------------------------------------------------------------------------------ signatures

    def _signed(self, raw: RawRequest) -> Identity | Refusal:
        if self._accepted.signed is None:
            return refuse("credential_missing")
        key_id = self._accepted.signed.verify(raw, self._clock())
        return key_id if isinstance(key_id, Refusal) else Identity(address=raw.peer, key=key_id)

    # ---------------------------------------------------------------------------------------------------- tokens

    def _bearer(self, raw: RawRequest) -> _Bearer | Refusal | None:
        """The token of the request; None where it has none, and may be signed."""
        if self._accepted.tokens is None and self._accepted.keys is None:
            return None
        lines = _values(raw, _AUTHORIZATION)
        proofs = _values(raw, _DPOP)
        if len(lines) > 1 or len(proofs) > 1:
            return refuse("credential_ambiguous")
        word, _, token = (lines[0] if lines else b"").partition(b" ")
        kind = word.lower()
        if kind not in (b"bearer", b"dpop"):
            return None
        if self._accepted.signed is not None and self._accepted.signed.is_signed(raw):
            return refuse("credential_ambiguous")
        if not token or len(token) > _LONGEST:
            return refuse("token_malformed")
        return _Bearer(token, kind == b"dpop", proofs[0] if proofs else None)

    def _by_token(self, raw: RawRequest, bearer: _Bearer) -> Identity | Refusal:
        of_key = self._key_of(bearer)
        if of_key is not None:
            return of_key if isinstance(of_key, Refusal) else Identity(address=raw.peer, key=of_key)
        if self._accepted.tokens is None:
            return refuse("token_invalid")
        found = self._accepted.tokens.verify(bearer.token)
        if isinstance(found, Refusal):
            return found
        refusal = self._binding(raw, bearer, found)
        return Identity(address=raw.peer, token=found) if refusal is None else refusal

    def _key_of(self, bearer: _Bearer) -> str | Refusal | None:
        """The key whose token this is; None where it is no key's."""
        if self._accepted.keys is None or bearer.is_bound:
            return None
        try:
            found = self._accepted.keys.find_token(bearer.token)
        except KeysUnavailableError as error:
            return error.refusal
        if not found.known:
            return None
        return found.standing() or self._revocation("key", found.key_id) or found.key_id

    def _binding(self, raw: RawRequest, bearer: _Bearer, token: VerifiedToken) -> Refusal | None:
        """Whether the caller showed what the token asks for: nothing, or the proof of its key."""
        if bearer.is_bound != (bearer.proof is not None):
            return refuse("proof_invalid")
        proof: Proof | None = None
        if bearer.proof is not None:
            if self._accepted.proofs is None:
                return refuse("proof_invalid")
            path = raw.target.partition(b"?")[0].decode("ascii", "replace")
            uri = f"{self._accepted.uri}{path}"
            shown = self._accepted.proofs.verify(bearer.proof, method=raw.method, uri=uri, token=bearer.token)
            if isinstance(shown, Refusal):
                return shown
            proof = shown
        return check_binding(token, proof)

    # -------------------------------------------------------------------------------------------------- sessions

    def _with_session(self, raw: RawRequest, found: Identity) -> Identity | Refusal:
        lines = () if self._accepted.sessions is None else _values(raw, self._accepted.session_header)
        if not lines:
            return found
        if len(lines) > 1:
            return refuse("credential_ambiguous")
        session = self._session(lines[0], found)
        if isinstance(session, Refusal):
            return session
        refusal = self._revocation("session", session.id)
        if refusal is not None:
            return refusal
        return Identity(address=found.address, key=found.key, token=found.token, session=session)

    def _session(self, identifier: bytes, found: Identity) -> Session | Refusal:
        assert self._accepted.sessions is not None  # noqa: S101 - asked before
        text = identifier.decode("ascii", "replace")
        try:
            return self._accepted.sessions.find(text, Place(address=found.address), _holder(found))
        except StateUnavailableError:
            return refuse("state_unavailable")

    def _revocation(self, kind: str, revoked_id: str) -> Refusal | None:
        if self._accepted.revoked is None:
            return None
        try:
            is_revoked = self._accepted.revoked.is_revoked(kind, revoked_id)
        except Exception:  # noqa: BLE001 - whatever it raises, it has not shown that it is good
            return refuse("state_unavailable")
        return refuse("credential_revoked" if kind == "key" else "session_invalid") if is_revoked else None


def _holder(found: Identity) -> Holder | None:
    if found.key is not None:
        return Holder("key", found.key)
    subject = None if found.token is None else found.token.subject
    return None if subject is None else Holder("subject", subject)


def _values(raw: RawRequest, name: bytes) -> list[bytes]:
    """The values of all header lines of a name, which is in lower case."""
    return [value for each, value in raw.headers if each.lower() == name]
