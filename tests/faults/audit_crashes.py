"""F10: a log that is cut off, or has one bit flipped, at every byte of its last 64 KiB.

python -m tests.faults.audit_crashes

A power cut can leave any part of what was not yet acknowledged, and nothing here can cut the power; so every place is
tried at which the log could end. What is recovered is exactly the lines before that place, and never fewer than were
acknowledged unless what was acknowledged is itself cut off; of flipped bits every one is found.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from durwan.audit.entry import lines_of
from durwan.audit.ledger import Ledger
from durwan.audit.masking import Masking
from durwan.audit.plain import PlainForm
from durwan.audit.recorder import AuditDamagedError
from durwan.audit.segments import segments_of
from durwan.audit.settings import Kind, LogSettings
from durwan.audit.sqlite_file import NAME
from durwan.audit.verification import Verifier
from tests.audit_logs import names_in, record

LAST: Final = 65_536
_BATCHES: Final = 30
_OF_A_BATCH: Final = 4


@dataclass
class Counts:
    """What came of a run."""

    places: int = 0
    wrong: int = 0
    refused: int = 0
    missed: int = 0
    misnamed: int = 0


def crashed_log(folder: Path, kind: Kind) -> Path:
    """A log of several batches, as a process leaves it that is killed: without a last checkpoint. Its stream."""
    ledger = Ledger(folder, LogSettings(kind=kind))
    form = PlainForm(Masking())
    for batch in range(_BATCHES):
        ledger.write([form.of(record(f"{batch}-{each}")) for each in range(_OF_A_BATCH)])
    ledger.give_up()
    return folder / "stream-1"


def cut_files(folder: Path, step: int) -> Counts:
    """Cuts the last segment off at places of its last 64 KiB, and opens the log."""
    counts = Counts()
    stream = crashed_log(folder / "whole", "files")
    segment = segments_of(stream)[-1]
    content = segment.read_bytes()
    names = names_in(stream)
    for size in range(max(len(content) - LAST, 0), len(content), step):
        counts.places += 1
        log = folder / "cut"
        copy = log / "stream-1" / segment.name
        copy.parent.mkdir(parents=True)
        copy.write_bytes(content[:size])
        whole = content[:size].count(b"\n")
        ledger = Ledger(log, LogSettings())
        ledger.give_up()
        # The first line is that of the segment; the new segment that opening began adds another.
        kept = copy.read_bytes() if copy.exists() else b""
        good = kept == b"".join(list(lines_of(content))[:whole]) and names_in(log) == names[: max(whole - 1, 0)]
        rest = content[len(kept) : size]
        aside = [path.read_bytes() for path in copy.parent.glob("*.cut-*")]
        counts.wrong += not good or aside != ([rest] if rest else []) or _finding(copy.parent) is not None
        shutil.rmtree(log)
    return counts


def flip_files(folder: Path, step: int) -> Counts:
    """Flips a bit at places of the last 64 KiB: verifying finds each, and opening takes none for good."""
    counts = Counts()
    random = Random(1)
    stream = crashed_log(folder / "whole", "files")
    segment = segments_of(stream)[-1]
    content = segment.read_bytes()
    lines = list(lines_of(content))
    for place in range(max(len(content) - LAST, 0), len(content), step):
        counts.places += 1
        flipped = bytearray(content)
        flipped[place] ^= 1 << random.randrange(8)
        log = folder / "flipped"
        copy = log / "stream-1" / segment.name
        copy.parent.mkdir(parents=True)
        copy.write_bytes(flipped)
        number = content[:place].count(b"\n")
        finding = _finding(copy.parent)
        counts.missed += finding is None
        counts.misnamed += finding is not None and finding != number
        try:
            Ledger(log, LogSettings()).give_up()
            kept = copy.read_bytes() if copy.exists() else b""
            # Only what was being written when the process died may be given up, which is the last batch.
            counts.wrong += kept != b"".join(lines[:number]) or number < len(lines) - _OF_A_BATCH
        except AuditDamagedError:
            counts.refused += 1
            counts.wrong += copy.read_bytes() != bytes(flipped)
        shutil.rmtree(log)
    return counts


def spoil_sqlite(folder: Path, step: int, *, flip: bool) -> Counts:
    """The same for a database: whatever is read of it is what was written, or it is found to be damaged."""
    counts = Counts()
    random = Random(2)
    stream = crashed_log(folder / "whole", "sqlite")
    content = (stream / NAME).read_bytes()
    names = names_in(stream)
    for place in range(max(len(content) - LAST, 0), len(content), step):
        counts.places += 1
        spoilt = bytearray(content if flip else content[:place])
        if flip:
            spoilt[place] ^= 1 << random.randrange(8)
        copy = folder / "spoilt" / "stream-1" / NAME
        copy.parent.mkdir(parents=True)
        copy.write_bytes(spoilt)
        if _finding(copy.parent) is None:
            # Of a database, some bytes mean nothing.
            counts.missed += names_in(copy.parent) != names
        try:
            Ledger(folder / "spoilt", LogSettings(kind="sqlite")).give_up()
            counts.wrong += names_in(copy.parent) != names
        except AuditDamagedError:
            counts.refused += 1
        shutil.rmtree(folder / "spoilt")
    return counts


def _finding(stream: Path) -> int | None:
    found = Verifier(stream).verify().finding
    return None if found is None else found.seq


RUNS: Final[dict[str, Callable[[Path, int], Counts]]] = {
    "files, cut off": cut_files,
    "files, flipped": flip_files,
    "sqlite, cut off": partial(spoil_sqlite, flip=False),
    "sqlite, flipped": partial(spoil_sqlite, flip=True),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the counts; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1)
    step = parser.parse_args(arguments).step
    bad = 0
    for name, run in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            counts = run(Path(folder), step)
        print(f"{name}: {counts}", flush=True)
        bad += counts.wrong + counts.missed + counts.misnamed
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
