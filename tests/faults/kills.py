"""F19, and the reload of R66: processes that are killed while they reload, from bundles and from a git repository.

Whatever the moment: nothing was written to the repository, what was remembered of bundles can be read, the next process
decides at once by what its source holds, and nobody gets back to an older bundle.

    python -m tests.faults.kills --kills 200
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Final

from durwan import DurwanError, Engine
from durwan.credentials.ed25519 import new_private_key, raw_public_key
from durwan.runtime.bundle_trust import Trust
from durwan.workshop.bundling import build_bundle, sign_bundle
from tests.faults.editions import NOW, compiled, sources
from tests.repositories import FILE, Repository

_CHANGES_PER_LIFE: Final = 20


@dataclass
class Counts:
    """What came of a run."""

    kills: int = 0
    died_otherwise: int = 0
    not_served: int = 0
    rolled_back: int = 0
    repositories_changed: int = 0
    versions_accepted: int = 0

    def faults(self) -> int:
        """How much of what must not happen has happened."""
        return self.died_otherwise + self.not_served + self.rolled_back + self.repositories_changed


def trust_in(folder: Path, public: bytes) -> Trust:
    """Who is trusted by those who read this folder."""
    return Trust(keys=(public,), name="policies", state=folder / "state.json")


def engines_of(folder: Path, public: bytes) -> tuple[Engine, Engine]:
    """By the bundle in a folder, and by its repository."""
    return (
        Engine.load(folder / "policy.bundle", trust=trust_in(folder, public), clock=lambda: NOW),
        Engine.load(folder / "repository", ref="main", clock=lambda: NOW),
    )


class Stage:
    """A folder with a bundle and a repository that go from edition to edition."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = new_private_key()[0]
        self.public = raw_public_key(self._key)
        self._repository = Repository(folder / "repository")
        self._tip: tuple[str, ...] = ()
        self.number = 2
        self.change()

    def change(self) -> None:
        """The next edition, in both."""
        self.number += 1
        self.place_bundle(self.number)
        text = sources(self.number)["a.policy"].encode()
        tree = self._repository.tree((FILE, self._repository.blob(text), "a.policy"))
        self._tip = (self._repository.commit(tree, *self._tip),)

    def place_bundle(self, number: int) -> None:
        """Puts the bundle of an edition in place, whatever is there."""
        content = sign_bundle(build_bundle(compiled(number), version=number), self._key)
        beside = self.folder / "policy.next"
        beside.write_bytes(content)
        beside.replace(self.folder / "policy.bundle")

    def repository_files(self) -> Mapping[str, bytes]:
        """Every file of the repository, as it is."""
        root = self.folder / "repository"
        return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def run(folder: Path, kills: int, seed: int = 1) -> Counts:
    """So many lives, each ended in the midst of reloading."""
    stage, random, counts = Stage(folder), Random(seed), Counts()
    for _ in range(kills):
        _live_and_die(stage, random, counts)
        _check(stage, counts)
    return counts


def _live_and_die(stage: Stage, random: Random, counts: Counts) -> None:
    command = [sys.executable, "-m", "tests.faults.kills", "--child", str(stage.folder), stage.public.hex()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as child:
        if child.stdout is None or not child.stdout.readline():
            counts.died_otherwise += 1
            return
        for _ in range(random.randrange(_CHANGES_PER_LIFE)):
            stage.change()
        before = stage.repository_files()
        time.sleep(random.random() * 0.03)
        counts.died_otherwise += child.poll() is not None
        child.kill()
        child.wait()
    counts.kills += 1
    counts.repositories_changed += stage.repository_files() != before


def _check(stage: Stage, counts: Counts) -> None:
    """The next process is served, and not by anything older."""
    expected = compiled(stage.number).revision
    try:
        found = [engine.revision for engine in engines_of(stage.folder, stage.public)]
    except DurwanError:
        found = []
    counts.not_served += found != [expected, expected]
    counts.versions_accepted = stage.number
    stage.place_bundle(stage.number - 1)
    try:
        engines_of(stage.folder, stage.public)
    except DurwanError:
        pass
    else:
        counts.rolled_back += 1
    stage.change()


def reload_for_ever(folder: Path, public: bytes) -> None:
    """A life: it ends when it is ended."""
    engines = engines_of(folder, public)
    print("ready", flush=True)
    while True:
        for engine in engines:
            engine.reload()


def main(arguments: Sequence[str] | None = None) -> int:
    """The long version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "KEY"), help="a process that will be killed")
    options = parser.parse_args(arguments)
    if options.child is not None:
        reload_for_ever(Path(options.child[0]), bytes.fromhex(options.child[1]))
    with tempfile.TemporaryDirectory() as folder:
        counts = run(Path(folder), options.kills)
    print(json.dumps(asdict(counts), indent=2))
    return 1 if counts.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
