"""The secrets file: for every key what verifies its signatures, none of it of use to somebody who only has the file.

A JSON document, which is replaced as a whole at every change:

    {"version": 1, "sealed_with": "0f…", "keys": {
      "desk-7": {"revoked": null, "scheme": null, "materials": [
        {"serial": 2, "kind": "hmac", "value": "v1.…", "passphrase": null, "since": 1772442000000, "until": null}]}}}

`value` is a sealed secret (`hmac`), base64 (public keys), or a keyed hash (`token`). `serial` counts the materials of a
key and is never used again; the newest stands first. Times are milliseconds since the epoch. What the keys may do
stands elsewhere, in the key files of the policies, where people read and review it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from durwan.credentials.credential import KINDS, Kind
from durwan.credentials.kept_files import KeptFileError, read_guarded, write_whole

_VERSION: Final = 1
_MOST_BYTES: Final = 256 << 20
_MODE: Final = 0o600
_WHAT: Final = "the secrets file"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMaterial:
    """One thing that verifies, as it is kept."""

    serial: int
    kind: Kind
    value: str
    passphrase: str | None = None
    since: int
    until: int | None = None

    def is_good(self, now: int) -> bool:
        """Whether it verifies at an instant, in milliseconds since the epoch."""
        return self.until is None or now < self.until

    def __repr__(self) -> str:
        return f"<StoredMaterial {self.serial}: {self.kind}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """What is kept of one key. `revoked` is the instant at which it was."""

    revoked: int | None = None
    scheme: str | None = None
    materials: tuple[StoredMaterial, ...] = ()

    def good(self, now: int) -> tuple[StoredMaterial, ...]:
        """What verifies at an instant, newest first."""
        return tuple(each for each in self.materials if each.is_good(now))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSecrets:
    """All of a secrets file. `sealed_with` is the fingerprint of the sealing key; None where nothing needed one yet."""

    sealed_with: str | None = None
    keys: Mapping[str, StoredKey] = field(default_factory=dict[str, StoredKey])


def read_secrets(path: Path) -> StoredSecrets:
    """What a secrets file holds.

    Raises:
        KeptFileError: it cannot be read, others can read or write it, or it is damaged.
    """
    content = read_guarded(path, _MOST_BYTES, _WHAT)
    try:
        return _secrets(json.loads(content, object_pairs_hook=_without_duplicates))
    except (ValueError, TypeError, KeyError, RecursionError):
        # Nothing of the error: it may quote the file.
        raise KeptFileError(f"{_WHAT} {path} is damaged: restore it from where it was copied to") from None


def write_secrets(path: Path, secrets: StoredSecrets) -> None:
    """Replaces a secrets file as a whole; its lock is held.

    Raises:
        KeptFileError: it cannot be written; then nothing has changed.
    """
    keys = {key_id: asdict(each) for key_id, each in sorted(secrets.keys.items())}
    document = {"version": _VERSION, "sealed_with": secrets.sealed_with, "keys": keys}
    write_whole(path, json.dumps(document, indent=1).encode() + b"\n", _MODE)


def _secrets(document: Any) -> StoredSecrets:
    if set(document) != {"version", "sealed_with", "keys"} or document["version"] != _VERSION:
        raise ValueError("another version")
    keys = {key_id: _key(each) for key_id, each in document["keys"].items()}
    return StoredSecrets(sealed_with=_text_or_none(document["sealed_with"]), keys=keys)


def _key(plain: Any) -> StoredKey:
    materials = tuple(_material(each) for each in plain.pop("materials"))
    found = StoredKey(**plain, materials=materials)
    _time_or_none(found.revoked)
    _text_or_none(found.scheme)
    return found


def _material(plain: Any) -> StoredMaterial:
    found = StoredMaterial(**plain)
    if found.kind not in KINDS or type(found.value) is not str or type(found.serial) is not int:
        raise ValueError("a field of another type")
    _text_or_none(found.passphrase)
    if type(found.since) is not int:
        raise ValueError("a field of another type")
    _time_or_none(found.until)
    return found


def _text_or_none(value: object) -> str | None:
    if value is not None and type(value) is not str:
        raise ValueError("a field of another type")
    return value


def _time_or_none(value: object) -> None:
    if value is not None and type(value) is not int:
        raise ValueError("a field of another type")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is given twice")
    return found


__all__ = ["StoredKey", "StoredMaterial", "StoredSecrets", "read_secrets", "write_secrets"]
