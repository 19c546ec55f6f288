"""Keys made and kept: what they may do in a key file, what verifies them in a secrets file, both changed together.

Whatever the moment at which a process is killed, both files are whole. The secrets file is written first: what it then
says more than the key file is a key that no policy knows, or a secret that is younger than policies think, and neither
lets anyone do anything. Doing the same again finishes it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from durwan.credentials.kept_files import alone
from durwan.credentials.key_admission import KeyDemands, KeyRefusedError, Objection, objections_to
from durwan.credentials.key_editing import KeyFile
from durwan.credentials.key_hygiene import ScopeRoles
from durwan.credentials.key_material import Given, Seals, stored
from durwan.credentials.key_rules import KeyRules
from durwan.credentials.sealing import SealingKey
from durwan.credentials.secrets_file import StoredKey, StoredMaterial, StoredSecrets, read_secrets, write_secrets
from durwan.model.values import format_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that is to be made: its attributes, its `id` among them, and what verifies it."""

    attributes: Mapping[str, object]
    given: Given
    scheme: str | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation that was made: when, and until when the material before is good as well; None where none is."""

    now: int
    until: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """What is known of the keys of a venue.

    Attributes:
        rules: which attributes and scopes there are.
        roles: which scopes trade and withdraw.
        demands: what a key must be like.
        taken: ids of keys that are kept in other files.
    """

    rules: KeyRules = field(default_factory=KeyRules)
    roles: ScopeRoles = field(default_factory=ScopeRoles)
    demands: KeyDemands = field(default_factory=KeyDemands)
    taken: Collection[str] = ()


class KeyRing:
    """The keys of one key file and one secrets file.

    Args:
        keys: the path of the key file.
        secrets: the path of the secrets file.
        find_sealing_key: gives the sealing key; called only where something is to be sealed or opened.
        venue: what is known of the keys.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        keys: Path,
        secrets: Path,
        find_sealing_key: Callable[[], SealingKey],
        *,
        venue: Venue,
        clock: Callable[[], int],
    ) -> None:
        self._keys_path = keys
        self._secrets_path = secrets
        self._find_sealing_key = find_sealing_key
        self._venue = venue
        self._clock = clock

    def read(self) -> tuple[KeyFile, StoredSecrets]:
        """Both files as they are now.

        Raises:
            KeptFileError: one cannot be read, or is damaged.
        """
        secrets = read_secrets(self._secrets_path) if self._secrets_path.exists() else StoredSecrets()
        return KeyFile(self._keys_path), secrets

    def add(self, new: Sequence[NewKey]) -> None:
        """Makes keys, all of them or none.

        Raises:
            KeyRefusedError: there is something against one of them.
            DurwanError: a file cannot be read or written, or there is no sealing key.
        """
        with self._changing() as change:
            change.keys.add([self._added(change, each) for each in new])

    def rotate(self, key_id: str, given: Given, overlap: int, *, again: bool = False) -> Rotation:
        """Gives a key another secret or public key; the one before is good for `overlap` milliseconds more.

        Args:
            key_id: which key.
            given: the new material.
            overlap: milliseconds; 0 ends the old one at once.
            again: while a rotation still overlaps: drops the newest material, which perhaps nobody ever got, and keeps
                the one before it.

        Raises:
            KeyRefusedError: there is no such key, it is revoked, or a rotation still overlaps.
            DurwanError: a file cannot be read or written, or there is no sealing key.
        """
        with self._changing() as change:
            kept = change.known(key_id, in_key_file=True)
            good = kept.good(change.now)
            _check_rotation(key_id, kept, good, given, again=again)
            until = change.now + overlap if overlap > 0 and good else None
            before = [] if until is None else [replace(good[-1], until=until)]
            newest = change.stored(key_id, kept, given)
            change.secrets[key_id] = replace(kept, materials=(newest, *before))
            change.keys.set(key_id, "rotated", format_instant(change.now))
            return Rotation(change.now, until)

    def revoke(self, key_id: str) -> int:
        """Revokes a key; returns the instant at which it was, which may be an earlier one.

        Raises:
            KeyRefusedError: there is no such key.
            DurwanError: a file cannot be read or written.
        """
        with self._changing() as change:
            kept = change.known(key_id)
            moment = change.now if kept.revoked is None else kept.revoked
            change.secrets[key_id] = replace(kept, revoked=moment)
            if key_id in change.keys:
                change.keys.set(key_id, "revoked", True)
            return moment

    @contextmanager
    def _changing(self) -> Generator[_Change]:
        """Both files, locked and read; written in the end if all went well."""
        with alone(self._secrets_path, self._keys_path):
            keys, secrets = self.read()
            seals = Seals(self._find_sealing_key, secrets.sealed_with)
            change = _Change(keys, secrets, seals, self._clock())
            yield change
            write_secrets(self._secrets_path, StoredSecrets(sealed_with=seals.used, keys=change.secrets))
            keys.save()

    def _added(self, change: _Change, new: NewKey) -> Mapping[str, object]:
        """The record of a new key, whose material is among the others now."""
        record = {**new.attributes, "created": new.attributes.get("created", format_instant(change.now))}
        key_id = str(record.get("id", ""))
        venue = self._venue
        objections = objections_to(record, venue.rules, venue.roles, venue.demands, change.now)
        if key_id in change.keys or key_id in venue.taken or key_id in change.added:
            objections.append(Objection("key_exists", "id", "there is a key of this id: choose another one, or rotate"))
        if objections:
            raise KeyRefusedError(key_id, objections)
        # What is kept of a key that no key file knows is left from an attempt that did not come to its end.
        material = change.stored(key_id, change.leftover(key_id), new.given)
        change.secrets[key_id] = StoredKey(scheme=new.scheme, materials=(material,))
        change.added.add(key_id)
        return record


