"""R54: a repository is somebody else's; what it holds is read as plain files or refused, and never obeyed.

Each of the cases in `tests/corpora/git_repo_cases.json` is a real repository here. An engine decides by its first
commit; the hostile one comes next on the same branch, and reloading must either refuse it and leave the policy, or read
plain files and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from durwan import DurwanError, Engine, PolicyError
from durwan.language.git_revision import commit_of
from durwan.language.policy_set import PolicySetError, read_revision
from durwan.runtime.sources import SourceError
from tests.repositories import FILE, LINK, SUBMODULE, Repository
from tests.security.git_bombs import Packed, difference, digits, loose, pack, zeros

CORPUS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "corpora" / "git_repo_cases.json").read_text(encoding="utf-8")
)
GOOD = b"actions { ping }\nallow ping on ping\n"
OTHER = b"actions { ping }\nallow pong on ping\n"
FOLDER = "040000"


class Attacked:
    """A repository whose first commit is good, the engine that decides by it, and what comes next."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "repository")
        self.canary = folder / "canary"
        self.program = folder / "program"
        self.program.write_text(f"#!/bin/sh\ntouch {self.canary}\n")
        self.program.chmod(0o755)
        self.good = self.push({"a.policy": GOOD})
        self.engine = Engine.load(self.repository.path, ref="main")

    @property
    def objects(self) -> Path:
        return self.repository.path / ".git" / "objects"

    def blob(self, content: bytes = OTHER) -> str:
        return self.repository.blob(content)

    def push(self, files: Mapping[str, bytes], *entries: tuple[str, str, str], beside: bool = False) -> str:
        """A commit of these files and entries of (mode, object, path), after the last one.

        Paths are written part by part, so that any part may be anything.
        """
        every = [(FILE, self.blob(content), path) for path, content in files.items()]
        if beside:
            every.append((FILE, self.blob(GOOD), "a.policy"))
        parents = [self.good] if hasattr(self, "good") else []
        return self.repository.commit(self._tree([*every, *entries]), *parents)

    def _tree(self, entries: list[tuple[str, str, str]]) -> str:
        here: list[tuple[str, str, str]] = []
        below: dict[str, list[tuple[str, str, str]]] = {}
        for mode, target, path in entries:
            first, _, rest = path.partition("/")
            if rest:
                below.setdefault(first, []).append((mode, target, rest))
            else:
                here.append((mode, target, first))
        here += [(FOLDER, self._tree(each), name) for name, each in below.items()]
        return self.repository.tree(*here)

    def check_refused(self, pattern: str) -> None:
        """Reloading fails, for this reason; the good policy decides, and nothing was run."""
        with pytest.raises(DurwanError) as caught:
            self.engine.reload()
        assert re.search(pattern, str(caught.value)), caught.value
        self._check_unharmed()
        assert self.engine.status().commit == self.good
        assert self.engine.status().failures == 1
        assert self.engine.decide({"action": "ping"}).rule == "ping"

    def check_read(self, names: set[str]) -> None:
        """Reloading succeeds; the set is these plain files, and nothing was run."""
        self.engine.reload()
        assert set(read_revision(self.repository.path, "main").files) == names
        self._check_unharmed()

    def _check_unharmed(self) -> None:
        assert not self.canary.exists()


@pytest.fixture(name="attacked")
def attacked_fixture(tmp_path: Path) -> Attacked:
    return Attacked(tmp_path)


def _name(path: str) -> str:
    return path.replace(".pol", ".policy")


def links(attacked: Attacked, case: Mapping[str, Any]) -> None:
    """Entries that are no files."""
    modes = {LINK: "symbolic link", SUBMODULE: "submodule"}
    entry = case["tree"][0]
    target = attacked.blob(entry["target"].encode()) if "target" in entry else "1" * 40
    attacked.push({}, (entry["mode"], target, _name(entry["path"])), beside=True)
    attacked.check_refused(f"is refused: {_name(entry['path'])!r} is a {modes[entry['mode']]}")


