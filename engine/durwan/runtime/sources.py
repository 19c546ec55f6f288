"""Where the policy of an engine comes from: a directory, texts, a bundle, or a revision of a git repository.

What reads text stands above the run-time and is imported by name, when it is needed: a gateway that loads a bundle
never loads the compiler.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from durwan.errors import DurwanError
from durwan.runtime.bundle import MOST_BYTES, Bundle, accept, read_bundle, read_bundle_file
from durwan.runtime.bundle_trust import Trust
from durwan.runtime.policy import Compiled
from durwan.runtime.settings import Loading

_MOST_READINGS: Final = 5
_MOST_PLACES: Final = 1_000


class SourceError(DurwanError):
    """A source that cannot be read now, or whose policy may not follow the one that decides."""


def _nothing() -> None:
    """There is nothing to be remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """What a source held at one moment, compiled.

    Attributes:
        compiled: what an engine decides by.
        stamp: the digest of what was read, the same as the source's own for as long as that stays so.
        commit: where the source is a git repository: the commit, in 40 digits.
        version: of a bundle.
        expires: when a bundle ceases to be valid, in milliseconds since the epoch.
        ages: from when on a bundle has passed half of its life, likewise.
        accept: to be called once, after all tests were passed and right before the policy decides.
    """

    compiled: Compiled
    stamp: str
    commit: str | None = None
    version: int | None = None
    expires: int | None = None
    ages: int | None = None
    accept: Callable[[], None] = _nothing


class Source(Protocol):
    """Where a policy is read from, now and again."""

    @property
    def name(self) -> str:
        """The source, for messages."""
        ...

    def read(self, current: Edition | None) -> Edition:
        """Reads the bytes once, and compiles exactly these.

        Args:
            current: what decides now, which a source may refuse to go back from.

        Raises:
            DurwanError: the source cannot be read, or its policy may not decide.
        """
        ...

    def stamp(self) -> str:
        """The digest of what the source holds now; cheap beside `read`.

        Raises:
            DurwanError: the source cannot be read.
        """
        ...

    def places(self) -> tuple[str, ...]:
        """The directories in which a change of the source would show, not those below them; perhaps none."""
        ...

    def forget(self) -> None:
        """Drops what was remembered to be faster: after a fork it may have been left half changed."""
        ...


class Directory:
    """The policy set in a directory."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        self._compile = _Compiling()

    def read(self, current: Edition | None) -> Edition:
        """The set, once two readings of it were the same."""
        del current
        files = self._settled()
        return Edition(compiled=self._compile(files), stamp=_digest(files.files))

    def stamp(self) -> str:
        """The digest of all its files."""
        return _digest(self._files().files)

    def places(self) -> tuple[str, ...]:
        """Its folders."""
        found: list[str] = []
        for folder, below, _ in os.walk(self.name):
            below[:] = [name for name in below if not name.startswith(".")]
            found.append(folder)
            if len(found) >= _MOST_PLACES:
                break
        return tuple(sorted(found))

    def forget(self) -> None:
        """Drops what the compiler remembers."""
        self._compile = _Compiling()

    def _files(self) -> Any:
        return _room("language.policy_set").read_directory(self.name)

    def _settled(self) -> Any:
        """The files as two readings in a row found them.

        Whoever copies a new set over an old one does so file by file. Half of each is a policy that nobody wrote.
        """
        before: object = None
        for _ in range(_MOST_READINGS):
            try:
                files = self._files()
                found: object = files.files
            except DurwanError as error:
                if before == str(error):
                    raise
                before = str(error)
                continue
            if found == before:
                return files
            before = found
        raise SourceError(f"the policy set in {self.name} changes while it is read; reload once it has settled")


class Texts:
    """A policy set given as texts, which never changes."""

    name = "the given texts"

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._compile = _Compiling()

    def read(self, current: Edition | None) -> Edition:
        """The set."""
        del current
        files = _room("language.policy_set").read_mapping(self._texts)
        return Edition(compiled=self._compile(files), stamp="")

    def stamp(self) -> str:
        """Always the same."""
        return ""

    def places(self) -> tuple[str, ...]:
        """None."""
        return ()

    def forget(self) -> None:
        """Drops what the compiler remembers."""
        self._compile = _Compiling()


class Given:
    """A policy that the embedder makes himself, anew for each reload. Nobody can tell when there is another one."""

    name = "a policy made by the embedder"

    def __init__(self, make: Callable[[], Compiled]) -> None:
        self._make = make

    def read(self, current: Edition | None) -> Edition:
        """What is made now."""
        del current
        return Edition(compiled=self._make(), stamp="")

    def stamp(self) -> str:
        """Always the same."""
        return ""

    def places(self) -> tuple[str, ...]:
        """None."""
        return ()

    def forget(self) -> None:
        """There is nothing."""


class BundleFile:
    """A compiled bundle.

    Args:
        path: the file.
        trust: who must have signed it, and what is remembered of the last one; None takes an unsigned bundle.
        clock: the current instant in milliseconds since the epoch, for the bundle's expiry.
        allow_rollback: whether a bundle may follow one with a higher version. `trust` may still refuse it.
        most_bytes: how large the file may be.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Callable[[], int],
        trust: Trust | None = None,
        allow_rollback: bool = False,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.name = os.fspath(path)
        self._trust = trust
        self._clock = clock
        self._allow_rollback = allow_rollback
        self._most_bytes = most_bytes

    def read(self, current: Edition | None) -> Edition:
        """The bundle, verified; not an older one than that which decides now."""
        content = self._content()
        bundle = read_bundle(content, trust=self._trust, now_ms=self._clock(), most_bytes=self._most_bytes)
        before = None if current is None or self._allow_rollback else current.version
        if before is not None and bundle.version < before:
            raise SourceError(f"{self.name} has version {bundle.version}, older than {before}, which decides now")
        return Edition(
            compiled=bundle.compiled,
            stamp=_digest({"": content}),
            version=bundle.version,
            expires=bundle.expires,
            ages=_half_of(bundle),
            accept=_Accepting(bundle),
        )

    def stamp(self) -> str:
        """The digest of the file."""
        return _digest({"": self._content()})

    def places(self) -> tuple[str, ...]:
        """The folder that it lies in: a new bundle is put in its place, and the old file never changes."""
        folder = str(Path(self.name).parent)
        return (folder,) if Path(folder).is_dir() else ()

    def forget(self) -> None:
        """There is nothing."""

    def _content(self) -> bytes:
        try:
            return read_bundle_file(self.name, self._most_bytes)
        except OSError as error:
            raise SourceError(f"the bundle {self.name} cannot be read: {error.strerror or error}") from error


