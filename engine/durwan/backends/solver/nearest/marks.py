"""Where a policy may change its mind about an ordered value: what it compares with, and the places next to that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from durwan.backends.solver.nearest.situation import Situation, Values
from durwan.backends.solver.variables import in_units
from durwan.model import types
from durwan.model.window import Window
from durwan.program import nodes
from durwan.program.explanation import parts_through


@dataclass(frozen=True, slots=True)
class Constants:
    """What the rules about an action compare with."""

    numbers: frozenset[int | Decimal]
    durations: frozenset[int]
    instants: frozenset[int]
    windows: tuple[tuple[str, Window], ...]

    @classmethod
    def of(cls, situation: Situation) -> Constants:
        """All literals and windows that the expressions of a situation hold."""
        numbers: set[int | Decimal] = set()
        durations: set[int] = set()
        instants: set[int] = set()
        windows: dict[str, Window] = {}
        seen: set[str] = set()
        for expression in situation.expressions:
            for node in parts_through(expression, situation.program, seen):
                match node:
                    case nodes.IntLiteral(value=number) | nodes.DecimalLiteral(value=number):
                        numbers.add(number)
                    case nodes.DurationLiteral(value=duration):
                        durations.add(duration)
                    case nodes.InstantLiteral(value=instant):
                        instants.add(instant)
                    case nodes.NamedWindow(name=name):
                        windows[name] = situation.program.windows[name]
                    case nodes.LiteralSet(members=members):
                        numbers |= {each for each in members if isinstance(each, int | Decimal)}
                    case _:
                        pass
        return cls(frozenset(numbers), frozenset(durations), frozenset(instants), tuple(sorted(windows.items())))


def marks(situation: Situation, constants: Constants, values: Values, path: str) -> Iterator[int]:
    """The places on the line of an attribute, with their neighbours, in no order.

    Args:
        situation: the request.
        constants: what its rules compare with.
        values: the other attributes, and `now`.
        path: the attribute.
    """
    declared = situation.types[path]
    found: Iterable[int]
    if isinstance(declared, types.Time):
        found = _instants(situation, constants, values)
    elif isinstance(declared, types.Duration):
        found = constants.durations
    else:
        others = _of_type(situation, values, types.Int, types.Number)
        found = [
            in_units(each) if isinstance(declared, types.Number) else int(each)
            for each in (*constants.numbers, *others)
        ]
    for place in found:
        yield from (place - 1, place, place + 1)


def _instants(situation: Situation, constants: Constants, values: Values) -> Iterator[int]:
    others = _of_type(situation, values, types.Time)
    bases = {*constants.instants, *(int(each) for each in others)}
    for base in bases:
        yield base
        for duration in constants.durations:
            yield from (base - duration, base + duration)


def _of_type(situation: Situation, values: Values, *kinds: type[object]) -> list[int | Decimal]:
    return [
        value
        for path, value in values.items()
        if isinstance(value, int | Decimal) and path in situation.types and isinstance(situation.types[path], kinds)
    ]
