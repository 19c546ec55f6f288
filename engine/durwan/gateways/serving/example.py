"""A small working example: a policy set with routes, tests and one key, and the configuration that serves it.

Nothing in it is unsafe: it listens on loopback, the key is drawn now and expires, its secret is kept by its hash alone,
what was decided is recorded, and a request that must be denied stands in the configuration, tried at every start.
"""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from durwan.credentials.key_material import Given
from durwan.credentials.key_ring import KeyRing, NewKey, Venue
from durwan.credentials.sealing_sources import FILE_VARIABLE, sealing_key
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text
from durwan.errors import DurwanError
from durwan.model.values import format_instant

_KEY: Final = "demo"
_LIFE: Final = 90 * 24 * 3_600_000

_FILES: Final = {
    "policies/policy.yaml": """\
name: example
language: 1
routes: routes.yaml
must_pass:
  - a key without the scope creates no order
""",
    "policies/api.policy": """\
# Who may do what. An allow has to be proven; a deny only has to be not disproven.

actions { orders.read orders.create status.read }
scopes  { orders.read  orders.write includes orders.read }

deny revoked_key
  on orders.*
  when key.revoked or not (now < key.expires)
  because "the key is not valid any more"
  respond 401 credential_expired

deny too_large
  on orders.create
  when request.notional > 100_000
  because "the order is too large"

allow read_orders
  on orders.read
  when key.scopes has orders.read

allow create_orders
  on orders.create
  when key.scopes has orders.write

# Everybody may ask whether the exchange is open.
allow read_status
  on status.read
  when request.method == "GET"

limit order_rate
  on orders.create
  to 10 per 1m
  per key.id
  because "too many orders"
""",
    "policies/routes.yaml": """\
# Which action a request asks for, and where its attributes come from.
routes:
  GET /orders/{id}: orders.read
  POST /orders:
    action: orders.create
    attributes:
      request.notional: query.notional
  GET /status:
    action: status.read
    public: true
""",
    "policies/tests/api.yaml": """\
now: 2026-03-02T09:00:00Z
fixtures:
  trader: { key: { id: demo, scopes: [orders.write], revoked: false, expires: 2027-01-01T00:00:00Z } }
  order: { action: orders.create, request: { notional: "2500" } }
cases:
  - { name: an order, with: [trader, order], expect: { effect: allow, rule: create_orders } }
  - { name: reading, with: [trader], request: { action: orders.read }, expect: allow }
  - name: the largest order
    with: [trader, order]
    request: { request: { notional: "100000" } }
    expect: allow
  - name: a larger order
    with: [trader, order]
    request: { request: { notional: "100000.01" } }
    expect: { effect: deny, rule: too_large }
  - name: an order of no known size
    with: [trader, order]
    request: { request: { notional: null } }
    expect: { effect: deny, rule: too_large, unknowns: [request.notional] }
  - name: a key without the scope creates no order
    with: [trader, order]
    request: { key: { scopes: [orders.read] } }
    expect: deny
  - name: a key of which the scopes are not known does nothing
    with: [trader, order]
    request: { key: { scopes: null } }
    matrix: { action: [orders.create, orders.read] }
    expect: deny
  - name: the last moment of a key
    with: [trader, order]
    request: { key: { expires: 2026-03-02T09:00:00.001Z } }
    expect: { effect: allow, valid_until: 2026-03-02T09:00:00.001Z }
  - name: a key that has expired
    with: [trader, order]
    request: { key: { expires: 2026-03-02T09:00:00Z } }
    expect: { effect: deny, rule: revoked_key }
  - name: a key that is revoked
    with: [trader, order]
    request: { key: { revoked: true } }
    expect: { effect: deny, rule: revoked_key }
  - name: a key of which that is not known
    with: [trader, order]
    matrix: { key.revoked: [null], key.expires: [2027-01-01T00:00:00Z, null] }
    expect: { effect: deny, rule: revoked_key }
  - name: the status
    request: { action: status.read, request: { method: GET } }
    expect: allow
  - name: the status, asked for in another way
    request: { action: status.read, request: { method: null } }
    matrix: { request.method: [POST, null] }
    expect: deny
""",
    "durwan.yaml": """\
# `durwan serve` reads this. `durwan serve --check` says what is wrong with it, and prints all settings.
policies: { path: policies }
gateway: { environment: sandbox }
listen: [127.0.0.1:8181]

# Proxies on this machine may call. To be called from elsewhere, name their networks and a secret that they show:
#   proxies: { networks: [10.0.0.0/24], secret: { file: proxy.secret } }
proxies: { networks: [127.0.0.0/8, "::1"] }
requests: { hosts: [localhost, "localhost:8080"] }

keys: { secrets: keys.secrets, sealing_key: { file: sealing.key } }
credentials: { bearer: true }
state: { sqlite: state.db }
audit: { directory: audit }

# Tried at every start. Nothing is answered if one of them would be allowed.
must_deny:
  - { name: an order with a key that nobody made, method: POST, target: "/orders?notional=1",
      headers: { authorization: Bearer dwk_test_nobody } }
""",
}

