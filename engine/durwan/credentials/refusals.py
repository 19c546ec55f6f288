"""Why a request was refused before any policy was asked: the codes, their statuses, and text fit for the client.

401 says that we do not know who asks, 403 that we do and that they may not, 404 and 405 that there is nothing of that
name or that it cannot be asked so, 422 that it contradicts itself, 429 that it was too much, 400 that what came cannot
be read, and 503 that a fact was needed that could not be had. The code is exact; a gateway may show its
clients a coarser one.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is refused. It holds nothing of the request, so it may be shown and logged.

    Attributes:
        code: the reason for machines, one of `CODES`.
        status: the status of HTTP.
        reason: the reason for people, fit for the client: no key, no secret, nothing that came with the request.
        retry_after: seconds after which it is worth trying again; None where that is not known.
        methods: with 405, the methods that the resource has.
    """

    code: str
    status: int
    reason: str
    retry_after: float | None = None
    methods: tuple[str, ...] = ()


# Every code with its status and what the client is told. Whether a key is unknown, revoked or merely used with a wrong
# signature must not show before a signature was verified: until then, all of these are `signature_invalid`.
CODES: Final = MappingProxyType(
    {
        # who are you
        "credential_missing": (401, "the request carries no credential"),
        "credential_expired": (401, "the credential has expired"),
        "credential_revoked": (401, "the credential was revoked"),
        "environment_mismatch": (401, "the credential is for another environment"),
        "signature_invalid": (401, "the key or the signature is not valid"),
        "timestamp_ahead": (401, "the timestamp lies too far in the future"),
        "timestamp_expired": (401, "the timestamp is too old"),
        "nonce_replayed": (401, "the nonce was used before"),
        "token_invalid": (401, "the token is not valid"),
        "token_expired": (401, "the token has expired"),
        "token_revoked": (401, "the token was revoked"),
        "proof_invalid": (401, "the proof of possession is not valid"),
        "proof_nonce_required": (401, "the proof of possession needs the nonce that was sent"),
        "session_invalid": (401, "there is no such session"),
        "session_expired": (401, "the session has expired"),
        "session_mismatch": (401, "the session belongs to another key, address or connection"),
        # may you
        "ip_not_allowed": (403, "the credential may not be used from this address"),
        "scope_missing": (403, "the credential lacks a scope"),
        "scope_exceeded": (403, "more was asked for than the credential has"),
        # too much
        "rate_limited": (429, "too many requests"),
        # malformed
        "request_malformed": (400, "the request cannot be read"),
        "request_too_large": (400, "the request is too large"),
        "credential_ambiguous": (400, "the request carries more than one credential"),
        "credential_malformed": (400, "the credential is not written as it has to be"),
        "signature_malformed": (400, "the signature is not written as it has to be"),
        "timestamp_malformed": (400, "the timestamp is not written as it has to be"),
        "nonce_malformed": (400, "the nonce is not written as it has to be"),
        "recv_window_out_of_range": (400, "the window that the request asks for is too long"),
        "field_missing": (400, "something that has to be sent with a signature is missing"),
        "field_repeated": (400, "something that is signed was sent twice"),
        "component_uncovered": (400, "the signature does not cover all that it has to"),
        "token_malformed": (400, "the token is not written as it has to be"),
        "method_refused": (400, "the method is not one that is accepted"),
        "target_refused": (400, "the target of the request is not written in the one way that it may be"),
        "host_refused": (400, "the host of the request is not written as it has to be"),
        "header_refused": (400, "a header is repeated, or not written as it has to be"),
        "address_refused": (400, "where the request comes from cannot be established"),
        "attribute_malformed": (400, "a parameter of the request is not written as it has to be"),
        # nothing of that name
        "route_unknown": (404, "there is nothing at this path"),
        "method_not_allowed": (405, "this cannot be asked for with that method"),
        # it contradicts itself
        "idempotency_conflict": (422, "the idempotency key was used before, for another request"),
        # a fact that could not be had
        "state_unavailable": (503, "whether this may be accepted cannot be found out at present"),
        "keys_unavailable": (503, "the keys cannot be looked up at present"),
        "issuer_unavailable": (503, "the issuer of the token cannot be asked at present"),
        "audit_unavailable": (503, "the request cannot be recorded at present"),
        "not_ready": (503, "the gateway is not ready"),
    }
)


def refuse(code: str, reason: str | None = None, retry_after: float | None = None) -> Refusal:
    """The refusal of a code; `reason` stands instead of the usual sentence, and must hold nothing of the request.

    Raises:
        KeyError: there is no such code.
    """
    status, usual = CODES[code]
    return Refusal(code, status, usual if reason is None else reason, retry_after)
