"""From a raw request to who asks."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from durwan.credentials.attempts import AttemptLimits, Attempts
from durwan.credentials.authenticator import Accepted, Authenticator
from durwan.credentials.identity import Identity
from durwan.credentials.key_material import Given
from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.sealing import KeyedHash
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text
from durwan.credentials.session import Holder
from durwan.credentials.sessions import Place, Sessions
from durwan.credentials.signed_requests import ForgetfulGuardError, SignedRequests
from durwan.state.errors import StateUnavailableError
from durwan.state.memory import MemoryState
from durwan.state.revocations import RevocationView
from durwan.state.sqlite import SqliteState
from durwan.state.store import LimitCharge, Revocation, UsedUp
from tests.key_rings import HOUR, NOW, Rig, given, new_secret

SCHEME = load_scheme("durwan")
BARE = RawRequest(
    method="POST",
    target=b"/orders?dry=1",
    headers=((b"Host", b"api.example.com"),),
    body=b'{"symbol":"BTC-PERP"}',
    peer="203.0.113.9",
    received=NOW,
)


class Gate:
    """An authenticator with a key, a store and sessions."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder)
        self.secret = new_secret()
        self.rig.add("desk-7", given(self.secret), scopes=["orders.write"])
        self.store = MemoryState()
        self.keys = self.rig.store()
        self.sessions = Sessions(self.store, KeyedHash.for_this_process(), self.rig.clock)
        self.view = RevocationView(self.store, clock=self.rig.clock).start()
        signed = SignedRequests(SCHEME, self.keys, self.store, self.view)
        self.accepted = Accepted(signed=signed, keys=self.keys, sessions=self.sessions, revoked=self.view)
        self.authenticator = Authenticator(self.accepted, self.rig.clock)

    def signed(self, request: RawRequest = BARE, secret: Secret | None = None, key_id: str = "desk-7") -> RawRequest:
        key = SCHEME.secret_key((secret or self.secret).reveal().decode())
        return SCHEME.sign(request, key_id, key, timestamp=self.rig.clock())

    def outcome(self, request: RawRequest) -> str:
        found = self.authenticator.authenticate(request)
        return found.code if isinstance(found, Refusal) else f"key {found.key}"


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def with_header(request: RawRequest, name: bytes, value: bytes) -> RawRequest:
    return replace(request, headers=(*request.headers, (name, value)))


def test_who_signed_is_who_asks(gate: Gate) -> None:
    """A signed request proves its key and its address: the contexts that a decision takes."""
    found = gate.authenticator.authenticate(gate.signed())
    assert isinstance(found, Identity)
    assert found.contexts() == {"client": {"ip": "203.0.113.9"}, "key": "desk-7"}
    request = found.request("orders.create", {"key": "other", "client": {"ip": "::1", "country": "GB"}})
    assert request == {
        "action": "orders.create", "key": "desk-7", "client": {"ip": "203.0.113.9", "country": "GB"},
    }  # fmt: skip


def test_on_an_event_loop_it_is_the_same(gate: Gate) -> None:
    """The awaited form says the same."""
    found = asyncio.run(gate.authenticator.authenticate_async(gate.signed()))
    assert isinstance(found, Identity)
    assert found.key == "desk-7"


def test_once_is_once(gate: Gate) -> None:
    """The same request again is a replay, and says so; a new one is accepted."""
    request = gate.signed()
    assert gate.outcome(request) == "key desk-7"
    assert gate.outcome(request) == "nonce_replayed"
    assert gate.outcome(gate.signed()) == "key desk-7"


def test_what_is_refused_uses_nothing_up(gate: Gate) -> None:
    """A request that came before its time, or was tampered with on the way, can still be accepted."""
    request = gate.signed()
    assert gate.outcome(replace(request, body=b"{}")) == "signature_invalid"
    gate.rig.clock.later(-5_001)
    assert gate.outcome(request) == "timestamp_ahead"
    gate.rig.clock.later(5_001)
    assert gate.outcome(request) == "key desk-7"


@pytest.mark.parametrize(("later", "code"), [(5_000, "key desk-7"), (5_001, "timestamp_expired")])
def test_a_request_is_too_old_just_after_its_window(gate: Gate, later: int, code: str) -> None:
    """At the end of the window it is accepted, and one millisecond later it is not."""
    request = gate.signed()
    gate.rig.clock.later(later)
    assert gate.outcome(request) == code


def test_strangers_and_forgers_hear_the_same(gate: Gate) -> None:
    """An unknown key, a wrong secret and a key of another form are refused in the same words."""
    found = [
        gate.authenticator.authenticate(request)
        for request in (gate.signed(key_id="desk-8"), gate.signed(secret=new_secret()))
    ]
    assert found[0] == found[1]
    assert isinstance(found[0], Refusal)
    assert found[0].code == "signature_invalid"


