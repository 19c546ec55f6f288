"""A gate made of real parts, for tests: a small policy, its routes, keys in a directory, and a client that signs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from durwan import Engine
from durwan.credentials.authenticator import Accepted, Authenticator
from durwan.credentials.key_ring import NewKey
from durwan.credentials.key_store import KeyStore
from durwan.credentials.key_table import KeyTable
from durwan.credentials.raw_request import Headers, RawRequest
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.secret import Secret
from durwan.credentials.signed_requests import SignedRequests
from durwan.gateways.gate import Gate, Parts
from durwan.model.address import NetworkSet, parse_network
from durwan.routing import RequestRules, Router
from durwan.routing.routes_file import load_routes
from durwan.state.memory import MemoryState
from durwan.state.store import StateStore
from tests.key_rings import Clock, Rig, given, new_secret

POLICY: Final = """
actions { orders.read orders.create account.close status.read }
scopes { orders.read  orders.write includes orders.read }
context request { notional : decimal 0..1_000_000 }

deny elsewhere
  on orders.*, account.*
  when not (client.ip in key.networks)
  because "this address is not one of the key's"
  respond 403 ip_not_allowed

deny too_large
  on orders.create
  when request.notional > 100_000
  because "the order is too large"
  respond 403 too_large

challenge recent_mfa
  on account.close
  when not (now - session.mfa_at <= 5m)
  require mfa within 5m

allow read on orders.read when key.scopes has orders.read
allow trade on orders.create when key.scopes has orders.write with { tier: "standard" }
allow close on account.close when key.scopes has orders.write
allow status on status.read

limit order_rate
  on orders.create
  to 3 per 1m
  per key.id
  because "too many orders"
  respond 429 order_rate
"""
ROUTES: Final = """
routes:
  GET /status:
    action: status.read
    public: true
  GET /orders: orders.read
  GET /orders/{id}: orders.read
  POST /orders:
    action: orders.create
    attributes:
      request.symbol: body.symbol
      request.notional: body.notional
  DELETE /account: account.close
"""
HOST: Final = (b"host", b"api.example.com")


@dataclass
class GateRig:
    """A gate and its client. The clock is `clock`, and moves when a test says so."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    policy: str = POLICY
    routes: str = ROUTES
    trusted: tuple[str, ...] = ()
    parts: dict[str, Any] = field(default_factory=dict[str, Any])
    store: StateStore = field(default_factory=MemoryState)

    def __post_init__(self) -> None:
        self.ring = Rig(self.folder, clock=self.clock)
        self.secret: Secret = new_secret()
        attributes = {"id": "desk-7", "scopes": ["orders.write"], "networks": ["203.0.113.0/24"]}
        self.ring.ring.add([NewKey(attributes=attributes, given=given(self.secret))])
        routes = self.folder / "routes.yaml"
        routes.write_text(self.routes)
        self.keys = KeyStore(self.ring.secrets, lambda: self.ring.sealing, clock=self.clock)
        self.table = KeyTable({"desk-7": attributes})
        self.engine = Engine.from_sources(
            {"a.policy": self.policy}, keys=self.table, limits=self.store, clock=self.clock
        )
        self.scheme = load_scheme("durwan")
        accepted = Accepted(signed=SignedRequests(self.scheme, self.keys, self.store))
        networks = [network for text in self.trusted if (network := parse_network(text)) is not None]
        rules = RequestRules(trusted=NetworkSet(networks))
        self.router = Router(load_routes(routes, self.engine.compiled.program.schema), rules)
        parts: dict[str, Any] = {"authenticator": Authenticator(accepted, self.clock), "waits": False} | self.parts
        self.gate = Gate(Parts(engine=self.engine, router=self.router, clock=self.clock, **parts))

    def request(
        self, method: str, target: str, body: bytes = b"", *, peer: str = "203.0.113.9", headers: Headers = ()
    ) -> RawRequest:
        """A request that nobody has signed."""
        sent = ((b"content-type", b"application/json"), *headers) if body else headers
        return RawRequest(method, target.encode(), (HOST, *sent), body, peer, self.clock.now)

    def signed(self, method: str, target: str, body: bytes = b"", **given: Any) -> RawRequest:
        """A request that `desk-7` has signed."""
        key = self.scheme.secret_key(self.secret.reveal().decode())
        return self.scheme.sign(self.request(method, target, body, **given), "desk-7", key, timestamp=self.clock.now)