def git_files(attacked: Attacked, case: Mapping[str, Any]) -> None:
    """Files by which git is told what to do; here they are text that takes no part."""
    content = case["content"].replace("*.pol", "*.policy")
    attacked.push({case["file"]: content.encode()}, beside=True)
    config = attacked.repository.path / ".git" / "config"
    config.write_text(f'[filter "evil"]\n\tsmudge = {attacked.program}\n\tclean = {attacked.program}\n')
    attacked.check_read({"a.policy"})


def hooks(attacked: Attacked, case: Mapping[str, Any]) -> None:
    """A hook that comes with the repository, and one that stands where git looks for it."""
    program = attacked.program.read_bytes()
    attacked.push({}, ("100755", attacked.blob(program), case["path"]), beside=True)
    (attacked.repository.path / ".git" / "config").write_text("[core]\n\thooksPath = .githooks\n")
    for folder in (attacked.repository.path / ".githooks", attacked.repository.path / ".git" / "hooks"):
        folder.mkdir(exist_ok=True)
        (folder / "post-checkout").write_bytes(program)
        (folder / "post-checkout").chmod(0o755)
    attacked.check_read({"a.policy"})


def paths(attacked: Attacked, case: Mapping[str, Any]) -> None:
    """Names that mean something else, or something that cannot be seen."""
    attacked.push({_name(case["path"]): OTHER}, beside=True)
    attacked.check_refused(r"cannot be part of a policy set|of the repository is refused")


def collisions(attacked: Attacked, case: Mapping[str, Any]) -> None:
    """Two files that are one elsewhere."""
    attacked.push({_name(path): OTHER for path in case["paths"]}, beside=True)
    attacked.check_refused("are one and the same on other systems")


def special_files(attacked: Attacked, _case: Mapping[str, Any]) -> None:
    """A pipe in the working copy, which would block whoever opened it; and one that claims to be in a tree."""
    os.mkfifo(attacked.repository.path / "a.policy")
    attacked.push({"b.policy": OTHER})
    attacked.check_read({"b.policy"})
    attacked.repository.git("update-ref", "refs/heads/main", attacked.good)
    attacked.engine = Engine.load(attacked.repository.path, ref="main")
    attacked.push({}, ("010644", attacked.blob(), "b.policy"), beside=True)
    attacked.check_refused(r"invalid mode|is of mode")


def reference_names(attacked: Attacked, case: Mapping[str, Any]) -> None:
    """A name that climbs out of the references."""
    outside = attacked.repository.path / ".git" / "x"
    outside.write_text(attacked.good + "\n")
    with pytest.raises(PolicySetError, match="is not the name of a revision"):
        Engine.load(attacked.repository.path, ref=case["ref"])
    with pytest.raises(PolicySetError, match="is not the name of a revision"):
        commit_of(attacked.repository.path, "../x")


def rollback(attacked: Attacked, _case: Mapping[str, Any]) -> None:
    """A branch that goes back to a policy that was withdrawn."""
    withdrawn = attacked.good
    attacked.good = attacked.push({"a.policy": GOOD + b"deny late on ping when false\n"})
    attacked.engine.reload()
    attacked.repository.git("update-ref", "refs/heads/main", withdrawn)
    attacked.check_refused("does not descend from .* a rollback is refused")


def many_files(attacked: Attacked, _case: Mapping[str, Any]) -> None:
    """Refused for their number, before any is read: these are not even there."""
    attacked.push({}, *((FILE, digits(number), f"f{number:06}.policy") for number in range(100_000)))
    start = time.monotonic()
    attacked.check_refused("has more than 10000 policy files")
    assert time.monotonic() - start < 10


def large_blobs(attacked: Attacked, _case: Mapping[str, Any]) -> None:
    """Refused for the size that they declare, loose or packed."""
    size = 1 << 30
    loose(attacked.objects, digits(1), zlib.compress(b"blob %d\0" % size))
    attacked.push({}, (FILE, digits(1), "b.policy"), beside=True)
    attacked.check_refused("is too large")
    attacked.engine = Engine.load(attacked.repository.path, ref=attacked.good)
    pack(attacked.objects, Packed(digits(2), size, zlib.compress(b"x")))
    commit = attacked.push({}, (FILE, digits(2), "b.policy"), beside=True)
    with pytest.raises(PolicySetError, match="is too large"):
        read_revision(attacked.repository.path, commit)


