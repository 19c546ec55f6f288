"""Proofs that the caller holds the key which a token is bound to (DPoP, RFC 9449).

A token that is bound is worth nothing without the key; a proof is made for one request and is accepted once.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from durwan.credentials.refusals import Refusal, refuse
from durwan.credentials.tokens import base64url
from durwan.credentials.tokens.compact import read_claims, read_compact
from durwan.credentials.tokens.jwk import key_of_jwk, thumbprint_of
from durwan.credentials.tokens.jwt_verifier import check_signature
from durwan.credentials.tokens.key_set import check_algorithms
from durwan.credentials.tokens.refused import TokenRefusedError
from durwan.credentials.tokens.signatures import InvalidTokenKeyError
from durwan.credentials.tokens.strict_json import object_in
from durwan.credentials.tokens.verified import Clock, VerifiedToken
from durwan.errors import DurwanError

_LAST_SECOND: Final = 253_402_300_799
_LONGEST_ID: Final = 256
_URI: Final = re.compile(r"(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(/[!-~]*)?", re.IGNORECASE)
_PORTS: Final = {"http": "80", "https": "443"}
_LEAST_SECRET: Final = 32


class ReplayGuard(Protocol):
    """Remembers what was accepted, in one step that is atomic for all processes. It raises where it cannot say."""

    def accept_once(self, scope: str, nonce: str, *, expires: int, now: int, issued: int | None = None) -> bool:
        """Whether nobody has used this nonce before, among those of a scope; it is used up from now on.

        All instants are milliseconds since the epoch: until when to remember it, the present, and when it was made.
        """
        ...


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that was accepted.

    Attributes:
        thumbprint: of the key that made it: what `cnf.jkt` of a token has to be.
    """

    thumbprint: str


