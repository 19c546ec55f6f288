"""A server for the tests of a module, and proxies that stand for all tests that do not harm them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.gateways.proxies import PROXIES, Stand, missing, program, standing
from tests.serving import Running, serving
from tests.venues import Venue


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Venue:
    """What a server is configured with, and who may ask it."""
    return Venue(tmp_path_factory.mktemp("venue"))


@pytest.fixture(scope="module")
def server(venue: Venue) -> Iterator[Running]:
    """A server of the venue."""
    with serving(venue.configuration, venue.folder / "log") as running:
        yield running


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
