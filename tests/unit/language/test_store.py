"""The store: what it keeps, what it passes over, and which directories it refuses."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from durwan.compilation import compile_policy
from durwan.compiler import Compiler
from durwan.language.policy_set import read_mapping
from durwan.language.stored.store import Store, StoreError, users_directory

FILES = {
    "a.policy": "actions { orders.create }\nnetwork office = { 10.0.0.0/8 }\n",
    "b.policy": 'allow trade on orders.create when client.ip in office and key.id == "desk-7"\n',
}


def _entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir())


def _compile(directory: Path) -> str | None:
    return Compiler(Store(directory)).compile(read_mapping(FILES)).revision


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """A document is found under its whole key, and under no other."""
    store = Store(tmp_path)
    store.write({"a": [1, "é"]}, "file", "x")
    assert Store(tmp_path).read("file", "x") == {"a": [1, "é"]}
    assert store.read("file") is None
    assert store.read("file", "x", "") is None


def test_only_the_owner_can_look_in(tmp_path: Path) -> None:
    """The directory and its files are made for their owner alone."""
    directory = tmp_path / "new" / "store"
    Store(directory).write(1, "a")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in _entries(directory)] == [0o600]


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    """Whoever can write to the store can change what policies mean."""
    tmp_path.chmod(mode)
    with pytest.raises(StoreError, match="chmod go-w"):
        Store(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A directory that belongs to another user is none of ours, whatever its permissions."""
    os.chown(tmp_path, 65_534, -1)
    with pytest.raises(StoreError, match="belongs to another user"):
        Store(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"{}", b"\x80\n", b'[1,2]\n{"names":""}'])
def test_damaged_entries_are_written_anew(tmp_path: Path, damage: bytes) -> None:
    """An entry that was cut short, or is something else, changes nothing, and is whole afterwards."""
    wanted = _compile(tmp_path)
    before = {path: path.read_bytes() for path in _entries(tmp_path)}
    assert len(before) == len(FILES)
    for path, content in before.items():
        path.write_bytes(damage or content[:-1])
    assert _compile(tmp_path) == wanted == compile_policy(read_mapping(FILES)).revision
    assert {path: path.read_bytes() for path in _entries(tmp_path)} == before


def test_only_what_is_new_is_written(tmp_path: Path) -> None:
    """A compiler that is kept writes each file once, and again when it has another meaning."""
    compiler = Compiler(Store(tmp_path))
    compiler.compile(read_mapping(FILES))
    for path in _entries(tmp_path):
        path.unlink()
    compiler.compile(read_mapping(FILES))
    assert _entries(tmp_path) == []
    compiler.compile(read_mapping(FILES | {"a.policy": FILES["a.policy"].replace("create }", "create orders.read }")}))
    assert len(_entries(tmp_path)) == len(FILES)


def test_an_entry_of_another_file_is_not_taken(tmp_path: Path) -> None:
    """A file whose text changed is read anew: its entry has another name."""
    _compile(tmp_path)
    changed = {**FILES, "b.policy": FILES["b.policy"].replace("desk-7", "desk-8")}
    compiled = Compiler(Store(tmp_path)).compile(read_mapping(changed))
    assert compiled.revision == compile_policy(read_mapping(changed)).revision
    assert len(_entries(tmp_path)) == len(FILES) + 1


def test_files_with_mistakes_are_not_stored(tmp_path: Path) -> None:
    """Mistakes are told in every run, so a file that has some is read in every run."""
    compiled = Compiler(Store(tmp_path)).compile(read_mapping(FILES | {"b.policy": "allow trade on orders.creat\n"}))
    assert [item.code for item in compiled.diagnostics] == ["P0203"]
    assert len(_entries(tmp_path)) == 1


def test_what_nobody_used_is_removed(tmp_path: Path) -> None:
    """An entry is kept for a month after its last use."""
    store = Store(tmp_path)
    for name, days in (("old", 40), ("used", 20)):
        before = set(_entries(tmp_path))
        store.write(name, name)
        (entry,) = set(_entries(tmp_path)) - before
        then = time.time() - days * 86_400
        os.utime(entry, (then, then))
    store = Store(tmp_path)
    assert (store.read("old"), store.read("used")) == (None, "used")
    (entry,) = _entries(tmp_path)
    assert time.time() - entry.stat().st_mtime < 60


def test_a_full_disk_is_no_mistake(tmp_path: Path) -> None:
    """Where nothing can be written, everything is found out again."""
    store = Store(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    store.write(1, "a")
    assert store.read("a") is None


def test_where_a_users_store_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """In what `DURWAN_CACHE` names, else in the user's cache directory."""
    monkeypatch.setenv("DURWAN_CACHE", "/x/y")
    assert users_directory() == Path("/x/y")
    monkeypatch.delenv("DURWAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert users_directory() == Path("/c/durwan")