_KEYS: Final = "policies/keys/keys.yaml"
_SECRETS: Final = "keys.secrets"
_SEALING: Final = "sealing.key"


@dataclass(frozen=True, slots=True)
class Example:
    """What was made.

    Attributes:
        files: all files, relative to the directory.
        key: the id of the key.
        token: its whole credential, which is shown now and kept nowhere.
    """

    files: list[str]
    key: str
    token: Secret

    @property
    def shown(self) -> dict[str, str]:
        """The key, and its token in the open."""
        return {"key": self.key, "token": self.token.reveal().decode()}

    def told(self, directory: Path) -> str:
        """What to do with it."""
        return f"""\
made {len(self.files)} files in {directory}

  cd {directory}
  durwan serve

and in another terminal, as a proxy would ask:

  TOKEN={self.token.reveal().decode()}
  ask() {{ curl -s -o /dev/stderr -w '%{{http_code}}\\n' http://127.0.0.1:8181/forward-auth \\
    -H "X-Forwarded-Method: $1" -H "X-Forwarded-Uri: $2" -H "X-Forwarded-Host: localhost" \\
    -H "X-Forwarded-For: 203.0.113.9" -H "Authorization: Bearer $TOKEN"; }}
  ask POST '/orders?notional=2500'      # 200
  ask POST '/orders?notional=200000'    # 403 too_large

The token is shown this once. policy-check policies tests the policies; durwan keys new makes more keys.
"""


def write_example(directory: Path) -> Example:
    """Makes the example in a directory that is new or empty.

    Raises:
        DurwanError: there is something in it already, or it cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise DurwanError(f"{directory} is not empty: name a directory that is new")
        return _written(directory)
    except OSError as error:
        raise DurwanError(f"{error.filename or directory} cannot be written: {error.strerror or error}") from None


def _written(directory: Path) -> Example:
    for name, text in _FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sealing = directory / _SEALING
    sealing.touch(mode=0o600)
    sealing.write_bytes(base64.b64encode(secrets.token_bytes(32)) + b"\n")
    (directory / _KEYS).parent.mkdir()
    now = time.time_ns() // 1_000_000
    token = Secret(new_secret_text("dwk", "sandbox").encode())
    ring = KeyRing(
        directory / _KEYS,
        directory / _SECRETS,
        lambda: sealing_key({FILE_VARIABLE: str(sealing)}),
        venue=Venue(),
        clock=lambda: now,
    )
    attributes: dict[str, object] = {
        "id": _KEY, "environment": "sandbox", "scopes": ["orders.write"], "created": format_instant(now),
        "expires": format_instant(now + _LIFE), "revoked": False,
    }  # fmt: skip
    ring.add([NewKey(attributes=attributes, given=Given(kind="token", secret=token))])
    files = sorted(str(each.relative_to(directory)) for each in directory.rglob("*") if each.is_file())
    return Example(files=files, key=_KEY, token=token)


__all__ = ["Example", "write_example"]
