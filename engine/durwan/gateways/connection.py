"""A connection that stays open: what it fixes is decided once, and each message is decided, recorded and answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from durwan.credentials.refusals import Refusal
from durwan.gateways.answer import Answer
from durwan.gateways.decided import Message
from durwan.gateways.gate import Gate


class Connection:
    """Answers messages of a connection whose beginning was allowed. It follows reloads and revocations.

    Args:
        gate: what let it in.
        answer: by which answer.

    Raises:
        ValueError: that answer allowed nothing.
    """

    def __init__(self, gate: Gate, answer: Answer) -> None:
        if not answer.allowed or answer.identity is None or answer.routed is None:
            raise ValueError("a connection begins with an answer that allows it")
        self._gate = gate
        self._routed = answer.routed
        self.identity = answer.identity
        self._bound = gate.bind(answer.identity)

    def standing(self) -> Refusal | None:
        """Why the connection is to be closed: its credential was revoked or has expired; None where it is good."""
        return self._gate.standing(self.identity)

    def answer(self, action: str, attributes: Mapping[str, Any]) -> Answer:
        """The answer to a message that asks for an action; `attributes` are contexts, such as `request`."""
        return self._gate.answer_message(self._message(action, attributes))

    async def answer_async(self, action: str, attributes: Mapping[str, Any]) -> Answer:
        """As `answer`, without holding up the event loop."""
        return await self._gate.answer_message_async(self._message(action, attributes))

    def _message(self, action: str, attributes: Mapping[str, Any]) -> Message:
        return Message(
            bound=self._bound, identity=self.identity, routed=self._routed, action=action, attributes=attributes
        )
