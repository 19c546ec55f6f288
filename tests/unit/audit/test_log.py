"""Audit logs, in files and in SQLite alike."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from durwan.audit.checkpoint_files import BESIDE, read_checkpoints
from durwan.audit.log import AuditLog
from durwan.audit.masking import Masking
from durwan.audit.reading import records_of
from durwan.audit.recorder import AuditDamagedError, AuditSetupError, AuditUnavailableError, Recorder
from durwan.audit.segments import segments_of
from durwan.audit.settings import Alarm, Kind, LogSettings
from tests.audit_logs import KINDS, names_in, public_key, record, signing_key, verified, write_log

pytestmark = pytest.mark.parametrize("kind", KINDS)


def segment_lines(stream: Path, kind: str = "segment") -> list[dict[str, Any]]:
    """What lines of a kind record, in their order."""
    return [each.record for each in records_of(stream) if each is not None and each.kind == kind]


class Disk:
    """Fails what the writing thread does, while it is broken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.problem: Exception | None = None
        self.held = threading.Event()
        self.held.set()
        self.waits = False
        for name in ("write", "fsync"):
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))
        self._connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", self._connecting)

    def _wrapped(self, call: Any) -> Any:
        def wrapped(*arguments: Any) -> Any:
            self._pass()
            return call(*arguments)

        return wrapped

    def _connecting(self, *arguments: Any, **named: Any) -> sqlite3.Connection:
        disk = self

        class Connection(sqlite3.Connection):
            def executemany(self, *rows: Any) -> sqlite3.Cursor:
                disk._pass()
                return super().executemany(*rows)

        return self._connect(*arguments, factory=Connection, **named)

    def _pass(self) -> None:
        if threading.current_thread().name == "durwan-audit":
            self.waits = not self.held.is_set()
            self.held.wait()
            if self.problem is not None:
                raise self.problem


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def full() -> OSError:
    return OSError(28, "No space left on device")


def until(condition: Any) -> None:
    """Waits for something that another thread does."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


# ----------------------------------------------------------------------------------------------------------- recording


def test_what_is_acknowledged_is_on_disk(tmp_path: Path, kind: Kind) -> None:
    """When `wait` returns, another process can read the record."""
    log: Recorder = AuditLog(tmp_path, LogSettings(kind=kind))
    assert log.strict
    for name in range(5):
        log.append(record(name)).wait()
        assert names_in(tmp_path)[-1] == str(name)
    log.close()  # type: ignore[attr-defined]


def test_many_threads_and_an_event_loop_record_at_once(tmp_path: Path, kind: Kind) -> None:
    """Every record is there once, whole, and all of them in one chain."""
    log = AuditLog(tmp_path, LogSettings(kind=kind, segment_bytes=50_000, checkpoint_records=50))

    def decide(thread: int) -> None:
        for number in range(50):
            log.append(record(f"{thread}-{number}")).wait()

    async def decide_all() -> None:
        receipts = [log.append(record(f"loop-{number}")) for number in range(50)]
        await asyncio.gather(*(each.wait_async() for each in receipts))

    threads = [threading.Thread(target=decide, args=(each,)) for each in range(4)]
    for each in threads:
        each.start()
    asyncio.run(decide_all())
    for each in threads:
        each.join()
    assert log.status().written == 250
    log.close()
    assert len(set(names_in(tmp_path))) == len(names_in(tmp_path)) == 250
    found = verified(tmp_path / "stream-1")
    assert (found.finding, found.decisions) == (None, 250)


def test_a_log_goes_on_where_it_ended(tmp_path: Path, kind: Kind) -> None:
    """Under the same name, in one chain, with a segment for each time it was opened."""
    for life in range(3):
        write_log(tmp_path, [record(f"{life}-{each}") for each in range(3)], kind=kind)
    assert names_in(tmp_path) == [f"{life}-{each}" for life in range(3) for each in range(3)]
    found = segment_lines(tmp_path / "stream-1")
    assert [each["why"] for each in found] == ["new", "opened", "opened"]
    assert len({each["origin"] for each in found}) == 1
    assert verified(tmp_path / "stream-1").finding is None


def test_a_log_is_readable_by_its_owner_alone(tmp_path: Path, kind: Kind) -> None:
    """Whatever the process's umask is."""
    before = os.umask(0)
    try:
        stream = write_log(tmp_path / "log", [record(1)], kind=kind)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in stream.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(stream.stat().st_mode) == 0o700


