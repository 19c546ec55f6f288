"""Where an engine's policy comes from: each source reads once, tells change from sameness, and refuses to go back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from durwan import DurwanError, Engine
from durwan.compilation import compile_sources
from durwan.credentials.ed25519 import new_private_key, raw_public_key
from durwan.runtime.bundle import BundleError
from durwan.runtime.bundle_trust import Trust
from durwan.runtime.sources import BundleFile, Directory, Revision, SourceError, Texts, source_at
from durwan.workshop.bundling import build_bundle, sign_bundle
from tests.repositories import FILE, Repository

PING = {"action": "ping", "client": {"ip": "203.0.113.9"}}


def policy(network: str) -> str:
    """A policy that allows pings from one network."""
    return f"actions {{ ping }}\nallow ping on ping when client.ip in {{ {network} }}\n"


NEAR, FAR = policy("203.0.113.0/24"), policy("198.51.100.0/24")


# ------------------------------------------------------------------------------------------------------- directories


def test_the_stamp_of_a_directory_follows_contents_and_names(tmp_path: Path) -> None:
    """Another byte, another name or another file is another stamp; another time or a file apart is not."""
    path = tmp_path / "a.policy"
    path.write_text(NEAR)
    source = Directory(tmp_path)
    first = source.stamp()
    assert source.read(None).stamp == first
    os.utime(path, (1, 1))
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "README.md").write_text("x")
    assert source.stamp() == first
    path.write_text(NEAR + " ")
    second = source.stamp()
    path.rename(tmp_path / "b.policy")
    third = source.stamp()
    (tmp_path / "list.txt").write_text("")
    assert len({first, second, third, source.stamp()}) == 4


def test_names_and_contents_cannot_pass_for_each_other(tmp_path: Path) -> None:
    """A boundary that moves between a name and its content, or between files, changes the stamp."""
    stamps: set[str] = set()
    for number, (name, content) in enumerate([("a.policy", "b"), ("ab.policy", ""), ("a.policy", "b\0")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_text(content)
        stamps.add(Directory(folder).stamp())
    assert len(stamps) == 3


def test_the_places_of_a_directory_are_its_folders(tmp_path: Path) -> None:
    """Those whose files take part, as they are now."""
    (tmp_path / "rules" / "deep").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    source = Directory(tmp_path)
    assert source.places() == tuple(str(tmp_path / each) for each in ("", "rules", "rules/deep"))
    assert Directory(tmp_path / "missing").places() == ()


def test_a_directory_that_keeps_changing_is_not_read(tmp_path: Path) -> None:
    """Two readings in a row have to agree: what is half of one set and half of another is nobody's policy."""
    path = tmp_path / "a.policy"

    class Restless(Directory):
        def _files(self) -> object:
            path.write_text(path.read_text() + "#")
            return super()._files()

    path.write_text(NEAR)
    with pytest.raises(SourceError, match="changes while it is read"):
        Restless(tmp_path).read(None)
    with pytest.raises(DurwanError, match="cannot be read"):
        Directory(tmp_path / "missing").read(None)


