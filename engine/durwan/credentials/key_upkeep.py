"""What is to be said about how keys are kept: what verifies them, beside what they may do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from durwan.credentials.key_hygiene import KeyFinding, ScopeRoles, Severity
from durwan.credentials.key_material import Seals, credential_of
from durwan.credentials.secret import Secret
from durwan.credentials.secrets_file import StoredKey, StoredSecrets
from durwan.model.values import format_instant, parse_instant

_DAY = 86_400_000
# An overlap is for carrying a new secret to all places where the old one is: a week is long for that.
LONGEST_OVERLAP = 7 * _DAY
# A clock may tick between the writing of both files.
_SAME = 1_000


def upkeep_findings(
    keys: Sequence[tuple[str, Mapping[str, object]]],
    secrets: StoredSecrets,
    roles: ScopeRoles,
    now: int,
    *,
    elsewhere: Collection[str] = (),
) -> list[KeyFinding]:
    """What the two files of a key ring say together; see `key_hygiene.key_findings` for what the keys say alone.

    Args:
        keys: the attributes of each key, with its id.
        secrets: the secrets file.
        roles: what the scopes stand for.
        now: milliseconds since the epoch.
        elsewhere: ids of keys that stand in other key files.
    """
    found = [
        finding
        for key_id, record in keys
        for finding in _of_key(key_id, record, secrets.keys.get(key_id, StoredKey()), roles, now)
    ]
    known = {key_id for key_id, _ in keys}.union(elsewhere)
    for key_id in secrets.keys:
        if key_id not in known:
            words = "no key file knows it, and something verifies it: it was deleted, or never finished"
            found.append(KeyFinding(key_id, "unknown_key", words, "medium"))
    return found


def _of_key(
    key_id: str, record: Mapping[str, object], kept: StoredKey, roles: ScopeRoles, now: int
) -> Iterator[KeyFinding]:
    revoked = record.get("revoked") is True
    if revoked != (kept.revoked is not None) and kept.materials:
        words = f"revoked in the {'key' if revoked else 'secrets'} file alone: revoke it again"
        yield KeyFinding(key_id, "revoked_in_part", words, "high")
    if revoked or kept.revoked is not None:
        return
    good = kept.good(now)
    if not good:
        yield KeyFinding(key_id, "nothing_verifies", "nothing verifies it: durwan keys rotate gives it a secret", "low")
        return
    since, rotated = good[0].since, _time(record, "rotated") or _time(record, "created")
    if rotated is not None and rotated - since > _SAME:
        words = f"said to be rotated {format_instant(rotated)}, and its secret is older, of {format_instant(since)}"
        yield KeyFinding(key_id, "older_than_said", words, "high")
    if len(good) > 1 and good[1].until is not None:
        severity: Severity = "medium" if good[1].until - now > LONGEST_OVERLAP else "low"
        words = f"its old secret works until {format_instant(good[1].until)}"
        yield KeyFinding(key_id, "rotation_overlaps", words, severity)
    yield from _redundant(key_id, record, roles)


def _redundant(key_id: str, record: Mapping[str, object], roles: ScopeRoles) -> Iterator[KeyFinding]:
    """Scopes that another one includes: who reads the key takes it for less powerful than it is."""
    given = record.get("scopes")
    members = cast("list[object]", given) if isinstance(given, (list, tuple)) else []
    scopes = [each for each in members if isinstance(each, str)]
    for scope in scopes:
        others = [each for each in scopes if each != scope and scope in roles.held([each])]
        if others:
            yield KeyFinding(key_id, "redundant_scope", f"{scope} is included in {others[0]}", "low")


def shared_secrets(secrets: StoredSecrets, seals: Seals) -> Iterator[KeyFinding]:
    """Keys of one and the same secret: whoever has one of them has the other.

    Raises:
        MaterialError: something cannot be opened.
    """
    hashing = None
    owners: dict[str, str] = {}
    for key_id, kept in secrets.keys.items():
        for material in credential_of(key_id, kept, seals, ()).materials:
            if isinstance(material.secret, Secret):
                hashing = hashing or seals.key.keyed_hash("shared secrets")
                owner = owners.setdefault(hashing.of(material.secret.reveal()), key_id)
                if owner != key_id:
                    words = f"has the same secret as {owner}: rotate both"
                    yield KeyFinding(key_id, "secret_shared", words, "high")


def _time(record: Mapping[str, object], name: str) -> int | None:
    value = record.get(name)
    return parse_instant(value) if isinstance(value, str) else None


__all__ = ["LONGEST_OVERLAP", "shared_secrets", "upkeep_findings"]
