"""The two sets of a comparison, asked about one request, and what is told of what they answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from durwan.credentials.keys import StaticKeys
from durwan.model.request import Attributes
from durwan.model.values import Value
from durwan.program.charges import LIMIT_DOUBT, Settled, settle
from durwan.program.program import Program
from durwan.workshop.differences import Difference, Kind, Request
from durwan.workshop.renames import Renames

_Pair = tuple[tuple[str, str | None], tuple[str, str | None]]


class Sides:
    """The programs before and after, each with its keys; `near` is the instant of a request that brings none."""

    def __init__(self, programs: tuple[Program, Program], keys: tuple[StaticKeys, StaticKeys], near: int) -> None:
        self.programs = programs
        self.keys = keys
        self.near = near

    @cached_property
    def renames(self) -> Renames:
        """Which rules were renamed."""
        return Renames.between(*self.programs)

    def settled(self, request: Request) -> tuple[Settled, Settled]:
        """What the two decide, as the reference evaluator sees it."""
        before, after = (
            settle(program, request, clock=lambda: self.near, keys=keys.get)
            for program, keys in zip(self.programs, self.keys, strict=True)
        )
        return before, after

    def differing(self, request: Request) -> _Pair | None:
        """Which rule decided before and which after, and how, if a client could tell the two apart."""
        before, after = self.settled(request)
        if not self.renames.differ(before, after):
            return None
        return (before.effect, before.rule), (after.effect, after.rule)

    def difference(self, request: Request, key: str | None) -> Difference:
        """A group of differences, by the request that stands for it."""
        before, after = self.settled(request)
        return Difference(action=request["action"], key=key, request=request, before=before, after=after)

    def attributes(self, place: int, key: str) -> Mapping[str, Value | None]:
        """What one of the two reads of a key; nothing is known of one that it does not have."""
        schema = self.programs[place].schema
        read = Attributes(schema, {"key": key}, self.keys[place].get)
        return {path: read.read(path) for path in schema.attributes if path.startswith("key.")}


def changed_keys(sides: Sides) -> list[str]:
    """The ids of the keys of which the two do not read the same."""
    ids = sorted({key for keys in sides.keys for key, _ in keys.items()})
    return [key for key in ids if _said(sides, 0, key) != _said(sides, 1, key)]


def _said(sides: Sides, place: int, key: str) -> dict[str, Value]:
    return {path: value for path, value in sides.attributes(place, key).items() if value is not None}


def told_once(differences: Sequence[Difference]) -> Iterator[Difference]:
    """The differences but those that only repeat another one.

    So does one of requests that a limit cannot count where they would else be allowed, and one of a changed key that
    every key has.
    """
    told = {(each.key, *_sides(each)) for each in differences}
    for each in differences:
        before, after = (_is_doubt(settled) for settled in (each.before, each.after))
        action, first, second = _sides(each)
        plain = (action, ("allow",) if before else first, ("allow",) if after else second)
        repeats_doubt = (before or after) and (each.key, *plain) in told
        repeats_key = each.key is not None and (None, action, first, second) in told
        if not repeats_doubt and not repeats_key:
            yield each


def _sides(difference: Difference) -> tuple[str, tuple[object, ...], tuple[object, ...]]:
    return difference.action, _side(difference.before), _side(difference.after)


def _side(settled: Settled) -> tuple[object, ...]:
    return ("allow",) if settled.allowed else (settled.effect, settled.rule)


def _is_doubt(settled: Settled) -> bool:
    return settled.code == LIMIT_DOUBT


def rank(difference: Difference) -> tuple[int, str, str, str, str]:
    """Newly allowed first, then by action, key and rules."""
    kinds: tuple[Kind, ...] = ("allowed", "refused", "answered")
    names = difference.before.rule or "", difference.after.rule or ""
    return kinds.index(difference.kind), difference.action, difference.key or "", *names
