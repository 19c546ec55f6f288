"""What can be taken from somebody who holds scopes, and the least that is enough. Knows no requests.

A set of scopes that somebody can hold is *closed*: with each scope it has all that the scope includes. What somebody is
given are the scopes of which the others follow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from durwan.model.schema import Schema

Scopes = frozenset[str]
# So many sets of scopes are tried at most where a disjunction leaves a choice.
MOST_CHOICES: Final = 64


@dataclass(frozen=True, kw_only=True)
class Removals:
    """What can be taken from those who were given certain scopes.

    Attributes:
        given: the scopes as they were given.
        held: all that they include.
        without_given: for each that was given, what is held without it.
        without: for each that is held, the most that can be held without it.
    """

    given: tuple[str, ...]
    held: Scopes
    without_given: Mapping[str, Scopes]
    without: Mapping[str, Scopes]

    def tried(self) -> tuple[Scopes, ...]:
        """The different sets to decide with again, in an order that depends on nothing else."""
        different = {*self.without_given.values(), *self.without.values()} - {self.held}
        return tuple(sorted(different, key=order))

    def necessary(self, missed: Collection[Scopes]) -> Scopes:
        """The scopes without which something is refused, given the sets that were tried and were not enough.

        It is closed: who cannot do without a scope cannot do without what it includes.
        """
        return frozenset(scope for scope, rest in self.without.items() if rest in missed)


def removals(schema: Schema, given: Collection[str]) -> Removals:
    """What can be taken from those who were given these scopes."""
    held = schema.held(given)
    return Removals(
        given=tuple(given),
        held=held,
        without_given={scope: schema.held(set(given) - {scope}) for scope in given},
        without={scope: without(schema, held, scope) for scope in held},
    )


def without(schema: Schema, held: Scopes, scope: str) -> Scopes:
    """The most that can be held without a scope: what includes it goes with it."""
    return frozenset(each for each in held if scope not in schema.held([each]))


def choices(schema: Schema, necessary: Scopes, held: Scopes) -> Iterator[Scopes]:
    """Every closed set between two, both of which are closed, the smallest first, the lower one left out."""
    waiting = [(order(necessary), necessary)]
    seen = {necessary}
    while waiting:
        _, found = heappop(waiting)
        if found != necessary:
            yield found
        for scope in held - found:
            larger = found | schema.held([scope])
            if larger not in seen:
                seen.add(larger)
                heappush(waiting, (order(larger), larger))


def order(scopes: Scopes) -> tuple[int, list[str]]:
    """Fewer scopes first; then by their names."""
    return len(scopes), sorted(scopes)


def written(schema: Schema, scopes: Scopes, given: Iterable[str]) -> tuple[str, ...]:
    """What to give to whoever is to hold a closed set, nothing twice: first what was given before, in its order."""
    included = {each for scope in scopes for each in schema.held([scope]) - {scope}}
    least = scopes - included
    kept = [scope for scope in dict.fromkeys(given) if scope in least]
    return (*kept, *sorted(least.difference(kept)))


__all__ = ["MOST_CHOICES", "Removals", "Scopes", "choices", "order", "removals", "without", "written"]