def test_what_waits_is_written_when_python_ends(tmp_path: Path, kind: Kind) -> None:
    """A relaxed log that nobody closed loses nothing."""
    script = f"""
from pathlib import Path
from durwan.audit.log import AuditLog
from durwan.audit.settings import LogSettings
from tests.audit_logs import record
log = AuditLog({str(tmp_path)!r}, LogSettings(kind={kind!r}, strict=False))
for name in range(500):
    log.append(record(name))
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert len(names_in(tmp_path)) == 500


def test_segments_are_begun_by_size_and_by_time(tmp_path: Path, kind: Kind) -> None:
    """Each with all that is needed to read it alone; opening a log reads the last one."""
    settings = LogSettings(kind=kind, segment_bytes=3_000)
    log = AuditLog(tmp_path, settings)
    for name in range(12):
        log.append(record(name)).wait()
    log.close()
    stream = tmp_path / "stream-1"
    found = segment_lines(stream)
    assert [each["why"] for each in found] == ["new", *["full"] * (len(found) - 1)]
    assert len(found) > 2
    if kind == "files":
        names = [path.name for path in segments_of(stream)]
        assert names == sorted(names)
        assert len(names) == len(found)
    log = AuditLog(tmp_path, LogSettings(kind=kind, segment_seconds=0.03))
    log.append(record("late")).wait()
    time.sleep(0.04)
    log.append(record("later")).wait()
    log.close()
    assert [each["why"] for each in segment_lines(stream)][-1] == "full"
    assert verified(stream).finding is None


# --------------------------------------------------------------------------------------------------------- checkpoints


def test_checkpoints_are_written_by_number_by_time_and_at_the_end(tmp_path: Path, kind: Kind) -> None:
    """Into the log, beside it, and elsewhere; each signed, and of what is on disk."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    settings = LogSettings(
        kind=kind, checkpoint_records=3, checkpoint_seconds=0.05, signing_key=signing_key(), checkpoints=elsewhere,
        origin="example.com/desk",
    )  # fmt: skip
    log = AuditLog(tmp_path / "log", settings)
    stream = tmp_path / "log" / "stream-1"
    for name in range(7):
        log.append(record(name)).wait()
    until(lambda: read_checkpoints(stream / BESIDE)[-1].size == log.status().lines - 1)
    log.append(record("last")).wait()
    log.close()
    beside = read_checkpoints(stream / BESIDE)
    (copy,) = elsewhere.iterdir()
    assert read_checkpoints(copy) == beside
    assert [each["note"] for each in segment_lines(stream, "checkpoint")] == [each.note for each in beside]
    assert all(each.is_signed_by(public_key()) for each in beside)
    assert beside[0].origin.startswith("example.com/desk/")
    assert beside[-1].size == len(list(records_of(stream))) - 1
    found = verified(stream, checkpoints=read_checkpoints(copy), keys=[public_key()])
    assert (found.finding, found.vouched) == (None, beside[-1].size)


def test_a_checkpoint_that_cannot_be_exported_is_an_alarm(tmp_path: Path, kind: Kind) -> None:
    """Decisions are recorded all the same."""
    alarms: list[Alarm] = []
    write_log(tmp_path / "log", [record(1)], kind=kind, checkpoints=tmp_path / "nowhere", on_alarm=alarms.append)
    assert [each.kind for each in alarms] == ["checkpoint"]
    assert names_in(tmp_path / "log") == ["1"]


def test_a_log_never_vouches_for_something_else(tmp_path: Path, kind: Kind) -> None:
    """Lines that a checkpoint vouches for and that are gone, or another log in its place: it is not opened."""
    stream = write_log(tmp_path / "a", [record(each) for each in range(5)], kind=kind)
    other = write_log(tmp_path / "b", [record(each) for each in range(9)], kind=kind)
    (stream / BESIDE).rename(tmp_path / "kept")
    (other / BESIDE).replace(stream / BESIDE)
    with pytest.raises(AuditDamagedError, match="is not the one that its checkpoint of"):
        AuditLog(tmp_path / "a", LogSettings(kind=kind))
    (tmp_path / "kept").replace(stream / BESIDE)
    if kind == "files":
        (segment,) = segments_of(stream)
        segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:3]))
    else:
        with sqlite3.connect(stream / "log.sqlite") as connection:
            connection.execute("DELETE FROM line WHERE seq > 2")
    with pytest.raises(AuditDamagedError, match="is not the one that its checkpoint of 6 lines"):
        AuditLog(tmp_path / "a", LogSettings(kind=kind))


# -------------------------------------------------------------------------------------------------------------- faults


