"""The keys of the organisation, and requests as its desks send them, about half of them allowed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from benchmarks.workloads.addresses import random_address
from benchmarks.workloads.organisation import (
    ACTIONS,
    COUNTRIES,
    DESKS,
    ENTRY,
    FUNDS,
    KINDS,
    ORDERS,
    READING,
    SCOPES,
    SYMBOLS,
    Names,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.workloads.workload import Request

KEYS = 200
YEAR = 365 * 86_400_000


def make_keys(now: int) -> dict[str, dict[str, Any]]:
    """Key id to the key's attributes, as they are at an instant."""
    rng = random.Random(33)
    return {f"k{number}": _draw_key(rng, f"k{number}", now) for number in range(KEYS)}


def _draw_key(rng: random.Random, key_id: str, now: int) -> dict[str, Any]:
    return {
        "id": key_id,
        "labels": [rng.choice(DESKS), rng.choice(KINDS), f"team-{rng.randrange(40)}"],
        "scopes": [scope for scope in SCOPES if rng.random() < 0.9],
        "environment": "prod",
        "revoked": rng.random() < 0.02,
        "not_before": now - rng.randrange(1, YEAR),
        "expires": now + rng.randrange(-YEAR // 50, YEAR),
    }


def draw_request(rng: random.Random, keys: Sequence[Mapping[str, Any]], names: Names, now: int) -> Request:
    """One request at an instant, its address in a network that suits its desk and its action, mostly."""
    key = rng.choice(keys)
    action = rng.choice(rng.choices((ENTRY, ORDERS, READING, ACTIONS), (0.35, 0.15, 0.25, 0.25))[0])
    desk = str(key["labels"][0]).replace("-", "_")
    place = "treasury" if rng.random() < 0.7 else "floor"
    network = f"{desk}_{place}" if rng.random() < 0.92 else rng.choice(list(names.networks))
    request: Request = {
        "action": action,
        "key": key,
        "gateway": {"environment": "prod" if rng.random() < 0.98 else "sandbox"},
        "client": {"ip": random_address(rng, rng.choice(names.networks[network])), "country": rng.choice(COUNTRIES)},
        "risk": {"score": rng.randrange(100) if rng.random() < 0.1 else rng.randrange(40)},
        "session": {"started": now - rng.randrange(10 * 3_600_000), "mfa_at": now - rng.randrange(900_000)},
        "now": now,
    }
    if action in ENTRY or action in FUNDS:
        request["request"] = _draw_content(rng, desk, names, action)
    return request


def _draw_content(rng: random.Random, desk: str, names: Names, action: str) -> dict[str, str]:
    notional = (
        f"{rng.randrange(1, 150_000) if rng.random() < 0.85 else rng.randrange(1_200_000)}.{rng.randrange(100):02}"
    )
    if action in FUNDS:
        return {"currency": rng.choice(("USD", "EUR", "BTC")), "notional": notional}
    book = sorted(names.products[f"{desk}_book"])
    return {"symbol": rng.choice(book if rng.random() < 0.93 else SYMBOLS), "side": "buy", "notional": notional}