def test_a_revoked_key_is_told_only_to_its_owner(gate: Gate) -> None:
    """Whoever signs with it hears that it was revoked; whoever does not hears what strangers hear."""
    gate.keys.revoke("desk-7")
    assert gate.outcome(gate.signed()) == "credential_revoked"
    assert gate.outcome(gate.signed(secret=new_secret())) == "signature_invalid"


def test_a_revocation_by_another_gateway_counts(gate: Gate) -> None:
    """What was revoked in the shared state is refused here."""
    gate.view.revoke(Revocation(kind="key", id="desk-7", until=NOW + HOUR))
    assert gate.outcome(gate.signed()) == "credential_revoked"


def test_old_and_new_work_while_they_overlap(gate: Gate) -> None:
    """Up to the last millisecond of the overlap both secrets sign; from then on the new one alone."""
    new = new_secret()
    gate.rig.ring.rotate("desk-7", given(new), HOUR)
    gate.keys.refresh()
    gate.rig.clock.later(HOUR - 1)
    assert [gate.outcome(gate.signed(secret=each)) for each in (gate.secret, new)] == ["key desk-7"] * 2
    gate.rig.clock.later(1)
    assert [gate.outcome(gate.signed(secret=each)) for each in (gate.secret, new)] == [
        "signature_invalid", "key desk-7",
    ]  # fmt: skip


class Gone(MemoryState):
    """A store that cannot be asked."""

    def accept_once(self, scope: str, nonce: str, *, expires: int, now: int, issued: int | None = None) -> bool:
        raise StateUnavailableError("the store", "it is gone")


def test_a_store_that_is_gone_lets_nothing_through(gate: Gate) -> None:
    """Whether it came before cannot be known, so it is refused with 503, and nothing is told of the store."""
    signed = SignedRequests(SCHEME, gate.keys, Gone())
    found = Authenticator(Accepted(signed=signed), gate.rig.clock).authenticate(gate.signed())
    assert isinstance(found, Refusal)
    assert (found.code, found.status) == ("state_unavailable", 503)
    assert "gone" not in found.reason


def test_nothing_is_nobody(gate: Gate) -> None:
    """A request without a credential is refused, and so is one from no address."""
    assert gate.outcome(BARE) == "credential_missing"
    assert gate.outcome(replace(gate.signed(), peer="proxy.local")) == "request_malformed"


def test_a_key_can_be_a_token(gate: Gate) -> None:
    """A key whose whole credential is a token is found by it; another token is nobody's."""
    token = new_secret_text("dwk", None)
    gate.rig.add("reader-1", Given(kind="token", secret=Secret(token.encode())))
    gate.keys.refresh()
    assert gate.outcome(with_header(BARE, b"Authorization", b"Bearer " + token.encode())) == "key reader-1"
    other = new_secret_text("dwk", None).encode()
    assert gate.outcome(with_header(BARE, b"Authorization", b"Bearer " + other)) == "token_invalid"


def test_an_odd_query_is_no_second_credential(gate: Gate) -> None:
    """A query that a signature could not be read from is no signature; with one in the headers, there are two."""
    token = new_secret_text("dwk", None).encode()
    odd = with_header(replace(BARE, target=b"/orders?x=1&y"), b"Authorization", b"Bearer " + token)
    assert gate.outcome(odd) == "token_invalid"
    signed = replace(gate.signed(), target=b"/orders?x=1&y")
    assert gate.outcome(with_header(signed, b"Authorization", b"Bearer " + token)) == "credential_ambiguous"


def test_two_credentials_are_none(gate: Gate) -> None:
    """A signed request with a token, or one with two, is refused: who asks must not depend on what is looked at."""
    token = new_secret_text("dwk", None).encode()
    both = with_header(gate.signed(), b"Authorization", b"Bearer " + token)
    assert gate.outcome(both) == "credential_ambiguous"
    twice = with_header(with_header(BARE, b"Authorization", b"Bearer a"), b"AUTHORIZATION", b"Bearer b")
    assert gate.outcome(twice) == "credential_ambiguous"


def test_a_session_goes_with_its_key(gate: Gate) -> None:
    """A session is found for the key and the address that opened it, and for no others; its times are for policies."""
    opened = gate.sessions.open(Holder("key", "desk-7"), "websocket", bound_to=Place(address="203.0.113.9"))
    identifier = opened.identifier.reveal()
    found = gate.authenticator.authenticate(with_header(gate.signed(), b"X-Session", identifier))
    assert isinstance(found, Identity)
    assert found.contexts()["session"] == {
        "id": opened.session.id, "kind": "websocket", "started": NOW, "last_seen": NOW,
    }  # fmt: skip
    elsewhere = with_header(gate.signed(replace(BARE, peer="198.51.100.7")), b"X-Session", identifier)
    assert gate.outcome(elsewhere) == "session_mismatch"
    assert gate.outcome(with_header(gate.signed(), b"X-Session", identifier[:-1])) == "session_invalid"
    gate.sessions.end(identifier.decode())
    assert gate.outcome(with_header(gate.signed(), b"X-Session", identifier)) == "session_invalid"


