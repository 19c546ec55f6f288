"""What became of a comparison of two policy sets, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from durwan.program.charges import Settled

# Seconds that an action may take where nobody says otherwise.
DEADLINE: Final = 60.0

Request = dict[str, Any]
Kind = Literal["allowed", "refused", "answered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Requests about an action that one rule decided before and another decides after, with one of them.

    `key` is the id of the key that they are made with, where the key itself was changed.
    """

    action: str
    key: str | None = None
    request: Request
    before: Settled
    after: Settled

    @property
    def kind(self) -> Kind:
        """`allowed` now and not before, `refused` now, or only answered otherwise."""
        if self.after.allowed is self.before.allowed:
            return "answered"
        return "allowed" if self.after.allowed else "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What became of a comparison.

    `same` is True where no request is decided differently, and None where that is not known: some of the actions are
    `undecided`, each with the reason, and nothing was found. `differences` are newly allowed ones first.
    `renamed` holds the old names of rules by their new ones. `notes` say what else changed and decides nothing.
    """

    differences: tuple[Difference, ...]
    undecided: Mapping[str, str]
    renamed: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool | None:
        """Whether the two decide alike."""
        if self.differences:
            return False
        return None if self.undecided else True
