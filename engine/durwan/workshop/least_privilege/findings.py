"""What a log says of keys, rules, limits and scopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from durwan.workshop.least_privilege.measuring import Totals
from durwan.workshop.least_privilege.tally import NEVER, Use

# `narrower`: less would have been enough. `least`: nothing can be taken. `unused`: nobody asked by it. `undecided`: the
# log does not say enough. `kept`: less would change answers in a way for which no smaller grant makes up.
State = Literal["narrower", "least", "unused", "undecided", "kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """What a key was used for.

    Attributes:
        id: its id.
        state: what follows.
        because: why it is undecided or kept; else empty.
        effects: its requests by what became of them: `allow`, `challenge`, `deny`.
        scopes: the scopes that it was given, with the requests that needed them.
        enough_scopes: the least scopes with which every request would have been answered as it was; None where that is
            not said.
        counted_scopes: the scopes that are kept since limits read them.
        is_least: whether these are known to be the least.
        networks: the networks that it was given, with the requests that needed them.
        enough_networks: the least networks, likewise.
        networks_because: why nothing is said of its networks although something is said of its scopes.
        addresses: from how many different addresses it was used, of requests that need its networks.
        seen_by: by which prefixes addresses were told apart, where there were too many; else empty.
        refused_otherwise: how many refused requests would then be refused by another rule.
    """

    id: str
    state: State
    because: str = ""
    effects: Mapping[str, Use] = field(default_factory=dict[str, Use])
    scopes: Mapping[str, Use] = field(default_factory=dict[str, Use])
    enough_scopes: tuple[str, ...] | None = None
    counted_scopes: tuple[str, ...] = ()
    is_least: bool = True
    networks: Mapping[str, Use] = field(default_factory=dict[str, Use])
    enough_networks: tuple[str, ...] | None = None
    networks_because: str = ""
    addresses: int = 0
    seen_by: str = ""
    refused_otherwise: int = 0

    @property
    def use(self) -> Use:
        """All its requests."""
        return sum(self.effects.values(), NEVER)

    @property
    def unused_scopes(self) -> tuple[str, ...]:
        """The scopes that no request needed; none where nothing can be said.

        Where each of two would do, no request needs one of them; the one that is enough is none of these.
        """
        return _unused(self.scopes, self.enough_scopes) if self.is_judged else ()

    @property
    def unused_networks(self) -> tuple[str, ...]:
        """The networks that no request needed; none where nothing can be said."""
        return _unused(self.networks, ()) if self.is_judged and not self.networks_because else ()

    @property
    def is_judged(self) -> bool:
        """Whether the log says enough of it."""
        return self.state in ("narrower", "least", "kept")


def _unused(uses: Mapping[str, Use], enough: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(name for name, use in uses.items() if not use.count and name not in (enough or ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleUse:
    """A rule, and how often it decided.

    Attributes:
        name: its name.
        effect: `allow`, `deny` or `challenge`.
        is_shadow: whether it is tried only.
        decided: how often it decided.
        never: why it never did, as far as that is known; empty where it did.
    """

    name: str
    effect: str
    is_shadow: bool
    decided: Use
    never: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastPrivilege:
    """All that a log says.

    Attributes:
        totals: of the log as a whole.
        broken: how many records could not be read, by the reason.
        keys: every key of the policy set, in its order.
        rules: every rule, in source order.
        unused_limits: the limits under which no allowed request fell.
        unused_scopes: the declared scopes that no key and no token was needed for, each with how many keys hold it.
    """

    totals: Totals
    broken: Mapping[str, int]
    keys: tuple[KeyUse, ...]
    rules: tuple[RuleUse, ...]
    unused_limits: tuple[str, ...]
    unused_scopes: Mapping[str, int]

    @property
    def silent_rules(self) -> tuple[RuleUse, ...]:
        """The rules that never decided anything."""
        return tuple(each for each in self.rules if each.never)


__all__ = ["KeyUse", "LeastPrivilege", "RuleUse", "State"]
