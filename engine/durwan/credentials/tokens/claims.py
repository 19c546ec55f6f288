"""What an access token has to say, and what it says (RFC 7519, section 4.1; RFC 9068; RFC 7662, section 2.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from durwan.credentials.tokens.compact import HEADER_NAMES, NEVER
from durwan.credentials.tokens.refused import TokenRefusedError
from durwan.credentials.tokens.strict_json import list_in, object_in
from durwan.credentials.tokens.verified import VerifiedToken, id_of_claims
from durwan.diagnostics.hidden import HIDDEN
from durwan.errors import DurwanError

MOST_LEEWAY: Final = 30_000
# The last second of the year 9999.
_LAST_SECOND: Final = 253_402_300_799
_LONGEST_TEXT: Final = 512
_MOST_AUDIENCES: Final = 32
_ACCESS_TOKEN: Final = frozenset({"at+jwt", "application/at+jwt"})
_RFC_9068: Final = frozenset({"sub", "client_id", "iat", "jti"})
# RFC 6749, section 3.3: printable ASCII without space, quote and backslash, one space between two.
_SCOPES: Final = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class InvalidTokenRulesError(DurwanError):
    """What tokens shall be held to makes no sense; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What the tokens of one issuer are held to.

    Attributes:
        issuer: what `iss` has to be, character by character.
        audience: our own name; `aud` has to be it, or a list that has it.
        types: what `typ` of the header may be, character by character; None among them for a header without. RFC 9068
            asks for `at+jwt`, so that no other kind of token of the same issuer is taken for one.
        required: the claims that have to be there beside `iss`, `aud` and `exp`; RFC 9068 asks for these four.
        longest: the longest life of a token, in milliseconds; one that would live longer is refused.
        leeway: by how much the issuer's clock may differ from ours, in milliseconds; at most 30,000.
        headers: names of further header parameters that some issuers send, and that are not looked at.

    Raises:
        InvalidTokenRulesError: when it is made.
    """

    issuer: str
    audience: str
    types: frozenset[str | None] = _ACCESS_TOKEN
    required: frozenset[str] = _RFC_9068
    longest: int = 2 * 3_600_000
    leeway: int = 0
    headers: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience:
            raise InvalidTokenRulesError("tokens need an `issuer` and an `audience`, neither of them empty")
        if not self.types or not self.required <= {"sub", "client_id", "iat", "jti", "nbf"}:
            raise InvalidTokenRulesError("name one type or more, and require none but sub, client_id, iat, jti, nbf")
        if not 0 <= self.leeway <= MOST_LEEWAY:
            raise InvalidTokenRulesError(f"the leeway is 0 to {MOST_LEEWAY} milliseconds")
        if self.longest <= 0:
            raise InvalidTokenRulesError("the longest life of a token is more than 0 milliseconds")
        if self.headers & (NEVER | HEADER_NAMES):
            raise InvalidTokenRulesError(f"no header may have {', '.join(sorted(self.headers & NEVER))}")


def check_claims(
    claims: Mapping[str, Any], rules: TokenRules, now: int, identity: str, required: frozenset[str] | None = None
) -> VerifiedToken:
    """The token that these claims, which come from the issuer, describe.

    Args:
        claims: the members of a strict JSON object.
        rules: what they are held to.
        now: milliseconds since the epoch.
        identity: the `revocation_id` of the token.
        required: stands instead of the rules' own.

    Raises:
        TokenRefusedError: they break a rule, or the token is not valid now.
    """
    needed = rules.required if required is None else required
    if not needed <= claims.keys():
        raise TokenRefusedError("token_invalid", "the token lacks a claim that it has to have")
    if claims.get("iss") != rules.issuer:
        raise TokenRefusedError("token_invalid", "the token is of another issuer")
    audience = _audience(claims)
    if rules.audience not in audience:
        raise TokenRefusedError("token_invalid", "the token is for another audience")
    issued, expires = _check_times(claims, rules, now)
    token_id = _text(claims, "jti")
    return VerifiedToken(
        issuer=rules.issuer,
        subject=_text(claims, "sub"),
        audience=audience,
        scopes=_scopes(claims),
        issued=issued,
        expires=expires,
        client_id=_text(claims, "client_id"),
        thumbprint=_thumbprint(claims),
        revocation_ids=(identity,) if token_id is None else (identity, id_of_claims(rules.issuer, token_id)),
    )


def _check_times(claims: Mapping[str, Any], rules: TokenRules, now: int) -> tuple[int | None, int]:
    """When it was issued and when it expires, in milliseconds since the epoch."""
    expires, issued, begins = (_instant(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None:
        raise TokenRefusedError("token_invalid", "the token lacks a claim that it has to have")
    if now >= expires + rules.leeway:
        raise TokenRefusedError("token_expired")
    if any(each is not None and each > now + rules.leeway for each in (issued, begins)):
        raise TokenRefusedError("token_invalid", "the token is not valid yet")
    # Where it is not said when it was issued, it counts from now on.
    if expires - (now + rules.leeway if issued is None else issued) > rules.longest:
        raise TokenRefusedError("token_invalid", "the token lives longer than it may")
    return issued, expires


def _instant(claims: Mapping[str, Any], name: str) -> int | None:
    """Milliseconds of a claim in seconds: a whole number, and not what merely can be read as one."""
    if name not in claims:
        return None
    seconds = claims[name]
    if type(seconds) is not int or not 0 <= seconds <= _LAST_SECOND:
        raise TokenRefusedError("token_invalid", f"the claim {name} of the token is no instant")
    return seconds * 1000


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    if name not in claims:
        return None
    text = claims[name]
    if type(text) is not str or not 0 < len(text) <= _LONGEST_TEXT or HIDDEN.search(text) or not text.isprintable():
        raise TokenRefusedError("token_invalid", f"the claim {name} of the token is no plain text")
    return text


def _audience(claims: Mapping[str, Any]) -> frozenset[str]:
    given = claims.get("aud")
    names = list_in(given)
    found = frozenset[str](name for name in ([given] if names is None else names) if type(name) is str and name)
    if not 0 < len(found) <= _MOST_AUDIENCES or (names is not None and len(found) != len(names)):
        raise TokenRefusedError("token_invalid", "the token does not say for which audience it is")
    return found


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """The scopes of a claim that is one text; a list is not split in some way of our own, but refused."""
    given = claims.get("scope", "")
    if type(given) is not str or (given and _SCOPES.fullmatch(given) is None):
        raise TokenRefusedError("token_invalid", "the claim scope of the token is not one text of scopes")
    return frozenset(given.split())


def _thumbprint(claims: Mapping[str, Any]) -> str | None:
    """The key that the token is bound to. A binding that cannot be checked here is one that cannot be kept."""
    if "cnf" not in claims:
        return None
    bound = object_in(claims["cnf"])
    found: Any = bound.get("jkt") if bound is not None and bound.keys() == {"jkt"} else None
    if type(found) is not str or THUMBPRINT.fullmatch(found) is None:
        raise TokenRefusedError("token_invalid", "the token is bound in a way that cannot be checked here")
    return found
