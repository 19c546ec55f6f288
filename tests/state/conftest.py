"""Every store, as an argument of the tests that all of them have to pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from durwan.state.memory import MemoryState
from durwan.state.sqlite import SqliteState
from durwan.state.store import StateStore
from tests.state.servers import ENGINES, Server, binary, missing, running

NOW = 1_772_442_000_000  # 2026-03-02T09:00:00Z
STORES = ("memory", "sqlite", *ENGINES)


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    """One server of each engine for all tests that do not harm it."""
    with ExitStack() as stack:
        yield {engine: stack.enter_context(running(engine)) for engine in ENGINES if binary(engine)}


@pytest.fixture(params=STORES)
def make_store(
    request: pytest.FixtureRequest, servers: dict[str, Server], tmp_path: Path
) -> Iterator[Callable[[], StateStore]]:
    """Makes an empty store of each kind, which began to remember an hour before `NOW`."""
    kind: str = request.param
    made: list[StateStore] = []
    if kind in ENGINES and kind not in servers:
        pytest.skip(missing(kind))

    def make() -> StateStore:
        store: StateStore
        if kind == "memory":
            store = MemoryState()
        elif kind == "sqlite":
            store = SqliteState(tmp_path / f"state{len(made)}.db", deadline=5)
        else:
            servers[kind].ask("FLUSHALL")
            servers[kind].ask("SCRIPT", "FLUSH")
            store = servers[kind].state(lambda: NOW - 3_600_000)
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store: Callable[[], StateStore]) -> StateStore:
    """An empty store of each kind."""
    return make_store()
