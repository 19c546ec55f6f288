"""A signature scheme at work: the parts of a signed request, and whether its signature, its time and its key fit.

Two steps, because the key is looked up between them. Nothing in the first depends on which keys there are, and the
second takes as long, and refuses in the same words, whether the key is unknown or the signature wrong.
"""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal, refuse
from durwan.credentials.schemes.credential import Credential
from durwan.credentials.schemes.encodings import base64_of
from durwan.credentials.schemes.keys import HmacKey, SigningKey, VerifyingKey, WeakKeyError
from durwan.credentials.schemes.profile import SIGNATURE_BYTES, Algorithm, Profile
from durwan.credentials.schemes.request_fields import Refused
from durwan.credentials.schemes.signature_forms import SignatureForms, SignatureKind
from durwan.errors import DurwanError


@dataclass(slots=True)
class SignedParts:
    """What a signed request says of itself. None of it is proved before `Scheme.verify` has accepted it.

    Attributes:
        key_id: which key it claims.
        timestamp: in microseconds since the epoch; None in a scheme without timestamps.
        window: how old the request says that it may be, in microseconds; None where it does not say.
        nonce: as it was sent; None where there is none.
        signature: decoded.
        message: exactly the bytes that are signed.
        kind: which algorithms a signature of this form can be of.
        passphrase: as it was sent; None where the scheme has none.
        expires: an end that the client set besides, in microseconds since the epoch; None without.
        once: what must be accepted once alone for this key; None where nothing is to be remembered.
        rising: a number that has to be greater than all accepted before for this key; None in other schemes.
    """

    key_id: str
    timestamp: int | None
    window: int | None
    nonce: bytes | None
    signature: bytes
    message: bytes
    kind: SignatureKind
    passphrase: bytes | None = None
    expires: int | None = None
    once: bytes | None = None
    rising: int | None = None

    def __repr__(self) -> str:
        """Neither the signature nor what is signed: with them, the request could be sent again."""
        return f"<SignedParts: {len(self.message)} bytes signed by {'/'.join(self.kind.algorithms)}>"


_INVALID: Final = refuse("signature_invalid")
_NOBODYS_PASSPHRASE: Final = b"nobody's passphrase"


class UnsignableError(DurwanError):
    """A request that cannot be signed in a scheme."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants a request to be signed with; see `Scheme.sign`."""

    key_id: str
    key: SigningKey
    timestamp: int
    nonce: str
    window: int | None
    passphrase: bytes | None
    signed_headers: tuple[str, ...]

    def __repr__(self) -> str:
        return "<Wish>"


