"""How the reading of a token ends early."""

from __future__ import annotations

from durwan.credentials.refusals import refuse
from durwan.errors import DurwanError


class TokenRefusedError(DurwanError):
    """A token, or a proof, is refused. It is raised and caught inside this package and never leaves it.

    Before the signature is verified, every refusal of one kind reads the same: `reason` is given only for what is known
    to come from the issuer.

    Attributes:
        refusal: what the caller gets.
    """

    def __init__(self, code: str, reason: str | None = None) -> None:
        self.refusal = refuse(code, reason)
        super().__init__(self.refusal.reason)
