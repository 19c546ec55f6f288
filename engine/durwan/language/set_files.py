"""Which files make up a policy set, how they may be named, and how much of them is ever read into memory."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from durwan.diagnostics.hidden import HIDDEN
from durwan.errors import DurwanError

SUFFIXES: Final = (".policy", ".yaml", ".yml", ".json", ".txt")

# What no manifest can raise: these are checked before anything is read. The limits of section 11 of the language page
# are far lower, and checked later, on the bytes.
MOST_FILES: Final = 10_000
MOST_ENTRIES: Final = 200_000
FILE_CEILING: Final = 64 << 20
SET_CEILING: Final = 256 << 20
_LONGEST_PATH: Final = 1_024
_DEEPEST: Final = 32


class PolicySetError(DurwanError):
    """A policy set that cannot be read: it is not there, or it is not safe to read."""


def is_hidden(name: str) -> bool:
    """Whether a file or folder takes no part in a policy set because of its leading dot, such as `.git`."""
    return name.startswith(".") and name not in {".", ".."}


def belongs(path: str) -> bool:
    """Whether the file at this path, relative to the set, is one of its files."""
    return path.endswith(SUFFIXES) and not any(is_hidden(part) for part in path.split("/"))


def check_path(path: str) -> None:
    """Refuse a path, relative to the set, that could mean two things or hide what it means.

    Raises:
        PolicySetError: it is absolute, climbs, has an empty or odd part, or a character that cannot be seen.
    """
    parts = path.split("/")
    problem = next((found for found in map(_oddity, parts) if found is not None), None)
    if problem is None and (len(path) > _LONGEST_PATH or len(parts) > _DEEPEST):
        problem = "it is too long"
    if problem is not None:
        raise PolicySetError(f"the path {path[:200]!r} cannot be part of a policy set: {problem}")


def _oddity(part: str) -> str | None:
    if part in {"", ".", ".."}:
        return "it is not a plain path within the set"
    if HIDDEN.search(part) or "\n" in part or "\t" in part:
        return "it has a character that cannot be seen"
    if "\\" in part or ":" in part:
        return "a backslash or a colon means something else on other systems"
    if part.startswith("-"):
        return "a leading dash would be taken for an option"
    if part != part.strip(" ") or part.endswith("."):
        return "a space or a point at its end is lost on other systems"
    folded = part.casefold()
    return "git keeps its own files there" if folded == ".git" or folded.startswith("git~") else None


def arranged(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files in source order: that of their paths, bytewise.

    Raises:
        PolicySetError: two of them would be one file where case, or the form of an accent, does not count.
    """
    seen: dict[str, str] = {}
    for path in files:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        other = seen.setdefault(folded, path)
        if other != path:
            raise PolicySetError(f"the files {other!r} and {path!r} are one and the same on other systems")
    return {path: files[path] for path in sorted(files, key=lambda path: path.encode("utf-8", "surrogatepass"))}


class Budget:
    """Counts what is about to be read, and refuses what goes beyond the ceilings."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._files = 0
        self._bytes = 0
        self._entries = 0

    def entry(self) -> None:
        """One more file or folder that is looked at, whatever it is.

        Raises:
            PolicySetError: there are too many.
        """
        self._entries += 1
        if self._entries > MOST_ENTRIES:
            raise PolicySetError(f"{self._place} has more than {MOST_ENTRIES} files and folders: is it a policy set?")

    def expected(self, count: int) -> None:
        """So many files of the set were found so far; none needs to be looked at if they are too many.

        Raises:
            PolicySetError: they are.
        """
        if count > MOST_FILES:
            raise PolicySetError(f"{self._place} has more than {MOST_FILES} policy files")

    def file(self, path: str, size: int) -> None:
        """One more file of the set, of `size` bytes.

        Raises:
            PolicySetError: it is too large, or with it there is too much.
        """
        self._files += 1
        self._bytes += size
        if size > FILE_CEILING:
            raise PolicySetError(
                f"the file {path!r} has {size} bytes; no file is read that has more than {FILE_CEILING}"
            )
        self.expected(self._files)
        if self._bytes > SET_CEILING:
            raise PolicySetError(f"{self._place} has more than {SET_CEILING} bytes of policy files")


def require_policies(paths: Iterable[str], place: str) -> None:
    """Refuse a set without a single policy file: nobody means that, and a reload must not mistake it for a policy.

    Raises:
        PolicySetError: there is none.
    """
    if not any(path.endswith(".policy") for path in paths):
        raise PolicySetError(f"{place} has no policy files (*.policy)")
