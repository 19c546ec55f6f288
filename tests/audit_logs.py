"""Audit logs for tests: records that differ, and logs of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from durwan.audit.log import AuditLog
from durwan.audit.reading import records_of, streams_in
from durwan.audit.record import DecisionRecord
from durwan.audit.settings import Kind, LogSettings
from durwan.audit.verification import Verified, Verifier
from durwan.credentials.ed25519 import private_key_of, raw_public_key

NOW: Final = 1_772_442_000_000
KINDS: Final[tuple[Kind, ...]] = ("files", "sqlite")

# Made for tests, of no other use.
_PEM = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEICkuH1FfyAhR4Nb2HQ1i2uAD3Np6PUi8C7BUVpyH/c1M
-----END PRIVATE KEY-----
"""


def signing_key() -> Any:
    """A key that signs checkpoints."""
    return private_key_of(_PEM)


def public_key() -> bytes:
    """What verifies them."""
    return raw_public_key(signing_key())


CONTEXTS: Final = {
    "key": {"id": "desk-7", "scopes": ["orders.write", "orders.read"]},
    "client": {"ip": "203.0.113.9", "country": "DE"},
    "risk": {"score": 12, "as_of": NOW},
    "request": {"symbol": "BTC-PERP", "notional": "2500.00"},
}

RECORD: Final = DecisionRecord(
    decision_id="0", time=NOW, effect="deny", status=403, code="risk_too_high", rule="risky", revision="ab" * 32,
    action="orders.create", method="POST", path="/v1/orders", address="203.0.113.9", key="desk-7",
    contexts=CONTEXTS, because=("risk.score",),
)  # fmt: skip


def record(name: object, **fields: Any) -> DecisionRecord:
    """A record of a decision by this name."""
    return replace(RECORD, decision_id=str(name), **fields)


def small(name: object) -> DecisionRecord:
    """The same with little in it."""
    return DecisionRecord(decision_id=str(name), time=NOW, effect="allow", status=200, code="allowed")


def write_log(folder: Path, records: Iterable[DecisionRecord], **settings: Any) -> Path:
    """A log of these records, closed; its one stream."""
    log = AuditLog(folder, LogSettings(**settings))
    receipts = [log.append(each) for each in records]
    for each in receipts:
        each.wait()
    log.close()
    return folder / "stream-1"


def names_in(folder: Path) -> list[str]:
    """The decisions in a log, stream by stream."""
    found = [each for stream in streams_in(folder) for each in records_of(stream)]
    assert None not in found
    return [each.record["decision_id"] for each in found if each is not None and each.kind == "decision"]


def verified(stream: Path, **known: Any) -> Verified:
    """What is found out about a stream."""
    return Verifier(stream, **known).verify()
