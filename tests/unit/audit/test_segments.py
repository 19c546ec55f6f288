"""What opening a log in files does with what it finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from durwan.audit.checkpoint_files import BESIDE
from durwan.audit.ledger import Ledger
from durwan.audit.masking import Masking
from durwan.audit.plain import PlainForm
from durwan.audit.reading import records_of
from durwan.audit.recorder import AuditDamagedError
from durwan.audit.segments import segments_of
from durwan.audit.settings import Alarm, LogSettings
from tests.audit_logs import names_in, record, verified


def crashed(folder: Path, *batches: int) -> Path:
    """The stream of a log whose process was killed after batches of so many records."""
    ledger = Ledger(folder, LogSettings())
    form = PlainForm(Masking())
    for batch, count in enumerate(batches):
        ledger.write([form.of(record(f"{batch}-{each}")) for each in range(count)])
    ledger.give_up()
    return folder / "stream-1"


def opened(folder: Path) -> list[Alarm]:
    """Opens and closes the log; what it told."""
    alarms: list[Alarm] = []
    Ledger(folder, LogSettings(on_alarm=alarms.append)).close()
    return alarms


def test_an_end_that_is_not_whole_is_put_aside_and_told(tmp_path: Path) -> None:
    """As an alarm, as a file, and in the log itself, which is whole again."""
    stream = crashed(tmp_path, 2, 2)
    (segment,) = segments_of(stream)
    with segment.open("ab") as file:
        file.write(b'{"hash":"torn')
    (alarm,) = opened(tmp_path)
    (aside,) = stream.glob("*.cut-*")
    assert alarm.kind == "torn"
    assert alarm.text == f"13 bytes at the end of {stream} were not whole: put aside as {aside.name}"
    assert aside.read_bytes() == b'{"hash":"torn'
    assert aside.stat().st_mode & 0o777 == 0o600
    said = [each.record for each in records_of(stream) if each is not None and "cut" in each.record]
    assert [(each["cut"]["bytes"], each["cut"]["file"], each["why"]) for each in said] == [(13, aside.name, "opened")]
    found = verified(stream)
    assert (found.finding, found.cuts, found.decisions) == (None, [5], 4)


def test_the_last_batch_may_be_there_in_part(tmp_path: Path) -> None:
    """A power cut may leave its later lines and not its earlier ones: none of it was acknowledged."""
    stream = crashed(tmp_path, 2, 3)
    (segment,) = segments_of(stream)
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[4] = b"\0" * len(lines[4])
    segment.write_bytes(b"".join(lines))
    assert [each.kind for each in opened(tmp_path)] == ["torn"]
    assert names_in(tmp_path) == ["0-0", "0-1", "1-0"]


def test_what_was_on_disk_before_is_not_cut(tmp_path: Path) -> None:
    """A line that is changed though later ones were written after it was on disk: the log is left as it is."""
    stream = crashed(tmp_path, 2, 3)
    (segment,) = segments_of(stream)
    changed = segment.read_bytes().replace(b"203.0.113.9", b"203.0.113.8", 1)
    segment.write_bytes(changed)
    with pytest.raises(AuditDamagedError, match=r"line 1 of the log, in .* was changed after it was on disk"):
        opened(tmp_path)
    assert segment.read_bytes() == changed
    assert [path.name for path in stream.iterdir()] == [segment.name]


def test_a_segment_that_did_not_come_about_is_no_segment(tmp_path: Path) -> None:
    """Empty, or without a whole first line: the one before it is the last one."""
    stream = crashed(tmp_path, 2)
    empty = stream / "0000000000000003.jsonl"
    for content in (b"", b'{"hash":'):
        empty.write_bytes(content)
        assert [each.kind for each in opened(tmp_path)] == (["torn"] if content else [])
        stream.joinpath(BESIDE).unlink(missing_ok=True)
    assert names_in(tmp_path) == ["0-0", "0-1"]


def test_a_log_that_is_all_torn_begins_anew(tmp_path: Path) -> None:
    """Nothing of it was ever acknowledged."""
    stream = tmp_path / "stream-1"
    stream.mkdir()
    (stream / "0000000000000000.jsonl").write_bytes(b"torn")
    assert [each.kind for each in opened(tmp_path)] == ["torn"]
    assert verified(stream).finding is None


def test_a_file_of_another_name_is_no_segment(tmp_path: Path) -> None:
    """What lies beside is left alone."""
    stream = crashed(tmp_path, 1)
    (stream / "notes.jsonl").write_text("mine")
    opened(tmp_path)
    assert (stream / "notes.jsonl").read_text() == "mine"


def test_damaged_checkpoints_are_said(tmp_path: Path) -> None:
    """A log does not go on beside a file of checkpoints that nobody can read."""
    stream = crashed(tmp_path, 1)
    opened(tmp_path)
    path = stream / BESIDE
    path.write_bytes(path.read_bytes().replace(b"durwan/", b"durwan "))
    with pytest.raises(AuditDamagedError, match=r"checkpoints\.txt is damaged: line 1: "):
        opened(tmp_path)
    path.write_bytes(b"\xff\n\n\n")
    with pytest.raises(AuditDamagedError, match=r"checkpoints\.txt is no text"):
        opened(tmp_path)


def test_a_checkpoint_that_broke_off_is_overwritten(tmp_path: Path) -> None:
    """The file of checkpoints is whole after the next one."""
    stream = crashed(tmp_path, 1)
    opened(tmp_path)
    path = stream / BESIDE
    before = path.read_bytes()
    path.write_bytes(before + b"durwan/1\n12")
    form = PlainForm(Masking())
    ledger = Ledger(tmp_path, LogSettings())
    ledger.write([form.of(record("more"))])
    ledger.close()
    assert path.read_bytes().startswith(before + b"durwan/")
    assert verified(stream).finding is None
