"""A small venue to stand in front of: a policy set, routes and keys, in a directory, and a gate made of them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from durwan.credentials.authenticator import Accepted, Authenticator
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
from durwan.gateways.upstream import NAMES
from durwan.model.address import NetworkSet, parse_network
from durwan.routing.router import Router
from durwan.routing.routes_file import load_routes
from durwan.routing.rules import RequestRules
from durwan.runtime.engine import Engine, wall_clock
from durwan.state.memory import MemoryState

SCHEME: Final = load_scheme("durwan")

POLICY: Final = """
actions { status.read  orders.read  orders.list  orders.create  withdrawals.create  admin.halt }
scopes { orders.read  orders.write includes orders.read }

allow status on status.read
allow read on orders.read, orders.list when key.scopes has orders.read
allow create on orders.create when key.scopes has orders.write and request.quantity <= 10
allow withdraw on withdrawals.create when key.scopes has orders.write

deny large on orders.create when request.quantity > 1_000 because "the order is too large" respond 403 too_large
challenge second_factor on withdrawals.create when not (now - session.mfa_at <= 5m) require mfa within 5m
limit lists on orders.list to 2 per 1h per key.id because "too many lists" respond 429 rate_limited
"""
ROUTES: Final = """
routes:
  GET /status: {action: status.read, public: true}
  GET /orders: orders.list
  GET /orders/{id}: orders.read
  DELETE /orders/{id}: orders.create
  POST /orders:
    action: orders.create
    attributes: {request.quantity: body.quantity}
  POST /withdrawals: withdrawals.create
  POST /admin/halt: admin.halt
"""
SCOPES: Final = {"orders.read": ("orders.read",), "orders.write": ("orders.write", "orders.read")}
# Each is the whole credential of its key, and for nothing but this.
TOKENS: Final = {key: new_secret_text("dwk", None).encode() for key in ("reader", "writer")}
_SEALING: Final = bytes(range(32))


class TestVenue:
    """The files of the venue in a directory, and a gate.

    Attributes:
        folder: where `policies`, `routes.yaml`, the keys and their secrets lie.
        signing: the secret by which the key `signer` signs.
    """

    __test__ = False

    def __init__(self, folder: Path, clock: Callable[[], int] = wall_clock) -> None:
        self.folder = folder
        self.clock = clock
        self.signing = new_secret_text("dwk", None)
        policies = folder / "policies"
        (policies / "keys").mkdir(parents=True)
        (policies / "policy.yaml").write_text("name: venue\nlanguage: 1\nkeys: keys\n", encoding="utf-8")
        (policies / "venue.policy").write_text(POLICY, encoding="utf-8")
        (folder / "routes.yaml").write_text(ROUTES, encoding="utf-8")
        self._add_keys(policies / "keys" / "keys.yaml")

    def _sealing(self) -> SealingKey:
        return SealingKey(Secret(_SEALING))

    def write_sealing_key(self) -> None:
        """Puts the key where a server that is started can read it."""
        path = self.folder / "sealing.key"
        path.touch(mode=0o600)
        path.write_bytes(base64.b64encode(_SEALING))

    def _add_keys(self, keys: Path) -> None:
        venue = Venue(rules=KeyRules((), SCOPES), roles=roles_by_name(SCOPES))
        ring = KeyRing(keys, self.folder / "keys.secrets", self._sealing, venue=venue, clock=self.clock)
        scopes = {"reader": ["orders.read"], "writer": ["orders.write"], "signer": ["orders.write"]}
        given = {key: Given(kind="token", secret=Secret(token)) for key, token in TOKENS.items()}
        given["signer"] = Given(kind="hmac", secret=Secret(self.signing.encode()))
        ring.add([NewKey(attributes={"id": key, "scopes": scopes[key]}, given=given[key]) for key in scopes])

    def gate(self, trusted: tuple[str, ...] = (), **parts: Any) -> Gate:
        """A gate by which the venue's requests are answered; `parts` replace those that it would have."""
        engine = Engine.load(self.folder / "policies")
        store = KeyStore(self.folder / "keys.secrets", self._sealing, clock=self.clock)
        networks = NetworkSet(each for each in map(parse_network, trusted) if each is not None)
        rules = RequestRules(trusted=networks, identity=frozenset(name.decode() for name in NAMES))
        accepted = Accepted(signed=SignedRequests(SCHEME, store, MemoryState()), keys=store)
        made: dict[str, Any] = {
            "engine": engine,
            "router": Router(load_routes(self.folder / "routes.yaml"), rules),
            "authenticator": Authenticator(accepted, self.clock),
            "waits": False,
        }
        return Gate(Parts(**(made | parts)))

    def signed(
        self, method: str, target: bytes, body: bytes, host: bytes = b"api.example.com", *, ahead: int = 0
    ) -> RawRequest:
        """A request that the key `signer` has signed, on a clock that is so many milliseconds ahead."""
        now = self.clock() + ahead
        headers = ((b"Host", host), (b"Content-Type", b"application/json"))
        raw = RawRequest(method, target, headers, body, "203.0.113.9", now)
        return SCHEME.sign(raw, "signer", SCHEME.secret_key(self.signing), timestamp=now)


def bearer(key: str) -> bytes:
    """What a key that is a token is sent as."""
    return b"Bearer " + TOKENS[key]


__all__ = ["TOKENS", "TestVenue", "bearer"]
