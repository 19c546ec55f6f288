"""Records and revocations as octets, for stores that keep octets."""

from __future__ import annotations

import json

from durwan.state.store import Record, Revocation


def record_to_bytes(record: Record) -> bytes:
    """A record as ASCII JSON."""
    return json.dumps([record.kind, record.id, record.owner, record.value.hex(), record.expires]).encode("ascii")


def record_from_bytes(octets: bytes) -> Record:
    """What `record_to_bytes` wrote."""
    kind, record_id, owner, value, expires = json.loads(octets)
    return Record(kind=kind, id=record_id, owner=owner, value=bytes.fromhex(value), expires=expires)


def name_to_text(revocation: Revocation) -> str:
    """What is revoked, as ASCII JSON: one text for each kind and id."""
    return json.dumps([revocation.kind, revocation.id])


def revocation_from(name: str | bytes, until: int) -> Revocation:
    """What is revoked, from `name_to_text`, with the instant until which that is remembered."""
    kind, revoked_id = json.loads(name)
    return Revocation(kind=kind, id=revoked_id, until=until)


__all__ = ["name_to_text", "record_from_bytes", "record_to_bytes", "revocation_from"]
