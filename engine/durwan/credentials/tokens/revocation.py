"""Telling an issuer that a token is not to be accepted any more (RFC 7009)."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

from durwan.credentials.tokens.introspection import ClientSecret
from durwan.credentials.tokens.issuer_client import IssuerClient, IssuerUnavailableError

_OK: Final = 200
_HINTS: Final = frozenset({"access_token", "refresh_token"})


class IssuerRevocation:
    """The revocation endpoint of an issuer.

    Revoke a token in our own state first: that takes effect at once, and whether or not the issuer can be reached.
    """

    def __init__(self, url: str, *, client: IssuerClient, credentials: ClientSecret) -> None:
        """Asks nothing yet.

        Raises:
            InvalidIssuerUrlError: no address for this.
        """
        self._url = client.check_url(url)
        self._client = client
        self._headers = credentials.headers()

    def revoke(self, token: str, *, hint: str = "access_token") -> None:
        """Returns when the issuer has said that the token is revoked, or that it never was one.

        Raises:
            IssuerUnavailableError: it did not say so; ask again later.
            ValueError: the hint is neither `access_token` nor `refresh_token`.
        """
        self._client.wait(self._client.start(self._ask(token, hint)))

    async def revoke_async(self, token: str, *, hint: str = "access_token") -> None:
        """As `revoke`, without holding up the event loop."""
        await self._client.wait_async(self._client.start(self._ask(token, hint)))

    async def _ask(self, token: str, hint: str) -> None:
        if hint not in _HINTS:
            raise ValueError("a hint is `access_token` or `refresh_token`")
        form = urlencode({"token": token, "token_type_hint": hint}, quote_via=quote).encode()
        answer = await self._client.post(self._url, form, self._headers)
        if answer.status != _OK:
            raise IssuerUnavailableError(f"the issuer does not revoke the token: it answers {answer.status}")