def test_a_strict_log_refuses_what_it_cannot_write(tmp_path: Path, kind: Kind, disk: Disk) -> None:
    """At once while it is known to be broken; and goes on by itself, saying in the log what is missing."""
    alarms: list[Alarm] = []
    log = AuditLog(tmp_path, LogSettings(kind=kind, retry_seconds=0.2, on_alarm=alarms.append))
    log.append(record("before")).wait()
    disk.problem = full()
    receipt = log.append(record("lost-1"))
    with pytest.raises(AuditUnavailableError, match="could not be recorded: No space left on device"):
        receipt.wait()
    with pytest.raises(AuditUnavailableError, match="No space left"):
        log.append(record("lost-2"))
    status = log.status()
    assert (status.available, status.problem, status.lost) == (False, "No space left on device", 2)
    disk.problem = None
    until(lambda: log.status().available)
    log.append(record("after")).wait()
    log.close()
    assert names_in(tmp_path) == ["before", "after"]
    failed = segment_lines(tmp_path / "stream-1")[1]
    assert (failed["why"], failed["lost"], failed["problem"]) == ("failed", 2, "No space left on device")
    assert [each.kind for each in alarms] == ["unavailable", "recovered"]
    found = verified(tmp_path / "stream-1")
    assert (found.finding, found.lost) == (None, 2)


def test_a_relaxed_log_keeps_what_it_can_and_counts_the_rest(tmp_path: Path, kind: Kind, disk: Disk) -> None:
    """Nobody waits; what there is no room for is lost, told, and counted in the log."""
    alarms: list[Alarm] = []
    settings = LogSettings(kind=kind, strict=False, most_waiting=5, retry_seconds=0.05, on_alarm=alarms.append)
    log = AuditLog(tmp_path, settings)
    disk.problem = full()
    log.append(record(0)).wait()
    until(lambda: not log.status().available)
    for name in range(1, 20):
        asyncio.run(log.append(record(name)).wait_async())
    lost = log.status().lost
    assert lost == 20 - 5
    disk.problem = None
    until(lambda: log.status().available and not log.status().waiting)
    log.close()
    assert names_in(tmp_path) == [str(name) for name in range(5)]
    assert verified(tmp_path / "stream-1").lost == lost
    assert [each.kind for each in alarms] == ["unavailable", "recovered"]


def test_records_that_come_too_fast_are_refused(tmp_path: Path, kind: Kind, disk: Disk) -> None:
    """By a strict log; a log that has room again says how many it were."""
    alarms: list[Alarm] = []
    log = AuditLog(tmp_path, LogSettings(kind=kind, most_waiting=4, on_alarm=alarms.append))
    disk.held.clear()
    first = log.append(record("first"))
    until(lambda: disk.waits)
    receipts = [log.append(record(name)) for name in range(3)]
    with pytest.raises(AuditUnavailableError, match="4 records wait for the disk"):
        log.append(record("too many"))
    disk.held.set()
    for each in (first, *receipts):
        each.wait()
    until(lambda: alarms)
    log.close()
    assert names_in(tmp_path) == ["first", "0", "1", "2"]
    assert verified(tmp_path / "stream-1").lost == 1
    assert [each.kind for each in alarms] == ["lost"]


def test_nobody_waits_for_ever(tmp_path: Path, kind: Kind, disk: Disk) -> None:
    """A disk that hangs is an error after the deadline, for threads and for event loops."""
    log = AuditLog(tmp_path, LogSettings(kind=kind, deadline=0.05))
    disk.held.clear()
    receipt = log.append(record("slow"))
    with pytest.raises(AuditUnavailableError, match=r"was not on disk within 0\.05 s"):
        receipt.wait()
    with pytest.raises(AuditUnavailableError, match=r"was not on disk within 0\.05 s"):
        asyncio.run(receipt.wait_async())
    disk.held.set()
    log.close()
    assert names_in(tmp_path) == ["slow"]


def test_closing_does_not_wait_for_ever(tmp_path: Path, kind: Kind, disk: Disk) -> None:
    """A disk that hangs keeps nobody from ending."""
    log = AuditLog(tmp_path, LogSettings(kind=kind, deadline=0.05))
    disk.held.clear()
    log.append(record("slow"))
    with pytest.raises(AuditUnavailableError, match="still being written"):
        log.close()
    disk.held.set()
    until(lambda: names_in(tmp_path) == ["slow"])
    until(lambda: not any(each.name == "durwan-audit" for each in threading.enumerate()))


def test_a_task_that_is_cancelled_leaves_its_record(tmp_path: Path, kind: Kind, disk: Disk) -> None:
    """And disturbs nobody else who waits for the same batch."""
    log = AuditLog(tmp_path, LogSettings(kind=kind))
    disk.held.clear()

    async def decide() -> None:
        gone = asyncio.create_task(log.append(record("gone")).wait_async())
        stays = asyncio.create_task(log.append(record("stays")).wait_async())
        await asyncio.sleep(0.01)
        gone.cancel()
        disk.held.set()
        await stays
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(decide())
    log.close()
    assert names_in(tmp_path) == ["gone", "stays"]


def test_a_log_that_was_closed_takes_nothing(tmp_path: Path, kind: Kind) -> None:
    """And closing it again is nothing."""
    log = AuditLog(tmp_path, LogSettings(kind=kind))
    log.close()
    log.close()
    with pytest.raises(AuditUnavailableError, match="the log was closed"):
        log.append(record("late"))
    assert not log.status().available


