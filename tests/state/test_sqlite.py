"""State in an SQLite file: what it has of its own."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from durwan.state import sqlite_file
from durwan.state.errors import StateSetupError, StateUnavailableError
from durwan.state.sqlite import SqliteState
from durwan.state.store import LimitCharge, Record, Revocation
from tests.state.conftest import NOW


def test_a_file_that_is_opened_again_knows_everything(tmp_path: Path) -> None:
    """What was done before a restart still holds."""
    limit = LimitCharge(limit="rate", per=("a",), count=1, period=1000)
    kept = Record(kind="session", id="a", owner="desk", value=b"x", expires=NOW + 1000)
    first = SqliteState(tmp_path / "state.db")
    assert first.durable
    first.accept_once("desk", "a", expires=NOW + 1000, now=NOW)
    first.accept_rising("desk", 7)
    first.charge([limit], now=NOW)
    first.put(kept, cap=1, now=NOW)
    first.revoke(Revocation(kind="key", id="a", until=NOW + 1000), now=NOW)
    first.close()
    second = SqliteState(tmp_path / "state.db")
    assert not second.accept_once("desk", "a", expires=NOW + 1000, now=NOW)
    assert not second.accept_rising("desk", 7)
    assert second.charge([limit], now=NOW)
    assert second.get("session", "a", now=NOW) == kept
    assert [each.id for each in second.revoked_since(None, now=NOW).revocations] == ["a"]
    second.close()


def test_a_file_holds_no_nonce_as_it_was_sent(tmp_path: Path) -> None:
    """Nonces and scopes stand in the file as digests; nobody but the owner may read it."""
    path = tmp_path / "state.db"
    store = SqliteState(path)
    store.accept_once("desk-canary", "nonce-canary", expires=NOW + 1000, now=NOW)
    store.close()
    assert b"canary" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(tmp_path) not in repr(store)


def test_every_step_is_on_disk_when_it_is_answered(tmp_path: Path) -> None:
    """The file is written through to the disk, and by a rollback journal where a shared log could be corrupted."""
    store = SqliteState(tmp_path / "state.db")
    with store._file.step() as connection:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - settings of it alone
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    store.close()
    assert mode == ("wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "delete")


def test_a_log_that_is_safe_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a version of SQLite in which it is sound, a write-ahead log is used, and everything works as before."""
    monkeypatch.setattr(sqlite_file, "_SAFE_LOG", (3, 0, 0))
    store = SqliteState(tmp_path / "state.db")
    assert store.accept_once("desk", "a", expires=NOW + 1000, now=NOW)
    assert not store.accept_once("desk", "a", expires=NOW + 1000, now=NOW)
    assert (tmp_path / "state.db-wal").exists()
    store.close()


def test_a_busy_file_refuses_in_time(tmp_path: Path) -> None:
    """While somebody else holds the file, everything is unavailable after the deadline; then it works again."""
    path = tmp_path / "state.db"
    store = SqliteState(path, deadline=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StateUnavailableError, match="BUSY"):
        store.accept_once("desk", "a", expires=NOW + 1000, now=NOW)
    with pytest.raises(StateUnavailableError, match="BUSY"):
        store.revoked_since(None, now=NOW)
    other.execute("ROLLBACK")
    assert store.accept_once("desk", "a", expires=NOW + 1000, now=NOW)
    other.close()
    store.close()


def test_a_thread_that_waits_too_long_is_refused(tmp_path: Path) -> None:
    """Within a process, too, nobody waits for longer than the deadline."""
    store = SqliteState(tmp_path / "state.db", deadline=0.05)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store._file.step():  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - to be in the way
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with pytest.raises(StateUnavailableError, match="wait"):
        store.get("session", "a", now=NOW)
    done.set()
    thread.join()
    store.close()


def test_a_full_file_refuses(tmp_path: Path) -> None:
    """A file that may not grow accepts nothing more, forgets nothing, and takes new ones once old ones expired."""
    store = SqliteState(tmp_path / "state.db", most_bytes=80 << 10)
    accepted = 0

    def fill() -> None:
        nonlocal accepted
        while store.accept_once("desk", f"{accepted:0100}", expires=NOW + 1000, now=NOW):
            accepted += 1

    with pytest.raises(StateUnavailableError, match="FULL"):
        fill()
    assert accepted > 100
    assert not any(store.accept_once("desk", f"{each:0100}", expires=NOW + 1000, now=NOW) for each in range(accepted))
    assert store.accept_once("desk", "new", expires=NOW + 3000, now=NOW + 2000)
    store.close()


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + bytes(4080)])
def test_a_damaged_file_is_not_used(tmp_path: Path, content: bytes) -> None:
    """What is no sound state file is refused when it is opened, and left as it is."""
    path = tmp_path / "state.db"
    path.write_bytes(content)
    with pytest.raises((StateSetupError, StateUnavailableError)):
        SqliteState(path)
    assert path.read_bytes() == content


def test_another_database_is_not_used(tmp_path: Path) -> None:
    """A database that is something else is refused."""
    other = sqlite3.connect(tmp_path / "state.db")
    other.execute("CREATE TABLE orders (id)")
    other.close()
    with pytest.raises(StateSetupError, match="another file"):
        SqliteState(tmp_path / "state.db")


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """A folder that is not there makes the store unavailable, with a text that says which file."""
    with pytest.raises(StateUnavailableError, match=r"state\.db"):
        SqliteState(tmp_path / "none" / "state.db")


def test_a_new_file_refuses_what_an_old_one_may_have_known(tmp_path: Path) -> None:
    """With the instant given, a nonce that may have been used before the file was made is refused."""
    store = SqliteState(tmp_path / "state.db", since=NOW)
    with pytest.raises(StateUnavailableError, match="older"):
        store.accept_once("desk", "a", issued=NOW + 999, expires=NOW + 1999, now=NOW + 999)
    assert store.accept_once("desk", "a", issued=NOW + 1000, expires=NOW + 2000, now=NOW + 1000)
    store.close()
    again = SqliteState(tmp_path / "state.db", since=NOW + 60_000)
    assert again.accept_once("desk", "b", issued=NOW + 1000, expires=NOW + 2000, now=NOW + 1000)
    again.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_process_opens_the_file_itself(tmp_path: Path) -> None:
    """Parent and child share what is in the file, and no connection."""
    store = SqliteState(tmp_path / "state.db")
    store.accept_once("desk", "parent", expires=NOW + 1000, now=NOW)
    child = os.fork()
    if child == 0:
        seen = not store.accept_once("desk", "parent", expires=NOW + 1000, now=NOW)
        new = store.accept_once("desk", "child", expires=NOW + 1000, now=NOW)
        os._exit(0 if seen and new else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert not store.accept_once("desk", "child", expires=NOW + 1000, now=NOW)
    store.close()
