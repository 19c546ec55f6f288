"""What is to be shown of a key: its state and ages, and what verifies it; never a secret."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from durwan.credentials.secrets_file import StoredKey, StoredMaterial
from durwan.model.values import format_duration, format_instant, parse_instant

_DAY: Final = 86_400_000
_HOUR: Final = 3_600_000


def state_of(record: Mapping[str, object] | None, kept: StoredKey, now: int) -> str:
    """One word for where a key is in its life."""
    fields = record or {}
    expires, begins = (instant(fields, name) for name in ("expires", "not_before"))
    if fields.get("revoked") is True or kept.revoked is not None:
        return "revoked"
    if record is None:
        return "unknown"
    if expires is not None and expires <= now:
        return "expired"
    if not kept.good(now):
        return "no secret"
    if begins is not None and now < begins:
        return "not yet"
    return "rotating" if len(kept.good(now)) > 1 else "active"


def instant(record: Mapping[str, object], name: str) -> int | None:
    """A time among the attributes, in milliseconds since the epoch."""
    value = record.get(name)
    return parse_instant(value) if isinstance(value, str) else None


def age(moment: int | None, now: int) -> str:
    """How long ago that was, as people count; empty where it is not known."""
    if moment is None:
        return ""
    passed = max(now - moment, 0)
    unit = _DAY if passed >= _DAY else _HOUR if passed >= _HOUR else 60_000
    return format_duration(passed // unit * unit) if passed >= 60_000 else "new"


def material_form(material: StoredMaterial, now: int) -> dict[str, Any]:
    """One thing that verifies, for programs; of a public key the SHA-256 of its bytes."""
    found: dict[str, Any] = {
        "kind": material.kind,
        "serial": material.serial,
        "since": format_instant(material.since),
        "until": None if material.until is None else format_instant(material.until),
        "good": material.is_good(now),
        "passphrase": material.passphrase is not None,
    }
    if material.kind not in {"hmac", "token"}:
        found["fingerprint"] = hashlib.sha256(base64.b64decode(material.value)).hexdigest()
    return found


__all__ = ["age", "instant", "material_form", "state_of"]