class Scheme(ABC):
    """A signature scheme, made of its profile."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._forms = SignatureForms(profile.algorithms)
        self._clock = profile.clock
        self._passphrase_form = profile.passphrase
        self._past, self._future, self._window_end = 0, -1, 0
        if profile.clock is not None:
            self._past, self._future = profile.clock.past.most, profile.clock.future.most
            self._window_end = 0 if profile.clock.past.inclusive else -1

    @property
    def name(self) -> str:
        """What the scheme is called."""
        return self.profile.name

    def __repr__(self) -> str:
        return f"<Scheme: {self.name}>"

    def parts(self, raw: RawRequest) -> SignedParts | Refusal:
        """What a signed request consists of, or why it cannot be one of this scheme.

        What is signed are the bytes as they came. What stands there twice, or in another spelling than the scheme's, is
        refused. Never raises for what a request holds.
        """
        try:
            return self._parts(raw)
        except Refused as refused:
            return refused.refusal

    @abstractmethod
    def _parts(self, raw: RawRequest) -> SignedParts: ...

    def verify(self, parts: SignedParts, credential: Credential | None, now: int) -> Refusal | None:
        """Why a request is refused; None where its time is right and its signature is by the key.

        Whether it came before is not asked here: what `parts.once` and `parts.rising` hold is for the replay guard,
        after this. An unknown key costs as much as a wrong signature, and reads the same.

        Args:
            parts: of the request.
            credential: of the key that `parts.key_id` names; None for an unknown one.
            now: in milliseconds since the epoch.
        """
        timestamp, window = parts.timestamp, parts.window
        if timestamp is not None:
            past = self._past if window is None else window + self._window_end
            if not -self._future <= now * 1_000 - timestamp <= past:
                return refuse("timestamp_ahead" if timestamp > now * 1_000 else "timestamp_expired")
        if parts.expires is not None and parts.expires <= now * 1_000:
            return refuse("timestamp_expired")
        # The same steps for everybody: where there is no such credential, or it has no key of that algorithm, nobody's
        # key stands in, from which no answer is taken.
        kind = parts.kind
        nobody = kind.nobody
        known = nobody if credential is None else credential
        keys = known.keys
        if len(keys) != 1 or self._passphrase_form is not None:
            return None if self._is_by_any(known, parts) and known is not nobody else _INVALID
        key = keys[0]
        is_usable = key.algorithm in kind.algorithms
        if not is_usable:
            key = nobody.keys[0]
        is_signed = key.verify(parts.signature, parts.message)
        return None if is_signed & is_usable & (known is not nobody) else _INVALID

    def _is_by_any(self, known: Credential, parts: SignedParts) -> bool:
        """Whether one of several keys made the signature, or the one with the passphrase that came with it."""
        kind = parts.kind
        nobody = kind.nobody
        fits = False
        for each in known.keys or nobody.keys:
            is_usable = each.algorithm in kind.algorithms
            key = each if is_usable else nobody.keys[0]
            # Both are looked at in any case, so that the time does not tell which of them was wrong.
            is_signed = key.verify(parts.signature, parts.message)
            if self._passphrase_form is not None:
                is_signed &= self._has_passphrase(known, key, parts)
            fits |= is_signed & is_usable & bool(known.keys)
        return fits

    def _has_passphrase(self, known: Credential, key: VerifyingKey, parts: SignedParts) -> bool:
        passphrase = known.passphrase
        expected = passphrase or _NOBODYS_PASSPHRASE
        given: bytes | None = parts.passphrase or b""
        if self._passphrase_form == "hmac":  # noqa: S105 - in which form it is sent, no secret
            expected = key.sign(expected) if isinstance(key, HmacKey) else b""
            given = base64_of(given or b"")
        # As long as the second of both takes the comparison, and that is the caller's.
        return compare_digest(expected, given or b"") & bool(passphrase) & bool(expected)

    def sign(  # noqa: PLR0913 - what a client may want to choose
        self,
        request: RawRequest,
        key_id: str,
        key: SigningKey,
        *,
        timestamp: int | None = None,
        nonce: str | None = None,
        window: int | None = None,
        passphrase: bytes | None = None,
        signed_headers: Sequence[str] = (),
    ) -> RawRequest:
        """The request with its signature: for clients and tests.

        Args:
            request: without anything of the scheme.
            key_id: by which the server knows the key.
            key: the secret or private key, for one of the scheme's algorithms.
            timestamp: in milliseconds since the epoch; by default, when the request was made (`received`).
            nonce: by default 22 random characters, or for a rising one the microseconds of the timestamp.
            window: how old the request may become, in milliseconds, where the scheme lets the client say so.
            passphrase: that of the key, where the scheme has one.
            signed_headers: which headers are signed besides, where the scheme leaves it to the client.

        Raises:
            UnsignableError: the request cannot be signed in this scheme; the text says why.
        """
        if key.algorithm not in self.profile.algorithms:
            raise UnsignableError(f"the scheme {self.name} has no {key.algorithm}")
        at = request.received if timestamp is None else timestamp
        usual = str(at * 1_000) if self.profile.nonce.rule == "rising" else secrets.token_urlsafe(16)
        wish = Wish(key_id, key, at, nonce or usual, window, passphrase, tuple(signed_headers))
        # What is signed is read from the request with a signature of zeros in the place of the right one.
        size = SIGNATURE_BYTES[key.algorithm][0]
        parts = self.parts(self._with_signature(request, wish, bytes(size)))
        if isinstance(parts, Refusal):
            raise UnsignableError(f"the request cannot be signed: {parts.reason}")
        return self._with_signature(request, wish, key.sign(parts.message))

    @abstractmethod
    def _with_signature(self, request: RawRequest, wish: Wish, signature: bytes) -> RawRequest: ...

    def forget_at(self, parts: SignedParts) -> int | None:
        """The instant from which `parts.once` need not be remembered, since the request would be too old.

        In milliseconds since the epoch; None where it would never be, in schemes without timestamps.
        """
        if self._clock is None or parts.timestamp is None:
            return None
        past = self._clock.past.microseconds if parts.window is None else parts.window
        return (parts.timestamp + past) // 1_000 + 1

    def secret_key(self, secret: str, algorithm: Algorithm | None = None) -> HmacKey:
        """The key of a shared secret, whose text is decoded as the scheme says.

        Args:
            secret: the secret as clients have it.
            algorithm: which of HMAC's; the scheme's only one by default.

        Raises:
            WeakKeyError: it is too short or not decodable, or the scheme has no such algorithm.
        """
        chosen = algorithm or next((each for each in self.profile.algorithms if each.startswith("hmac-")), None)
        if chosen not in self.profile.algorithms:
            raise WeakKeyError(f"the scheme {self.name} has no {algorithm or 'HMAC'}")
        is_base64 = self.profile.secret == "base64"  # noqa: S105 - how it is decoded, no secret
        decoded = base64_of(secret.encode()) if is_base64 else secret.encode()
        if decoded is None:
            raise WeakKeyError(f"a secret of the scheme {self.name} is written in base64")
        least = self.profile.least_secret
        if len(decoded) < least:
            raise WeakKeyError(
                f"a secret of the scheme {self.name} has at least {least} bytes, and this {len(decoded)}"
            )
        return HmacKey(decoded, chosen)

    def _once(
        self, raw: RawRequest, nonce: bytes | None, kind: SignatureKind, signature: bytes, message: bytes
    ) -> bytes | None:
        """What the replay guard has to remember."""
        match self.profile.nonce.rule:
            case "once":
                return nonce
            case "rising":
                return None
            case "message":
                if raw.method in ("GET", "HEAD") and not self._reads_messages:
                    return None
                # An authentication code stands for its message; other signatures of it may be made in several ways.
                return signature if kind.is_hmac else hashlib.sha256(message).digest()

    _reads_messages = False
