"""The acceptance scenarios that are decided before a policy is asked: signatures, clocks, nonces.

The expectations are read from the vectors beside the project; how each situation is made stands here.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from durwan.credentials.authenticator import Accepted, Authenticator
from durwan.credentials.key_material import Given
from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.secret import Secret
from durwan.credentials.signed_requests import SignedRequests
from durwan.state.sqlite import SqliteState
from tests.key_rings import NOW, Rig

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "acceptance_scenarios.json"
TARGETS = {
    "binance": b"/api/v3/account?recvWindow=5000",
    "gate": b"/api/v4/spot/orders",
    "deribit": b"/api/v2/private/get_account_summary",
    "kraken-spot": b"/0/private/Balance",
}
BODIES = {"kraken-spot": b"asset=XBT", "gate": b'{"side":"buy"}'}


@dataclass
class Venue:
    """A gateway that accepts one exchange's signatures."""

    folder: Path
    name: str

    def __post_init__(self) -> None:
        self.rig = Rig(self.folder)
        self.scheme = load_scheme(self.name)
        self.secret = secrets.token_hex(32)
        if self.scheme.profile.secret == "base64":  # noqa: S105 - how it is written, no secret
            self.secret = base64.b64encode(secrets.token_bytes(64)).decode()
        self.rig.add("desk-7", Given(kind="hmac", secret=Secret(self.secret.encode())))
        signed = SignedRequests(self.scheme, self.rig.store(), SqliteState(self.folder / "state.db"))
        self.authenticator = Authenticator(Accepted(signed=signed), self.rig.clock)

    def signed(self, *, at: int = 0, nonce: str | None = None, target: bytes = b"", body: bytes = b"") -> RawRequest:
        """A request that was signed so many milliseconds from now."""
        bare = RawRequest(
            method="POST" if body or self.name in BODIES else "GET",
            target=target or TARGETS[self.name],
            headers=((b"Host", b"api.example.com"),),
            body=body or BODIES.get(self.name, b""),
            peer="203.0.113.9",
            received=NOW,
        )
        key = self.scheme.secret_key(self.secret)
        return self.scheme.sign(bare, "desk-7", key, timestamp=NOW + at, nonce=nonce)

    def answer(self, raw: RawRequest) -> tuple[str, int, str]:
        """The answer in the scenarios' words."""
        found = self.authenticator.authenticate(raw)
        return ("deny", found.status, found.code) if isinstance(found, Refusal) else ("allow", 200, "ok")


def _upper(raw: RawRequest) -> RawRequest:
    before, mark, code = raw.target.rpartition(b"signature=")
    return replace(raw, target=before + mark + code.upper())


def _by_hand(venue: Venue, signed: str, sent: str) -> RawRequest:
    """A Binance request signed as its documents say, by a client that is not ours."""
    stamp = f"&timestamp={NOW}"
    code = hmac.new(venue.secret.encode(), (signed + stamp).encode(), "sha256").hexdigest()
    target = f"/api/v3/order?{sent}{stamp}&signature={code}".encode()
    headers = ((b"X-MBX-APIKEY", b"desk-7"),)
    return RawRequest(method="GET", target=target, headers=headers, body=b"", peer="203.0.113.9", received=NOW)


def _unencoded(venue: Venue) -> RawRequest:
    """Signed as it was written and percent-encoded afterwards, as was allowed until 2026."""
    right = "symbol=%EF%BC%91&recvWindow=5000"
    assert venue.answer(_by_hand(venue, right, right)) == ("allow", 200, "ok")
    return _by_hand(venue, "symbol=\uff11&recvWindow=5000", right)


def _after(venue: Venue, first: RawRequest, second: RawRequest) -> RawRequest:
    """The second, once the first was accepted."""
    assert venue.answer(first) == ("allow", 200, "ok")
    return second


SITUATIONS: list[tuple[str, str, Callable[[Venue], RawRequest]]] = [
    ("AS-02", "gate", lambda venue: replace(venue.signed(), body=b'{"side":"buz"}')),
    ("AS-03", "binance", lambda venue: _upper(venue.signed())),
    ("AS-04", "binance", _unencoded),
    ("AS-06", "binance", lambda venue: venue.signed(at=999)),
    ("AS-07", "binance", lambda venue: venue.signed(at=1_000)),
    ("AS-08", "binance", lambda venue: venue.signed(at=-5_000)),
    ("AS-09", "binance", lambda venue: venue.signed(at=-5_001)),
    ("AS-10", "binance", lambda venue: _by_hand(venue, "recvWindow=60001", "recvWindow=60001")),
    ("AS-12", "gate", lambda venue: venue.signed(at=-61_000)),
    ("AS-12", "deribit", lambda venue: venue.signed(at=-61_000)),
    ("AS-13", "kraken-spot", lambda venue: _after(venue, venue.signed(nonce="7"), venue.signed(nonce="7"))),
    (
        "AS-16",
        "deribit",
        lambda venue: _after(venue, venue.signed(nonce="once", at=-30_000), venue.signed(nonce="once")),
    ),
]


@pytest.fixture(scope="module")
def expectations() -> dict[str, dict[str, Any]]:
    """What is wanted of each scenario."""
    if not VECTORS.exists():
        pytest.skip("the acceptance scenarios lie in shared/vectors beside the project, and are not there")
    scenarios = json.loads(VECTORS.read_text(encoding="utf-8"))["scenarios"]
    return {each["id"]: each["expect"] for each in scenarios}


@pytest.mark.parametrize(("scenario", "name", "make"), SITUATIONS, ids=[f"{each[0]} {each[1]}" for each in SITUATIONS])
def test_scenario(
    scenario: str,
    name: str,
    make: Callable[[Venue], RawRequest],
    expectations: dict[str, dict[str, Any]],
    tmp_path: Path,
) -> None:
    """Decision, status and reason are those that the scenario asks for, at its exact boundary."""
    venue = Venue(tmp_path, name)
    wanted = expectations[scenario]
    try:
        raw = make(venue)
    except Exception as error:  # noqa: BLE001 - what a client cannot even sign
        pytest.fail(f"{scenario} cannot be made: {error}")
    assert venue.answer(raw) == (wanted["decision"], wanted["http_status"], wanted["reason"])
