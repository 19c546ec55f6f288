"""A directory in which a program keeps what it found out, for its next run.

Nothing but the permissions of the files says that they are genuine: **whoever can write here can change what a policy
means** to those who use the directory. So it belongs to one user, nobody else may write to it, and gateways use none
unless they are told to; `policy-check`, which decides nothing, uses the user's own. What is damaged, cut short or of
another version is passed over, and written anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, Final

from durwan.errors import DurwanError
from durwan.language.grammar import grammar_text

_UNUSED_SECONDS: Final = 30 * 86_400
_TOUCHED_SECONDS: Final = 86_400
_FORM: Final = "durwan store 1"
_MADE_BY: Final = ("backends", "diagnostics", "language", "model", "program", "workshop")


class StoreError(DurwanError):
    """A directory that must not be used as a store: what it says could come from somebody else."""


class Store:
    """JSON documents by a key that says all that they depend on."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        """Makes the directory where there is none, for its owner alone.

        Raises:
            StoreError: it belongs to, or may be written by, somebody else.
            OSError: it cannot be made.
        """
        self._directory = Path(directory)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_own(self._directory)
        self._remove_unused()

    def read(self, *key: str) -> Any:
        """The document under a key; None where there is none that can be used."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                content = file.read()
                if time.time() - os.fstat(file.fileno()).st_mtime > _TOUCHED_SECONDS:
                    os.utime(file.fileno())
        except OSError:
            return None
        digest, _, text = content.partition(b"\n")
        if hashlib.sha256(text).hexdigest().encode() != digest:
            return None
        return json.loads(text)

    def write(self, document: Any, *key: str) -> None:
        """Puts a document under a key, whole or not at all. Where that cannot be done, it is left."""
        text = json.dumps(document, separators=(",", ":")).encode()
        path = self._path(key)
        draft = path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
            draft.replace(path)

    def _path(self, key: tuple[str, ...]) -> Path:
        form = json.dumps([_FORM, _maker(), *key])
        return self._directory / hashlib.sha256(form.encode()).hexdigest()

    def _remove_unused(self) -> None:
        """Removes what nobody used for a month."""
        oldest = time.time() - _UNUSED_SECONDS
        with contextlib.suppress(OSError), os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                    Path(entry).unlink(missing_ok=True)


def users_directory() -> Path:
    """Where a user's programs keep what can be made anew: `DURWAN_CACHE`, else `durwan` in the cache directory."""
    given = os.environ.get("DURWAN_CACHE")
    if given:
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path("~").expanduser() / ".cache") / "durwan"


def _require_own(directory: Path) -> None:
    found = directory.stat()
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise StoreError(f"the cache directory {directory} belongs to another user: name one of your own")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StoreError(f"others may write to the cache directory {directory}: chmod go-w {directory}")


@cache
def _maker() -> str:
    """The code that made a document: a change of it, released or not, may change what is found out."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256(f"{sys.version} {grammar_text()}".encode())
    for folder in _MADE_BY:
        for path in sorted((root / folder).rglob("*.py")):
            found = path.stat()
            digest.update(f"{path.relative_to(root)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
