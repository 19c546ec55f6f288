"""The rules, limits and invariants of one file, as a part of the program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from durwan.program.fingerprint import Digests, digest_part
from durwan.program.program import Invariant, Limit, Rule

_Ordered = TypeVar("_Ordered", Rule, Limit, Invariant)


class Place(NamedTuple):
    """How many rules, limits and invariants stand before something, in source order."""

    rules: int = 0
    limits: int = 0
    invariants: int = 0


@dataclass(slots=True)
class Part:
    """What became of the rules, limits and invariants of a file that begin at a place."""

    start: Place
    rules: tuple[Rule, ...] = ()
    limits: tuple[Limit, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    _digests: Digests | None = field(default=None, compare=False, repr=False)

    @property
    def end(self) -> Place:
        """The place behind it."""
        rules, limits, invariants = self.start
        return Place(rules + len(self.rules), limits + len(self.limits), invariants + len(self.invariants))

    @property
    def digests(self) -> Digests:
        """The digests of all that is in it; made once, since they do not depend on the place."""
        if self._digests is None:
            self._digests = digest_part(self.rules, self.limits, self.invariants)
        return self._digests

    def moved(self, start: Place) -> Part:
        """The same at another place, which is only another order."""
        if start == self.start:
            return self
        rules = _renumbered(self.rules, start.rules)
        limits = _renumbered(self.limits, start.limits)
        return Part(start, rules, limits, _renumbered(self.invariants, start.invariants), self._digests)


def _renumbered(items: Iterable[_Ordered], first: int) -> tuple[_Ordered, ...]:
    return tuple(replace(item, order=order) for order, item in enumerate(items, first))
