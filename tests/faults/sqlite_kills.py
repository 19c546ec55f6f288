"""Processes that are killed while they write to a state file: nothing that was acknowledged is lost.

python -m tests.faults.sqlite_kills --kills 200
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from durwan.state.sqlite import SqliteState
from durwan.state.store import LimitCharge, Record, Revocation

NOW: Final = 1_772_442_000_000
_LATER: Final = NOW + 600_000
_MANY: Final = 10**9


@dataclass
class Counts:
    """What came of a run."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0


def write(path: str, life: int) -> None:
    """A process that does one of each thing over and over, and says so after each."""
    store = SqliteState(path)
    number = 0
    while True:
        name = f"{life}-{number}"
        assert store.accept_once("desk", name, expires=_LATER, now=NOW)
        assert store.accept_rising("desk", life * 10**9 + number)
        assert not store.charge([_charge()], now=NOW)
        store.put(Record(kind="session", id=name, owner=name, value=b"", expires=_LATER), cap=1, now=NOW)
        store.revoke(Revocation(kind="key", id=name, until=_LATER), now=NOW)
        print(number, flush=True)
        number += 1


def _charge(cost: int = 1) -> LimitCharge:
    return LimitCharge(limit="kept", per=(), count=_MANY, period=600_000, cost=cost)


def _life(path: Path, life: int, random: Random) -> int:
    """Kills a process at some moment; how much it acknowledged."""
    command = [sys.executable, "-m", __spec__.name, "--write", str(path), str(life)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        acknowledged = [process.stdout.readline()]
        time.sleep(random.uniform(0, 0.1))
        process.kill()
        acknowledged += process.stdout.readlines()
    return len([line for line in acknowledged if line.endswith("\n")])


def _lost(store: SqliteState, life: int, acknowledged: int, total: int) -> int:
    """How much of what a life acknowledged is not there any more."""
    revoked = {each.id for each in _revoked(store)}
    lost = 0
    for number in range(acknowledged):
        name = f"{life}-{number}"
        lost += store.accept_once("desk", name, expires=_LATER, now=NOW)
        lost += store.get("session", name, now=NOW) is None
        lost += name not in revoked
    lost += store.accept_rising("desk", life * 10**9 + acknowledged - 1)
    # What is charged fits if less was charged before than was acknowledged.
    lost += not store.peek([_charge(_MANY - total + 1)], now=NOW)
    return lost


def _revoked(store: SqliteState) -> list[Revocation]:
    news = store.revoked_since(None, now=NOW)
    found = list(news.revocations)
    while not news.complete:
        news = store.revoked_since(news, now=NOW)
        found += news.revocations
    return found


def run(folder: Path, kills: int, seed: int = 1) -> Counts:
    """Kills so many processes that write to one file, and looks after each."""
    path = folder / "state.db"
    counts = Counts()
    random = Random(seed)
    for life in range(kills):
        acknowledged = _life(path, life, random)
        counts.acknowledged += acknowledged
        store = SqliteState(path)
        counts.lost += _lost(store, life, acknowledged, counts.acknowledged)
        store.close()
        counts.kills += 1
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the counts; 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.write:
        write(given.write[0], int(given.write[1]))
    with tempfile.TemporaryDirectory() as folder:
        counts = run(Path(folder), given.kills)
    print(f"kills {counts.kills}, steps acknowledged {5 * counts.acknowledged}, lost {counts.lost}")
    return int(counts.lost > 0 or counts.acknowledged == 0)


if __name__ == "__main__":
    sys.exit(main())
