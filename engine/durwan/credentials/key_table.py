"""Keys that change while gateways decide by them: added, changed and revoked one by one, or all at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import Final, Self

from durwan.credentials.key_reading import KeyReader
from durwan.credentials.key_rules import Fault, KeyRules
from durwan.credentials.keys import Listener, Listeners, fixed_record
from durwan.diagnostics import Diagnostic, Span
from durwan.diagnostics.codes import CODES
from durwan.diagnostics.json_document import read_json
from durwan.errors import DurwanError
from durwan.forking import start_anew_after_fork

_MOST_BYTES: Final = 256 << 20


class InvalidKeyError(DurwanError):
    """A key that breaks the rules of key files. Its text tells of no value: that might be a secret in a wrong place.

    Attributes:
        key_id: which key.
        field: what is wrong in it, such as `scopes[1]`; empty for the key as a whole.
    """

    def __init__(self, key_id: str, field: str, problem: str) -> None:
        self.key_id = key_id
        self.field = field
        super().__init__(f"the key {key_id[:80]!r} was not taken: {problem}")


class UnknownKeyError(DurwanError):
    """A key was to be revoked or removed that the table does not have.

    Attributes:
        key_id: which key.
    """

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(f"there is no key {key_id[:80]!r}: look for a misspelling")


class KeyFileError(DurwanError):
    """A key file with mistakes, of which nothing was taken. Its text tells where they are, and of no value.

    Attributes:
        diagnostics: every mistake found, in source order.
    """

    def __init__(self, diagnostics: Collection[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        lines = [f"{_place(each.span)}: {each.code} {CODES[each.code].summary}" for each in self.diagnostics]
        super().__init__("\n".join(["no key was taken; repair the file", *lines]))


class KeyTable:
    """A key source that may be changed at any time, by any thread.

    Looking up a key takes no lock. Every change is all or nothing, and takes effect before the call returns: what an
    engine remembers of the changed keys is forgotten by then, so that each decision which begins later sees them as
    they are now. The cost of a change is that of the keys that change, however many there are.

    Every key holds to the rules of key files. Its `id` may be left out, and is then filled in. A process that is forked
    off has a table of its own, which changes of the other do not reach.

    Args:
        keys: the attributes of each key, by its id.
        declared: the attributes that the policies themselves declare for `key`, which may stand beside the known ones.
        scopes: the scopes that a key may be given; None to take any.

    Raises:
        InvalidKeyError: a key breaks the rules.
    """

    def __init__(
        self,
        keys: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
        *,
        declared: Collection[str] = (),
        scopes: Collection[str] | None = None,
    ) -> None:
        self._rules = KeyRules(declared, scopes)
        self._listeners = Listeners()
        # Held while something changes. Whoever is told of a change may make another one.
        self._writing = RLock()
        self._keys = self._checked(keys)
        start_anew_after_fork(self)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        declared: Collection[str] = (),
        scopes: Collection[str] | None = None,
        most_bytes: int = _MOST_BYTES,
    ) -> Self:
        """A table of the keys in a file outside of any policy set; see `load`."""
        table = cls(declared=declared, scopes=scopes)
        table.load(path, most_bytes=most_bytes)
        return table

    def get(self, key_id: str, /) -> Mapping[str, object] | None:
        """The attributes of the key, which nobody can write to; None where there is no such key."""
        return self._keys.get(key_id)

    def put(self, key_id: str, attributes: Mapping[str, object]) -> None:
        """Adds a key, or gives it other attributes than it had: those that are left out are unknown from now on.

        Raises:
            InvalidKeyError: it breaks the rules.
        """
        self.update({key_id: attributes})

    def update(self, keys: Mapping[str, Mapping[str, object]]) -> None:
        """Adds or changes many keys as `put` does one; all of them or, if one breaks the rules, none.

        Raises:
            InvalidKeyError: one breaks the rules.
        """
        checked = self._checked(keys)
        with self._writing:
            self._keys.update(checked)
            self._listeners.tell(checked.keys())

    def revoke(self, key_id: str) -> None:
        """Sets `revoked: true`. The key stays known, so that policies can say why it is refused.

        Raises:
            UnknownKeyError: there is no such key.
        """
        with self._writing:
            self._keys[key_id] = fixed_record({**self._known(key_id), "revoked": True})
            self._listeners.tell((key_id,))

    def remove(self, key_id: str) -> None:
        """Forgets a key: to policies it is one that never was.

        Raises:
            UnknownKeyError: there is no such key.
        """
        with self._writing:
            self._known(key_id)
            del self._keys[key_id]
            self._listeners.tell((key_id,))

    def replace(self, keys: Mapping[str, Mapping[str, object]]) -> None:
        """Has these keys and no others from now on.

        Raises:
            InvalidKeyError: one breaks the rules; then nothing changes.
        """
        self._swap(self._checked(keys))

    def load(self, path: str | os.PathLike[str], *, most_bytes: int = _MOST_BYTES) -> None:
        """Has the keys of a JSON key file and no others from now on: `{"keys": [{"id": "desk-7", …}, …]}`.

        Args:
            path: the file.
            most_bytes: how large it may be.

        Raises:
            KeyFileError: it has mistakes; then nothing changes.
            DurwanError: it cannot be read, or is too large.
        """
        self._swap(_read_keys(Path(path), self._rules, most_bytes))

    def listen(self, listener: Listener, /) -> None:
        """Tells a bound method of every change from now on, for as long as somebody else holds its object."""
        self._listeners.add(listener)

    def items(self) -> Collection[tuple[str, Mapping[str, object]]]:
        """All keys with their attributes, as they are now."""
        with self._writing:
            return tuple(self._keys.items())

    def __iter__(self) -> Iterator[str]:
        """The ids of all keys, as they are now."""
        with self._writing:
            return iter(tuple(self._keys))

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"<KeyTable: {len(self)} keys>"

    def _known(self, key_id: str) -> Mapping[str, object]:
        found = self._keys.get(key_id)
        if found is None:
            raise UnknownKeyError(key_id)
        return found

    def _swap(self, keys: dict[str, Mapping[str, object]]) -> None:
        with self._writing:
            self._keys = keys
            self._listeners.tell(None)

    def _checked(self, keys: Mapping[str, Mapping[str, object]]) -> dict[str, Mapping[str, object]]:
        return {key_id: self._checked_record(key_id, attributes) for key_id, attributes in keys.items()}

    def _checked_record(self, key_id: str, attributes: Mapping[str, object]) -> Mapping[str, object]:
        record = {"id": key_id, **attributes}
        faults = self._rules.faults(record)
        if faults:
            raise InvalidKeyError(str(key_id), faults[0].field, _problem(faults[0]))
        if record["id"] != key_id:
            raise InvalidKeyError(key_id, "id", "its `id` is another one; leave it out")
        return fixed_record(record)

    def start_anew(self) -> None:
        """In a process that was forked off while a thread of the other one, which is not here, held the lock."""
        self._writing = RLock()


def _read_keys(path: Path, rules: KeyRules, most_bytes: int) -> dict[str, Mapping[str, object]]:
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise DurwanError(f"the key file {path} cannot be read: {error.strerror or error}") from error
    if len(content) > most_bytes:
        raise DurwanError(f"the key file {path} has more than {most_bytes} bytes; raise `most_bytes`, or split it")
    reader = KeyReader(rules)
    document, found = read_json(str(path), content, most_bytes=most_bytes)
    reader.report.extend(found)
    if document is not None:
        reader.read(document)
    if reader.report:
        raise KeyFileError(reader.finished())
    return {key_id: fixed_record(record) for key_id, record in reader.keys.items()}


def _place(span: Span) -> str:
    line, column = span.source.position(span.start)
    return f"{span.source.path}:{line}:{column}"


def _problem(fault: Fault) -> str:
    match fault.kind:
        case "missing":  # pragma: no cover - the id is filled in
            return "it has no `id`"
        case "unknown":
            return f"there is no field `{fault.field[:80]}`; policies declare further ones in `context key`"
        case "secret":
            return f"`{fault.field[:80]}` is a secret, which is kept elsewhere"
        case "time":
            return f"`{fault.field}` is no date, time and offset such as 2026-01-15T00:00:00Z"
        case "network":
            return f"`{fault.field}` is no address and no network such as 203.0.113.0/24"
        case "scope":
            return f"`{fault.field}` is a scope that is not declared"
        case "value":
            return f"`{fault.field}` must be {fault.expected}" if fault.path else f"it must be {fault.expected}"


__all__ = ["InvalidKeyError", "KeyFileError", "KeyTable", "UnknownKeyError"]
