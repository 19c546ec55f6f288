"""`WWW-Authenticate`: what a client has to show (RFC 9110).

With a token also why it does not do (RFC 6750, RFC 9449), or that a second factor has to be shown again (RFC 9470).
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from durwan.credentials.raw_request import Headers
from durwan.credentials.refusals import Refusal
from durwan.model.decision import Decision

_NAME: Final = b"www-authenticate"
# RFC 6750 and RFC 9449: where no credential came at all, no error is named.
_TOKEN_ERRORS: Final = {
    "token_invalid": "invalid_token",
    "token_expired": "invalid_token",
    "token_revoked": "invalid_token",
    "token_malformed": "invalid_request",
    "scope_missing": "insufficient_scope",
    "proof_invalid": "invalid_dpop_proof",
    "proof_nonce_required": "use_dpop_nonce",
}
_OF_PROOFS: Final = frozenset({"proof_invalid", "proof_nonce_required"})


def is_challenged(status: int, code: str) -> bool:
    """Whether an answer has to say what to show: 401 always, and what RFC 6750 has a word for."""
    return status == HTTPStatus.UNAUTHORIZED or code in _TOKEN_ERRORS


def challenges(why: Decision | Refusal, schemes: Sequence[str], realm: str, *, tells: bool) -> Headers:
    """One header line for each scheme; `tells` is whether the client is told more than that something is missing."""
    return tuple((_NAME, _line(scheme, realm, _said(why, scheme) if tells else {}).encode()) for scheme in schemes)


def _line(scheme: str, realm: str, said: dict[str, str]) -> str:
    parameters = ", ".join(f'{name}="{value}"' for name, value in {"realm": realm, **said}.items())
    return f"{scheme} {parameters}"


def _said(why: Decision | Refusal, scheme: str) -> dict[str, str]:
    if isinstance(why, Refusal):
        error = _TOKEN_ERRORS.get(why.code)
        is_for_it = scheme == ("DPoP" if why.code in _OF_PROOFS else "Bearer") or why.code not in _OF_PROOFS
        return {"error": error} if error is not None and scheme in {"Bearer", "DPoP"} and is_for_it else {}
    return _step_up(why) if scheme in {"Bearer", "DPoP"} else {}


def _step_up(decision: Decision) -> dict[str, str]:
    """RFC 9470: that a newer or stronger authentication is needed, and how old it may be."""
    kinds = {remedy.kind for remedy in decision.remedies}
    if kinds.isdisjoint({"mfa", "login"}):
        return {"error": "insufficient_scope"} if decision.code == "scope_missing" else {}
    said = {"error": "insufficient_user_authentication"}
    if "mfa" in kinds:
        said["acr_values"] = "mfa"
    ages = [remedy.within for remedy in decision.remedies if remedy.kind == "mfa" and remedy.within is not None]
    if ages:
        said["max_age"] = str(min(ages) // 1000)
    return said
