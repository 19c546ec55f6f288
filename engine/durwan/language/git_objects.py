"""The objects of a git repository, which is somebody else's: none is inflated beyond what it says, nor beyond reason.

How large an object says that it is, is looked up before anything is inflated, and so are the objects that it is written
as a difference to. That none inflates to more than it says is left to dulwich, from the version on that does so.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from durwan.errors import DurwanError
from durwan.language.set_files import FILE_CEILING, PolicySetError

_MOST_TAGS: Final = 10
_MOST_STORES: Final = 8
_LONGEST_HEADER: Final = 64
# Inflating one object may inflate a chain of others that it is written as a difference to.
_CHAIN_CEILING: Final = 4 * FILE_CEILING
_LONGEST_CHAIN: Final = 4_096
_OFFSET_DELTA, _REFERENCE_DELTA = 6, 7


class GitNotInstalledError(DurwanError):
    """A revision is asked for, and the extra that reads git repositories is not installed."""

    command = "pip install 'durwan[git]'"

    def __init__(self) -> None:
        super().__init__(f"reading a git revision needs dulwich: {self.command}")


class GitObjects:
    """The objects of a repository, each inflated only after its size was looked up.

    Args:
        repository: the directory that has `objects`.

    Raises:
        GitNotInstalledError: dulwich is not installed.
    """

    def __init__(self, repository: Path) -> None:
        try:
            self._store: Any = import_module("dulwich.object_store").DiskObjectStore(str(repository / "objects"))
            self._malformed: type[Exception] = import_module("dulwich.errors").ObjectFormatException
        except ImportError as error:
            raise GitNotInstalledError from error
        # A repository may borrow objects from others on this machine, and these from yet others.
        self._stores: list[Any] = [self._store]
        for store in self._stores:
            store.loose_object_size_limit = FILE_CEILING + _LONGEST_HEADER
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

    def has(self, name: bytes) -> bool:
        """Whether the object is there."""
        return any(_sizes_in(store, name.decode()) for store in self._stores)

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
