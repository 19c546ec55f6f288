"""The view of revocations: known at once here, soon everywhere, and nothing is said that is too old."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from durwan.state.errors import StateUnavailableError
from durwan.state.memory import MemoryState
from durwan.state.revocations import RevocationView
from durwan.state.sqlite import SqliteState
from durwan.state.store import Revocation, RevocationNews, StateStore
from tests.state.conftest import NOW


class Doubtful(MemoryState):
    """A store in memory that can be out of reach, and can be emptied."""

    gone = False

    def revoked_since(self, known: RevocationNews | None, *, now: int) -> RevocationNews:
        if self.gone:
            raise StateUnavailableError("the store", "it is gone")
        return super().revoked_since(known, now=now)

    def revoke(self, revocation: Revocation, *, now: int) -> None:
        if self.gone:
            raise StateUnavailableError("the store", "it is gone")
        super().revoke(revocation, now=now)


def revocation(name: str, until: int = NOW + 60_000) -> Revocation:
    return Revocation(kind="key", id=name, until=until)


def eventually(true: Callable[[], bool], seconds: float = 1.0) -> None:
    """Waits for something that has to come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_what_is_revoked_is_known_at_once_and_elsewhere_soon(make_store: Callable[[], StateStore]) -> None:
    """The view that revokes knows before it returns; another one of the same store within a second."""
    store = make_store()
    told: list[Revocation] = []
    here = RevocationView(store, clock=lambda: NOW).start()
    there = RevocationView(store, clock=lambda: NOW, told=told.extend).start()
    assert not here.is_revoked("key", "a")
    here.revoke(revocation("a"))
    assert here.is_revoked("key", "a")
    eventually(lambda: there.is_revoked("key", "a"))
    assert told == [revocation("a")]
    assert not there.is_revoked("token", "a")
    assert RevocationView(store, clock=lambda: NOW).start().is_revoked("key", "a")
    here.close()
    there.close()


def test_a_view_that_never_looked_says_nothing() -> None:
    """Before the first look nobody can say that something was not revoked."""
    view = RevocationView(MemoryState(), clock=lambda: NOW)
    with pytest.raises(StateUnavailableError, match="not been heard of"):
        view.is_revoked("key", "a")
    view.close()


def test_a_view_that_is_too_old_says_nothing() -> None:
    """What cannot look denies once it is stale, still knows what it knew, and recovers by itself."""
    store = Doubtful()
    view = RevocationView(store, clock=lambda: NOW, look=0.05, stale=0.2).start()
    view.revoke(revocation("known"))
    store.gone = True
    began = time.monotonic()
    assert not view.is_revoked("key", "a")
    with pytest.raises(StateUnavailableError):  # noqa: PT012 - until it does
        while True:
            view.is_revoked("key", "a")
            assert time.monotonic() < began + 1
    assert time.monotonic() - began < 0.3
    assert view.is_revoked("key", "known")
    with pytest.raises(StateUnavailableError):
        view.revoke(revocation("b"))
    assert view.is_revoked("key", "b")
    store.gone = False
    eventually(lambda: view.fresh_until > time.monotonic())
    assert not view.is_revoked("key", "a")
    view.close()


def test_a_store_that_forgot_is_reminded() -> None:
    """What a view knows is told again to a store that was emptied, and reaches views that begin later."""
    store = Doubtful()
    view = RevocationView(store, clock=lambda: NOW).start()
    view.revoke(revocation("a"))
    view.look()
    store.start_anew()
    assert store.revoked_since(None, now=NOW).revocations == ()
    view.look()
    assert store.revoked_since(None, now=NOW).revocations == (revocation("a"),)
    assert view.is_revoked("key", "a")
    view.close()


def test_a_view_has_to_look_before_it_is_stale() -> None:
    """A view that would be stale between two looks is a mistake."""
    with pytest.raises(ValueError, match="more often"):
        RevocationView(MemoryState(), clock=lambda: NOW, look=1.0, stale=1.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_process_looks_for_itself(tmp_path: object) -> None:
    """After a fork the child denies until it has looked, and then hears what its parent revokes."""
    store = SqliteState(f"{tmp_path}/state.db", deadline=2)
    view = RevocationView(store, clock=lambda: NOW).start()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        stale = view.fresh_until < time.monotonic()
        view.start()
        fresh = not view.is_revoked("key", "a")
        os.write(writing, b"x")
        end = time.monotonic() + 3
        while not view.is_revoked("key", "a") and time.monotonic() < end:
            time.sleep(0.01)
        os._exit(0 if stale and fresh and view.is_revoked("key", "a") else 1)
    os.read(reading, 1)
    view.revoke(revocation("a"))
    assert os.waitpid(child, 0)[1] == 0
    os.close(reading)
    os.close(writing)
    view.close()
    store.close()
