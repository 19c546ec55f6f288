"""Policy sets as files in memory, from a directory, from texts, or from a revision of a git repository.

Reading decides nothing about what the files say. It only makes sure that they are the set's own files: none is reached
through a link that leads elsewhere, none has a name that means different things on different systems, and none is
larger than memory should bear. Anything odd stops the reading: a policy file that was silently left out could be the
one that denies.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from durwan.language.set_files import (
    Budget,
    PolicySetError,
    arranged,
    belongs,
    check_path,
    is_hidden,
    require_policies,
)


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The files of a policy set.

    `name` says where they come from, for messages; `files` maps the path of each, relative to the set and with `/`, to
    its bytes, in source order (bytewise by path).
    """

    name: str
    files: Mapping[str, bytes]


def read_mapping(files: Mapping[str, str | bytes]) -> PolicySet:
    """A policy set given as texts (or their bytes) by path.

    Raises:
        PolicySetError: a path is not one that a file of a policy set may have.
    """
    contents: dict[str, bytes] = {}
    for path, content in files.items():
        check_path(path)
        # A lone surrogate is no UTF-8: it becomes bytes that the text's own reader will refuse, with its place.
        contents[path] = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else bytes(content)
    return PolicySet("the given files", MappingProxyType(arranged(contents)))


def read_directory(path: str | os.PathLike[str]) -> PolicySet:
    """The policy set in a directory: its `*.policy`, `*.yaml`, `*.yml`, `*.json` and `*.txt` files, in any folders.

    Files and folders with a leading dot take no part. A file may be a link to another place in the same directory, as
    mounted configuration is; folders may not be links.

    Raises:
        PolicySetError: there is no such directory, it has no policy files, or something in it is not safe to read.
    """
    root = Path(path)
    budget = Budget(str(root))
    contents: dict[str, bytes] = {}
    try:
        real_root = root.resolve(strict=True)
        if not real_root.is_dir():
            raise PolicySetError(f"{root} is not a directory")
        for name, size in _files_in(real_root, budget):
            budget.file(name, size)
            contents[name] = _read_file(real_root, name, size)
    except OSError as error:
        raise PolicySetError(f"the policy set in {root} cannot be read: {error.strerror or error}") from error
    require_policies(contents, str(root))
    return PolicySet(str(root), MappingProxyType(arranged(contents)))


def read_revision(repository: str | os.PathLike[str], revision: str, subdirectory: str = "") -> PolicySet:
    """The policy set that a git repository has at a revision, read from its objects alone.

    Nothing is checked out; no configuration, hook, filter or other program of the repository takes any part.

    Args:
        repository: the working copy, a bare repository, or a directory inside of a working copy.
        revision: a commit's digits (four at least), a branch, a tag, a full reference or `HEAD`, and then any number
            of `~`, `~N`, `^` and `^N`.
        subdirectory: where in the repository the set lies; its root if empty. Without it, a directory inside of a
            working copy is itself the set.

    Raises:
        PolicySetError: there is no such repository, revision or directory; it has no policy files; it has a symbolic
            link or a submodule anywhere, or anything else that is not safe to read.
        GitNotInstalledError: the extra that reads git is not installed.
    """
    from durwan.language.git_revision import read_tree  # noqa: PLC0415 - git is an extra

    found = read_tree(Path(repository), revision, subdirectory)
    name = f"{repository} at {revision}"
    require_policies(found, name)
    return PolicySet(name, MappingProxyType(arranged(found)))


def _files_in(root: Path, budget: Budget) -> Iterator[tuple[str, int]]:
    """The paths of the files of a set, and their sizes; nothing is opened."""
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                budget.entry()
                if is_hidden(entry.name):
                    continue
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    check_path(path)
                    folders.append(path)
                elif entry.is_symlink() and (root / path).is_dir():
                    raise PolicySetError(f"the folder {path!r} is a link; folders that are links are not read")
                elif belongs(path):
                    check_path(path)
                    yield path, _size(root, path)


def _size(root: Path, path: str) -> int:
    """The size of a regular file, which may be reached through a link that stays within the set."""
    real = _real_path(root, path)
    found = real.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise PolicySetError(f"{path!r} is not a regular file")
    return found.st_size


def _real_path(root: Path, path: str) -> Path:
    try:
        real = (root / path).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise PolicySetError(f"{path!r} is a link that leads nowhere") from error
    if not real.is_relative_to(root):
        raise PolicySetError(f"{path!r} is a link that leads out of the policy set")
    return real


def _read_file(root: Path, path: str, size: int) -> bytes:
    """The bytes of a file, if it still is the one that was looked at."""
    # Neither a link that was put in its place meanwhile nor a pipe that would block is opened.
    flags = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    descriptor = os.open(_real_path(root, path), flags)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - it is open already
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PolicySetError(f"{path!r} is not a regular file")
        content = file.read(size + 1)
    if len(content) != size:
        raise PolicySetError(f"{path!r} changed while it was read")
    return content


__all__ = ["PolicySet", "PolicySetError", "read_directory", "read_mapping", "read_revision"]
