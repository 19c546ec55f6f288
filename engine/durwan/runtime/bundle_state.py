"""The last bundle that was accepted: a small file that is never half written, and that two processes can share."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from durwan.model.strict_json import JsonTextError, read_json
from durwan.runtime.bundle_format import BundleError
from durwan.runtime.bundle_trust import Trust

_MOST_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What is remembered of a bundle.

    `keys`, in hex and ascending, are all that were ever trusted here: whoever signed a bundle that is to be played
    back is among them.
    """

    name: str
    version: int
    digest: str
    rules: int
    keys: tuple[str, ...]


def check_follows(found: Accepted, trust: Trust) -> None:
    """Makes sure that a bundle may come after the last one accepted here, if there was one.

    Raises:
        BundleError: it is an older one, another of the same version, of another policy set, or has lost most rules.
    """
    last = None if trust.state is None else read_state(Path(trust.state))
    if last is not None and starts_anew(last, trust):
        last = None
    if last is not None:
        _check_version(found, last)
    _check_rules(found, last, trust)


def starts_anew(last: Accepted, trust: Trust) -> bool:
    """Whether no key of before is trusted any more: then nobody whose bundles were taken can play one back."""
    return {bytes.fromhex(key) for key in last.keys}.isdisjoint(trust.keys)


def _check_version(found: Accepted, last: Accepted) -> None:
    if found.name != last.name:
        raise BundleError(f"the bundle is one of `{found.name}`; the last one accepted here was one of `{last.name}`")
    if found.version < last.version:
        raise BundleError(f"the bundle has version {found.version}, and {last.version} was accepted here before")
    if found.version == last.version and found.digest != last.digest:
        raise BundleError(f"another bundle of the same version, {last.version}, was accepted here before")


def _check_rules(found: Accepted, last: Accepted | None, trust: Trust) -> None:
    if trust.allow_shrink:
        return
    advice = "allow_shrink takes it nevertheless"
    if found.rules == 0:
        raise BundleError(f"the bundle has no rules, and would deny everything: {advice}")
    if last is not None and found.rules * 2 < last.rules:
        raise BundleError(f"the bundle has {found.rules:,} rules, and the last one had {last.rules:,}: {advice}")


def remember(found: Accepted, trust: Trust) -> None:
    """Writes down that a bundle was accepted; returns when that is on disk.

    Raises:
        BundleError: a newer one was accepted meanwhile, or it cannot be written down.
    """
    if trust.state is None:
        return
    path = Path(trust.state)
    try:
        with _alone(path):
            check_follows(found, trust)
            last = read_state(path)
            keys = {*found.keys, *(() if last is None else last.keys)}
            _write(path, {**asdict(found), "keys": sorted(keys)})
    except OSError as error:
        reason = error.strerror or str(error)
        raise BundleError(f"the version cannot be written down in {path}: {reason}") from error


def read_state(path: Path) -> Accepted | None:
    """What is remembered; None where nothing is yet.

    Raises:
        BundleError: the file is damaged or cannot be read: then nothing may be accepted.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundleError(f"the last version accepted cannot be read from {path}: {error.strerror}") from error
    try:
        return _accepted(read_json(content, what="state"))
    except (JsonTextError, KeyError, TypeError, ValueError):
        advice = "restore it; or delete it, if no older bundle may be waiting to be played back"
        raise BundleError(f"the file {path}, which remembers the last version accepted, is damaged: {advice}") from None


def _accepted(plain: Any) -> Accepted:
    found = Accepted(**plain)
    keys = tuple(bytes.fromhex(key).hex() for key in found.keys)
    if not (type(found.version) is type(found.rules) is int and type(found.name) is type(found.digest) is str and keys):
        raise ValueError("a field of another type")
    return replace(found, keys=keys)


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """No other process writes meanwhile, where the system can tell them so."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        with suppress(ImportError):  # pragma: no branch - of Windows alone, where a gateway is one process
            locks: Any = importlib.import_module("fcntl")
            locks.flock(descriptor, locks.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, plain: dict[str, Any]) -> None:
    """Whoever reads, and whenever the power fails, there is the old content or the new one."""
    content = json.dumps(plain, indent=1, sort_keys=True).encode() + b"\n"
    if path.exists() and path.read_bytes() == content:
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
