"""Whether a log is as it was written. Every kind of edit is tried in tests/faults/audit_edits.py."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from random import Random

import pytest

from durwan.audit.checkpoint_files import BESIDE, read_checkpoints
from durwan.audit.entry import START, Chain, lines_of, read_line
from durwan.audit.log import AuditLog
from durwan.audit.merkle import leaf_hash
from durwan.audit.reading import records_of, size_of, streams_in
from durwan.audit.recorder import AuditSetupError
from durwan.audit.segments import segments_of
from durwan.audit.settings import Kind, LogSettings
from durwan.credentials.ed25519 import new_private_key, raw_public_key
from tests.audit_logs import KINDS, public_key, record, signing_key, verified, write_log


def segmented(folder: Path, count: int = 12, **settings: object) -> Path:
    """A log of several segments."""
    log = AuditLog(folder, LogSettings(segment_bytes=3_000, **settings))  # type: ignore[arg-type]
    for name in range(count):
        log.append(record(name)).wait()
    log.close()
    return folder / "stream-1"


def rewrite(segment: Path, change: bytes, into: bytes) -> None:
    """Changes a segment and makes all hashes in it right again."""
    chain = Chain()
    lines: list[bytes] = []
    for line in lines_of(segment.read_bytes()):
        entry = read_line(line.replace(change, into)) or read_line(line)
        assert entry is not None
        found = json.loads(entry.content.replace(change.decode(), into.decode()))
        if not lines:
            chain = Chain(entry.seq, entry.prev, [bytes(32)] * entry.seq.bit_count())
        lines.append(chain.line(entry.kind, found, entry.synced))
    segment.write_bytes(b"".join(lines))


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_log_is_whole(tmp_path: Path, kind: Kind) -> None:
    """With what is known of it."""
    stream = write_log(tmp_path, [record(each) for each in range(9)], kind=kind, checkpoint_records=3)
    found = verified(stream)
    checkpoints = read_checkpoints(stream / BESIDE)
    assert (found.finding, found.decisions, found.lost, found.cuts, found.notes) == (None, 9, 0, [], [])
    assert (found.lines, found.vouched) == (size_of(stream), size_of(stream) - 1)
    assert found.checkpoints == len(checkpoints)
    assert found.origin == checkpoints[0].origin


def test_a_segment_that_is_missing_is_missed(tmp_path: Path) -> None:
    """At the beginning, in the middle, at the end."""
    for place in (0, 2, -1):
        stream = segmented(tmp_path / str(place))
        segment = segments_of(stream)[place]
        first = int(segment.stem)
        segment.unlink()
        finding = verified(stream).finding
        assert finding is not None
        assert finding.seq == first
        assert "missing" in finding.problem


def test_older_segments_may_have_been_archived(tmp_path: Path) -> None:
    """If it is said from where on there have to be lines; checkpoints of those that are here still count."""
    stream = segmented(tmp_path, checkpoint_records=4)
    segments = segments_of(stream)
    for each in segments[:2]:
        each.unlink()
    first = int(segments[2].stem)
    found = verified(stream, begins_at=first)
    assert found.finding is None
    assert found.lines == size_of(stream)
    assert found.vouched > first
    finding = verified(stream, begins_at=first + 1).finding
    assert finding is not None
    assert finding.problem == f"the log begins at line {first}, not {first + 1}"


def test_a_segment_says_what_was_before_it(tmp_path: Path) -> None:
    """A first segment that was left out, and a second one made to begin a log, do not fit each other."""
    stream = segmented(tmp_path)
    segment = segments_of(stream)[1]
    rewrite(segment, b"durwan/", b"other/")
    finding = verified(stream).finding
    assert finding is not None
    assert (finding.seq, finding.file, finding.line) == (int(segment.stem), segment.name, 1)
    assert finding.problem == "what it says of the lines before it is wrong"


def test_a_file_begins_as_its_name_says(tmp_path: Path) -> None:
    """A segment under another name is found."""
    stream = segmented(tmp_path)
    segment = segments_of(stream)[-1]
    first = int(segment.stem)
    segment.rename(stream / f"{first + 1:016}.jsonl")
    finding = verified(stream).finding
    assert finding is not None
    assert (finding.seq, finding.problem) == (first, f"the file begins with line {first}, not as its name says")


def test_an_end_that_breaks_off_is_a_finding_unless_it_is_being_written(tmp_path: Path) -> None:
    """Whoever writes it now may be in the middle of a line."""
    log = AuditLog(tmp_path)
    log.append(record(1)).wait()
    stream = tmp_path / "stream-1"
    (segment,) = segments_of(stream)
    whole = segment.read_bytes()
    segment.write_bytes(whole + whole[:100])
    found = verified(stream)
    assert (found.finding, found.notes[-1]) == (None, "it is being written: its last line is not whole yet")
    segment.write_bytes(whole)
    log.close()
    segment.write_bytes(segment.read_bytes() + whole[:100])
    finding = verified(stream).finding
    assert finding is not None
    assert (finding.seq, finding.line, finding.problem) == (3, 4, "it breaks off")


# --------------------------------------------------------------------------------------------------------- checkpoints


def test_a_log_that_was_written_anew_is_shown_by_its_checkpoints(tmp_path: Path) -> None:
    """Even if everything beside it was, too, as long as the key or a copy was out of reach."""
    stream = write_log(tmp_path / "log", [record(1), record(2)], signing_key=signing_key(), origin="desk")
    kept = read_checkpoints(stream / BESIDE)
    shutil.rmtree(tmp_path / "log")
    thief, _ = new_private_key()
    stream = write_log(tmp_path / "log", [record(1), record(2, effect="allow")], signing_key=thief, origin="desk")
    assert verified(stream).finding is None
    finding = verified(stream, keys=[public_key()]).finding
    assert finding is not None
    assert finding.problem == "the checkpoint of 3 lines is not signed by any of the keys given"
    # The log has another name: that none of the kept ones is of it is for the command to say.
    assert verified(stream, checkpoints=kept).finding is None
    assert verified(stream, keys=[raw_public_key(thief)]).finding is None


def test_signatures_may_begin_and_keys_change_but_not_end(tmp_path: Path) -> None:
    """Unsigned checkpoints before the first signed one vouch for nothing; after it they are a finding."""
    other, _ = new_private_key()
    write_log(tmp_path, [record(1)])
    found = verified(tmp_path / "stream-1", keys=[public_key()]).finding
    assert found is not None
    assert found.problem == "no checkpoint of it is signed by any of the keys given"
    write_log(tmp_path, [record(2)], signing_key=signing_key())
    stream = write_log(tmp_path, [record(3)], signing_key=other)
    both = [public_key(), raw_public_key(other)]
    assert verified(stream, keys=both).finding is None
    write_log(tmp_path, [record(4)])
    finding = verified(stream, keys=both).finding
    assert finding is not None
    assert "is not signed by any of the keys given" in finding.problem


def test_a_checkpoint_beside_that_is_damaged_is_a_finding(tmp_path: Path) -> None:
    """And one that is gone is said."""
    stream = write_log(tmp_path, [record(1)])
    path = stream / BESIDE
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\n2\n", b"\n02\n"))
    finding = verified(stream).finding
    assert finding is not None
    assert (finding.file, finding.problem) == (BESIDE, "line 1: a checkpoint names its log, its size and its root")
    path.unlink()
    assert verified(stream).notes == [f"there is no {BESIDE} beside it"]


def test_a_root_of_a_part_names_the_lines_it_is_about(tmp_path: Path) -> None:
    """From the last checkpoint that agreed on."""
    stream = write_log(tmp_path, [record(each) for each in range(9)], checkpoint_records=2)
    kept = read_checkpoints(stream / BESIDE)
    lie = type(kept[0])(kept[0].origin, 7, bytes(32))
    finding = verified(stream, checkpoints=[lie]).finding
    assert finding is not None
    before = max((each.size for each in kept if each.size < 7), default=0)
    assert finding.seq == before
    assert finding.problem == f"lines {before} to 6 are not those that a checkpoint vouches for"


# --------------------------------------------------------------------------------------------------- somebody else's


@pytest.mark.parametrize(
    "record",
    [
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}", '{"a":1e999999}', '{"a":' + "9" * 10_000 + "}",
        '{"a":NaN}', "{,}",
        '{"note":1}', '{"note":"a\\nb"}', '{"edges":1}', '{"edges":["zz"]}', '{"edges":[],"lost":"many"}',
        '{"a":1},"record":{"b":2}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["decision", "segment", "checkpoint", "other"])
def test_whatever_is_written_with_a_right_hash_is_read_without_an_error(tmp_path: Path, kind: str, record: str) -> None:
    """What is no JSON, or no record of its kind, is a finding; also as the first line."""
    whole = write_log(tmp_path / "log", [])
    (segment,) = segments_of(whole)
    first = segment.read_bytes().splitlines(keepends=True)[0]
    entry = read_line(first)
    assert entry is not None
    for lines, seq, prev in (([first], 1, entry.leaf.hex()), ([], 0, START)):
        body = f'{{"kind":"{kind}","prev":"{prev}","record":{record},"seq":{seq},"synced":0}}'.encode()
        line = b'{"hash":"%b",%b\n' % (leaf_hash(body).hex().encode(), body[1:])
        assert read_line(line) is not None
        segment.write_bytes(b"".join([*lines, line]))
        found = verified(whole)
        assert found.finding is not None or (kind == "decision" and lines and ("note" in record or "edges" in record))
        list(records_of(whole))


def test_a_log_that_is_noise_is_a_finding(tmp_path: Path) -> None:
    """Whatever the bytes are, at whatever place."""
    stream = write_log(tmp_path, [record(each) for each in range(6)])
    (segment,) = segments_of(stream)
    content = segment.read_bytes()
    random = Random(5)
    for _ in range(300):
        start = random.randrange(len(content))
        end = min(start + random.choice((1, 8, 600, 5000)), len(content))
        noise = random.choice((random.randbytes(end - start), b"", b"\n" * (end - start), content[: end - start]))
        if noise != content[start:end]:
            segment.write_bytes(content[:start] + noise + content[end:])
            found = verified(stream).finding
            assert found is not None
            assert found.seq <= content[:start].count(b"\n")


# -------------------------------------------------------------------------------------------------------------- sqlite


def test_a_database_is_read_as_its_rows_are_numbered(tmp_path: Path) -> None:
    """A row that was moved, or is no bytes any more, is found."""
    for change in (
        "UPDATE line SET seq = seq + 100 WHERE seq > 2",
        "UPDATE line SET content = 'text' WHERE seq = 3",
        "DELETE FROM line WHERE seq = 3",
    ):
        stream = write_log(tmp_path / change[:12].replace(" ", ""), [record(each) for each in range(5)], kind="sqlite")
        with sqlite3.connect(stream / "log.sqlite") as connection:
            connection.execute(change)
        finding = verified(stream).finding
        assert finding is not None
        assert finding.seq == 3
        shutil.rmtree(stream.parent)


def test_a_damaged_database_is_a_finding(tmp_path: Path) -> None:
    """Of which not more is known."""
    stream = write_log(tmp_path, [record(each) for each in range(5)], kind="sqlite")
    (stream / "log.sqlite").write_bytes(b"SQLite format 3\0" + bytes(4080))
    finding = verified(stream).finding
    assert finding is not None
    assert finding.file == "log.sqlite"


def test_there_has_to_be_a_log(tmp_path: Path) -> None:
    """A directory without one, and a file, are none."""
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(AuditSetupError, match=r"no (directory of an )?audit log"):
            streams_in(path)
