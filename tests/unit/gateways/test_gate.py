"""The pipeline, from the bytes of a request to its answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from durwan.audit.record import DecisionRecord
from durwan.audit.recorder import AuditUnavailableError, Receipt
from durwan.credentials.identity import Identity
from durwan.gateways.answer import Answer
from durwan.gateways.connection import Connection
from durwan.gateways.gate import Gate
from durwan.gateways.idempotency import Idempotency
from durwan.state.memory import MemoryState
from tests.gates import ROUTES, GateRig

ORDER = json.dumps({"symbol": "BTC-PERP", "notional": "2500"}).encode()


@pytest.fixture
def rig(tmp_path: Path) -> GateRig:
    return GateRig(tmp_path)


@dataclass
class Page:
    """Records decisions in a list; fails when a test says so."""

    strict: bool = True
    fails_at: str = ""
    records: list[DecisionRecord] = field(default_factory=list[DecisionRecord])

    def append(self, record: DecisionRecord) -> Receipt:
        if self.fails_at == "append":
            raise AuditUnavailableError("full")
        self.records.append(record)
        return self

    def wait(self) -> None:
        if self.fails_at == "wait":
            raise OSError("no space left")

    async def wait_async(self) -> None:
        await asyncio.sleep(0)
        self.wait()


def test_what_is_allowed_goes_on_with_who_asks(rig: GateRig) -> None:
    """The answer names the key, the action and the obligations for what stands behind the gateway."""
    answer = rig.gate.admit(rig.signed("POST", "/orders", ORDER))
    assert (answer.allowed, answer.status, answer.code, answer.body) == (True, 200, "allowed", b"")
    upstream = dict(answer.upstream)
    assert upstream[b"x-durwan-key"] == b"desk-7"
    assert upstream[b"x-durwan-action"] == b"orders.create"
    assert upstream[b"x-durwan-obligations"] == b'{"tier":"standard"}'
    assert upstream[b"x-durwan-decision"].decode() == answer.decision_id


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/nothing", 404, "route_unknown"),
        ("DELETE", "/orders", 405, "method_not_allowed"),
        ("GET", "//orders", 400, "target_refused"),
        ("BREW", "/orders", 400, "method_refused"),
        ("GET", "/orders", 401, "credential_missing"),
    ],
)
def test_what_is_refused_before_a_policy_is_asked(
    rig: GateRig, method: str, target: str, status: int, code: str
) -> None:
    """Each step refuses with a status and a code of its own, and nothing is said of who asks."""
    answer = rig.gate.admit(rig.request(method, target))
    assert (answer.allowed, answer.status, answer.code) == (False, status, code)
    assert (answer.decision, answer.identity) == (None, None)
    assert all(value == b"" for _, value in answer.upstream)


def test_what_a_policy_refuses(rig: GateRig) -> None:
    """Deny, challenge and used-up limit each keep their own status, code and headers."""
    large = rig.gate.admit(rig.signed("POST", "/orders", ORDER.replace(b"2500", b"250000")))
    assert (large.status, large.code) == (403, "too_large")
    elsewhere = rig.gate.admit(rig.signed("GET", "/orders", peer="192.0.2.1"))
    assert (elsewhere.status, elsewhere.code) == (403, "ip_not_allowed")
    challenged = rig.gate.admit(rig.signed("DELETE", "/account"))
    assert challenged.status == 401
    assert b'max_age="300"' in dict(challenged.headers)[b"www-authenticate"]
    for _ in range(3):
        assert rig.gate.admit(rig.signed("POST", "/orders", ORDER)).allowed
    limited = rig.gate.admit(rig.signed("POST", "/orders", ORDER))
    assert (limited.status, limited.code) == (429, "order_rate")
    assert dict(limited.headers)[b"ratelimit-policy"] == b'"order_rate";q=3;w=60'


def test_the_same_request_twice_is_a_replay(rig: GateRig) -> None:
    """R21: what comes before the decision is never answered from a cache."""
    raw = rig.signed("GET", "/orders")
    assert rig.gate.admit(raw).allowed
    assert rig.gate.admit(raw).code == "nonce_replayed"


def test_a_public_route_needs_no_credential_and_the_policy_decides(rig: GateRig) -> None:
    """Public is who may ask, not what is allowed."""
    assert rig.gate.admit(rig.request("GET", "/status")).allowed


def test_405_names_the_methods(rig: GateRig) -> None:
    """RFC 9110, section 15.5.6."""
    answer = rig.gate.admit(rig.request("DELETE", "/orders"))
    assert dict(answer.headers)[b"allow"] == b"GET, HEAD, POST"


def test_a_body_is_needed_where_a_route_or_a_signature_reads_it(rig: GateRig) -> None:
    """And nowhere else."""
    assert rig.gate.begin(rig.request("POST", "/orders")).needs_body
    assert rig.gate.begin(rig.signed("GET", "/orders", headers=((b"content-length", b"2"),))).needs_body
    assert rig.gate.begin(rig.signed("DELETE", "/account", headers=((b"Transfer-Encoding", b"chunked"),))).needs_body
    bearer = ((b"authorization", b"Bearer abc"), (b"content-length", b"2"))
    assert not rig.gate.begin(rig.request("GET", "/orders", headers=bearer)).needs_body
    assert not rig.gate.begin(rig.request("GET", "/orders")).needs_body
    assert not rig.gate.begin(rig.request("GET", "/nothing")).needs_body


def test_an_attribute_that_cannot_be_read_is_unknown_or_refused(rig: GateRig) -> None:
    """A body that is no JSON is refused; a value of another type is unknown, and unknown lets nothing through."""
    assert rig.gate.admit(rig.signed("POST", "/orders", b"{")).status == 400
    answer = rig.gate.admit(rig.signed("POST", "/orders", b'{"symbol": "X", "notional": [1]}'))
    assert not answer.allowed


def test_an_idempotency_key_stands_for_what_was_allowed(tmp_path: Path) -> None:
    """AS-17: for another body it conflicts; a refused request has not used it up, and the same one goes on."""
    routes = ROUTES.replace("  POST /orders:\n", "  POST /orders:\n    idempotency: Idempotency-Key\n")
    rig = GateRig(tmp_path, routes=routes, parts={"idempotency": Idempotency(MemoryState())})

    def sent(notional: bytes) -> Answer:
        header = ((b"idempotency-key", b"order-0000000000000001"),)
        return rig.gate.admit(rig.signed("POST", "/orders", ORDER.replace(b"2500", notional), headers=header))

    assert sent(b"250000").code == "too_large"
    assert sent(b"2500").allowed
    assert sent(b"2500").allowed
    conflict = sent(b"2600")
    assert (conflict.status, conflict.code) == (422, "idempotency_conflict")


def test_what_a_client_says_of_itself_is_not_believed(tmp_path: Path) -> None:
    """Facts of the gateway and what was proved go before what a route reads of the request."""

    def facts(action: str, _: Identity, attributes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        assert (action, attributes) == ("orders.read", {})
        return {"key": {"id": "other", "scopes": ["orders.write"]}, "client": {"ip": "192.0.2.1", "country": "GB"}}

    rig = GateRig(tmp_path, parts={"facts": facts})
    assert rig.gate.admit(rig.signed("GET", "/orders")).allowed


def test_the_venue_knows_better_than_the_request(tmp_path: Path) -> None:
    """Facts go before what a request says, attribute by attribute; what they do not speak of stays."""

    def facts(_: str, __: Identity, attributes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        assert attributes == {"request": {"symbol": "BTC-PERP", "notional": "2500"}}
        return {"request": {"notional": 200_000}}

    page = Page()
    rig = GateRig(tmp_path, parts={"facts": facts, "recorder": page})
    assert rig.gate.admit(rig.signed("POST", "/orders", ORDER)).code == "too_large"
    asked = page.records[0].contexts["request"]
    assert (asked["notional"], asked["symbol"], asked["path"]) == (200_000, "BTC-PERP", "/orders")


def test_facts_that_fail_are_unknown(tmp_path: Path) -> None:
    """What supplies the risk and fails leaves it unknown."""

    def facts(*_: object) -> dict[str, Any]:
        raise RuntimeError("the risk engine is away")

    policy = "actions { orders.read }\ncontext risk { score : int }\nallow read on orders.read when risk.score < 50\n"
    rig = GateRig(tmp_path, policy=policy, routes="routes:\n  GET /orders: orders.read\n", parts={"facts": facts})
    answer = rig.gate.admit(rig.signed("GET", "/orders"))
    assert (answer.allowed, answer.code) == (False, "no_rule_allows")


def test_a_defect_refuses(rig: GateRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks in a part of the gate, the request is refused with 503."""

    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    raw = rig.signed("GET", "/orders")
    with monkeypatch.context() as patch:
        patch.setattr(type(rig.engine), "decide", broken)
        answer = rig.gate.admit(raw)
        assert (answer.status, answer.code) == (503, "not_ready")
    with monkeypatch.context() as patch:
        patch.setattr(type(rig.router), "read", broken)
        assert rig.gate.admit(raw).status == 503


