"""Nearest changes of refused requests, on generated programs: real, as small as can be, and right at their bounds."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import combinations
from random import Random
from typing import Any

import pytest

from durwan.backends.solver.nearest.answering import nearest
from durwan.backends.solver.nearest.situation import NOW, Situation
from durwan.backends.solver.z3_interface import both
from durwan.model import types
from durwan.model.address import format_address, parse_network
from durwan.model.request import Attributes, instant_of
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.values import read_time
from durwan.program import reference
from durwan.program.nearest import Among, AtLeast, AttributeChange, Between, Nearest, NearestChange
from tests.differential import KEYS
from tests.generators import programs
from tests.generators.programs import generate_program
from tests.generators.requests import generate_request, moment, plausible

PROGRAMS = 60
REQUESTS = 4
SECONDS = 5.0
TRIED = 3000
UNIT = Decimal("1e-18")


def _refused(seed: int) -> Iterator[tuple[Situation, dict[str, Any]]]:
    """Requests that a program refuses, as situations and as they came; of every second program all may change."""
    program = generate_program(seed)
    may_change = ("*",) if seed % 2 else ()
    random = Random(seed)
    found = 0
    for _ in range(60):
        request = generate_request(random)
        decision = reference.decide(program, request, clock=lambda: programs.NOW, keys=KEYS.get)
        now = instant_of(request, lambda: programs.NOW)
        if seed % 2 and isinstance(request.get("key"), str):
            continue  # what a key's id stands for is not in the request, so it cannot be changed there
        if decision.allowed or decision.code in ("unknown_action", "invalid_now") or now is None:
            continue
        attributes = Attributes(program.schema, request, KEYS.get)
        values = {path: attributes.read(path) for path in program.schema.attributes}
        yield Situation(program, request["action"], {**values, NOW: now}, may_change), request
        found += 1
        if found == REQUESTS:
            return


@cache
def _answers(seed: int) -> list[tuple[Situation, dict[str, Any], Nearest]]:
    return [(situation, request, nearest(situation, SECONDS)) for situation, request in _refused(seed)]


def _allowed(situation: Situation, request: dict[str, Any]) -> bool:
    decision = reference.decide(situation.program, request, clock=lambda: programs.NOW, keys=KEYS.get)
    return decision.allowed


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_every_nearest_change_is_allowed(seed: int) -> None:
    """The request as it came, with a change applied, is allowed; no change is a part of another."""
    for situation, request, found in _answers(seed):
        assert found.changes or found.never, (found, request)
        assert len(found.changes) <= 3
        for change in found.changes:
            assert _allowed(situation, change.apply(request)), (change, request)
            assert all(each.path in situation.sorts for each in change.changes)
        sets = [frozenset(each.path for each in change.changes) for change in found.changes]
        assert not any(first <= second for first in sets for second in sets if first is not second)


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_no_part_of_a_change_would_do(seed: int) -> None:
    """The solver finds no request that is allowed and changes only some of the attributes."""
    for situation, _, found in _answers(seed):
        for change in found.changes:
            paths = [each.path for each in change.changes]
            for part in combinations(paths, len(paths) - 1):
                assert not _possible(situation, frozenset(part)), (change, part)


def _possible(situation: Situation, free: frozenset[str]) -> bool:
    """Whether the solver finds an allowed request that differs in these attributes alone."""
    question = situation.question({}, free)
    if NOW in free:
        question.tell(question.variables.now >= situation.now)
    wanted = question.decisions(situation.action).passes

    def accept(request: dict[str, Any]) -> bool | None:
        changes = {path: _read(situation, request, path) for path in free}
        return situation.allowed(changes) or None

    return question.find(situation.action, both(wanted), accept) is not None


def _read(situation: Situation, request: dict[str, Any], path: str) -> Any:
    if path == NOW:
        return read_time(request[NOW])
    context, _, name = path.partition(".")
    return situation.read(path, request.get(context, {}).get(name))


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_what_is_said_of_a_region_holds_up_to_its_bounds(seed: int) -> None:
    """A value at a bound would do and the next one would not; of a list each would, and of what is left out none."""
    for situation, request, found in _answers(seed):
        for change in found.changes:
            for each in change.changes:
                for value, does in _samples(situation, each):
                    changed = _with(change, each, value).apply(request)
                    assert _allowed(situation, changed) is does, (each, value, does, request)


def _with(change: NearestChange, one: AttributeChange, value: Any) -> NearestChange:
    """The change with another value at one place, and with it, where that is `now`, what moves along."""
    others = tuple(each for each in change.changes if each is not one)
    carried = change.carried
    if one.path == NOW:
        by = value - (read_time(one.value) or 0)
        carried = {path: (read_time(text) or 0) + by for path, text in carried.items()}
    return NearestChange(changes=(*others, AttributeChange(path=one.path, value=value, text="")), carried=carried)


def _samples(situation: Situation, change: AttributeChange) -> Iterator[tuple[Any, bool]]:
    """Values, and whether they should do."""
    match change.region:
        case Between(low=low, high=high):
            unit = UNIT if isinstance(situation.types[change.path], types.Number) else 1
            for bound, beyond in ((low, -unit), (high, unit)):
                if bound is not None:
                    yield bound, True
                    yield bound + beyond, False
        case Among(values=values, outside=outside):
            for value in values:
                for text in _ends(str(value)) if isinstance(situation.types[change.path], types.Address) else [value]:
                    yield text, not outside
        case AtLeast(count=count, members=members):
            yield list(members[:count]), True
            yield list(members[-count:]), True
            yield list(members[: count - 1]), False
        case None:
            yield change.value, True


def _ends(network: str) -> list[str]:
    """The first and the last address of a network."""
    found = parse_network(network)
    assert found is not None
    return [format_address(found.first), format_address(found.last)]


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_never_is_never(seed: int) -> None:
    """Where it is said that nothing helps, none of many random changes does."""
    for situation, request, found in _answers(seed):
        if not found.never:
            continue
        random = Random(seed)
        paths = sorted(path for path in situation.sorts if path != NOW)
        for _ in range(TRIED):
            changed = {key: dict(each) if hasattr(each, "keys") else each for key, each in request.items()}
            changed["now"] = min(max(situation.now, moment(random)), TIME_MAX)
            for path in random.sample(paths, random.randrange(len(paths) + 1)):
                context, _, name = path.partition(".")
                if not isinstance(changed.get(context), dict):
                    changed[context] = {}
                changed[context][name] = plausible(situation.types[path], random)
            assert not _allowed(situation, changed), (changed, found)


def test_both_answers_are_seen() -> None:
    """The generated requests have nearest changes of several sizes, every kind of region, and some have none."""
    found = [answer for seed in range(PROGRAMS) for _, _, answer in _answers(seed)]
    sizes = {len(change.changes) for answer in found for change in answer.changes}
    regions = {type(each.region) for answer in found for change in answer.changes for each in change.changes}
    assert {1, 2} <= sizes
    assert {Between, Among, AtLeast, type(None)} == regions
    assert any(answer.never for answer in found)
    assert TIME_MIN < programs.NOW
