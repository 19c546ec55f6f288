"""Idempotency keys: repeated or another request."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durwan.credentials.raw_request import RawRequest
from durwan.gateways.answer import Answer
from durwan.gateways.idempotency import DAY, Idempotency
from durwan.state.memory import MemoryState
from durwan.state.sqlite import SqliteState
from durwan.state.store import StateStore
from tests.gates import ROUTES, GateRig
from tests.state.conftest import NOW, make_store, servers, store

__all__ = ["make_store", "servers", "store"]

HEADER = "idempotency-key"


def request(key: bytes | None = b"abc-1", /, **changed: object) -> RawRequest:
    headers = ((b"host", b"api.example"), *(() if key is None else ((b"Idempotency-Key", key),)))
    raw = RawRequest(
        method="POST", target=b"/withdrawals?x=1", headers=headers, body=b'{"amount":1}', peer="192.0.2.1", received=NOW
    )
    return replace(raw, **changed)  # type: ignore[arg-type]


def code(idempotency: Idempotency, raw: RawRequest, who: str = "desk", now: int = NOW) -> str | None:
    refusal = idempotency.check(who, raw, HEADER, now)
    return None if refusal is None else refusal.code


def test_a_repeated_request_goes_on(store: StateStore) -> None:
    """The same request goes on however often it comes, and whichever of its spellings the key has."""
    idempotency = Idempotency(store)
    for key in (b"abc-1", b"abc-1", b'"abc-1"'):
        assert code(idempotency, request(key)) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"body": b'{"amount":2}'},
        {"body": b""},
        {"target": b"/withdrawals?x=2"},
        {"target": b"/orders?x=1"},
        {"method": "PUT"},
        {"method": "POST/", "target": b"withdrawals?x=1"},
        {"target": b"/withdrawals?x=1{", "body": b'"amount":1}'},
    ],
)
def test_another_request_is_refused(changed: dict[str, object]) -> None:
    """With another body, target or method the key is refused with 422, and the first request still goes on (AS-17)."""
    idempotency = Idempotency(MemoryState())
    assert code(idempotency, request()) is None
    for _ in range(2):
        refusal = idempotency.check("desk", request(**changed), HEADER, NOW)
        assert refusal is not None
        assert (refusal.status, refusal.code) == (422, "idempotency_conflict")
    assert code(idempotency, request()) is None


def test_a_conflict_in_every_store(store: StateStore) -> None:
    """Each store remembers the first request of a key, for whoever asked, for a day."""
    one, other = Idempotency(store), Idempotency(store)
    assert code(one, request()) is None
    assert code(other, request(body=b"else")) == "idempotency_conflict"
    assert code(other, request(body=b"else"), "another") is None
    assert code(other, request(b"abc-2", body=b"else")) is None
    assert code(other, request(body=b"else"), now=NOW + DAY - 1) == "idempotency_conflict"


def test_after_a_day_a_key_may_be_used_again() -> None:
    """What was remembered for a day is forgotten."""
    idempotency = Idempotency(MemoryState())
    assert code(idempotency, request()) is None
    assert code(idempotency, request(body=b"else"), now=NOW + DAY) is None


def test_of_two_at_once_one_goes_on(store: StateStore) -> None:
    """Of many requests that come at once with one key and differ, exactly one goes on; the same ones all do."""
    idempotency = Idempotency(store)
    for number in range(6):
        start = threading.Barrier(8)

        def ask(mine: int, key: bytes = b"race%d" % number, start: threading.Barrier = start) -> str | None:
            start.wait()
            return code(idempotency, request(key, body=b"%d" % (mine // 2)))

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(ask, range(8)))
        assert sorted(each or "" for each in found) == ["", ""] + ["idempotency_conflict"] * 6
        assert found.index(None) // 2 == (7 - found[::-1].index(None)) // 2


@pytest.mark.parametrize(
    "key",
    [
        b"", b'""', b" a", b"a ", b"a b", b"a\tb", b"a,b", b'"a', b'a"', b'"a\\"b"', b"a\x00", b"\xff", "é".encode(),
        b"a\n", b"a;x=1", b"x" * 129, b'"' + b"x" * 129 + b'"', b"%41", b"a/b", b"a=",
    ],
)  # fmt: skip
def test_what_is_no_key(key: bytes) -> None:
    """A key of anything but a few plain characters is refused with 400, and is not remembered."""
    idempotency = Idempotency(MemoryState(most=0))
    refusal = idempotency.check("desk", request(key), HEADER, NOW)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (400, "header_refused")


def test_a_key_is_sent_once() -> None:
    """Two headers are refused, also where they agree, whatever case their names are in."""
    raw = request()
    twice = replace(raw, headers=(*raw.headers, (b"idempotency-KEY", b"abc-1")))
    assert code(Idempotency(MemoryState()), twice) == "header_refused"


def test_a_key_may_be_left_out_where_it_need_not_be_sent() -> None:
    """Without a key nothing is remembered; where one is required, the request is refused."""
    assert code(Idempotency(MemoryState(most=0)), request(None)) is None
    assert code(Idempotency(MemoryState(), required=True), request(None)) == "header_refused"


def test_nobody_fills_the_store() -> None:
    """Whoever uses too many new keys is told to wait; keys that are known go on, and so does everybody else."""
    idempotency = Idempotency(MemoryState(), most=3)
    assert [code(idempotency, request(b"k%d" % number)) for number in range(4)] == [None, None, None, "rate_limited"]
    refusal = idempotency.check("desk", request(b"k4"), HEADER, NOW + 1000)
    assert refusal is not None
    assert refusal.retry_after == (DAY - 1000) / 1000
    assert code(idempotency, request(b"k1")) is None
    assert code(idempotency, request(b"k1", body=b"else")) == "idempotency_conflict"
    assert code(idempotency, request(b"k4"), "another") is None


def test_a_store_that_is_gone_refuses() -> None:
    """Where nobody can say whether a key is new, the request is refused with 503, known key or not."""
    store = MemoryState()
    idempotency = Idempotency(store)
    assert code(idempotency, request()) is None
    store.close()
    assert code(idempotency, request()) == code(idempotency, request(b"new")) == "state_unavailable"
    assert code(idempotency, request(None)) is None
    assert code(Idempotency(MemoryState(most=0)), request()) == "state_unavailable"


_TEXTS = st.text("ab\0/?", max_size=3)


@given(_TEXTS, st.binary(max_size=3), st.binary(max_size=3), _TEXTS, st.binary(max_size=3), st.binary(max_size=3))
def test_no_two_requests_are_taken_for_one(  # noqa: PLR0913, PLR0917 - two requests
    method: str, target: bytes, body: bytes, other_method: str, other_target: bytes, other_body: bytes
) -> None:
    """However method, target and body are divided, two requests are the same only where all three are."""
    idempotency = Idempotency(MemoryState())
    assert code(idempotency, request(method=method, target=target, body=body)) is None
    same = (method, target, body) == (other_method, other_target, other_body)
    found = code(idempotency, request(method=other_method, target=other_target, body=other_body))
    assert found == (None if same else "idempotency_conflict")


def test_nothing_is_kept_as_it_was_sent(tmp_path: Path) -> None:
    """What is kept is a digest under a digest: nothing of the request, and nothing of the key."""
    store = SqliteState(tmp_path / "state.db")
    assert code(Idempotency(store), request(b"canary-key", body=b"canary-body", target=b"/canary")) is None
    store.close()
    assert b"canary" not in (tmp_path / "state.db").read_bytes()


def test_the_gate_refuses_a_key_that_was_used_for_something_else(tmp_path: Path) -> None:
    """AS-17: through the whole pipeline, signed anew each time, the same order goes on and another one is refused."""
    routes = ROUTES.replace("action: orders.create", "action: orders.create\n    idempotency: Idempotency-Key")
    rig = GateRig(tmp_path, routes=routes, parts={"idempotency": Idempotency(MemoryState())})

    def ask(notional: int) -> Answer:
        rig.clock.now += 30_000  # each is counted by the limit, also one that conflicts
        body = b'{"symbol": "BTC-PERP", "notional": "%d"}' % notional
        return rig.gate.admit(rig.signed("POST", "/orders", body, headers=((b"idempotency-key", b"order-1"),)))

    assert [ask(1).allowed, ask(1).allowed] == [True, True]
    answer = ask(2)
    assert (answer.allowed, answer.status, answer.code) == (False, 422, "idempotency_conflict")
    assert json.loads(answer.body)["code"] == "idempotency_conflict"
    assert ask(1).allowed