# ------------------------------------------------------------------------------------------------------------ records


def test_every_answer_is_recorded(tmp_path: Path) -> None:
    """Who, what, from where, when, by which rule of which revision, because of which values; also refusals."""
    page = Page()
    rig = GateRig(tmp_path, parts={"recorder": page})
    allowed = rig.gate.admit(rig.signed("POST", "/orders", ORDER))
    refused = rig.gate.admit(rig.request("GET", "/nothing"))
    record, refusal = page.records
    assert record.decision_id == allowed.decision_id
    assert (record.time, record.effect, record.status, record.code) == (rig.clock.now, "allow", 200, "allowed")
    assert (record.rule, record.revision) == ("trade", rig.engine.revision)
    assert (record.method, record.path, record.action) == ("POST", "/orders", "orders.create")
    assert (record.address, record.key) == ("203.0.113.9", "desk-7")
    assert record.because == ("key.scopes",)
    assert list(record.contexts["key"]["scopes"]) == ["orders.write"]
    assert record.contexts["request"]["notional"] == "2500"
    assert refusal.decision_id == refused.decision_id
    assert (refusal.effect, refusal.code, refusal.revision, refusal.path) == ("deny", "route_unknown", "", "")
    assert refusal.address == "203.0.113.9"


@pytest.mark.parametrize("fails_at", ["append", "wait"])
def test_what_cannot_be_recorded_is_refused(tmp_path: Path, fails_at: str) -> None:
    """R67: in strict mode nothing goes on whose record is not durable, on an event loop or without one."""
    page = Page(fails_at=fails_at)
    rig = GateRig(tmp_path, parts={"recorder": page})
    answers = [
        rig.gate.admit(rig.signed("GET", "/orders")),
        asyncio.run(rig.gate.admit_async(rig.signed("GET", "/orders"))),
    ]
    for answer in answers:
        assert (answer.allowed, answer.status, answer.code) == (False, 503, "audit_unavailable")
        assert all(value == b"" for _, value in answer.upstream)
    assert rig.gate.admit(rig.request("GET", "/nothing")).status == 404


