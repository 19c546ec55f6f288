"""Tokens that say nothing to us: their issuer is asked what they are (RFC 7662)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlencode

from cachetools import LRUCache

from durwan.credentials.refusals import Refusal
from durwan.credentials.tokens.claims import TokenRules, check_claims
from durwan.credentials.tokens.compact import revocation_id, token_bytes
from durwan.credentials.tokens.issuer_client import IssuerClient, IssuerUnavailableError
from durwan.credentials.tokens.jwt_verifier import check_revoked
from durwan.credentials.tokens.refused import TokenRefusedError
from durwan.credentials.tokens.strict_json import NotStrictJsonError, read_object
from durwan.credentials.tokens.verified import Clock, Outcome, RevokedTokens, VerifiedToken
from durwan.errors import DurwanError

# RFC 6750, section 2.1: what a bearer token may consist of.
_TOKEN: Final = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
_OK: Final = 200
_LONGEST_MAX_AGE: Final = 60_000


class InvalidIntrospectionError(DurwanError):
    """What an issuer shall be asked makes no sense; the text says why."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """By what we are known to an issuer.

    Attributes:
        client_id: our id there.
        secret: our secret there.
    """

    client_id: str
    secret: str = field(repr=False)

    def headers(self) -> Mapping[str, str]:
        """What an exchange with the issuer carries (RFC 6749, section 2.3.1: both are encoded as in a form first)."""
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret)}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


@dataclass(frozen=True, slots=True)
class _Known:
    outcome: Outcome
    asked: int


class Introspection:
    """Asks an issuer about its tokens, and remembers the answer for a moment.

    An answer is remembered no longer than `max_age`, and never beyond the token's end; the issuer's own revocations are
    seen after that time at the latest, ours at once. Where the issuer does not answer, the token is refused, and for
    `pause` milliseconds all that are not remembered are, without asking: an outage must not hold up every request.
    """

    def __init__(  # noqa: PLR0913 - each is named where it is given
        self,
        url: str,
        rules: TokenRules,
        *,
        client: IssuerClient,
        credentials: ClientSecret,
        clock: Clock,
        revoked: RevokedTokens | None = None,
        max_age: int = 1_000,
        pause: int = 500,
        most: int = 10_000,
    ) -> None:
        """Asks nothing yet.

        Args:
            url: the issuer's introspection endpoint.
            rules: what tokens are held to, types of headers apart. `exp` and `aud` have to be in the answer as well;
                `iss` is taken to be the issuer's that was asked where it is not.
            client: by what it is asked.
            credentials: as whom.
            clock: milliseconds since the epoch.
            revoked: which tokens were revoked; without it none was.
            max_age: how long an answer is remembered, in milliseconds, 0 to 60,000.
            pause: how long an issuer that did not answer is left alone, in milliseconds.
            most: how many answers of each kind, good or bad, are remembered.

        Raises:
            InvalidIssuerUrlError: no address for this.
            InvalidIntrospectionError: a number out of bounds.
        """
        if not 0 <= max_age <= _LONGEST_MAX_AGE or pause < 0 or most <= 0:
            raise InvalidIntrospectionError(
                f"`max_age` is 0 to {_LONGEST_MAX_AGE} ms, `pause` 0 or more, `most` above 0"
            )
        self._url = client.check_url(url)
        self._rules = rules
        self._client = client
        self._headers = credentials.headers()
        self._clock = clock
        self._revoked = revoked
        self._pause = pause
        self._answers = _Answers(most, max_age)
        self._failed: int | None = None
        self.asked = 0

    def verify(self, token: str | bytes) -> Outcome:
        """What the issuer says of the token, or why it is refused; never raises for what a token holds."""
        try:
            raw = _opaque_bytes(token)
            known = self._answers.get(raw, self._clock())
            if known is None:
                self._check_paused()
                known = self._client.wait(self._client.start(self._ask(raw)))
            return self._accepted(known)
        except TokenRefusedError as refused:
            return refused.refusal
        except Exception:  # noqa: BLE001 - whatever an exchange raises, it has not shown that the token is good
            return self._unavailable()

    async def verify_async(self, token: str | bytes) -> Outcome:
        """As `verify`, without holding up the event loop."""
        try:
            raw = _opaque_bytes(token)
            known = self._answers.get(raw, self._clock())
            if known is None:
                self._check_paused()
                known = await self._client.wait_async(self._client.start(self._ask(raw)))
            return self._accepted(known)
        except TokenRefusedError as refused:
            return refused.refusal
        except Exception:  # noqa: BLE001 - whatever an exchange raises, it has not shown that the token is good
            return self._unavailable()

    def forget(self, token: str | bytes) -> None:
        """Forgets what is remembered of a token, as when it was revoked at its issuer."""
        self._answers.forget(token.encode("ascii", "replace") if isinstance(token, str) else token)

    def _accepted(self, known: Outcome) -> Outcome:
        """The answer, held to this instant: it may be as old as `max_age`, the clock and the revocations are not."""
        if isinstance(known, Refusal):
            return known
        if self._clock() >= known.expires + self._rules.leeway:
            raise TokenRefusedError("token_expired")
        check_revoked(known.revocation_ids, self._revoked)
        return known

    def _check_paused(self) -> None:
        """Refuses while the issuer is left alone; after that, lets one token through to find out whether it is back."""
        failed, now = self._failed, self._clock()
        if failed is None:
            return
        if 0 <= now - failed < self._pause:
            raise TokenRefusedError("issuer_unavailable")
        self._failed = now

    def _unavailable(self) -> Refusal:
        self._failed = self._clock()
        return TokenRefusedError("issuer_unavailable").refusal

    async def _ask(self, raw: bytes) -> Outcome:
        asked = self._clock()
        self.asked += 1
        form = urlencode({"token": raw, "token_type_hint": "access_token"}, quote_via=quote).encode()
        answer = await self._client.post(self._url, form, self._headers)
        self._failed = None
        if answer.status != _OK:
            raise IssuerUnavailableError(f"the issuer answers with the status {answer.status}")
        outcome = self._outcome(answer.body, raw, asked)
        self._answers.put(raw, outcome, asked)
        return outcome

    def _outcome(self, body: bytes, raw: bytes, now: int) -> Outcome:
        try:
            members = read_object(body)
        except NotStrictJsonError:
            raise IssuerUnavailableError("the issuer answers with something else than strict JSON") from None
        try:
            return self._token(members, raw, now)
        except TokenRefusedError as refused:
            return refused.refusal

    def _token(self, members: Mapping[str, Any], raw: bytes, now: int) -> VerifiedToken:
        # `True` itself: "true", 1 and a list that is not empty are no answer.
        if members.get("active") is not True:
            raise TokenRefusedError("token_invalid")
        claims = {"iss": self._rules.issuer, **members}
        return check_claims(claims, self._rules, now, revocation_id(raw))


class _Answers:
    """What was answered lately. Bad answers have a place of their own: made-up tokens cannot drive out good ones."""

    def __init__(self, most: int, max_age: int) -> None:
        self._max_age = max_age
        self._lock = Lock()
        self._good = LRUCache[bytes, _Known](most)
        self._bad = LRUCache[bytes, _Known](most)

    def get(self, raw: bytes, now: int) -> Outcome | None:
        name = _name(raw)
        with self._lock:
            known = self._good.get(name) or self._bad.get(name)
        return known.outcome if known is not None and 0 <= now - known.asked < self._max_age else None

    def put(self, raw: bytes, outcome: Outcome, asked: int) -> None:
        place, other = (self._bad, self._good) if isinstance(outcome, Refusal) else (self._good, self._bad)
        with self._lock:
            other.pop(_name(raw), None)
            place[_name(raw)] = _Known(outcome, asked)

    def forget(self, raw: bytes) -> None:
        with self._lock:
            self._good.pop(_name(raw), None)


def _name(raw: bytes) -> bytes:
    """Under which name an answer is remembered: all of the token takes part, and it cannot be found in memory."""
    return hashlib.sha256(raw).digest()


def _opaque_bytes(token: str | bytes) -> bytes:
    raw = token_bytes(token)
    if _TOKEN.fullmatch(raw) is None:
        raise TokenRefusedError("token_malformed")
    return raw
