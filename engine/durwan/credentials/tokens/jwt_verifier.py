"""Access tokens as JWT: one issuer, its keys, and what its tokens are held to (RFC 9068, RFC 8725)."""

from __future__ import annotations

from durwan.credentials.tokens.claims import TokenRules, check_claims
from durwan.credentials.tokens.compact import Compact, read_claims, read_compact, revocation_id
from durwan.credentials.tokens.refused import TokenRefusedError
from durwan.credentials.tokens.token_keys import TokenKey, TokenKeySource
from durwan.credentials.tokens.verified import Clock, Outcome, RevokedTokens, VerifiedToken


class JwtVerifier:
    """Verifies the access tokens of one issuer.

    In this order: size, form, header; the key that the header names, and its one algorithm; the signature; only then
    the claims; at last, whether it was revoked. Nothing is remembered of a token, so nothing masks a revocation.
    """

    def __init__(
        self, rules: TokenRules, keys: TokenKeySource, *, clock: Clock, revoked: RevokedTokens | None = None
    ) -> None:
        """Makes a verifier.

        Args:
            rules: what tokens are held to.
            keys: the issuer's, a `TokenKeySet` or a `RemoteKeySet`.
            clock: milliseconds since the epoch.
            revoked: which tokens were revoked; without it none was.
        """
        self._rules = rules
        self._keys = keys
        self._clock = clock
        self._revoked = revoked

    def verify(self, token: str | bytes) -> Outcome:
        """What the token says, or why it is refused; never raises for what a token holds."""
        try:
            read = self._read(token)
            return self._accepted(read, self._found(read))
        except TokenRefusedError as refused:
            return refused.refusal

    async def verify_async(self, token: str | bytes) -> Outcome:
        """As `verify`, without holding up the event loop while keys are fetched."""
        try:
            read = self._read(token)
            return self._accepted(read, await self._found_async(read))
        except TokenRefusedError as refused:
            return refused.refusal

    def _read(self, token: str | bytes) -> Compact:
        read = read_compact(token, self._rules.headers)
        if read.typ not in self._rules.types:
            raise TokenRefusedError("token_invalid")
        return read

    def _found(self, read: Compact) -> TokenKey | None:
        try:
            return self._keys.find(read.kid)
        except Exception:  # noqa: BLE001 - whatever a source of keys raises, a token must not pass for it
            raise TokenRefusedError("keys_unavailable") from None

    async def _found_async(self, read: Compact) -> TokenKey | None:
        try:
            return await self._keys.find_async(read.kid)
        except Exception:  # noqa: BLE001 - as above
            raise TokenRefusedError("keys_unavailable") from None

    def _accepted(self, read: Compact, key: TokenKey | None) -> VerifiedToken:
        check_signature(read, key)
        identity = revocation_id(read.signing_input + b".")
        found = check_claims(read_claims(read.payload), self._rules, self._clock(), identity)
        check_revoked(found.revocation_ids, self._revoked)
        return found


def check_signature(read: Compact, key: TokenKey | None) -> None:
    """Holds a token to its key.

    Raises:
        TokenRefusedError: there is no such key, it is for another algorithm, or the signature is not one of it. All
            of these read the same.
    """
    if key is None or key.alg != read.alg or not key.verifies(read.signature, read.signing_input):
        raise TokenRefusedError("token_invalid")


def check_revoked(identities: tuple[str, ...], revoked: RevokedTokens | None) -> None:
    """Refuses what was revoked.

    Raises:
        TokenRefusedError: it was, or it cannot be shown that it was not.
    """
    if revoked is None:
        return
    try:
        found = any(revoked.is_revoked("token", each) for each in identities)
    except Exception:  # noqa: BLE001 - whatever a store raises, it has not shown that the token is good
        raise TokenRefusedError("state_unavailable") from None
    if found:
        raise TokenRefusedError("token_revoked")