def test_a_relaxed_record_holds_up_nobody(tmp_path: Path) -> None:
    """A record that is lost is an alarm of the log, and the answer goes out."""
    rig = GateRig(tmp_path, parts={"recorder": Page(strict=False, fails_at="append")})
    assert rig.gate.admit(rig.signed("GET", "/orders")).allowed


# --------------------------------------------------------------------------------------------------------- event loops


@pytest.mark.parametrize("waits", [True, False])
def test_both_ways_answer_alike(tmp_path: Path, waits: bool) -> None:
    """Awaited or not, in a thread or not, the same request has the same answer."""
    rig = GateRig(tmp_path, parts={"waits": waits})
    for raw in (rig.request("GET", "/nothing"), rig.request("GET", "/status"), rig.signed("DELETE", "/account")):
        again = replace(raw, headers=rig.signed("DELETE", "/account").headers) if len(raw.headers) > 1 else raw
        plain, awaited = rig.gate.admit(raw), asyncio.run(rig.gate.admit_async(again))
        assert shape(plain) == shape(awaited)


def shape(answer: Answer) -> tuple[object, ...]:
    return answer.allowed, answer.status, answer.code, [name for name, _ in answer.headers]


# ---------------------------------------------------------------------------------------------------------- connections


def opened(rig: GateRig, gate: Gate) -> Connection:
    return Connection(gate, gate.admit(rig.signed("GET", "/orders")))


def test_messages_of_a_connection(tmp_path: Path) -> None:
    """Each is decided for who opened it, counted and recorded, with the action that it names."""
    page = Page()
    rig = GateRig(tmp_path, parts={"recorder": page})
    connection = opened(rig, rig.gate)
    order = {"request": {"notional": "10"}}
    answers = [connection.answer("orders.create", order) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert asyncio.run(connection.answer_async("orders.read", {})).allowed
    assert [record.action for record in page.records] == ["orders.read", *["orders.create"] * 4, "orders.read"]
    assert page.records[1].key == "desk-7"


def test_a_connection_ends_with_its_key(rig: GateRig) -> None:
    """A revoked key is refused at the next message."""
    connection = opened(rig, rig.gate)
    assert connection.standing() is None
    rig.ring.ring.revoke("desk-7")
    rig.keys.revoke("desk-7")
    assert connection.answer("orders.read", {}).code == "credential_revoked"
    refusal = connection.standing()
    assert refusal is not None
    assert refusal.code == "credential_revoked"


def test_no_connection_begins_with_a_refusal(rig: GateRig) -> None:
    """Only an answer that allows opens one."""
    with pytest.raises(ValueError, match="allows it"):
        Connection(rig.gate, rig.gate.admit(rig.request("GET", "/orders")))
