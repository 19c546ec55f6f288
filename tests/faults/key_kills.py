"""R61 and the keys' part of F9: processes that are killed while they rotate keys; whatever the moment, nothing is lost.

A child rotates one key after the other and prints each secret once it is told that it is kept. It is killed. Then both
files must be whole; the secret that was printed last must work; while a rotation overlaps, so must the one before; keys
that were not touched must work; and rotating must go on.

    python -m tests.faults.key_kills --kills 200
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from durwan.credentials.key_material import Given
from durwan.credentials.key_ring import KeyRing, NewKey, Venue
from durwan.credentials.key_store import KeyStore
from durwan.credentials.sealing import SealingKey
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text

_KEYS = [f"desk-{number}" for number in range(5)]
_DAY = 86_400_000


@dataclass
class Counts:
    """What came of a run."""

    kills: int = 0
    rotations: int = 0
    acknowledged_lost: int = 0
    older_lost: int = 0
    untouched_lost: int = 0
    damaged: int = 0
    died_otherwise: int = 0

    def faults(self) -> int:
        """How much of what must not happen has happened."""
        return (
            self.acknowledged_lost + self.older_lost + self.untouched_lost + self.damaged + self.died_otherwise
        )  # fmt: skip


def _sealing() -> SealingKey:
    return SealingKey(Secret(b"k" * 32))


def _now() -> int:
    return time.time_ns() // 1_000_000


def ring_in(folder: Path) -> KeyRing:
    """The keys in a folder."""
    return KeyRing(folder / "keys.yaml", folder / "keys.secrets", _sealing, venue=Venue(), clock=_now)


def _new() -> Given:
    return Given(kind="hmac", secret=Secret(new_secret_text("dwk", None).encode()))


def _text(given: Given) -> str:
    return "" if given.secret is None else given.secret.reveal().decode()


def rotate_for_ever(folder: Path) -> None:
    """What the child does until it is killed."""
    ring = ring_in(folder)
    while True:
        for key_id in _KEYS:
            given = _new()
            ring.rotate(key_id, given, _DAY, again=True)
            sys.stdout.write(f"{key_id} {_text(given)}\n")
            sys.stdout.flush()


def works(store: KeyStore, key_id: str, text: str) -> bool:
    """Whether a secret verifies now."""
    secrets = [each.secret for each in store.find(key_id).candidates("hmac", _now())]
    return Secret(text.encode()) in secrets


def run(folder: Path, kills: int, seed: int) -> Counts:
    """Kills as many children, each after a random time."""
    random = Random(seed)
    counts = Counts()
    first = {key_id: _new() for key_id in [*_KEYS, "untouched"]}
    ring_in(folder).add([NewKey(attributes={"id": key_id}, given=given) for key_id, given in first.items()])
    newest = {key_id: _text(given) for key_id, given in first.items()}
    # Made again while it overlaps, a rotation keeps the secret that was there before all of them.
    oldest = dict(newest)
    # Killed between being kept and being told, a newer secret has taken the place of the newest that was told.
    untold: set[str] = set()
    for _ in range(kills):
        told = _life(folder, random.uniform(0.01, 0.15), counts)
        counts.rotations += len(told)
        newest |= dict(told)
        untold = {*untold.difference(dict(told)), _next([key_id for key_id, _ in told])}
        _look(folder, newest, oldest, counts, untold)
    return counts


def _next(after: Sequence[str]) -> str:
    """The key that may have been rotated without anybody being told."""
    return _KEYS[(_KEYS.index(after[-1]) + 1) % len(_KEYS)] if after else _KEYS[0]


def _life(folder: Path, seconds: float, counts: Counts) -> list[tuple[str, str]]:
    command = [sys.executable, "-m", "tests.faults.key_kills", "--child", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        time.sleep(seconds)
        child.kill()
        lines += child.stdout.read().splitlines()
        counts.kills += 1
        counts.died_otherwise += child.wait() != -9
    pairs = [line.split() for line in lines]
    # The last line may have been cut off by the kill.
    return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2 and len(pair[1]) == 58]


def _look(
    folder: Path, newest: dict[str, str], oldest: dict[str, str], counts: Counts, untold: Collection[str]
) -> None:
    try:
        store = KeyStore(folder / "keys.secrets", _sealing, clock=_now)
        keys, _ = ring_in(folder).read()
    except Exception:  # noqa: BLE001 - whatever it is, a file is not as it was left
        counts.damaged += 1
        return
    counts.damaged += len(keys.records()) != len(newest)
    counts.untouched_lost += not works(store, "untouched", newest["untouched"])
    for key_id in _KEYS:
        counts.acknowledged_lost += key_id not in untold and not works(store, key_id, newest[key_id])
        counts.older_lost += not works(store, key_id, oldest[key_id])


def main() -> int:
    """Runs it, prints the counts, and fails if something must not have happened."""
    parser = argparse.ArgumentParser(description="Kills processes that rotate keys.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=Path)
    arguments = parser.parse_args()
    if arguments.child is not None:
        rotate_for_ever(arguments.child)
    with tempfile.TemporaryDirectory() as folder:
        counts = run(Path(folder), arguments.kills, arguments.seed)
    sys.stdout.write("".join(f"{name:<18} {count}\n" for name, count in asdict(counts).items()))
    return 1 if counts.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
