"""F9: processes that are killed while they write an audit log: nothing that was acknowledged is lost.

python -m tests.faults.audit_kills --kills 200
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Thread

from durwan.audit.log import AuditLog
from durwan.audit.settings import Kind, LogSettings
from tests.audit_logs import KINDS, names_in, record, signing_key, verified

_THREADS = 4
# A log is left for another one after so many lives: each life reads all of it.
_LIVES = 20


@dataclass
class Counts:
    """What came of a run."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    twice: int = 0
    cut: int = 0
    findings: int = 0


def settings(kind: Kind) -> LogSettings:
    return LogSettings(
        kind=kind, segment_bytes=50_000, checkpoint_records=100, checkpoint_seconds=0.02, signing_key=signing_key()
    )


def write(folder: str, kind: Kind, life: int) -> None:
    """A process that records without end, and says so of each record that is on disk."""
    log = AuditLog(folder, settings(kind))

    def decide(thread: int) -> None:
        number = 0
        while True:
            name = f"{life}-{thread}-{number}"
            log.append(record(name)).wait()
            os.write(1, f"{name}\n".encode())
            number += 1

    for thread in range(_THREADS):
        Thread(target=decide, args=(thread,)).start()


def _life(folder: Path, kind: Kind, life: int, random: Random) -> list[str]:
    """Kills a process at some moment; what it acknowledged."""
    command = [sys.executable, "-m", __spec__.name, "--write", str(folder), kind, str(life)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        acknowledged = [process.stdout.readline()]
        time.sleep(random.uniform(0, 0.08))
        process.kill()
        acknowledged += process.stdout.readlines()
    return [line[:-1] for line in acknowledged if line.endswith("\n")]


def run(folder: Path, kind: Kind, kills: int, seed: int = 1) -> Counts:
    """Kills so many processes that write one log after the other, and looks after each."""
    counts = Counts()
    random = Random(seed)
    acknowledged: list[str] = []
    for life in range(kills):
        log = folder / f"{kind}-{life // _LIVES}"
        if life % _LIVES == 0:
            acknowledged = []
        new = _life(log, kind, life, random)
        acknowledged += new
        # Opened and closed as the next gateway would.
        AuditLog(log, settings(kind)).close()
        found = Counter(names_in(log))
        counts.kills += 1
        counts.acknowledged += len(new)
        counts.lost += sum(name not in found for name in acknowledged)
        counts.twice += sum(count > 1 for count in found.values())
        after = verified(log / "stream-1")
        counts.findings += after.finding is not None
        counts.cut += len(after.cuts) if life % _LIVES == _LIVES - 1 or life == kills - 1 else 0
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the counts; 1 if anything was lost or is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--write", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.write:
        folder, kind, life = given.write
        write(folder, kind, int(life))
        return 0
    bad = 0
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            counts = run(Path(folder), kind, given.kills)
        print(f"{kind}: {counts}")
        bad += counts.lost + counts.twice + counts.findings + (counts.acknowledged == 0)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
