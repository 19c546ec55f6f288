"""What is called impossible with a key is allowed for no request with that key, on generated programs."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from durwan.credentials.keys import StaticKeys
from durwan.model.request import instant_of
from durwan.program.charges import settle
from durwan.workshop.exposure import exposures
from tests.generators.programs import ATTRIBUTES, NOW, generate_program
from tests.generators.requests import generate_request, plausible

PROGRAMS = 15
REQUESTS = 2_000


def _key(random: Random) -> dict[str, Any]:
    """A key that lacks a thing or two."""
    paths = [path for path in ATTRIBUTES if path.startswith("key.") and random.random() < 0.8]
    return {"id": "k", **{path.removeprefix("key."): plausible(ATTRIBUTES[path], random) for path in paths}}


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_the_impossible_never_happens(seed: int) -> None:
    """2,000 random requests of a thief are refused where that was proved; every request that is shown is allowed."""
    program, random = generate_program(seed), Random(seed)
    keys = StaticKeys({"k": _key(random)})
    [exposure] = exposures(program, list(keys.items()), near=NOW)
    assert not exposure.undecided

    def is_allowed(request: dict[str, Any]) -> bool:
        return settle(program, request, clock=lambda: NOW, keys=keys.get).allowed

    for reach in exposure.possible:
        assert reach.request is not None
        assert reach.request["key"] == "k"
        assert "session" not in reach.request
        assert is_allowed(reach.request)
    for _ in range(REQUESTS):
        request: dict[str, Any] = {**generate_request(random), "key": "k", "session": None}
        action = request["action"]
        if type(action) is str and action in exposure.actions and instant_of(request, lambda: NOW) is not None:
            assert exposure.actions[action].possible or not is_allowed(request), request


def test_some_things_are_possible_and_some_are_not() -> None:
    """The programs of this test have both."""
    seen = {
        reach.possible
        for seed in range(PROGRAMS)
        for reach in exposures(generate_program(seed), [("k", _key(Random(seed)))], near=NOW)[0].actions.values()
    }
    assert seen == {True, False}
