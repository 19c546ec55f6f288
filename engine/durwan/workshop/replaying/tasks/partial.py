"""What one task found, as a text: flips that add up, and how many records were broken."""

from __future__ import annotations

import json
from collections import Counter

from durwan.workshop.replaying.flips import Flips


class Partial:
    """What was found in some of the requests.

    Attributes:
        flips: what is decided otherwise.
        broken: how many records cannot be read, by the reason.
    """

    def __init__(self, flips: Flips, broken: Counter[str] | None = None) -> None:
        self.flips = flips
        self.broken = Counter[str]() if broken is None else broken

    def add(self, other: Partial) -> None:
        """Adds what was found in other requests."""
        self.flips.add(other.flips)
        self.broken += other.broken

    def as_text(self) -> str:
        """All of it as JSON."""
        return json.dumps({"flips": self.flips.as_text(), "broken": self.broken})

    @classmethod
    def of_text(cls, text: str) -> Partial:
        """What `as_text` wrote."""
        plain = json.loads(text)
        return cls(Flips.of_text(plain["flips"]), Counter(plain["broken"]))


__all__ = ["Partial"]