def _check_rotation(key_id: str, kept: StoredKey, good: Sequence[StoredMaterial], given: Given, *, again: bool) -> None:
    if kept.revoked is not None:
        words = "it was revoked: make a new key instead"
        raise KeyRefusedError(key_id, [Objection("credential_revoked", "", words)])
    if kept.materials and kept.materials[0].kind != given.kind:
        words = f"it is a key of the kind {kept.materials[0].kind}: make a new key for another kind"
        raise KeyRefusedError(key_id, [Objection("kind_differs", "kind", words)])
    if len(good) > 1 and not again:
        until = format_instant(good[1].until or 0)
        words = (
            f"a rotation overlaps until {until}: wait for its end; or, if nobody got the newest secret, drop that one "
            "and keep the one before with --again"
        )
        raise KeyRefusedError(key_id, [Objection("rotation_overlaps", "", words)])


class _Change:
    """What is being changed: the key file, and the secrets of all keys."""

    def __init__(self, keys: KeyFile, secrets: StoredSecrets, seals: Seals, now: int) -> None:
        self.keys = keys
        self.secrets = dict(secrets.keys)
        self.seals = seals
        self.now = now
        self.added: set[str] = set()
        self._owners = {
            (each.kind, each.value): key_id for key_id, kept in secrets.keys.items() for each in kept.materials
        }

    def known(self, key_id: str, *, in_key_file: bool = False) -> StoredKey:
        """What is kept of a key that is in one of the files at least."""
        if key_id not in self.keys and (in_key_file or key_id not in self.secrets):
            words = "there is no such key: durwan keys list shows all"
            raise KeyRefusedError(key_id, [Objection("key_unknown", "id", words)])
        return self.secrets.get(key_id, StoredKey())

    def leftover(self, key_id: str) -> StoredKey:
        """What is kept of a key that is no key yet; it is in nobody's way any more."""
        kept = self.secrets.get(key_id, StoredKey())
        for each in kept.materials:
            if self._owners.get((each.kind, each.value)) == key_id:
                del self._owners[each.kind, each.value]
        return kept

    def stored(self, key_id: str, kept: StoredKey, given: Given) -> StoredMaterial:
        """The next material of a key, as it is kept. No two keys have the same, nor one key the same twice."""
        serial = 1 + max((each.serial for each in kept.materials), default=0)
        found = stored(key_id, serial, given, self.seals, self.now)
        owner = self._owners.setdefault((found.kind, found.value), f"{key_id} itself")
        # A sealed secret is another text each time; whether two are the same, `durwan keys check` finds out.
        if owner != f"{key_id} itself":
            words = f"the key {owner} has the same {'token' if found.kind == 'token' else 'public key'}: make a new one"
            raise KeyRefusedError(key_id, [Objection("material_shared", found.kind, words)])
        return found


__all__ = ["KeyRing", "NewKey", "Rotation", "Venue"]
