"""F21: every kind of edit of a log is found, and the first line that is wrong is named.

python -m tests.faults.audit_edits
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from durwan.audit.checkpoint_files import BESIDE, read_checkpoints
from durwan.audit.entry import Chain, lines_of, read_line
from durwan.audit.ledger import Ledger
from durwan.audit.masking import Masking
from durwan.audit.plain import PlainForm
from durwan.audit.segments import segments_of
from durwan.audit.settings import Kind, LogSettings
from durwan.audit.sqlite_file import NAME
from durwan.audit.verification import Verifier
from tests.audit_logs import KINDS, public_key, record, signing_key, small, verified, write_log

# How a log of lines is changed at a place, and the number of the line that is to be named.
Edit = Callable[[list[bytes], int, Random], tuple[list[bytes], int]]
_EVERY: Final = 100


@dataclass
class Counts:
    """What came of a run."""

    edits: int = 0
    missed: int = 0
    misnamed: list[str] = field(default_factory=list[str])


def _changed(line: bytes) -> bytes:
    return line.replace(b'"effect":"deny"', b'"effect":"allow"').replace(b'"kind":"checkpoint"', b'"kind":"segment"')


def _written_again(line: bytes, **other: Any) -> bytes:
    """The line with something else in it and a hash that is right."""
    entry = read_line(line)
    assert entry is not None
    chain = Chain(other.get("seq", entry.seq), other.get("prev", entry.prev), ())
    chain.edges = [b""] * chain.size.bit_length()
    return chain.line("decision", entry.record | {"effect": "forged"}, min(entry.synced, chain.size))


def _rewritten(lines: Sequence[bytes], place: int) -> list[bytes]:
    """All lines from a place on written anew, each fitting to the one before."""
    chain = Chain()
    kept = list(lines[:place])
    for line in kept:
        entry = read_line(line)
        assert entry is not None
        chain.add(entry.leaf)
    for line in lines[place:]:
        entry = read_line(line)
        assert entry is not None
        kept.append(chain.line("decision", entry.record | {"effect": "forged"}, min(entry.synced, chain.size)))
    return kept


def change(lines: list[bytes], place: int, _random: Random) -> tuple[list[bytes], int]:
    return [*lines[:place], _changed(lines[place]), *lines[place + 1 :]], place


def change_with_hash(lines: list[bytes], place: int, _random: Random) -> tuple[list[bytes], int]:
    return [*lines[:place], _written_again(lines[place]), *lines[place + 1 :]], place


def delete(lines: list[bytes], place: int, _random: Random) -> tuple[list[bytes], int]:
    return [*lines[:place], *lines[place + 1 :]], place


def delete_many(lines: list[bytes], place: int, random: Random) -> tuple[list[bytes], int]:
    return [*lines[:place], *lines[min(place + random.randint(2, 50), len(lines) - 1) :]], place


def insert(lines: list[bytes], place: int, _random: Random) -> tuple[list[bytes], int]:
    return [*lines[:place], _written_again(lines[place]), *lines[place:]], place


def duplicate(lines: list[bytes], place: int, _random: Random) -> tuple[list[bytes], int]:
    return [*lines[: place + 1], *lines[place:]], place + 1


def copy_elsewhere(lines: list[bytes], place: int, random: Random) -> tuple[list[bytes], int]:
    return [*lines[:place], lines[random.randrange(place - 1)], *lines[place:]], place


def swap(lines: list[bytes], place: int, _random: Random) -> tuple[list[bytes], int]:
    return [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]], place


def shuffle(lines: list[bytes], place: int, random: Random) -> tuple[list[bytes], int]:
    tail = lines[place:]
    while tail[0] == lines[place]:
        random.shuffle(tail)
    return [*lines[:place], *tail], place


def cut_off(lines: list[bytes], place: int, _random: Random) -> tuple[list[bytes], int]:
    """Shown by a checkpoint alone."""
    return lines[:place], place


def replace_tail(lines: list[bytes], place: int, _random: Random) -> tuple[list[bytes], int]:
    """Shown by a checkpoint alone, behind the last one that agrees."""
    return _rewritten(lines, place), place - place % _EVERY


def replace_all(lines: list[bytes], _place: int, _random: Random) -> tuple[list[bytes], int]:
    return _rewritten(lines, 1), 0


EDITS: Final[tuple[Edit, ...]] = (
    change, change_with_hash, delete, delete_many, insert, duplicate, copy_elsewhere, swap, shuffle, cut_off,
    replace_tail, replace_all,
)  # fmt: skip


class EditedLog:
    """A log with checkpoints that were kept elsewhere, and copies of it that were edited."""

    def __init__(self, folder: Path, kind: Kind, size: int) -> None:
        self.folder = folder
        self.kind: Kind = kind
        # No checkpoints within it: what is elsewhere has to show every edit.
        self.stream = write_log(
            folder / "whole", (record(each) for each in range(size - 2)), kind=kind, signing_key=signing_key(),
            checkpoint_records=10**9, most_waiting=10**9,
        )  # fmt: skip
        self.lines = self._lines()
        self.checkpoints = read_checkpoints(self.stream / BESIDE)
        self._vouch_every()

    def _lines(self) -> list[bytes]:
        if self.kind == "files":
            return [line for path in segments_of(self.stream) for line in lines_of(path.read_bytes())]
        with closing(sqlite3.connect(self.stream / NAME)) as connection:
            return [each for (each,) in connection.execute("SELECT content FROM line ORDER BY seq")]

    def _vouch_every(self) -> None:
        """Checkpoints after each hundred lines, as a log would have exported them."""
        newest = self.checkpoints[0]
        chain = Chain()
        for line in self.lines:
            entry = read_line(line)
            assert entry is not None
            chain.add(entry.leaf)
            if chain.size % _EVERY == 0 and chain.size < newest.size:
                made = type(newest)(newest.origin, chain.size, chain.root).signed(signing_key())
                self.checkpoints.append(made)

    def edited(self, lines: Sequence[bytes]) -> Path:
        """A copy with these lines."""
        stream = self.folder / "edited" / "stream-1"
        shutil.rmtree(stream, ignore_errors=True)
        stream.mkdir(parents=True)
        if self.kind == "files":
            (stream / segments_of(self.stream)[0].name).write_bytes(b"".join(lines))
            return stream
        shutil.copy(self.stream / NAME, stream / NAME)
        with closing(sqlite3.connect(stream / NAME)) as connection, connection:
            connection.execute("DELETE FROM line")
            # Whoever edits a database numbers its rows as they are to be read.
            connection.executemany("INSERT INTO line VALUES (?, 0, ?)", enumerate(lines))
        return stream


def edit_all(folder: Path, kind: Kind, size: int, times: int, seed: int = 1) -> Counts:
    """Every kind of edit, at so many places."""
    counts = Counts()
    random = Random(seed)
    log = EditedLog(folder, kind, size)
    known = {"checkpoints": log.checkpoints, "keys": [public_key()]}
    assert verified(log.stream, **known).finding is None
    for edit in EDITS:
        for _ in range(times):
            # Not at the ends, where some edits are another one.
            lines, expected = edit(log.lines, random.randrange(3, len(log.lines) - 5), random)
            found = verified(log.edited(lines), **known).finding
            counts.edits += 1
            counts.missed += found is None
            if found is not None and found.seq != expected:
                counts.misnamed.append(f"{edit.__name__}: {found.seq}, not {expected}")
    return counts


def flip_all(folder: Path, lines: int, step: int) -> Counts:
    """Flips a bit in every `step`th byte of a log of small records, in segments of a few lines.

    Each segment is verified by itself, from the line on with which it begins: so a flip costs the lines before it in
    its segment, and not all that there are.
    """
    counts = Counts()
    random = Random(3)
    ledger = Ledger(folder, LogSettings(segment_bytes=4_000))
    form = PlainForm(Masking())
    for each in range(lines):
        ledger.write([form.of(small(each))])
    ledger.give_up()
    stream = folder / "stream-1"
    alone = folder / "alone"
    alone.mkdir()
    before = 0
    for segment in segments_of(stream):
        content = segment.read_bytes()
        first = int(segment.stem)
        copy = alone / segment.name
        for place in range(-before % step, len(content), step):
            flipped = bytearray(content)
            flipped[place] ^= 1 << random.randrange(8)
            copy.write_bytes(flipped)
            found = Verifier(alone, begins_at=first).verify().finding
            counts.edits += 1
            counts.missed += found is None
            expected = first + content[:place].count(b"\n")
            if found is not None and found.seq != expected:
                counts.misnamed.append(f"byte {place} of {segment.name}: {found.seq}, not {expected}")
        before += len(content)
        copy.unlink()
    return counts


def speed(folder: Path, kind: Kind, lines: int) -> float:
    """How many lines a second are verified."""
    stream = write_log(folder, (record(each) for each in range(lines)), kind=kind, most_waiting=10**9)
    start = time.perf_counter()
    found = verified(stream)
    assert found.finding is None
    return found.lines / (time.perf_counter() - start)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the counts; 1 if an edit was missed or misnamed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1)
    step = parser.parse_args(arguments).step
    bad = 0
    for kind in KINDS:
        for size, times in ((1_000, 100), (100_000, 2)):
            with tempfile.TemporaryDirectory() as folder:
                counts = edit_all(Path(folder), kind, size, times)
            print(f"{kind}, {size} lines: {counts}", flush=True)
            bad += counts.missed + len(counts.misnamed)
        with tempfile.TemporaryDirectory() as folder:
            print(f"{kind}: {speed(Path(folder), kind, 100_000):,.0f} lines verified a second", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        counts = flip_all(Path(folder), 1_000, step)
    print(f"flipped bits: {counts}")
    return int(bad + counts.missed + len(counts.misnamed) > 0)


if __name__ == "__main__":
    sys.exit(main())