def delta_bombs(attacked: Attacked, _case: Mapping[str, Any]) -> None:
    """Refused for what they say they become; what they say is what they may become, see the next test."""
    base = bytes(1 << 16)
    copies = difference(len(base), 10 << 30, (10 << 30) >> 16)
    pack(
        attacked.objects,
        Packed(digits(1), len(base), zlib.compress(base)),
        Packed(digits(2), len(copies), zlib.compress(copies), digits(1)),
    )
    attacked.push({}, (FILE, digits(2), "b.policy"), beside=True)
    attacked.check_refused("is too large")


def encodings(attacked: Attacked, _case: Mapping[str, Any]) -> None:
    """A text in another encoding is a mistake in that file; line ends of another system are none."""
    text = OTHER.decode()
    for content in (b"\xef\xbb\xbf" + OTHER, text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-16-be")):
        commit = attacked.push({"a.policy": GOOD, "rules/b.policy": content})
        with pytest.raises(PolicyError, match=r"rules/b\.policy:1:1: P0"):
            Engine.load(attacked.repository.path, ref=commit)
    attacked.check_refused(r"rules/b\.policy:1:1: P0")
    attacked.push({"b.policy": GOOD.replace(b"\n", b"\r\n")})
    before = attacked.engine.revision
    attacked.check_read({"b.policy"})
    assert attacked.engine.revision == before


def emptiness(attacked: Attacked, _case: Mapping[str, Any]) -> None:
    """Neither a branch without files, nor one whose folder is gone, nor a repository without commits is a policy."""
    attacked.push({"README.md": b"x"})
    attacked.check_refused("has no policy files")
    commit = attacked.push({"rules/a.policy": GOOD})
    engine = Engine.load(attacked.repository.path, ref="main", subdirectory="rules")
    attacked.good = commit
    attacked.push({"a.policy": GOOD})
    with pytest.raises(PolicySetError, match="has no directory 'rules'"):
        engine.reload()
    assert engine.status().commit == commit
    empty = Repository(attacked.repository.path.parent / "empty")
    with pytest.raises(PolicySetError, match="has no revision"):
        Engine.load(empty.path, ref="main")
    assert Engine.load(empty.path, ref="main", on_broken="deny").decide({"action": "ping"}).code == "not_ready"


BUILDERS: Mapping[str, Callable[[Attacked, Mapping[str, Any]], None]] = {
    "symlink rule file to /etc/passwd": links,
    "symlink dir escape": links,
    "symlink inside repo": links,
    "submodule": links,
    ".gitmodules dash url": git_files,
    ".gitmodules CR path CVE-2025-48384": git_files,
    ".gitattributes filter": git_files,
    "hooks dir tracked": hooks,
    "path .git/config": paths,
    "path ..": paths,
    "path git~1": paths,
    "HFS ignorable": paths,
    "case collision": collisions,
    "NFC/NFD collision": collisions,
    "newline in name": paths,
    "leading dash": paths,
    "fifo/device in worktree": special_files,
    "ref name ../x": reference_names,
    "force push to older commit": rollback,
    "100k files": many_files,
    "1 GiB blob": large_blobs,
    "delta bomb 10MB pack -> 10GB": delta_bombs,
    "BOM / CRLF / UTF-16 policy file": encodings,
    "empty repo / deleted rules dir": emptiness,
}


def test_every_case_of_the_corpus_is_built() -> None:
    """Twenty-four, none left out and none made up."""
    assert len(CORPUS) == 24
    assert [case["name"] for case in CORPUS] == list(BUILDERS)


@pytest.mark.parametrize("case", CORPUS, ids=[case["name"] for case in CORPUS])
def test_a_hostile_repository_is_refused_or_read_as_plain_files(attacked: Attacked, case: dict[str, Any]) -> None:
    """What is refused leaves the policy that decides; what is read runs nothing."""
    BUILDERS[case["name"]](attacked, case)


def test_the_canary_dies_where_git_obeys(attacked: Attacked) -> None:
    """The traps are real: git's own checkout of the same repository runs the hook."""
    hooks(attacked, {"path": ".githooks/post-checkout"})
    attacked.repository.git("checkout", "-q", "--force", "--detach", "main")
    assert attacked.canary.exists()


# --------------------------------------------------------------------------------------------- what lies about its size

_READER = """
import sys
from durwan.language.git_revision import read_tree
from durwan.errors import DurwanError
from pathlib import Path
try:
    read_tree(Path(sys.argv[1]), "main", "")
except DurwanError as error:
    print(error)
else:
    print("read")
"""


def _limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))


