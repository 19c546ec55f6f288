"""Who asks, as far as it was proved: the contexts that a decision takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from durwan.credentials.session import Session
from durwan.credentials.tokens.verified import VerifiedToken

# What nobody says of themselves; beside what was proved of a client, more may be said of it.
_PROVED: Final = ("key", "token", "session")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a raw request proved.

    Attributes:
        address: where it came from, as text.
        key: the id of the key that signed it, or whose token it carries; None without one.
        token: the access token that it carries; None without one.
        session: the session that it belongs to; None without one. `Sessions.settle` is to be told of the decision.
    """

    address: str
    key: str | None = None
    token: VerifiedToken | None = None
    session: Session | None = None

    def contexts(self) -> dict[str, object]:
        """The contexts `client`, `key`, `token` and `session`, for `Engine.decide`; what is not there is left out."""
        found: dict[str, object] = {"client": {"ip": self.address}}
        if self.key is not None:
            found["key"] = self.key
        if self.token is not None:
            found["token"] = self.token.context()
        if self.session is not None:
            found["session"] = self.session.context()
        return found

    def request(self, action: str, attributes: Mapping[str, object]) -> dict[str, object]:
        """A whole request for `Engine.decide`: what is asked for, and who asks.

        What was proved replaces what the attributes say of it. What they say beside, such as a client's country, stays.
        """
        found: dict[str, object] = {**attributes, "action": action}
        self.enter(found)
        return found

    def enter(self, asked: dict[str, object]) -> None:
        """Enters who asks into a request that is being put together, as `request` does."""
        for context in _PROVED:
            asked.pop(context, None)
        given = asked.get("client")
        asked.update(self.contexts())
        if isinstance(given, Mapping):
            asked["client"] = {**given, "ip": self.address}
