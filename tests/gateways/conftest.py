"""Proxies that stand for all tests that do not harm them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.gateways.proxies import PROXIES, Stand, missing, program, standing


@pytest.fixture(scope="session")
def stands(tmp_path_factory: pytest.TempPathFactory) -> Generator[Callable[[str], Stand], None, None]:
    """A proxy of each name, started when it is asked for the first time."""
    with ExitStack() as stack:
        made: dict[str, Stand] = {}

        def stand(name: str) -> Stand:
            if program(name) is None:
                pytest.skip(missing(name))
            if name not in made:
                folder: Path = tmp_path_factory.mktemp(name)
                made[name] = stack.enter_context(standing(name, folder))
            return made[name]

        yield stand


@pytest.fixture(params=PROXIES)
def stand(request: pytest.FixtureRequest, stands: Callable[[str], Stand]) -> Stand:
    """Each proxy, with nothing left of what reached the application before."""
    found = stands(request.param)
    found.application.taken()
    return found
