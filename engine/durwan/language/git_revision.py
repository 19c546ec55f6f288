"""The files of a policy set at a git revision, read from the repository's objects and references alone.

A repository is somebody else's text. So nothing of it is interpreted beyond commits, tags, trees and blobs: its
configuration is not opened, nothing is checked out, and no other program runs. How its objects are read stands in
`git_objects`.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Generator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from durwan.errors import DurwanError
from durwan.language.git_objects import GitNotInstalledError, GitObjects
from durwan.language.set_files import (
    Budget,
    PolicySetError,
    belongs,
    check_path,
    is_hidden,
)

_SHA = re.compile(r"[0-9a-f]{40}")
_ABBREVIATED = re.compile(r"[0-9a-f]{4,39}")
_REVISION = re.compile(r"(?P<base>[A-Za-z0-9][A-Za-z0-9._/@+-]{0,199})(?P<steps>(?:[~^][0-9]{0,4}){0,20})")
_MOST_COMMITS: Final = 50_000


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
    with _reading(git, f"{repository} at {revision}") as objects:
        tree = objects.tree_of(_commit(git, objects, revision))
        for part in within.split("/") if within else ():
            tree = _subtree(objects, tree, part, within)
        return _files(objects, tree, f"{repository} at {revision}")


def commit_of(repository: Path, revision: str) -> str:
    """The commit that a revision names now, in 40 digits.

    Raises:
        PolicySetError: there is no such repository or revision.
        GitNotInstalledError: dulwich is not installed.
    """
    git, _ = find_repository(repository)
    with _reading(git, f"{repository} at {revision}") as objects:
        return _commit(git, objects, revision).decode()


def descends(repository: Path, commit: str, ancestor: str) -> bool:
    """Whether a commit is another one or has it among its ancestors, as far as the repository has them.

    Args:
        repository: as for `read_tree`.
        commit: the younger commit, in 40 digits.
        ancestor: the older one, likewise.

    Raises:
        PolicySetError: the younger commit cannot be read, or so many lie between the two that the search is given up.
        GitNotInstalledError: dulwich is not installed.
    """
    git, _ = find_repository(repository)
    with _reading(git, f"{repository} at {commit}") as objects:
        seen = {commit.encode()}
        newest = [commit.encode()]
        while newest:
            if ancestor.encode() in seen:
                return True
            if len(seen) > _MOST_COMMITS:
                raise PolicySetError(f"{repository} has more than {_MOST_COMMITS} commits since {ancestor}")
            # The history of a shallow clone ends somewhere.
            parents = [parent for each in newest if objects.has(each) for parent in objects.parents_of(each)]
            newest = [parent for parent in dict.fromkeys(parents) if parent not in seen]
            seen.update(newest)
        return False


def places_of_references(repository: Path) -> tuple[str, ...]:
    """The directories in which a repository keeps its references: where a change of a branch shows.

    Raises:
        PolicySetError: there is no such repository.
    """
    git, _ = find_repository(repository)
    folders = [git.own, git.common, *(path for path in (git.common / "refs").rglob("*") if path.is_dir())]
    return tuple(sorted({str(folder) for folder in [*folders, git.common / "refs"] if folder.is_dir()}))


@contextmanager
def _reading(git: _Git, place: str) -> Generator[GitObjects]:
    """The objects of a repository, for as long as they are read."""
    with closing(GitObjects(git.common)) as objects:
        try:
            yield objects
        except DurwanError:
            raise
        except Exception as error:
            # What a damaged repository makes its readers raise has no common name.
            raise PolicySetError(f"{place} cannot be read: it is damaged ({error!r})") from error


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


def _commit(git: _Git, objects: GitObjects, revision: str) -> bytes:
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


def _digits(objects: GitObjects, name: str) -> bytes | None:
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


def _subtree(objects: GitObjects, tree: bytes, name: str, path: str) -> bytes:
    for entry, mode, target in objects.entries_of(tree):
        if entry == name and mode == stat.S_IFDIR:
            return target
    raise PolicySetError(f"the revision has no directory {path!r}")


def _files(objects: GitObjects, root: bytes, place: str) -> dict[str, bytes]:
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
                    budget.expected(len(wanted))
            else:
                kind = {stat.S_IFLNK: "a symbolic link", 0o160000: "a submodule"}.get(mode, f"of mode {mode:o}")
                raise PolicySetError(f"{place} is refused: {path!r} is {kind}")
    found: dict[str, bytes] = {}
    for path, target in wanted:
        budget.file(path, objects.size(target))
        found[path] = objects.content(target, b"blob")
    return found


__all__ = ["GitNotInstalledError", "commit_of", "descends", "find_repository", "places_of_references", "read_tree"]