def _half_of(bundle: Bundle) -> int | None:
    """When half of its life is over; of a bundle that does not say when it was built, only whether it is."""
    if bundle.created is None or bundle.expires is None:
        return 0 if bundle.ageing else None
    return (bundle.created + bundle.expires) // 2


@dataclass(frozen=True, slots=True)
class _Accepting:
    bundle: Bundle

    def __call__(self) -> None:
        accept(self.bundle)


class Revision:
    """The policy set that a git repository has at a branch or another revision, read without a checkout.

    Args:
        path: the working copy or a directory in it, or a bare repository.
        ref: the revision, as `durwan.language.policy_set.read_revision` takes it.
        subdirectory: where in the repository the set lies.
        allow_rollback: whether the reference may move to a commit that does not descend from the one that decides: a
            branch that was pushed over, or reset. Without it, nobody who can push takes back a policy unnoticed.
    """

    def __init__(
        self, path: str | os.PathLike[str], ref: str, *, subdirectory: str = "", allow_rollback: bool = False
    ) -> None:
        self.name = f"{os.fspath(path)} at {ref}"
        self._path = os.fspath(path)
        self._ref = ref
        self._subdirectory = subdirectory
        self._allow_rollback = allow_rollback
        self._compile = _Compiling()

    def read(self, current: Edition | None) -> Edition:
        """The set at the commit that the reference names now."""
        commit = self.stamp()
        before = None if current is None or self._allow_rollback else current.commit
        if before is not None and not _git().descends(Path(self._path), commit, before):
            raise SourceError(
                f"{self.name} is now {commit[:12]}, which does not descend from {before[:12]}, which decides: "
                "a rollback is refused unless the engine is loaded with allow_rollback=True"
            )
        files = _room("language.policy_set").read_revision(self._path, commit, self._subdirectory)
        return Edition(compiled=self._compile(files), stamp=commit, commit=commit)

    def stamp(self) -> str:
        """The commit."""
        found: str = _git().commit_of(Path(self._path), self._ref)
        return found

    def places(self) -> tuple[str, ...]:
        """Where the repository keeps its references."""
        try:
            found: tuple[str, ...] = _git().places_of_references(Path(self._path))
        except (DurwanError, OSError):
            return ()
        return found[:_MOST_PLACES]

    def forget(self) -> None:
        """Drops what the compiler remembers."""
        self._compile = _Compiling()


def source_at(path: str | os.PathLike[str], loading: Loading, clock: Callable[[], int]) -> Source:
    """The source at a path: with `ref` a git repository, with `trust` or where it is a file a bundle, else a directory.

    Raises:
        ValueError: what is asked for goes with another kind of source.
    """
    allow_rollback = loading.get("allow_rollback", False)
    if "ref" in loading:
        if "trust" in loading:
            raise ValueError("a git revision has no signatures that trust could be put in: leave out ref or trust")
        subdirectory = loading.get("subdirectory", "")
        return Revision(path, loading["ref"], subdirectory=subdirectory, allow_rollback=allow_rollback)
    if "subdirectory" in loading:
        raise ValueError("subdirectory is of a git repository: give a ref as well, or another path")
    if "trust" in loading or Path(path).is_file():
        most_bytes = loading.get("most_bytes", MOST_BYTES)
        trust = loading.get("trust")
        return BundleFile(path, clock=clock, trust=trust, allow_rollback=allow_rollback, most_bytes=most_bytes)
    return Directory(path)


class _Compiling:
    """From files to what an engine may load; from the second time on, only what changed is compiled anew.

    What an engine compiles once and never again is not worth the memory of its syntax trees.
    """

    def __init__(self) -> None:
        self._compiler: Any = None
        self._has_compiled = False

    def __call__(self, files: Any) -> Compiled:
        compiler = self._compiler or _room("compiler").Compiler()
        if self._has_compiled:
            self._compiler = compiler
        self._has_compiled = True
        found: Compiled = _room("workshop.release").released(compiler.compile(files))
        return found


def _digest(files: Mapping[str, bytes]) -> str:
    """The digest of files, with the length of each name and content before it, so that none can pass for another."""
    found = hashlib.sha256()
    for path, content in files.items():
        for part in (path.encode("utf-8", "surrogatepass"), content):
            found.update(len(part).to_bytes(8))
            found.update(part)
    return found.hexdigest()


def _git() -> Any:
    return _room("language.git_revision")


def _room(name: str) -> Any:
    """A module of a layer above the run-time."""
    return import_module(f"durwan.{name}")
