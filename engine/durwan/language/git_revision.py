"""The files of a policy set at a git revision, read from the repository's objects and references alone.

A repository is somebody else's text. So nothing of it is interpreted beyond commits, tags, trees and blobs: its
configuration is not opened, nothing is checked out, and no other program runs. How much an object would be once it is
inflated is looked up before it is inflated.
"""

from __future__ import annotations

import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from durwan.errors import DurwanError
from durwan.language.set_files import (
    FILE_CEILING,
    Budget,
    PolicySetError,
    belongs,
    check_path,
    is_hidden,
)

_SHA = re.compile(r"[0-9a-f]{40}")
_ABBREVIATED = re.compile(r"[0-9a-f]{4,39}")
_REVISION = re.compile(r"(?P<base>[A-Za-z0-9][A-Za-z0-9._/@+-]{0,199})(?P<steps>(?:[~^][0-9]{0,4}){0,20})")
_MOST_TAGS: Final = 10
_MOST_STORES: Final = 8
# Inflating one object may inflate a chain of others that it is written as a difference to.
_CHAIN_CEILING: Final = 4 * FILE_CEILING
_LONGEST_CHAIN: Final = 4_096
_OFFSET_DELTA, _REFERENCE_DELTA = 6, 7


class GitNotInstalledError(DurwanError):
    """A revision is asked for, and the extra that reads git repositories is not installed."""

    command = "pip install 'durwan[git]'"

    def __init__(self) -> None:
        super().__init__(f"reading a git revision needs dulwich: {self.command}")


def read_tree(repository: Path, revision: str, subdirectory: str) -> dict[str, bytes]:
    """The files of the policy set that lies in a directory of a repository at a revision.

    Raises:
        PolicySetError: see `durwan.language.policy_set.read_revision`.
        GitNotInstalledError: dulwich is not installed.
    """
    git, within = find_repository(repository)
    if subdirectory not in {"", "."}:
        within = subdirectory.removesuffix("/")
        check_path(within)
    with closing(_Objects(git)) as objects:
        try:
            tree = objects.tree_of(_commit(git, objects, revision))
            for part in within.split("/") if within else ():
                tree = _subtree(objects, tree, part, within)
            return _files(objects, tree, f"{repository} at {revision}")
        except DurwanError:
            raise
        except Exception as error:
            # What a damaged repository makes its readers raise has no common name.
            raise PolicySetError(f"{repository} at {revision} cannot be read: it is damaged ({error!r})") from error


class _Git:
    """Where a repository keeps its things: `own` has `HEAD`, `common` has objects and shared references."""

    def __init__(self, own: Path, common: Path) -> None:
        self.own = own
        self.common = common


def find_repository(place: Path) -> tuple[_Git, str]:
    """The repository that a directory belongs to, and the directory's path within its working copy.

    Raises:
        PolicySetError: it belongs to none.
    """
    try:
        start = place.resolve(strict=True)
    except OSError as error:
        raise PolicySetError(f"{place} is not there") from error
    if (start / "HEAD").is_file() and (start / "objects").is_dir():
        return _Git(start, start), ""
    for folder in (start, *start.parents):
        git = folder / ".git"
        if git.exists():
            within = "" if start == folder else start.relative_to(folder).as_posix()
            return (_Git(git, git) if git.is_dir() else _linked(git)), within
    raise PolicySetError(f"{place} is not in a git repository")


def _linked(git: Path) -> _Git:
    """The repository of a linked working tree, whose `.git` is a file that names a directory."""
    words = _first_line(git).removeprefix("gitdir:").strip()
    own = (git.parent / words).resolve()
    common = own / "commondir"
    return _Git(own, (own / _first_line(common)).resolve() if common.is_file() else own)


def _first_line(path: Path) -> str:
    with path.open("r", encoding="utf-8", errors="replace") as file:
        return file.readline(4_096).strip()


# ---------------------------------------------------------------- revisions


def _commit(git: _Git, objects: _Objects, revision: str) -> bytes:
    """The commit that a revision names."""
    found = _REVISION.fullmatch(revision)
    base = found["base"] if found else ""
    if found is None or ".." in base or "//" in base or "@{" in base or base.endswith((".lock", "/", ".")):
        raise PolicySetError(f"{revision[:200]!r} is not the name of a revision")
    name = _reference(git, base) or _digits(objects, base)
    if name is None:
        raise PolicySetError(f"the repository has no revision {revision!r}")
    commit = objects.peeled(name)
    for sign, count in re.findall(r"([~^])([0-9]*)", found["steps"]):
        number = int(count or 1)
        for _ in range(number if sign == "~" else 1):
            parents = objects.parents_of(commit)
            index = 0 if sign == "~" else number - 1
            if index < 0:  # `^0` is the commit itself
                break
            if index >= len(parents):
                raise PolicySetError(f"the repository has no revision {revision!r}: there is no such parent")
            commit = parents[index]
    return commit


