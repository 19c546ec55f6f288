"""A small policy set, changes to it, and a log with everything in it that makes decisions differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from durwan.runtime.policy import Compiled
from tests.unit.workshop.policies import NOW, POLICY, compiled

# What each change replaces in the policy.
CHANGES: Final[Mapping[str, tuple[str, str]]] = {
    "a lower threshold refuses more": ("risk.score >= 90", "risk.score >= 80"),
    "a higher threshold asks for less": ("request.notional > 100_000", "request.notional > 150_000"),
    "facts must be younger": ("now - risk.as_of > 30s", "now - risk.as_of > 20s"),
    "addresses no longer matter": ("\n   and client.ip in key.networks", ""),
    "a limit counts what need not be known": (
        "on orders.create\n  to 100 per 10s",
        "on orders.*\n  to 30_000 per 10s\n  cost request.notional",
    ),
}


def set_of(policy: str = POLICY) -> Compiled:
    """A policy set, compiled."""
    return compiled(policy=policy).finished()


def changed(name: str) -> Compiled:
    """The policy set after one of the changes."""
    return set_of(POLICY.replace(*CHANGES[name]))


def requests(number: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Requests of some hours, a few of them with what columns cannot hold, with holes, and with nonsense."""
    random = Random(seed)
    for place in range(number):
        now = NOW + place * 1500
        yield {
            "action": random.choice(["orders.create"] * 6 + ["orders.cancel", "account.read", "nothing"]),
            "now": now if place % 97 else "yesterday",
            "key": {
                "id": "\ud800" if place % 61 == 0 else f"desk-{min(random.randrange(9), random.randrange(9))}",
                "account": f"account-{random.randrange(3)}",
                "scopes": random.choice([["orders.write"], ["orders.write"], []]),
                "networks": ["203.0.113.0/24"],
                "labels": random.choice([[], ["patient"]]),
            },
            "client": {"ip": f"203.0.{random.choice([113, 113, 113, 114])}.{random.randrange(256)}"},
            "risk": {"score": random.choice([None, *range(101)]), "as_of": now - random.randrange(40_000)},
            "request": {
                "notional": random.choice([None, "lots", "0.1", str(random.randrange(200_000)), random.randrange(300)])
            },
        }


def written(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A log of JSON Lines."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="ascii")
    return path