def _loose_liar(attacked: Attacked) -> str:
    loose(attacked.objects, digits(1), zeros(b"blob 100\0", 10 << 30))
    return digits(1)


def _packed_liar(attacked: Attacked) -> str:
    pack(attacked.objects, Packed(digits(1), 100, zeros(b"", 10 << 30)))
    return digits(1)


def _lying_difference(attacked: Attacked) -> str:
    base = bytes(1 << 16)
    copies = difference(len(base), 100_000, (10 << 30) >> 16)
    pack(
        attacked.objects,
        Packed(digits(1), len(base), zlib.compress(base)),
        Packed(digits(2), len(copies), zlib.compress(copies), digits(1)),
    )
    return digits(2)


def _lying_size_of_a_difference(attacked: Attacked) -> str:
    base = bytes(1 << 16)
    pack(
        attacked.objects,
        Packed(digits(1), len(base), zlib.compress(base)),
        Packed(digits(2), 20, zeros(difference(len(base), 100_000, 1), 10 << 30), digits(1)),
    )
    return digits(2)


def _chain_of_differences(attacked: Attacked) -> str:
    size = 60 << 20
    packed = [Packed(digits(1), 1 << 16, zlib.compress(bytes(1 << 16)))]
    for number in range(2, 40):
        copies = difference(1 << 16 if number == 2 else size, size, size >> 16)
        packed.append(Packed(digits(number), len(copies), zlib.compress(copies), digits(number - 1)))
    pack(attacked.objects, *packed)
    return digits(39)


def _circle_of_differences(attacked: Attacked) -> str:
    copies = difference(1 << 16, 1 << 16, 1)
    deflated = zlib.compress(copies)
    pack(
        attacked.objects,
        Packed(digits(1), len(copies), deflated, digits(2)),
        Packed(digits(2), len(copies), deflated, digits(1)),
    )
    return digits(1)


@pytest.mark.parametrize(
    "bomb",
    [
        _loose_liar,
        _packed_liar,
        _lying_difference,
        _lying_size_of_a_difference,
        _chain_of_differences,
        _circle_of_differences,
    ],
)
def test_an_object_that_would_burst_is_refused_within_bounds(
    attacked: Attacked, bomb: Callable[[Attacked], str]
) -> None:
    """In a process of 512 MiB and 10 s: refused by name, not for want of memory, whatever it says about itself."""
    attacked.push({}, (FILE, bomb(attacked), "b.policy"), beside=True)
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _READER, str(attacked.repository.path)],
        capture_output=True, text=True, timeout=60, check=True, preexec_fn=_limits,
    )  # fmt: skip
    assert re.search("is damaged|too large|too long a chain", done.stdout), done.stdout
    assert "MemoryError" not in done.stdout
    assert time.monotonic() - start < 10


def test_what_is_not_on_the_way_to_the_set_is_not_inflated(attacked: Attacked) -> None:
    """A bomb in a file that takes no part is never touched."""
    loose(attacked.objects, digits(1), zeros(b"blob 100\0", 1 << 30))
    attacked.push({}, (FILE, digits(1), "movie.bin"), beside=True)
    attacked.check_read({"a.policy"})


def test_a_failed_reload_from_git_is_told_apart(attacked: Attacked) -> None:
    """A rollback is an error of the source, an unreadable tree one of the set; both are of one base."""
    assert issubclass(SourceError, DurwanError)
    assert issubclass(PolicySetError, DurwanError)
    attacked.repository.git("update-ref", "-d", "refs/heads/main")
    attacked.check_refused("has no revision 'main'")
