"""W5: a connection's million orders. Key, session, address and gateway stay; action, risk, time and amounts change.

The policy is W1's, and what a venue's order rules look like besides. A million requests at once would be a gigabyte, so
they are made in lists when they are needed, and the last list is followed by the first. Each is decoded from JSON right
before it is decided, as it comes over a connection.

Amounts come as text, as exchanges send them, "2500.00"; or as whole numbers, of the smallest unit.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from benchmarks.workloads import w1
from benchmarks.workloads.w1 import DAY, NETWORKS, make_keys
from benchmarks.workloads.w1_by_hand import make_hand_written, make_reference
from benchmarks.workloads.workload import Decide, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    Contexts: TypeAlias = Mapping[str, Mapping[str, Any]]

SIZES = (14,)
"""Rules: the eight of W1 and six about orders."""
REQUESTS = 1_000_000
AT_ONCE = 4_000
"""Requests in a list."""
APART = 14
"""Milliseconds from one request to the next: all come within four hours."""
START = 1_772_445_600_000
"""Monday, 2 March 2026, 10:00 UTC, in milliseconds."""
BOUND = "durwan bound"
WHOLE = ", whole amounts"
OF_W1 = "durwan uncached, the requests of W1"

ENTRY = frozenset({"orders.create", "orders.amend"})
TRADING = ENTRY | {"orders.cancel"}
ACTIONS = {"orders.create": 55, "orders.amend": 15, "orders.cancel": 25, "orders.read": 5}
"""Action to its weight among the requests."""
MAJORS = frozenset({"BTC-PERP", "ETH-PERP", "BTC-USD", "ETH-USD"})
MINORS = frozenset(
    f"{coin}-{quote}" for coin in ("SOL", "XRP", "ADA", "DOT", "LTC", "DOGE") for quote in ("PERP", "USD")
)
LISTED = MAJORS | MINORS
UNLISTED = ("LUNA-USD", "FTT-PERP")


def _set(members: frozenset[str]) -> str:
    return "{ " + ", ".join(f'"{member}"' for member in sorted(members)) + " }"


POLICY = f"""
actions {{ orders.amend }}

set majors = {_set(MAJORS)}
set listed = {_set(LISTED)}

allow amending
  on orders.amend
  when key.scopes has orders.write and client.ip in trade_desks

deny not_listed      on orders.create, orders.amend when request.symbol not in listed
deny order_value     on orders.create, orders.amend when request.notional > 1_000_000
deny order_quantity  on orders.create, orders.amend when request.quantity > 5_000
deny minor_value     on orders.create, orders.amend when request.symbol not in majors and request.notional > 250_000
deny risky_value     on orders.create, orders.amend when risk.score >= 60 and request.notional > 100_000
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What the peers need."""

    networks: Mapping[str, Sequence[str]]
    keys: Contexts
    fixed: Contexts
    """The contexts that stay as they are."""


def varying(request: Request) -> Request:
    """What a request says beyond the fixed contexts."""
    return {name: request[name] for name in ("action", "risk", "request", "now") if name in request}


def _draw_request(rng: random.Random, fixed: Contexts, action: str, now: int) -> Request:
    score = int(rng.random() * (101 if rng.random() < 0.1 else 60))
    request: Request = {"action": action, **fixed, "risk": {"score": score}, "now": now}
    if action in ENTRY:
        symbols = _SYMBOLS if rng.random() < 0.98 else UNLISTED
        notional = rng.random() ** 3 * 1_200_000
        request["request"] = {
            "symbol": symbols[int(rng.random() * len(symbols))],
            "side": "buy" if rng.random() < 0.5 else "sell",
            "notional": f"{notional:.2f}",
            "quantity": f"{notional / 200:.3f}",
        }
    return request


def _with_whole_amounts(request: Request) -> Request:
    if "request" not in request:
        return request
    content = request["request"]
    amounts = {name: int(float(content[name])) for name in ("notional", "quantity")}
    return {**request, "request": {**content, **amounts}}


_SYMBOLS = (*sorted(MAJORS) * 3, *sorted(MINORS))


def _list(fixed: Contexts, number: int, *, whole: bool) -> list[Request]:
    rng = random.Random(number)
    start = START + number * AT_ONCE * APART
    actions = rng.choices(list(ACTIONS), list(ACTIONS.values()), k=AT_ONCE)
    drawn = [_draw_request(rng, fixed, action, start + place * APART) for place, action in enumerate(actions)]
    return [_with_whole_amounts(request) for request in drawn] if whole else drawn


def make_lists(fixed: Contexts, *, whole: bool) -> Iterator[list[Request]]:
    """All requests, again and again, a list at a time."""
    for number in itertools.cycle(range(REQUESTS // AT_ONCE)):
        yield _list(fixed, number, whole=whole)


def _refuses(request: Request) -> bool:
    content, score = request["request"], request["risk"]["score"]
    notional = Decimal(content["notional"])
    return (
        content["symbol"] not in LISTED
        or notional > 1_000_000
        or Decimal(content["quantity"]) > 5_000
        or (content["symbol"] not in MAJORS and notional > 250_000)
        or (score >= 60 and notional > 100_000)
    )


def _refuses_fast(request: Request) -> bool:
    """Numbers as floats, which are exact enough for what is compared here, and read much sooner than decimals."""
    content = request["request"]
    symbol = content["symbol"]
    if symbol not in LISTED:
        return True
    notional = float(content["notional"])
    if notional > 100_000 and (
        notional > 1_000_000 or (notional > 250_000 and symbol not in MAJORS) or request["risk"]["score"] >= 60
    ):
        return True
    return float(content["quantity"]) > 5_000


def _decide_with(of_w1: Decide, refuses: Decide) -> Decide:
    return lambda request: not (request["action"] in ENTRY and refuses(request)) and of_w1(request)


def _draw_key(keys: Contexts) -> Mapping[str, Any]:
    """The first key that may trade for as long as this takes."""
    return next(
        key
        for key in keys.values()
        if set(key["scopes"]) >= {"read", "orders.write"}
        and key["environment"] == "prod"
        and not key["revoked"]
        and key["expires"] > START + DAY
    )


def make_workload(_size: int, *, whole: bool = False) -> Workload[Connection]:
    """W5 has one size; its amounts are texts, or whole numbers."""
    keys = make_keys()
    fixed: Contexts = {
        "key": _draw_key(keys),
        "client": {"ip": "198.18.7.41"},
        "session": {"mfa_at": START - 60_000},
        "gateway": {"environment": "prod"},
    }
    requests = _list(fixed, 0, whole=whole)
    reference = _decide_with(make_reference(NETWORKS, TRADING), _refuses)
    return Workload(
        name="w5",
        size=SIZES[0],
        content=Connection(networks=NETWORKS, keys=keys, fixed=fixed),
        sources={"gateway.policy": w1.POLICY, "orders.policy": POLICY},
        requests=requests,
        expected=[reference(request) for request in requests],
        reference=reference,
        hand_written=_decide_with(make_hand_written(NETWORKS, TRADING), _refuses_fast),
        unseen=lambda: make_lists(fixed, whole=whole),
    )
