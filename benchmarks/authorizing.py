"""W7, in process: a raw signed request to a decision, beside the bare verification of its HMAC.

    python -m benchmarks.authorizing [--repeat 15] [--number 2000]

Each request is signed by our own scheme with a nonce of its own, and is accepted once: signatures are made before the
clock runs. What is timed: the authenticator (form, key, signature, replay guard in memory), then the decision; and the
whole gate, which also reads address, host, headers and target, finds the route, and hands a record over to the audit
log, whose thread writes it meanwhile.
"""

from __future__ import annotations

import argparse
import gc
import hmac
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from durwan import Engine, StaticKeys
from durwan.audit.log import AuditLog
from durwan.audit.settings import LogSettings
from durwan.credentials.authenticator import Accepted, Authenticator
from durwan.credentials.identity import Identity
from durwan.credentials.key_hygiene import roles_by_name
from durwan.credentials.key_material import Given
from durwan.credentials.key_ring import KeyRing, NewKey, Venue
from durwan.credentials.key_rules import KeyRules
from durwan.credentials.key_store import KeyStore
from durwan.credentials.raw_request import RawRequest
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.sealing import SealingKey
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text
from durwan.credentials.signed_requests import SignedRequests
from durwan.gateways.gate import Gate, Parts
from durwan.routing import RequestRules, Route, Router, RouteTable
from durwan.state.memory import MemoryState

POLICY = """
actions { orders.create }
scopes { orders.write }
deny elsewhere when not (client.ip in key.networks) unless key.labels has "unbound"
deny too_large when request.notional > 100_000
allow trade on orders.create when key.scopes has orders.write
"""
KEY = {"id": "desk-7", "scopes": ["orders.write"], "networks": ["203.0.113.0/24"], "labels": []}
RELAXED = LogSettings(strict=False)
ATTRIBUTES = {"request": {"notional": "2500"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--number", type=int, default=2_000)
    arguments = parser.parse_args()
    secret = Secret(new_secret_text("dwk", None).encode())
    now = time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        keys = _store(Path(folder), secret, now)
        engine = Engine.from_sources({"a.policy": POLICY}, keys=StaticKeys({"desk-7": KEY}))
        scheme = load_scheme("durwan")
        authenticator = Authenticator(Accepted(signed=SignedRequests(scheme, keys, MemoryState())), lambda: now)
        logs = (None, AuditLog(Path(folder) / "audit", RELAXED))
        gates = [_gate(engine, keys, log, now) for log in logs]
        requests = [_signed(secret, now, number) for number in range(arguments.number * (arguments.repeat + 1))]
        _table(_timed(authenticator, engine, secret, requests, arguments.number, now, gates))


def _gate(engine: Engine, keys: KeyStore, log: AuditLog | None, now: int) -> Gate:
    router = Router(RouteTable([Route(method="POST", template="/orders", action="orders.create")]), RequestRules())
    signed = SignedRequests(load_scheme("durwan"), keys, MemoryState())
    authenticator = Authenticator(Accepted(signed=signed), lambda: now)
    known = {"request": {"notional": "2500"}}
    parts = Parts(
        engine=engine, router=router, authenticator=authenticator, recorder=log, clock=lambda: now,
        facts=lambda *_: known, waits=False,
    )  # fmt: skip
    return Gate(parts)


def _store(folder: Path, secret: Secret, now: int) -> KeyStore:
    sealing = SealingKey(Secret(secrets.token_bytes(32)))
    scopes = {"orders.write": ("orders.write",)}
    venue = Venue(rules=KeyRules((), scopes), roles=roles_by_name(scopes))
    ring = KeyRing(folder / "keys.json", folder / "keys.secrets", lambda: sealing, venue=venue, clock=lambda: now)
    ring.add([NewKey(attributes=KEY, given=Given(kind="hmac", secret=secret))])
    return KeyStore(folder / "keys.secrets", lambda: sealing, clock=lambda: now)


def _signed(secret: Secret, now: int, number: int) -> RawRequest:
    scheme = load_scheme("durwan")
    bare = RawRequest(
        "POST", b"/orders", ((b"host", b"api.example.com"),), b'{"symbol":"BTC-PERP"}', "203.0.113.9", now
    )
    key = scheme.secret_key(secret.reveal().decode())
    return scheme.sign(bare, "desk-7", key, timestamp=now, nonce=f"nonce-{number:016d}")


def _timed(  # noqa: PLR0913, PLR0917 - all that is measured, and how often
    authenticator: Authenticator,
    engine: Engine,
    secret: Secret,
    requests: list[RawRequest],
    number: int,
    now: int,
    gates: list[Gate],
) -> dict[str, list[float]]:
    raw, scheme = secret.reveal(), load_scheme("durwan")
    message = scheme.parts(requests[0]).message  # type: ignore[union-attr]  # it was just signed
    code = hmac.digest(raw, message, "sha256")

    def bare(_: RawRequest) -> bool:
        return hmac.compare_digest(hmac.digest(raw, message, "sha256"), code)

    def whole(request: RawRequest) -> bool:
        found = authenticator.authenticate(request)
        if not isinstance(found, Identity):
            raise SystemExit(found.code)
        return engine.decide({**found.request("orders.create", ATTRIBUTES), "now": now}).allowed

    decided = {"action": "orders.create", "key": "desk-7", "client": {"ip": "203.0.113.9"}, "now": now, **ATTRIBUTES}
    works: dict[str, Callable[[RawRequest], bool]] = {
        "bare HMAC-SHA256 verification": bare,
        "form and parts alone": lambda request: scheme.parts(request) is not None,
        "raw request to decision": whole,
        "the decision alone": lambda _: engine.decide(decided).allowed,
        "the whole gate": lambda request: gates[0].admit(request).allowed,
        "the whole gate, recorded": lambda request: gates[1].admit(request).allowed,
    }
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(len(requests) // number):
        batch = requests[turn * number : (turn + 1) * number]
        for name, work in works.items():
            gc.collect()
            gc.disable()
            began = time.perf_counter()
            good = all(work(each) for each in batch)
            taken = (time.perf_counter() - began) / number * 1e6
            gc.enable()
            if not good:
                raise AssertionError(name)
            if turn:
                found[name].append(taken)
    return found


def _table(found: dict[str, list[float]]) -> None:
    base = median(found["bare HMAC-SHA256 verification"])
    sys.stdout.write(
        f"W7, in process; medians of {len(next(iter(found.values())))}; goal: raw request to decision 2.5\n"
    )
    for name, times in found.items():
        sys.stdout.write(f"{name:<32} {median(times):8.2f} us  {median(times) / base:6.2f} x\n")


if __name__ == "__main__":
    main()