def _reference(git: _Git, name: str) -> bytes | None:
    """The object that a branch, tag or `HEAD` refers to, looked up in the order in which git does."""
    refs: Any = import_module("dulwich.refs").DiskRefsContainer(str(git.common), str(git.own))
    for form in ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD"):
        full = form.format(name)
        if full != "HEAD" and not full.startswith("refs/"):
            continue
        try:
            found: bytes = refs[full.encode()]
        except (KeyError, ValueError, OSError):
            continue
        if _SHA.fullmatch(found.decode("ascii", "replace")):
            return found
    return None


def _digits(objects: _Objects, name: str) -> bytes | None:
    """The object whose digits these are, or begin so."""
    if _SHA.fullmatch(name):
        return name.encode()
    if not _ABBREVIATED.fullmatch(name):
        return None
    found = objects.beginning_with(name.encode())
    if len(found) > 1:
        raise PolicySetError(f"{name!r} is the beginning of more than one object")
    return found[0] if found else None


# ---------------------------------------------------------------- trees


def _subtree(objects: _Objects, tree: bytes, name: str, path: str) -> bytes:
    for entry, mode, target in objects.entries_of(tree):
        if entry == name and mode == stat.S_IFDIR:
            return target
    raise PolicySetError(f"the revision has no directory {path!r}")


def _files(objects: _Objects, root: bytes, place: str) -> dict[str, bytes]:
    """The files of the set whose root is this tree; one link or submodule anywhere refuses the whole."""
    budget = Budget(place)
    wanted: list[tuple[str, bytes]] = []
    folders = [("", root, False)]
    while folders:
        folder, tree, is_left_out = folders.pop()
        for name, mode, target in objects.entries_of(tree):
            path = f"{folder}/{name}" if folder else name
            budget.entry()
            check_path(path)
            if mode == stat.S_IFDIR:
                folders.append((path, target, is_left_out or is_hidden(name)))
            elif stat.S_ISREG(mode):
                if belongs(path) and not is_left_out:
                    wanted.append((path, target))
            else:
                kind = {stat.S_IFLNK: "a symbolic link", 0o160000: "a submodule"}.get(mode, f"of mode {mode:o}")
                raise PolicySetError(f"{place} is refused: {path!r} is {kind}")
    found: dict[str, bytes] = {}
    for path, target in wanted:
        budget.file(path, objects.size(target))
        found[path] = objects.content(target, b"blob")
    return found