def test_a_set_that_is_swapped_as_a_whole_is_never_read_in_part(tmp_path: Path) -> None:
    """As a mounted configuration is swapped: whatever the moment, both files are of the same side."""
    for side in ("near", "far"):
        folder = tmp_path / f"..{side}"
        folder.mkdir()
        (folder / "actions.policy").write_text(f"actions {{ {side} ping }}\n")
        (folder / "rules.policy").write_text(f"allow {side} on {side}\n")
    (tmp_path / "..data").symlink_to("..near")
    for name in ("actions.policy", "rules.policy"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    whole = {Directory(tmp_path / f"..{side}").read(None).compiled.revision for side in ("near", "far")}
    stop = threading.Event()

    def swap() -> None:
        for turn in range(1 << 30):
            if stop.is_set():
                return
            link = tmp_path / "..next"
            link.symlink_to("..far" if turn % 2 else "..near")
            link.replace(tmp_path / "..data")
            time.sleep(0.001)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        found: set[str] = set()
        for _ in range(60):
            # On a busy machine it may change whenever it is looked at.
            with suppress(DurwanError):
                found.add(Directory(tmp_path).read(None).compiled.revision)
    finally:
        stop.set()
        thread.join()
    assert found
    assert found <= whole


# -------------------------------------------------------------------------------------------------------------- git


@pytest.fixture(name="repository")
def repository_fixture(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def commit(repository: Repository, text: str, *parents: str) -> str:
    """A commit of a set that is one file."""
    return repository.commit(repository.tree((FILE, repository.blob(text.encode()), "a.policy")), *parents)


def test_a_branch_is_read_without_a_checkout(repository: Repository) -> None:
    """The engine follows the branch, and says which commit decides."""
    first = commit(repository, NEAR)
    engine = Engine.load(repository.path, ref="main")
    assert engine.decide(PING).allowed
    assert (engine.status().commit, engine.status().source) == (first, f"{repository.path} at main")
    second = commit(repository, FAR, first)
    engine.reload()
    assert not engine.decide(PING).allowed
    assert engine.status().commit == second
    assert list(repository.path.glob("*.policy")) == []


def test_a_branch_may_go_forward_over_many_commits_and_merges(repository: Repository) -> None:
    """Descending is what counts, by whatever parent."""
    first = commit(repository, NEAR)
    engine = Engine.load(repository.path, ref="main")
    other = commit(repository, FAR)
    middle = commit(repository, NEAR, first)
    last = commit(repository, FAR, other, middle)
    engine.reload()
    assert engine.status().commit == last


@pytest.mark.parametrize("kind", ["older", "unrelated", "sibling"])
def test_a_branch_that_goes_back_is_refused(repository: Repository, kind: str) -> None:
    """A commit that does not descend from the one that decides needs to be asked for."""
    root = commit(repository, FAR)
    sibling = commit(repository, FAR + "#", root)
    unrelated = commit(repository, FAR + "##")
    newest = commit(repository, NEAR, root)
    engine = Engine.load(repository.path, ref="main")
    target = {"older": root, "unrelated": unrelated, "sibling": sibling}[kind]
    repository.git("update-ref", "refs/heads/main", target)
    with pytest.raises(SourceError, match="a rollback is refused unless"):
        engine.reload()
    assert engine.decide(PING).allowed
    assert engine.status().commit == newest
    willing = Engine.load(repository.path, ref=newest, allow_rollback=True)
    assert willing.status().commit == newest
    source = Revision(repository.path, "main", allow_rollback=True)
    assert source.read(Revision(repository.path, newest).read(None)).commit == target


def test_a_shallow_history_that_does_not_reach_back_is_no_proof(repository: Repository, tmp_path: Path) -> None:
    """Whether the new commit descends cannot be told; so it is refused, with the way out."""
    first = commit(repository, NEAR)
    second = commit(repository, FAR, commit(repository, FAR, first))
    before = Revision(repository.path, first).read(None)
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.path}", "../shallow")
    with pytest.raises(SourceError, match="does not descend"):
        Revision(tmp_path / "shallow", "HEAD").read(before)
    assert Revision(repository.path, "main").read(before).commit == second


def test_a_change_of_a_branch_shows_in_the_places(repository: Repository) -> None:
    """The directories of the references, not those of the objects."""
    commit(repository, NEAR)
    places = Revision(repository.path, "main").places()
    git = repository.path / ".git"
    assert {str(git), str(git / "refs"), str(git / "refs" / "heads")} <= set(places)
    assert not any("objects" in place for place in places)
    assert Revision(repository.path.parent / "missing", "main").places() == ()


def test_a_subdirectory_of_a_bare_repository_may_be_the_set(repository: Repository, tmp_path: Path) -> None:
    """Named, since nobody can stand in it."""
    inner = repository.tree((FILE, repository.blob(NEAR.encode()), "a.policy"))
    repository.commit(repository.tree(("040000", inner, "policies")))
    repository.git("clone", "-q", "--bare", ".", "../bare.git")
    engine = Engine.load(tmp_path / "bare.git", ref="main", subdirectory="policies")
    assert engine.decide(PING).allowed


# ----------------------------------------------------------------------------------------------------------- bundles


def bundle(text: str, version: int = 1, created: int | None = None, expires: int | None = None) -> bytes:
    """An unsigned bundle of a set that is one file."""
    return build_bundle(compile_sources({"a.policy": text}), version=version, created=created, expires=expires)


def test_a_bundle_is_loaded_where_the_path_is_a_file(tmp_path: Path) -> None:
    """The status has its version and its expiry; the place of the file is its folder."""
    place = tmp_path / "policy.bundle"
    place.write_bytes(bundle(NEAR, 7, created=1_000, expires=3_000))
    now = [1_000]
    with Engine.load(place, clock=lambda: now[0]) as engine:
        assert engine.decide(PING).allowed
        status = engine.status()
        assert (status.version, status.expires, status.source, status.ageing) == (7, 3_000, str(place), False)
        now[0] = 2_001
        assert engine.status().ageing
        assert not engine.status().stale
        now[0] = 3_000
        assert engine.status().stale
    assert BundleFile(place, clock=lambda: 0).places() == (str(tmp_path),)
    assert BundleFile(tmp_path / "missing" / "x", clock=lambda: 0).places() == ()


def test_a_bundle_past_half_of_its_life_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A line in the log, in time to build the next one."""
    place = tmp_path / "policy.bundle"
    place.write_bytes(bundle(NEAR, 7, created=1_000, expires=3_000))
    with Engine.load(place, clock=lambda: 2_500, max_age=0.3, on_stale="keep"):
        time.sleep(0.2)
    assert [record.getMessage() for record in caplog.records] == [
        f"{place} has passed half of its life: build the next one"
    ]


def test_a_bundle_that_is_missing_cut_off_or_unsigned_is_refused(tmp_path: Path) -> None:
    """With trust given, the path is a bundle even before there is one."""
    place = tmp_path / "policy.bundle"
    private, _ = new_private_key()
    trust = Trust(keys=(raw_public_key(private),), state=tmp_path / "state.json")
    with pytest.raises(SourceError, match="cannot be read"):
        Engine.load(place, trust=trust)
    engine = Engine.load(place, trust=trust, on_broken="deny")
    for content in (b"", bundle(NEAR)[:-1], bundle(NEAR)):
        place.write_bytes(content)
        with pytest.raises(BundleError):
            engine.reload()
    assert not (tmp_path / "state.json").exists()
    place.write_bytes(sign_bundle(bundle(NEAR), private))
    engine.reload()
    assert engine.decide(PING).allowed
    assert (tmp_path / "state.json").exists()


def test_a_gateway_that_loads_a_bundle_loads_no_compiler(tmp_path: Path) -> None:
    """Neither to begin with, nor to reload, nor to watch."""
    place = tmp_path / "policy.bundle"
    place.write_bytes(bundle(NEAR))
    script = """
import sys
from durwan import Engine
with Engine.load(sys.argv[1], watch=True) as engine:
    engine.decide({"action": "ping"})
    engine.reload()
heavy = ("lark", "pydantic", "yaml", "durwan.language", "durwan.compilation", "durwan.workshop")
print(*[name for name in sys.modules if name.startswith(heavy)])
"""
    command = [sys.executable, "-c", script, str(place)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "\n"


# ----------------------------------------------------------------------------------------------- texts, and the choice


def test_texts_are_kept_as_they_were_given() -> None:
    """Changing the mapping later changes nothing, and reloading compiles the same."""
    texts = {"a.policy": NEAR}
    engine = Engine.from_sources(texts)
    revision = engine.revision
    texts["a.policy"] = FAR
    assert engine.reload() == revision
    assert Texts(texts).places() == ()


def test_options_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    """Rather than one of them being ignored."""
    with pytest.raises(ValueError, match="give a ref as well"):
        source_at(tmp_path, {"subdirectory": "x"}, lambda: 0)
    trust = Trust(keys=(raw_public_key(new_private_key()[0]),))
    with pytest.raises(ValueError, match="leave out ref or trust"):
        source_at(tmp_path, {"ref": "main", "trust": trust}, lambda: 0)
    with pytest.raises(ValueError, match="seconds above zero"):
        Engine.from_sources({"a.policy": NEAR}, max_age=0)
    with pytest.raises(ValueError, match="seconds above zero"):
        Engine.from_sources({"a.policy": NEAR}).watch(poll_seconds=-1)


def test_only_what_changed_is_compiled_anew(tmp_path: Path) -> None:
    """After the first reload, the compiler remembers; what comes out is what a fresh engine finds."""
    (tmp_path / "a.policy").write_text(NEAR)
    (tmp_path / "b.policy").write_text("deny never on ping when false\n")
    engine = Engine.load(tmp_path)
    for text in changes():
        (tmp_path / "b.policy").write_text(text)
        assert engine.reload() == Engine.load(tmp_path).revision


def changes() -> Iterator[str]:
    """The same file, again and again otherwise."""
    for number in range(4):
        yield f'deny never on ping when client.country == "A{number}"\n'


def test_how_large_a_bundle_may_be_is_the_gateways_to_say(tmp_path: Path) -> None:
    """A bundle over the bound is refused with both sizes; with a higher bound it decides."""
    path = tmp_path / "desk.bundle"
    path.write_bytes((Path(__file__).parent / "golden-0.1.0.bundle").read_bytes())
    with pytest.raises(DurwanError, match="100"):
        Engine.load(path, most_bytes=100)
    assert Engine.load(path, most_bytes=1 << 20).status().revision
