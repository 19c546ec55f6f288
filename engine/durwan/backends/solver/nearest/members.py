"""Sets: the fewest members to add or to leave out, and whether a number of some would do whichever they are."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any, Final

from durwan.backends.solver.nearest.situation import Situation, Way
from durwan.program import nodes
from durwan.program.explanation import parts_through
from durwan.program.nearest import AtLeast

# Of so many members all sets are tried.
_MOST: Final = 8

Members = frozenset[Any]


def fewest(situation: Situation, way: Way, path: str) -> Members:
    """The members nearest to those that the request names: no addition and no omission that is not needed."""
    had = members_of(situation.values[path])
    chosen = members_of(way.changes[path])
    for member in sorted(had - chosen):
        if _allowed(situation, way, path, chosen | {member}):
            chosen |= {member}
    for member in sorted(chosen - had):
        if _allowed(situation, way, path, chosen - {member}):
            chosen -= {member}
    return chosen


def at_least(situation: Situation, way: Way, path: str) -> AtLeast | None:
    """How many of which members are enough, and needed, whatever others are there; None where it is not that simple."""
    named = sorted(_named(situation, way, path) | members_of(way.changes[path]))
    if not 0 < len(named) <= _MOST:
        return None
    answers = {
        frozenset(members): _allowed(situation, way, path, frozenset(members))
        for count in range(len(named) + 1)
        for members in combinations(named, count)
    }
    for count in range(1, len(named) + 1):
        helping = _helping(answers, named)
        if helping and all(allowed is (len(helping & members) >= count) for members, allowed in answers.items()):
            return AtLeast(count=count, members=tuple(sorted(helping)))
    return None


def _helping(answers: dict[Members, bool], named: Iterable[Any]) -> Members:
    """The members whose addition makes a difference somewhere."""
    return frozenset(
        member for member in named if any(answers[each | {member}] is not answers[each] for each in answers)
    )


def _allowed(situation: Situation, way: Way, path: str, members: Members) -> bool:
    return situation.allowed({**way.values, path: members})


def members_of(value: Any) -> Members:
    """The members of a set, none where it is unknown."""
    return frozenset() if value is None else frozenset(value)


def _named(situation: Situation, way: Way, path: str) -> Members:
    """The members that the rules ask this set for."""
    found: set[Any] = set()
    seen: set[str] = set()
    values = {**situation.values, **way.values}
    for expression in situation.expressions:
        for node in parts_through(expression, situation.program, seen):
            match node:
                case nodes.Operation(operands=(nodes.Attribute(path=asked), wanted, *_)) if asked == path:
                    found |= _wanted(wanted, situation, values)
                case _:
                    pass
    return frozenset(found)


def _wanted(wanted: nodes.Expression, situation: Situation, values: dict[str, Any]) -> Members:
    match wanted:
        case nodes.LiteralSet(members=members):
            return members
        case nodes.NamedSet(name=name):
            return situation.program.sets[name]
        case nodes.Attribute(path=path):
            value = values.get(path)
            return frozenset() if value is None else frozenset({value})
        case nodes.StringLiteral(value=value) | nodes.ScopeLiteral(value=value) | nodes.IntLiteral(value=value):
            return frozenset({value})
        case _:
            return frozenset()