class _Objects:
    """The objects of a repository, each inflated only after its size was looked up."""

    def __init__(self, git: _Git) -> None:
        try:
            self._store: Any = import_module("dulwich.object_store").DiskObjectStore(str(git.common / "objects"))
            self._malformed: type[Exception] = import_module("dulwich.errors").ObjectFormatException
        except ImportError as error:
            raise GitNotInstalledError from error
        # A repository may borrow objects from others on this machine, and these from yet others.
        self._stores: list[Any] = [self._store]
        for store in self._stores:
            self._stores.extend(store.alternates if len(self._stores) < _MOST_STORES else ())

    def close(self) -> None:
        """Close the packs."""
        for store in self._stores:
            store.close()

    def content(self, name: bytes, kind: bytes) -> bytes:
        """The bytes of an object of this kind; its digits, its kind and its size are checked."""
        found: bytes = self._object(name, kind).as_raw_string()
        if len(found) != self.size(name):
            raise PolicySetError(f"the object {name.decode()} of the repository is not as large as it says")
        return found

    def size(self, name: bytes) -> int:
        """How large the object is once it is inflated.

        Raises:
            PolicySetError: inflating it would take more memory than anything of a policy set should.
        """
        sizes = next((found for store in self._stores if (found := _sizes_in(store, name.decode()))), None)
        if sizes is None:
            raise PolicySetError(f"the repository does not have the object {name.decode()}: is it a shallow clone?")
        if sum(sizes) > _CHAIN_CEILING or max(sizes) > FILE_CEILING:
            raise PolicySetError(f"the object {name.decode()} of the repository is too large")
        return sizes[0]

    def tree_of(self, commit: bytes) -> bytes:
        """The root tree of a commit."""
        return self._object(commit, b"commit").tree  # type: ignore[no-any-return]

    def parents_of(self, commit: bytes) -> list[bytes]:
        """The parents of a commit, the first one first."""
        return list(self._object(commit, b"commit").parents)

    def peeled(self, name: bytes) -> bytes:
        """The commit that an object is, or that a tag leads to."""
        for _ in range(_MOST_TAGS):
            found = self._object(name, None)
            if found.type_name != b"tag":
                break
            name = found.object[1]
        return name

    def entries_of(self, tree: bytes) -> Iterator[tuple[str, int, bytes]]:
        """Name, mode and object of each entry of a tree."""
        found = self._object(tree, b"tree")
        try:
            # A name that stands twice or has a slash, names out of order: other readers would see other files.
            found.check()
        except self._malformed as error:
            raise PolicySetError(f"the tree {tree.decode()} of the repository is refused: {error}") from error
        for entry in found.items():
            yield entry.path.decode("utf-8", "surrogateescape"), entry.mode, entry.sha

    def beginning_with(self, digits: bytes) -> list[bytes]:
        """The commits and tags whose names begin with these digits."""
        found = {bytes(name) for store in self._stores for name in store if name.startswith(digits)}
        return sorted(name for name in found if self._object(name, None).type_name in {b"commit", b"tag"})

    def _object(self, name: bytes, kind: bytes | None) -> Any:
        self.size(name)
        found = self._store[name]
        if kind is not None and found.type_name != kind:
            raise PolicySetError(f"the object {name.decode()} is not a {kind.decode()}")
        return found


def _sizes_in(store: Any, digits: str) -> list[int]:
    """The sizes that come with inflating an object, its own first; empty where the store does not have it."""
    for pack in store.packs:
        try:
            offset: int = pack.index.object_offset(bytes.fromhex(digits))
        except KeyError:
            continue
        return list(_declared_sizes(Path(str(pack.data.path)), offset, pack.index))
    path = Path(str(store.path)) / digits[:2] / digits[2:]
    if not path.is_file():
        return []
    with path.open("rb") as file:
        head = zlib.decompressobj().decompress(file.read(4_096), 64)
    return [int(head.partition(b"\0")[0].split(b" ")[1])]


def _declared_sizes(pack: Path, offset: int, index: Any) -> Iterator[int]:
    """The sizes that a pack gives for an object, and for all that must be inflated before it can be.

    For an object that is written as a difference to another (gitformat-pack): the size of the result, that of the
    difference, and then the sizes of the other.
    """
    with pack.open("rb") as file:
        for _ in range(_LONGEST_CHAIN):
            file.seek(offset)
            head = file.read(4_096)
            kind, size, position = _object_header(head)
            if kind not in {_OFFSET_DELTA, _REFERENCE_DELTA}:
                yield size
                return
            if kind == _OFFSET_DELTA:
                distance, position = _base_distance(head, position)
                base = offset - distance
            else:
                base = index.object_offset(head[position : position + 20])
                position += 20
            sizes = zlib.decompressobj().decompress(head[position:], 32)
            _, after = _little_endian(sizes, 0)
            yield _little_endian(sizes, after)[0]
            yield size
            offset = base
    raise PolicySetError("an object of the repository is written as too long a chain of differences")


def _object_header(head: bytes) -> tuple[int, int, int]:
    """The kind and size in front of a packed object, and the position after them."""
    kind, size, shift, position = (head[0] >> 4) & 7, head[0] & 15, 4, 1
    while head[position - 1] & 0x80:
        size |= (head[position] & 0x7F) << shift
        shift += 7
        position += 1
    return kind, size, position


def _base_distance(head: bytes, position: int) -> tuple[int, int]:
    """How far before a difference the object lies that it differs from, and the position after that number."""
    distance = head[position] & 0x7F
    while head[position] & 0x80:
        position += 1
        distance = ((distance + 1) << 7) | (head[position] & 0x7F)
    return distance, position + 1


def _little_endian(text: bytes, position: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest first, and the position after it."""
    number, shift = 0, 0
    while True:
        number |= (text[position] & 0x7F) << shift
        shift += 7
        position += 1
        if not text[position - 1] & 0x80:
            return number, position
