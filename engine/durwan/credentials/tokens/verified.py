"""What a token turned out to say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from durwan.credentials.refusals import Refusal

# Wall clock, in milliseconds since the epoch.
Clock = Callable[[], int]


class RevokedTokens(Protocol):
    """Which tokens were revoked, answered from memory, as `durwan.state.RevocationView` does.

    It raises where it cannot show that it is fresh.
    """

    def is_revoked(self, kind: str, revoked_id: str, /) -> bool:
        """Whether that was revoked; `kind` is `token`, `revoked_id` one of a token's `revocation_ids`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VerifiedToken:
    """A token whose issuer, audience, time and authenticity were verified. It does not hold the token itself.

    Attributes:
        issuer: who issued it.
        subject: whom it is about; None where the rules did not ask for it.
        audience: all whom it is for.
        scopes: what it was given, not narrowed yet.
        issued: when, in milliseconds since the epoch; None where the rules did not ask for it.
        expires: from when on it is none, in milliseconds since the epoch.
        client_id: to which client it was issued, or None.
        thumbprint: the key whose holder alone may use it (`cnf.jkt`, RFC 9449), or None for a bearer token.
        revocation_ids: by what it is revoked: any of these.
    """

    issuer: str
    subject: str | None
    audience: frozenset[str]
    scopes: frozenset[str]
    issued: int | None
    expires: int
    client_id: str | None
    thumbprint: str | None
    revocation_ids: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What its holder has to show: `bearer` nothing but it, `dpop` the key that it is bound to."""
        return "bearer" if self.thumbprint is None else "dpop"

    def context(self) -> Mapping[str, object]:
        """The context `token` of a request; what is not known is left out."""
        found: dict[str, object] = {
            "issuer": self.issuer,
            "subject": self.subject,
            "kind": self.kind,
            "audience": sorted(self.audience),
            "scopes": sorted(self.scopes),
            "issued": self.issued,
            "expires": self.expires,
        }
        return {name: value for name, value in found.items() if value is not None}

    def __repr__(self) -> str:
        """Nothing of whom it is about."""
        return f"<VerifiedToken: {self.kind}, {len(self.scopes)} scopes>"


Outcome = VerifiedToken | Refusal


def id_of_claims(issuer: str, token_id: str) -> str:
    """By what a token is revoked whose id alone is known: issuer and `jti`, joined so that no two pairs are alike."""
    return hashlib.sha256(f"{len(issuer)}:{issuer}{token_id}".encode()).hexdigest()