class DpopNonces:
    """Nonces that a server gives to its clients, so that proofs cannot be made ahead (RFC 9449, section 8).

    They are not stored: a nonce is a keyed hash of the period that it was given in, and serves in that period and in
    the next. Every process with the same secret gives the same nonces.
    """

    def __init__(self, secret: bytes, *, clock: Clock, period: int = 60_000) -> None:
        """Takes a secret of at least 32 bytes, a clock of milliseconds since the epoch, and a period in milliseconds.

        Raises:
            InvalidProofRulesError: the secret is too short, or the period is not positive.
        """
        if len(secret) < _LEAST_SECRET or period <= 0:
            raise InvalidProofRulesError("nonces need a secret of 32 bytes or more, and a period above 0")
        self._secret = secret
        self._clock = clock
        self._period = period

    def fresh(self) -> str:
        """The nonce to send to clients now, as `DPoP-Nonce`."""
        return self._nonce(self._clock() // self._period)

    def accepts(self, nonce: object) -> bool:
        """Whether it was given in this period or in the one before."""
        now = self._clock() // self._period
        given = nonce.encode("ascii", "replace") if type(nonce) is str else b""
        return any(hmac.compare_digest(self._nonce(each).encode(), given) for each in (now, now - 1))

    def _nonce(self, period: int) -> str:
        return base64url.encoded(hmac.digest(self._secret, b"dpop-nonce:%d" % period, "sha256"))

    def __repr__(self) -> str:
        return "<DpopNonces>"


class InvalidProofRulesError(DurwanError):
    """What proofs shall be held to makes no sense; the text says why."""


class DpopVerifier:
    """Verifies proofs of possession."""

    def __init__(  # noqa: PLR0913 - each is named where it is given
        self,
        replays: ReplayGuard,
        *,
        clock: Clock,
        algorithms: Collection[str] = ("ES256", "EdDSA"),
        max_age: int = 60_000,
        leeway: int = 5_000,
        nonces: DpopNonces | None = None,
    ) -> None:
        """Makes a verifier.

        Args:
            replays: remembers the proofs that were accepted.
            clock: milliseconds since the epoch.
            algorithms: the ones that proofs may use.
            max_age: how old a proof may be, in milliseconds; at most five minutes.
            leeway: by how much a client's clock may be ahead of ours, in milliseconds; at most 30,000.
            nonces: where they are given, each proof has to hold one of these.

        Raises:
            InvalidProofRulesError: an age or a leeway out of bounds.
            InvalidTokenKeyError: algorithms that are not for public keys.
        """
        if not 0 < max_age <= 300_000 or not 0 <= leeway <= 30_000:
            raise InvalidProofRulesError("a proof is at most 300000 ms old, and at most 30000 ms ahead")
        self._replays = replays
        self._clock = clock
        self._algorithms = check_algorithms(algorithms)
        self._max_age = max_age
        self._leeway = leeway
        self._nonces = nonces

    def verify(self, proof: str | bytes, *, method: str, uri: str, token: str | bytes | None = None) -> Proof | Refusal:
        """The proof, or why it is refused; never raises for what a proof holds.

        Args:
            proof: the one value of the header `DPoP`; a request with two of them is refused before this is called.
            method: the method of the request, as it came.
            uri: where clients send it: scheme, authority and path as the gateway knows itself to be addressed, never
                as the request claims. What follows `?` or `#` takes no part.
            token: the access token that came with it, or None at an endpoint that gives out tokens.
        """
        try:
            claims, thumbprint = self._read(proof)
            _check_request(claims, method, uri, token)
            now = self._clock()
            issued = self._check_time(claims, now)
            self._check_nonce(claims)
            self._check_first_use(claims, thumbprint, issued, now)
        except TokenRefusedError as refused:
            return refused.refusal
        return Proof(thumbprint)

    def _read(self, proof: str | bytes) -> tuple[Mapping[str, Any], str]:
        """What the proof says, verified under the key that it brings along, and that key: it speaks for no other."""
        try:
            read = read_compact(proof, {"jwk"})
            jwk = object_in(read.header.get("jwk"))
            if read.typ != "dpop+jwt" or read.kid is not None or read.alg not in self._algorithms or jwk is None:
                raise TokenRefusedError("proof_invalid")  # noqa: TRY301 - as all that is wrong with its form
            check_signature(read, key_of_jwk(jwk, read.alg))
            return read_claims(read.payload), thumbprint_of(jwk)
        except (TokenRefusedError, InvalidTokenKeyError):
            raise TokenRefusedError("proof_invalid") from None

    def _check_time(self, claims: Mapping[str, Any], now: int) -> int:
        issued = claims.get("iat")
        if type(issued) is not int or not 0 <= issued <= _LAST_SECOND:
            raise TokenRefusedError("proof_invalid", "the proof does not say when it was made")
        age = now - issued * 1000
        if not -self._leeway <= age <= self._max_age:
            raise TokenRefusedError("proof_invalid", "the proof was not made for now")
        return issued * 1000

    def _check_nonce(self, claims: Mapping[str, Any]) -> None:
        if self._nonces is not None and not self._nonces.accepts(claims.get("nonce")):
            raise TokenRefusedError("proof_nonce_required")

    def _check_first_use(self, claims: Mapping[str, Any], thumbprint: str, issued: int, now: int) -> None:
        """Last of all, so that nothing is remembered of a proof that is refused anyway."""
        given = claims.get("jti")
        if type(given) is not str or not 0 < len(given) <= _LONGEST_ID:
            raise TokenRefusedError("proof_invalid", "the proof has no id")
        # Kept as a hash: of one size, and of no characters that a store could understand in some other way.
        nonce = hashlib.sha256(given.encode()).hexdigest()
        try:
            # Longer than it could be accepted, by any process whose clock is behind ours by no more than a client's.
            expires = issued + self._max_age + self._leeway + 1000
            first = self._replays.accept_once(f"dpop:{thumbprint}", nonce, expires=expires, now=now, issued=issued)
        except Exception:  # noqa: BLE001 - whatever a store raises, it has not shown that this is the first time
            raise TokenRefusedError("state_unavailable") from None
        if first is not True:
            raise TokenRefusedError("nonce_replayed")


def check_binding(token: VerifiedToken, proof: Proof | None) -> Refusal | None:
    """None where the caller has shown what the token asks for; the refusal where not.

    A token that is bound needs the proof of its very key. A proof that comes with a token which is bound to nothing
    proves nothing, and whoever sent it believes otherwise: that is refused as well.
    """
    if token.thumbprint is None and proof is None:
        return None
    if token.thumbprint is None or proof is None or not hmac.compare_digest(token.thumbprint, proof.thumbprint):
        return refuse("proof_invalid", "the token and the proof of possession do not belong together")
    return None


def token_hash(token: str | bytes) -> str:
    """What `ath` of a proof has to be for an access token (RFC 9449, section 4.2)."""
    raw = token.encode("ascii", "replace") if isinstance(token, str) else token
    return base64url.encoded(hashlib.sha256(raw).digest())


def _check_request(claims: Mapping[str, Any], method: str, uri: str, token: str | bytes | None) -> None:
    if claims.get("htm") != method or type(claims.get("htm")) is not str:
        raise TokenRefusedError("proof_invalid", "the proof is for another method")
    meant = _target(claims.get("htu"))
    if meant is None or meant != _target(uri):
        raise TokenRefusedError("proof_invalid", "the proof is for another address")
    if token is None:
        if "ath" in claims:
            raise TokenRefusedError("proof_invalid", "the proof is for an access token")
    elif claims.get("ath") != token_hash(token):
        raise TokenRefusedError("proof_invalid", "the proof is for another access token")


def _target(uri: object) -> tuple[str, str, str, str] | None:
    """Scheme, host, port and path of an address; None of what is none."""
    # The case of the first two, the usual port and the root may be written in two ways. The path is compared as it
    # stands: two spellings of one path could be two things to whoever serves them.
    if type(uri) is not str:
        return None
    match = _URI.fullmatch(uri.partition("#")[0].partition("?")[0])
    if match is None:
        return None
    scheme = match[1].lower()
    return scheme, match[2].lower(), match[3] or _PORTS[scheme], match[4] or "/"
