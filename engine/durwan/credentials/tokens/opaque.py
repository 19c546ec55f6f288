"""Our own tokens: a random text for the client and, under its keyed hash, a record in the shared state."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, TypeVar

from durwan.credentials.refusals import Refusal, refuse
from durwan.credentials.secret_text import is_secret_text, new_secret_text
from durwan.credentials.tokens.jwt_verifier import check_revoked
from durwan.credentials.tokens.refused import TokenRefusedError
from durwan.credentials.tokens.scopes import NONE_INCLUDED, Includes, check_not_exceeded
from durwan.credentials.tokens.verified import Clock, Outcome, RevokedTokens, VerifiedToken
from durwan.errors import DurwanError

T = TypeVar("T")

_LEAST_SECRET: Final = 32
_MOST_ANCESTORS: Final = 4


class InvalidGrantError(DurwanError):
    """What a token shall be made with makes no sense; the text says why."""


class TokenRecords(Protocol):
    """Where the records of tokens are kept until they expire. Each raises where the store cannot be asked."""

    def put(self, token_id: str, owner: str, value: bytes, *, expires: int, now: int) -> None:
        """Keeps a record; instants are milliseconds since the epoch. A bounded store may forget the owner's oldest."""
        ...

    def get(self, token_id: str, *, now: int) -> bytes | None:
        """The record of that id; None where there is none, or it has expired."""
        ...

    def delete(self, token_id: str) -> None:
        """Forgets a record, if there is one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a new token is to be.

    Attributes:
        subject: whom it is about.
        scopes: what it gives; narrow them first (`scopes.narrowed`).
        lifetime: how long it lives, in milliseconds.
        client_id: to which client it is issued, or None.
        thumbprint: the key whose holder alone may use it, or None.
    """

    subject: str
    scopes: frozenset[str]
    lifetime: int
    client_id: str | None = None
    thumbprint: str | None = None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token. Its text is shown to the client once and kept nowhere.

    Attributes:
        text: what the client sends.
        token: what it says.
    """

    text: str = field(repr=False)
    token: VerifiedToken


class OpaqueTokens:
    """Makes, verifies, narrows and revokes our own tokens.

    A token lives while its record and those of all tokens that it was made from do: revoking one ends what came of it.
    """

    def __init__(  # noqa: PLR0913 - each is named where it is given
        self,
        records: TokenRecords,
        *,
        issuer: str,
        audience: str,
        hashing_secret: bytes,
        clock: Clock,
        environment: str = "production",
        longest: int = 24 * 3_600_000,
        revoked: RevokedTokens | None = None,
    ) -> None:
        """Makes the place where tokens are made and verified.

        Args:
            records: where their records are kept.
            issuer: what policies see as `token.issuer`.
            audience: what they see as `token.audience`.
            hashing_secret: 32 bytes or more; who has the store but not this finds no token in it, nor can make one.
            clock: milliseconds since the epoch.
            environment: the gateway's; decides how tokens begin.
            longest: how long a token may live at most, in milliseconds.
            revoked: which tokens were revoked elsewhere; without it none was.

        Raises:
            InvalidGrantError: the secret is too short, or an issuer or audience is empty.
        """
        if len(hashing_secret) < _LEAST_SECRET or not issuer or not audience:
            raise InvalidGrantError(
                f"tokens need an issuer, an audience, and a secret of {_LEAST_SECRET} bytes or more"
            )
        self._records = records
        self._issuer = issuer
        self._audience = frozenset({audience})
        self._hashing_secret = hashing_secret
        self._clock = clock
        self._environment = environment
        self._longest = longest
        self._revoked = revoked

    def issue(self, grant: Grant) -> IssuedToken:
        """A new token.

        Raises:
            InvalidGrantError: it would live too long, or not at all.
            DurwanError: the store cannot keep it.
        """
        now = self._clock()
        if not 0 < grant.lifetime <= self._longest:
            raise InvalidGrantError(f"a token lives for 1 to {self._longest} ms")
        return self._kept(self._granted(grant, now), (), now)

    def narrow(
        self, text: str, scopes: Collection[str], *, lifetime: int, includes: Includes = NONE_INCLUDED
    ) -> IssuedToken | Refusal:
        """A token with no more than these scopes, made from another one that has them all.

        It ends with the other one at the latest, and is bound to the same key.

        Args:
            text: the other token.
            scopes: what the new one shall give. What the other does not have is refused, not left out.
            lifetime: how long the new one lives, in milliseconds, unless the other ends before.
            includes: which scopes include which.
        """
        now = self._clock()
        try:
            parent, ancestors = self._read(text, now)
            refusal = check_not_exceeded(scopes, parent.scopes, includes)
            if refusal is not None:
                return refusal
            if len(ancestors) >= _MOST_ANCESTORS or lifetime <= 0:
                return refuse("scope_exceeded", "no further token may be made from this one")
            expires = min(parent.expires, now + lifetime)
            child = replace(parent, scopes=frozenset(scopes), issued=now, expires=expires)
            return _asked(lambda: self._kept(child, (*ancestors, self._id(text)), now))
        except TokenRefusedError as refused:
            return refused.refusal

    def verify(self, text: str | bytes) -> Outcome:
        """What the token says, or why it is refused; never raises for what is given."""
        now = self._clock()
        try:
            token, _ = self._read(text.decode("ascii", "replace") if isinstance(text, bytes) else text, now)
        except TokenRefusedError as refused:
            return refused.refusal
        return token

    async def verify_async(self, text: str | bytes) -> Outcome:
        """As `verify`, in another thread, so that a store that is asked over a network does not hold up the loop."""
        return await asyncio.to_thread(self.verify, text)

    def revoke(self, text: str) -> None:
        """Ends a token, and with it all that were made from it. What is no token of ours is none already.

        Raises:
            DurwanError: the store cannot be asked; the token may still be good.
        """
        if is_secret_text(text, "dwt"):
            self._records.delete(self._id(text))

    def _id(self, text: str) -> str:
        return hmac.digest(self._hashing_secret, text.encode("ascii"), "sha256").hex()

    def _granted(self, grant: Grant, now: int) -> VerifiedToken:
        return VerifiedToken(
            issuer=self._issuer,
            subject=grant.subject,
            audience=self._audience,
            scopes=grant.scopes,
            issued=now,
            expires=now + grant.lifetime,
            client_id=grant.client_id,
            thumbprint=grant.thumbprint,
            revocation_ids=(),
        )

    def _kept(self, token: VerifiedToken, ancestors: tuple[str, ...], now: int) -> IssuedToken:
        text = new_secret_text("dwt", self._environment)
        token_id = self._id(text)
        owner = token.client_id or token.subject or ""
        self._records.put(token_id, owner, _written(token, ancestors), expires=token.expires, now=now)
        return IssuedToken(text, replace(token, revocation_ids=(token_id, *ancestors)))

    def _read(self, text: str, now: int) -> tuple[VerifiedToken, tuple[str, ...]]:
        """What is kept of a token that is good now, and of which tokens it was made."""
        if not is_secret_text(text, "dwt"):
            raise TokenRefusedError("token_malformed")
        token_id = self._id(text)
        kept = self._record(token_id, now)
        token, ancestors = _asked(lambda: _read_record(kept, token_id, self._issuer, self._audience))
        for each in ancestors:
            self._record(each, now)
        if now >= token.expires:
            raise TokenRefusedError("token_expired")
        check_revoked(token.revocation_ids, self._revoked)
        return token, ancestors

    def _record(self, token_id: str, now: int) -> bytes:
        found = _asked(lambda: self._records.get(token_id, now=now))
        if found is None:
            raise TokenRefusedError("token_invalid")
        return found


def _asked(ask: Callable[[], T]) -> T:
    """What the store answers.

    Raises:
        TokenRefusedError: it did not.
    """
    try:
        return ask()
    except Exception:  # noqa: BLE001 - whatever a store raises, it has not shown that the token is good
        raise TokenRefusedError("state_unavailable") from None


def _written(token: VerifiedToken, ancestors: tuple[str, ...]) -> bytes:
    record = {
        "subject": token.subject,
        "scopes": sorted(token.scopes),
        "issued": token.issued,
        "expires": token.expires,
        "client_id": token.client_id,
        "thumbprint": token.thumbprint,
        "ancestors": ancestors,
    }
    return json.dumps(record).encode()


def _read_record(
    kept: bytes, token_id: str, issuer: str, audience: frozenset[str]
) -> tuple[VerifiedToken, tuple[str, ...]]:
    """The token of a record, which this module has written, and the tokens that it was made from."""
    record: dict[str, Any] = json.loads(kept)
    ancestors = tuple(map(str, record["ancestors"]))
    token = VerifiedToken(
        issuer=issuer,
        subject=record["subject"],
        audience=audience,
        scopes=frozenset(record["scopes"]),
        issued=record["issued"],
        expires=int(record["expires"]),
        client_id=record["client_id"],
        thumbprint=record["thumbprint"],
        revocation_ids=(token_id, *ancestors),
    )
    return token, ancestors