def test_no_secret_shows(gate: Gate) -> None:
    """Neither the identity nor a refusal, however printed, holds anything of the secret or the signature."""
    request = gate.signed()
    shown = [repr(gate.authenticator.authenticate(request)) for _ in range(2)]
    shown += [repr(gate.authenticator), repr(gate.accepted), repr(request)]
    headers = {name.lower(): value for name, value in request.headers}
    signature = headers[b"durwan-signature"].decode()
    for text in shown:
        assert gate.secret.reveal().decode() not in text
        assert signature not in text


def test_a_rising_nonce_needs_a_store_that_does_not_forget(gate: Gate, tmp_path: Path) -> None:
    """In memory it is refused when the gateway is set up; in a file each number is accepted once, and only upwards."""
    scheme = load_scheme("kraken-spot")
    with pytest.raises(ForgetfulGuardError, match="SqliteState"):
        SignedRequests(scheme, gate.keys, gate.store)
    secret = base64.b64encode(secrets.token_bytes(64))
    gate.rig.add("bot", Given(kind="hmac", secret=Secret(secret)))
    gate.keys.refresh()
    signed = SignedRequests(scheme, gate.keys, SqliteState(tmp_path / "state.db"))
    authenticator = Authenticator(Accepted(signed=signed), gate.rig.clock)
    bare = replace(BARE, target=b"/0/private/AddOrder", headers=(), body=b"pair=XBTUSD")
    key = scheme.secret_key(secret.decode())

    def outcome(nonce: int) -> str:
        found = authenticator.authenticate(scheme.sign(bare, "bot", key, nonce=str(nonce)))
        return found.code if isinstance(found, Refusal) else f"key {found.key}"

    assert [outcome(each) for each in (5, 5, 4, 6)] == ["key bot", "nonce_replayed", "nonce_replayed", "key bot"]


def test_failures_are_counted_by_where_they_come_from(gate: Gate) -> None:
    """After so many failures an address waits, even with the right key, which works from elsewhere meanwhile."""
    attempts = Attempts(gate.store, AttemptLimits(failures=3, failures_period=10_000))
    gate.authenticator = Authenticator(replace(gate.accepted, attempts=attempts), gate.rig.clock)
    forged = [gate.signed(secret=new_secret()) for _ in range(4)]
    assert [gate.outcome(each) for each in forged] == ["signature_invalid"] * 3 + ["rate_limited"]
    found = gate.authenticator.authenticate(gate.signed())
    assert isinstance(found, Refusal)
    assert (found.code, found.status, found.retry_after) == ("rate_limited", 429, 10.0)
    assert gate.outcome(gate.signed(replace(BARE, peer="198.51.100.7"))) == "key desk-7"
    gate.rig.clock.later(10_000)
    assert gate.outcome(gate.signed()) == "key desk-7"


def test_a_network_of_ipv6_is_one_caller(gate: Gate) -> None:
    """Whoever has a /64 has not four billion billion attempts; the next /64 is somebody else."""
    attempts = Attempts(gate.store, AttemptLimits(failures=2))
    gate.authenticator = Authenticator(replace(gate.accepted, attempts=attempts), gate.rig.clock)
    peers = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8::3", "2001:db8:0:1::1"]
    outcomes = [gate.outcome(gate.signed(replace(BARE, peer=peer), secret=new_secret())) for peer in peers]
    assert outcomes == ["signature_invalid", "signature_invalid", "rate_limited", "signature_invalid"]


def test_successes_are_counted_apart_by_credential(gate: Gate) -> None:
    """A key that is used too often waits wherever it is used from, and what succeeded is no failure."""
    attempts = Attempts(gate.store, AttemptLimits(failures=1, successes=2, successes_period=1_000))
    gate.authenticator = Authenticator(replace(gate.accepted, attempts=attempts), gate.rig.clock)
    peers = ["203.0.113.9", "198.51.100.7", "192.0.2.44"]
    outcomes = [gate.outcome(gate.signed(replace(BARE, peer=peer))) for peer in peers]
    assert outcomes == ["key desk-7", "key desk-7", "rate_limited"]
    gate.rig.clock.later(1_000)
    assert gate.outcome(gate.signed()) == "key desk-7"


class Uncountable(MemoryState):
    """A store that cannot count."""

    def peek(self, charges: Sequence[LimitCharge], *, now: int) -> tuple[UsedUp, ...]:
        raise StateUnavailableError("the store", "it is gone")


def test_what_cannot_be_counted_is_refused(gate: Gate) -> None:
    """A store that is gone does not open the door to guessing."""
    attempts = Attempts(Uncountable())
    found = Authenticator(replace(gate.accepted, attempts=attempts), gate.rig.clock).authenticate(gate.signed())
    assert isinstance(found, Refusal)
    assert found.code == "state_unavailable"