def test_a_log_that_is_closed_while_it_cannot_be_written_says_so(tmp_path: Path, kind: Kind, disk: Disk) -> None:
    """What is lost then is an error of closing."""
    log = AuditLog(tmp_path, LogSettings(kind=kind, strict=False, retry_seconds=30))
    disk.problem = full()
    log.append(record("lost"))
    until(lambda: not log.status().available)
    with pytest.raises(AuditUnavailableError, match="closed with 1 records lost: No space left on device"):
        log.close()


# ----------------------------------------------------------------------------------------------------------- processes


def test_two_processes_write_streams_of_their_own(tmp_path: Path, kind: Kind) -> None:
    """The second one takes the next stream; whoever comes after the first has ended takes its stream again."""
    one, two = (AuditLog(tmp_path, LogSettings(kind=kind)) for _ in range(2))
    assert [Path(each.status().stream).name for each in (one, two)] == ["stream-1", "stream-2"]
    two.append(record("two")).wait()
    one.append(record("one")).wait()
    one.close()
    three = AuditLog(tmp_path, LogSettings(kind=kind))
    assert Path(three.status().stream).name == "stream-1"
    three.append(record("three")).wait()
    three.close()
    two.close()
    assert names_in(tmp_path) == ["one", "three", "two"]
    assert {verified(tmp_path / f"stream-{each}").finding for each in (1, 2)} == {None}


def _in_child(log: AuditLog, receipt: Any) -> None:
    try:
        receipt.wait()
        os._exit(3)
    except AuditUnavailableError:
        log.append(record("child")).wait()
        assert log.status().stream.endswith("stream-2")
        log.close()
        os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_process_begins_a_stream(tmp_path: Path, kind: Kind, disk: Disk) -> None:
    """What the parent had not written yet stays the parent's, in both processes."""
    log = AuditLog(tmp_path, LogSettings(kind=kind))
    log.append(record("before")).wait()
    disk.held.clear()
    receipt = log.append(record("parent"))
    child = multiprocessing.get_context("fork").Process(target=_forked, args=(log, receipt, disk))
    child.start()
    disk.held.set()
    child.join(20)
    assert child.exitcode == 0
    receipt.wait()
    log.append(record("after")).wait()
    log.close()
    assert names_in(tmp_path) == ["before", "parent", "after", "child"]
    assert {verified(tmp_path / f"stream-{each}").finding for each in (1, 2)} == {None}


def _forked(log: AuditLog, receipt: Any, disk: Disk) -> None:
    disk.held = threading.Event()
    disk.held.set()
    _in_child(log, receipt)


def test_a_log_is_kept_in_one_way(tmp_path: Path, kind: Kind) -> None:
    """A directory of files is no directory for SQLite, nor the other way round."""
    write_log(tmp_path, [record(1)], kind=kind)
    with pytest.raises(AuditSetupError, match="name another directory"):
        AuditLog(tmp_path, LogSettings(kind="sqlite" if kind == "files" else "files"))


def test_a_log_that_cannot_be_opened_is_no_log(tmp_path: Path, kind: Kind) -> None:
    """It says so at the start."""
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditUnavailableError, match="cannot be opened"):
        AuditLog(tmp_path / "file" / "log", LogSettings(kind=kind))


def test_what_was_set_up_is_in_the_log(tmp_path: Path, kind: Kind) -> None:
    """What is masked, which key signs, and how often there are checkpoints: an auditor sees when that changes."""
    stream = write_log(tmp_path, [], kind=kind, masking=Masking(mask=["client.*"]), signing_key=signing_key())
    (found,) = segment_lines(stream)
    assert found["masked"] == [["client.*", "mask"]]
    assert found["key"] == public_key().hex()
    assert (found["checkpoint_records"], found["strict"]) == (10_000, True)


def test_an_alarm_that_raises_stops_nothing(tmp_path: Path, kind: Kind) -> None:
    """The log goes on, whatever becomes of those whom it tells."""

    def alarm(_alarm: Alarm) -> None:
        raise RuntimeError

    write_log(tmp_path / "log", [record(1)], kind=kind, checkpoints=tmp_path / "nowhere", on_alarm=alarm)
    assert names_in(tmp_path / "log") == ["1"]


@pytest.mark.parametrize("name", ["segment_bytes", "deadline", "most_waiting", "checkpoint_records"])
def test_settings_have_to_make_sense(kind: Kind, name: str) -> None:
    """Nothing is zero."""
    wrong: dict[str, Any] = {name: 0, "kind": kind}
    with pytest.raises(AuditSetupError, match=f"{name} of the audit log has to be more than 0"):
        LogSettings(**wrong)
