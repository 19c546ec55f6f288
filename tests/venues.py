"""A venue that `durwan serve` can answer for: policies, routes, two keys, and a configuration, in a directory."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from durwan.credentials.key_hygiene import roles_by_name
from durwan.credentials.key_material import Given
from durwan.credentials.key_ring import KeyRing, NewKey
from durwan.credentials.key_ring import Venue as KeyVenue
from durwan.credentials.key_rules import KeyRules
from durwan.credentials.raw_request import RawRequest
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.sealing import SealingKey
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text
from tests.gates import POLICY, ROUTES

HOST = "api.example.com"
CLIENT = "203.0.113.9"
SCOPES = {"orders.read": ("orders.read",), "orders.write": ("orders.write", "orders.read")}
DEFAULTS: dict[str, Any] = {
    "policies": {"path": "policies", "watch": False},
    "listen": ["127.0.0.1:0"],
    "requests": {"hosts": [HOST]},
    "keys": {"secrets": "keys.secrets", "sealing_key": {"file": "sealing.key"}},
    "credentials": {"signatures": "durwan", "bearer": True, "attempts": None},
    "state": {"sqlite": "state.db"},
}


@dataclass
class Venue:
    """The files, and what its clients hold: `desk-7` signs, `reader` has a token."""

    folder: Path
    policy: str = POLICY
    routes: str = ROUTES
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        policies = self.folder / "policies"
        (policies / "keys").mkdir(parents=True)
        (policies / "api.policy").write_text(self.policy)
        (policies / "routes.yaml").write_text(self.routes)
        sealing = self.folder / "sealing.key"
        sealing.touch(mode=0o600)
        key = secrets.token_bytes(32)
        sealing.write_bytes(base64.b64encode(key))
        self.secret, self.token = (Secret(new_secret_text("dwk", None).encode()) for _ in range(2))
        self._add(SealingKey(Secret(key)))
        self.configure(self.settings)

    def _add(self, sealing: SealingKey) -> None:
        ring = KeyRing(
            self.folder / "policies" / "keys" / "keys.yaml", self.folder / "keys.secrets", lambda: sealing,
            venue=KeyVenue(rules=KeyRules((), SCOPES), roles=roles_by_name(SCOPES)),
            clock=lambda: time.time_ns() // 1_000_000,
        )  # fmt: skip
        networks = ["203.0.113.0/24"]
        trader = {"id": "desk-7", "scopes": ["orders.write"], "networks": networks}
        reader = {"id": "reader", "scopes": ["orders.read"], "networks": networks}
        ring.add([
            NewKey(attributes=trader, given=Given(kind="hmac", secret=self.secret)),
            NewKey(attributes=reader, given=Given(kind="token", secret=self.token)),
        ])  # fmt: skip

    @property
    def configuration(self) -> Path:
        return self.folder / "durwan.yaml"

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Writes the configuration: the defaults above, and over them what is given."""
        self.configuration.write_text(yaml.safe_dump({**DEFAULTS, **settings}))

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token.reveal().decode()}"}

    def signed(self, method: str, target: str, body: bytes = b"", host: str = HOST) -> list[tuple[str, str]]:
        """The headers of a request that `desk-7` has signed just now, its host apart."""
        scheme = load_scheme("durwan")
        now = time.time_ns() // 1_000_000
        raw = RawRequest(method, target.encode(), ((b"host", host.encode()),), body, CLIENT, now)
        signed = scheme.sign(raw, "desk-7", scheme.secret_key(self.secret.reveal().decode()), timestamp=now)
        return [(name.decode(), value.decode()) for name, value in signed.headers[1:]]


def forwarded(method: str, target: str, client: str = CLIENT, host: str = HOST) -> list[tuple[str, str]]:
    """What a proxy says of a request."""
    return [
        ("host", "127.0.0.1"), ("x-forwarded-method", method), ("x-forwarded-uri", target), ("x-forwarded-host", host),
        ("x-forwarded-for", client), ("x-forwarded-proto", "https"),
    ]  # fmt: skip
