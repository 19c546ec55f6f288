"""The keys of a policy set, numbered, and what they hold as columns: today, or after something was taken from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from durwan.backends.columns.batch import place
from durwan.backends.columns.polars_interface import pl
from durwan.model.address import NetworkSet
from durwan.model.schema import Schema
from durwan.model.types import Network, SetOf, String
from durwan.model.values import read_time, read_value
from durwan.workshop.least_privilege.scopes import Removals, Scopes, removals
from durwan.workshop.least_privilege.tally import HOLDER

_TEXTS: Final = SetOf(String())
_NOWHERE: Final = NetworkSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A key as its file has it.

    Attributes:
        id: its id.
        attributes: all that its file says.
        removals: what can be taken from its scopes; None where nobody knows which it has.
        networks: its networks as they are written; None where nobody knows them.
        granted: the same as addresses; None likewise.
        created: when it was made, if that is known.
    """

    id: str
    attributes: Mapping[str, object]
    removals: Removals | None
    networks: tuple[str, ...] | None
    granted: NetworkSet | None
    created: int | None

    @property
    def held(self) -> Scopes | None:
        """All scopes that it holds; None where nobody knows."""
        return None if self.removals is None else self.removals.held


class Holders:
    """The keys of a policy set, by their number.

    Args:
        schema: what is declared.
        keys: the attributes of each key, with its id.
    """

    def __init__(self, schema: Schema, keys: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        self.schema = schema
        self._removals: dict[tuple[str, ...], Removals] = {}
        self.all: list[Holder] = [self._holder(key_id, attributes) for key_id, attributes in keys]
        numbers = pl.Series(HOLDER, range(len(self.all)), dtype=pl.UInt32)
        self.numbered = pl.DataFrame([pl.Series("key", [each.id for each in self.all], dtype=pl.String), numbers])

    def __len__(self) -> int:
        return len(self.all)

    def _holder(self, key_id: str, attributes: Mapping[str, object]) -> Holder:
        granted = read_value(Network(), attributes.get("networks"))
        known = granted if isinstance(granted, NetworkSet) else None
        return Holder(
            id=key_id,
            attributes=attributes,
            removals=self._removals_of(attributes.get("scopes")),
            networks=None if known is None else tuple(cast("Sequence[str]", attributes["networks"])),
            granted=known,
            created=read_time(attributes.get("created")),
        )

    def _removals_of(self, given: object) -> Removals | None:
        scopes = read_value(_TEXTS, given)
        if not isinstance(scopes, frozenset):
            return None
        written = tuple(dict.fromkeys(cast("Sequence[str]", given)))
        if written not in self._removals:
            self._removals[written] = removals(self.schema, written)
        return self._removals[written]


class Grants:
    """Sets of scopes and networks, numbered: what columns of `key.scopes` and `key.networks` count in."""

    def __init__(self) -> None:
        self._scopes: dict[Scopes, int] = {}
        self._networks: dict[NetworkSet, int] = {}
        self.nowhere = self.networks(_NOWHERE)

    def scopes(self, held: Scopes | None) -> int | None:
        """The number of a set of scopes; None for one that nobody knows."""
        return None if held is None else self._scopes.setdefault(held, len(self._scopes))

    def networks(self, granted: NetworkSet | None) -> int | None:
        """The number of a set of networks; None for one that nobody knows."""
        return None if granted is None else self._networks.setdefault(granted, len(self._networks))

    @property
    def scope_sets(self) -> Sequence[Scopes]:
        """All sets of scopes, by their numbers."""
        return tuple(self._scopes)

    @property
    def network_sets(self) -> Sequence[NetworkSet]:
        """All sets of networks, by their numbers."""
        return tuple(self._networks)

    def first_addresses(self) -> pl.Series:
        """Some address of each set of networks, as columns have it; null for the empty one."""
        firsts = [next((place(each.first) for each in found.ranges()), None) for found in self._networks]
        return pl.Series(firsts, dtype=pl.Int128)


def numbers(found: Iterable[int | None]) -> pl.Series:
    """Numbers of sets as a column."""
    return pl.Series(list(found), dtype=pl.UInt32)


def record_with(attributes: Mapping[str, Any], scopes: Scopes | None, networks: NetworkSet | None) -> dict[str, Any]:
    """The attributes of a key that has these scopes and networks."""
    found = dict(attributes)
    for name, value in (("scopes", scopes), ("networks", networks)):
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value.networks() if isinstance(value, NetworkSet) else sorted(value)
    return found


__all__ = ["Grants", "Holder", "Holders", "numbers", "record_with"]
