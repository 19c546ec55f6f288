"""W1: one gateway's eight rules over 2,000 requests of 200 keys, nearly all from different addresses."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.workloads.addresses import random_address
from benchmarks.workloads.unseen import unseen_requests
from benchmarks.workloads.w1_by_hand import make_hand_written, make_reference
from benchmarks.workloads.workload import Request, Workload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEYS = 200
REQUESTS = 2_000
SIZES = (8,)
"""Rules."""

# Wide enough that every timed pass can have addresses never seen before; a lookup costs the same however wide they are.
NETWORKS = {
    "trade": ("198.18.0.0/15", "161.32.0.0/12", "10.20.0.0/15", "2001:db8:aa::/48"),
    "withdraw": ("198.19.0.0/16", "10.20.0.0/16", "192.88.0.0/16", "2001:db8:aa:1::/64"),
    "internal": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"),
    "block": ("185.220.0.0/16", "45.9.0.0/16", "10.21.192.0/18", "2001:db8:bad::/48"),
}
ELSEWHERE = ("8.8.0.0/16", "100.64.0.0/10", "2a00:1450::/32")
SCOPES = {"read": 0.95, "orders.write": 0.85, "withdraw": 0.75, "subaccounts.manage": 0.6, "stream": 0.3, "report": 0.3}
"""Scope to the share of keys that hold it."""
ACTIONS = {
    "orders.read": 18,
    "account.read": 12,
    "orders.create": 22,
    "orders.cancel": 8,
    "withdrawals.create": 28,
    "subaccounts.transfer": 5,
    "subaccounts.update": 4,
    "unknown.create": 3,
}
"""Action to its weight among the requests; the last one is not declared."""
DAY = 86_400_000
"""Milliseconds, as all times here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What the eight rules are about."""

    networks: Mapping[str, Sequence[str]]
    keys: Mapping[str, Mapping[str, object]]


def _list(networks: Sequence[str]) -> str:
    return "{ " + ", ".join(networks) + " }"


POLICY = f"""
actions {{
  orders.read account.read
  orders.create orders.cancel
  withdrawals.create
  subaccounts.transfer subaccounts.update
}}

scopes {{ read orders.write withdraw subaccounts.manage stream report }}

context risk {{ score : int 0..100 }}

network trade_desks    = {_list(NETWORKS["trade"])}
network treasury_desks = {_list(NETWORKS["withdraw"])}
network internal       = {_list(NETWORKS["internal"])}
network blocked        = {_list(NETWORKS["block"])}

window desk_hours = mon..fri 08:00..18:00 "UTC"

deny environment_differs when key.environment != gateway.environment
deny dead_key            when key.revoked or now >= key.expires
deny risky               when risk.score >= 90
deny blocked_address     when client.ip in blocked

allow reading
  on orders.read, account.read
  when key.scopes has read

allow trading
  on orders.create, orders.cancel
  when key.scopes has orders.write and client.ip in trade_desks

allow withdrawing
  on withdrawals.create
  when key.scopes has withdraw
   and risk.score < 50
   and now - session.mfa_at < 300s
   and now in desk_hours
   and client.ip in treasury_desks

allow managing_subaccounts
  on subaccounts.transfer, subaccounts.update
  when key.scopes has subaccounts.manage and client.ip in internal
"""


def make_keys() -> dict[str, dict[str, object]]:
    """Key id to the key's attributes."""
    rng = random.Random(7)
    keys: dict[str, dict[str, object]] = {}
    for number in range(KEYS):
        scopes = [scope for scope, share in SCOPES.items() if rng.random() < share]
        expires = 1_800_000_000 + rng.randrange(-40_000_000, 200_000_000) if rng.random() < 0.3 else 2_000_000_000
        keys[f"k{number}"] = {
            "id": f"k{number}",
            "scopes": scopes,
            "environment": "prod" if rng.random() < 0.9 else "sandbox",
            "revoked": rng.random() < 0.03,
            "expires": expires * 1_000,
        }
    return keys


def _draw_network(rng: random.Random, action: str) -> str:
    place = rng.random()
    if action == "withdrawals.create" and place < 0.85:
        return rng.choice(NETWORKS["withdraw"])
    if action.startswith("subaccounts.") and place < 0.75:
        return rng.choice(NETWORKS["internal"])
    if place < 0.88:
        return rng.choice(NETWORKS["trade"])
    return rng.choice(NETWORKS["block"] if place < 0.92 else ELSEWHERE)


def _draw_now(rng: random.Random) -> int:
    """An instant of March 2026, mostly in desk hours."""
    day = dt.datetime(2026, 3, 2, tzinfo=dt.UTC) + dt.timedelta(days=rng.randrange(28))
    if rng.random() < 0.88:
        while day.weekday() >= 5:
            day += dt.timedelta(days=1)
        return int(day.timestamp() * 1_000) + rng.randrange(8 * 3_600_000, 18 * 3_600_000)
    return int(day.timestamp() * 1_000) + rng.randrange(DAY)


def _draw_request(rng: random.Random, keys: Sequence[Mapping[str, object]], network: str, action: str) -> Request:
    key = rng.choice(keys)
    now = _draw_now(rng)
    elsewhere = {"prod": "sandbox", "sandbox": "prod"}[str(key["environment"])]
    score = rng.choices([rng.randrange(50), rng.randrange(50, 90), rng.randrange(90, 101)], [0.9, 0.07, 0.03])[0]
    age = rng.randrange(300_000) if rng.random() < 0.88 else rng.randrange(300_000, 4_000_000)
    return {
        "action": action,
        "key": key,
        "gateway": {"environment": key["environment"] if rng.random() < 0.97 else elsewhere},
        "client": {"ip": random_address(rng, network)},
        "risk": {"score": score},
        "session": {"mfa_at": now - age},
        "now": now,
    }


def draw_request(rng: random.Random, keys: Sequence[Mapping[str, object]]) -> tuple[Request, str]:
    """A request of one of the keys, and the network from which its address was drawn."""
    action = rng.choices(list(ACTIONS), list(ACTIONS.values()))[0]
    network = _draw_network(rng, action)
    return _draw_request(rng, keys, network, action), network


def make_requests(keys: Mapping[str, Mapping[str, object]]) -> tuple[list[Request], list[str]]:
    """The requests, and the network from which each one's address was drawn."""
    rng = random.Random(42)
    holders = list(keys.values())
    drawn = [draw_request(rng, holders) for _ in range(REQUESTS)]
    return [request for request, _ in drawn], [network for _, network in drawn]


def make_workload(_size: int) -> Workload[Gateway]:
    """W1 has one size."""
    content = Gateway(networks=NETWORKS, keys=make_keys())
    requests, networks = make_requests(content.keys)
    reference = make_reference(NETWORKS)
    return Workload(
        name="w1",
        size=SIZES[0],
        content=content,
        sources={"gateway.policy": POLICY},
        requests=requests,
        expected=[reference(request) for request in requests],
        reference=reference,
        hand_written=make_hand_written(NETWORKS),
        unseen=lambda: unseen_requests(requests, networks),
    )
