"""What of a request is not to be read in a log: left out, or replaced by what tells equal values from unequal ones."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

from durwan.credentials.kept_files import read_private
from durwan.credentials.secret import Secret
from durwan.errors import DurwanError

Way = Literal["mask", "hash"]
_LEAST_KEY: Final = 16
_MOST_KEY: Final = 4096
_PATTERN = re.compile(r"[a-z_][a-z0-9_]*(?:\.(?:\*|[A-Za-z_][A-Za-z0-9_]*))?", re.ASCII)
# What is called so is no record's business, whoever sends it.
_SECRET_NAME = re.compile(
    r"(?:.*_)?(?:password|passwd|passphrase|secret|token|otp|totp|pin|cvv|private_key|api_key|authorization|cookie)",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
# The fields of a record that say what an attribute says: who masks the one has no wish to read it in the other.
SAME: Final[Mapping[str, tuple[str, ...]]] = {
    "address": ("client.ip",),
    "key": ("key.id",),
    "subject": ("token.subject",),
    "session": ("session.id",),
    "path": ("request.path",),
}


class MaskingError(DurwanError):
    """What is to be masked cannot be masked so; the text says what to change."""


class Masking:
    """Which attributes and fields are masked, and how.

    Args:
        mask: patterns of what is left out.
        hashed: patterns of what is replaced by its hash under the key: whoever has the key can look for a value.
        key: the key of the hashes.

    A pattern is `request.side`, or `client.*` for all of a context, or the name of a field of the record: `address`,
    `path`, `key`, `subject`, `session`. What says the same is masked with it, whichever of them is named: `client.ip`
    with `address`, `key.id` with `key`, `token.subject` with `subject`, `session.id` with `session`, `request.path`
    with `path`. An attribute whose name says that it is a secret, such as `password` or `csrf_token`, is never written.

    Raises:
        MaskingError: a pattern is none, or hashes are asked for without a key.
    """

    def __init__(self, *, mask: Iterable[str] = (), hashed: Iterable[str] = (), key: Secret | None = None) -> None:
        self._ways: dict[str, Way] = {}
        for each in _checked(hashed):
            self._ways[each] = "hash"
        for each in _checked(mask):
            self._ways[each] = "mask"
        self._key = key
        if key is None and "hash" in self._ways.values():
            raise MaskingError("hashes of attributes need a key: name the file that holds it")
        if key is not None and len(key.reveal()) < _LEAST_KEY:
            raise MaskingError(f"the key of the hashes is shorter than {_LEAST_KEY} bytes: values could be tried out")

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Every pattern with its way, sorted."""
        return tuple(sorted(self._ways.items()))

    def of_attribute(self, context: str, name: str) -> Way | None:
        """How an attribute is masked; None where it is not."""
        found = self._exact_or_whole(f"{context}.{name}")
        if found is None and is_secret_name(name):
            return "mask"
        if found is None:
            ways: list[Way | None] = [
                self._ways.get(field) for field, same in SAME.items() if f"{context}.{name}" in same
            ]
            found = _first(ways)
        return found

    def of_context(self, context: str) -> Way | None:
        """How a context is masked that is no mapping of attributes, such as a key's id."""
        return self.of_field(context)

    def of_field(self, field: str) -> Way | None:
        """How a field of a record is masked; None where it is not."""
        ways: list[Way | None] = [self._exact_or_whole(name) for name in (field, *SAME.get(field, ()))]
        return _first(ways)

    def value(self, way: Way, value: Any) -> dict[str, str]:
        """What is written instead of a value, which has been made plain."""
        if way == "mask" or self._key is None:
            return {"$masked": ""}
        text = value if type(value) is str else json.dumps(value, sort_keys=True)
        content = text.encode("utf-8", "surrogatepass")
        return {"$masked": hmac.new(self._key.reveal(), content, sha256).hexdigest()[:32]}

    def _exact_or_whole(self, name: str) -> Way | None:
        context, dot, _ = name.partition(".")
        found = self._ways.get(name)
        return self._ways.get(f"{context}.*") if found is None and dot else found


def is_secret_name(name: object) -> bool:
    """Whether a name says that what it names is a secret."""
    return isinstance(name, str) and _SECRET_NAME.fullmatch(name) is not None


def read_masking_key(path: Path) -> Secret:
    """The key of hashes: the bytes of a file that its owner alone can read, without line breaks around them.

    Raises:
        KeptFileError: others can read it, or it cannot be read.
        MaskingError: it is too short.
    """
    content = read_private(path, _MOST_KEY, "the key of the hashes").strip()
    if len(content) < _LEAST_KEY:
        raise MaskingError(f"the key in {path} is shorter than {_LEAST_KEY} bytes: values could be tried out")
    return Secret(content)


def _first(ways: Iterable[Way | None]) -> Way | None:
    for way in ways:
        if way is not None:
            return way
    return None


def _checked(patterns: Iterable[str]) -> list[str]:
    found = list(patterns)
    for each in found:
        if not _PATTERN.fullmatch(each):
            raise MaskingError(f"{each[:80]!r} names nothing to mask: write request.address, client.* or address")
    return found


__all__ = ["Masking", "MaskingError", "Way", "is_secret_name", "read_masking_key"]
