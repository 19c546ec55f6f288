"""Following the source: changes are noticed, with and without help, and a watcher that is in trouble says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from durwan import Engine
from durwan.runtime.sources import Directory
from durwan.runtime.status import Status
from durwan.runtime.watching import Watcher
from tests.repositories import FILE, Repository

PING = {"action": "ping", "client": {"ip": "203.0.113.9"}}
NEAR = "actions { ping }\nallow ping on ping when client.ip in { 203.0.113.0/24 }\n"
FAR = NEAR.replace("203.0.113.0", "198.51.100.0")
NEVER = 3_600.0
SOON = 0.05


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(name="folder")
def folder_fixture(tmp_path: Path) -> Path:
    """A set that allows the ping."""
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.policy").write_text(NEAR)
    return folder


@pytest.fixture(name="no_notifier")
def no_notifier_fixture(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed."""
    monkeypatch.setitem(sys.modules, "watchfiles", None)


def test_a_change_is_noticed_at_once(folder: Path) -> None:
    """Far sooner than the next poll: a file that is written, one that replaces it, and a new one in a new folder."""
    pytest.importorskip("watchfiles")
    with Engine.load(folder, watch=True, poll_seconds=NEVER) as engine:
        time.sleep(1.3)  # the first look, which would find anything, is over
        assert engine.status().watching
        (folder / "a.policy").write_text(FAR)
        assert eventually(lambda: not engine.decide(PING).allowed)
        (folder / "next").write_text(NEAR)
        (folder / "next").replace(folder / "a.policy")
        assert eventually(lambda: engine.decide(PING).allowed)
        (folder / "more").mkdir()
        time.sleep(1.5)  # the folder is noticed, looked at, and from now on watched
        (folder / "more" / "b.policy").write_text("deny closed on ping\n")
        assert eventually(lambda: engine.decide(PING).rule == "closed")
        assert engine.status().watch_error is None


@pytest.mark.usefixtures("no_notifier")
def test_a_change_is_found_without_being_told(folder: Path) -> None:
    """By its content, even if the time of the file says otherwise; the status names what would help."""
    stat = (folder / "a.policy").stat()
    with Engine.load(folder, watch=True, poll_seconds=SOON) as engine:
        (folder / "a.policy").write_text(NEAR.replace("203.0.113.0", "192.0.200.0"))
        os.utime(folder / "a.policy", ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert eventually(lambda: not engine.decide(PING).allowed)
        assert engine.status().watching
        assert "pip install 'durwan[watch]'" in str(engine.status().watch_error)


def test_a_directory_that_is_exchanged_below_is_found(folder: Path, tmp_path: Path) -> None:
    """A link that leads elsewhere tells nothing to whoever watches the directory behind it."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.policy").write_text(FAR)
    link = tmp_path / "current"
    link.symlink_to(folder)
    with Engine.load(link, watch=True, poll_seconds=SOON) as engine:
        assert engine.decide(PING).allowed
        (tmp_path / "next").symlink_to(tmp_path / "other")
        (tmp_path / "next").replace(link)
        assert eventually(lambda: not engine.decide(PING).allowed)


def test_what_changed_before_the_watcher_was_there_is_found(folder: Path) -> None:
    """Between the first reading and the first look nobody was told."""
    engine = Engine.load(folder)
    (folder / "a.policy").write_text(FAR)
    engine.watch()
    assert eventually(lambda: not engine.decide(PING).allowed)
    engine.close()


def test_a_broken_change_is_tried_once_and_told(folder: Path) -> None:
    """The policy stays; the content that failed is not compiled again and again; what repairs it is."""
    with Engine.load(folder, watch=True, poll_seconds=SOON) as engine:
        (folder / "a.policy").write_text("actions { ping }\nallow ping on pong\n")
        assert eventually(lambda: engine.status().failures > 0)
        failures = engine.status().failures
        time.sleep(0.5)
        assert engine.status().failures == failures
        assert engine.decide(PING).allowed
        (folder / "a.policy").write_text(FAR)
        assert eventually(lambda: not engine.decide(PING).allowed)
        assert engine.status().last_error is None


def test_a_change_that_is_taken_back_is_forgotten(folder: Path) -> None:
    """What decides is again what the source holds: there is nothing to complain about."""
    with Engine.load(folder, watch=True, poll_seconds=SOON) as engine:
        (folder / "a.policy").write_text("nonsense")
        assert eventually(lambda: engine.status().last_error is not None)
        (folder / "a.policy").write_text(NEAR)
        assert eventually(lambda: engine.status().last_error is None)
        assert engine.status().reloads == 1


def test_a_source_that_disappears_is_told_once_and_found_again(folder: Path) -> None:
    """Being out of reach is no reason to stop looking."""
    with Engine.load(folder, watch=True, poll_seconds=SOON) as engine:
        shutil.rmtree(folder)
        assert eventually(lambda: "cannot be read" in str(engine.status().last_error))
        time.sleep(0.3)
        assert engine.status().failures <= 3
        assert engine.status().watching
        folder.mkdir()
        (folder / "a.policy").write_text(FAR)
        assert eventually(lambda: not engine.decide(PING).allowed)


def test_a_branch_is_followed(tmp_path: Path) -> None:
    """A commit on it is noticed, and one elsewhere changes nothing."""
    repository = Repository(tmp_path / "repository")

    def commit(text: str, *parents: str) -> str:
        return repository.commit(repository.tree((FILE, repository.blob(text.encode()), "a.policy")), *parents)

    first = commit(NEAR)
    with Engine.load(repository.path, ref="main", watch=True, poll_seconds=0.5) as engine:
        second = commit(FAR, first)
        assert eventually(lambda: engine.status().commit == second)
        repository.git("update-ref", "refs/heads/main", first)
        assert eventually(lambda: "rollback" in str(engine.status().last_error))
        assert not engine.decide(PING).allowed


def test_a_gateway_that_starts_while_its_source_is_broken_recovers(folder: Path) -> None:
    """It denies until the watcher has found a policy."""
    (folder / "a.policy").write_text("nonsense")
    with Engine.load(folder, watch=True, poll_seconds=SOON, on_broken="deny") as engine:
        assert engine.decide(PING).code == "not_ready"
        (folder / "a.policy").write_text(NEAR)
        assert eventually(lambda: engine.decide(PING).allowed)


def test_close_ends_the_thread_and_keeps_the_policy(folder: Path) -> None:
    """What changes then is not followed; it may be watched again."""
    engine = Engine.load(folder, watch=True, poll_seconds=SOON)
    engine.close()
    assert not engine.status().watching
    assert "durwan-watch" not in {thread.name for thread in threading.enumerate()}
    (folder / "a.policy").write_text(FAR)
    time.sleep(0.3)
    assert engine.decide(PING).allowed
    engine.watch(poll_seconds=SOON)
    assert eventually(lambda: not engine.decide(PING).allowed)
    engine.close()


def test_whoever_is_told_of_a_reload_may_close_the_engine(folder: Path) -> None:
    """In the very thread that follows the source, which then ends."""
    engines: list[Engine] = []

    def close(status: Status) -> None:
        if status.reloads == 2:
            engines[0].close()

    engines.append(Engine.load(folder, watch=True, poll_seconds=SOON, on_reload=close))
    (folder / "a.policy").write_text(FAR)
    assert eventually(lambda: "durwan-watch" not in {thread.name for thread in threading.enumerate()})
    assert engines[0].status().last_error is None
    assert not engines[0].decide(PING).allowed


def test_a_watcher_that_dies_is_seen() -> None:
    """Its status says that it is gone, and why."""

    class Cursed(Directory):
        def tick(self, *, look: bool) -> None:
            raise RuntimeError(f"cursed {look}")

    cursed = Cursed(".")
    watcher = Watcher(cursed, poll_seconds=SOON, tick_seconds=SOON)
    watcher.start()
    assert eventually(lambda: not watcher.alive)
    assert watcher.error == "the watcher ended: RuntimeError('cursed True')"
    watcher.stop()


def test_a_process_that_ends_while_it_watches_ends_well(folder: Path) -> None:
    """Neither a crash nor a thread that keeps it."""
    script = (
        "import sys, time; from durwan import Engine\n"
        "engines = [Engine.load(sys.argv[1], watch=True) for _ in range(3)]\ntime.sleep(0.3)\n"
    )
    command = [sys.executable, "-X", "dev", "-c", script, str(folder)]
    done = subprocess.run(command, capture_output=True, timeout=30, check=True)
    assert done.stderr == b""
