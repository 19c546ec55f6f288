"""W1 without an engine: the plain reference, and the fastest Python that we could write by hand."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from benchmarks.workloads.addresses import mask_lookup, parse_networks

if TYPE_CHECKING:
    from benchmarks.workloads.workload import Decide, Request

TRADE, WITHDRAW, INTERNAL, BLOCK = 1, 2, 4, 8
BITS = {"trade": TRADE, "withdraw": WITHDRAW, "internal": INTERNAL, "block": BLOCK}
"""Network to its bit in the one table that answers for all of them."""

TRADING = frozenset({"orders.create", "orders.cancel"})
"""The actions of W1 that are allowed from the trade networks."""

Networks = Mapping[str, Sequence[str]]


def address_masks(networks: Networks) -> Callable[[str], int]:
    """A function from an address to the BITS of the networks that hold it."""
    return mask_lookup({BITS[name]: texts for name, texts in networks.items()})


def make_reference(networks: Networks, trading: Collection[str] = TRADING) -> Decide:
    """What a developer writes first: `ipaddress` and `datetime`, one rule after the other."""
    parsed = {name: parse_networks(texts) for name, texts in networks.items()}

    def is_in(request: Request, name: str) -> bool:
        address = ipaddress.ip_address(request["client"]["ip"])
        return any(address in network for network in parsed[name])

    def is_denied(request: Request) -> bool:
        key = request["key"]
        return (
            key["environment"] != request["gateway"]["environment"]
            or key["revoked"]
            or request["now"] >= key["expires"]
            or request["risk"]["score"] >= 90
            or is_in(request, "block")
        )

    def may_withdraw(request: Request) -> bool:
        at = dt.datetime.fromtimestamp(request["now"] / 1_000, dt.UTC)
        return (
            request["risk"]["score"] < 50
            and request["now"] - request["session"]["mfa_at"] < 300_000
            and at.weekday() < 5
            and dt.time(8) <= at.time() < dt.time(18)
            and is_in(request, "withdraw")
        )

    def is_allowed(request: Request) -> bool:
        scopes = request["key"]["scopes"]
        match request["action"]:
            case "orders.read" | "account.read":
                return "read" in scopes
            case action if action in trading:
                return "orders.write" in scopes and is_in(request, "trade")
            case "withdrawals.create":
                return "withdraw" in scopes and may_withdraw(request)
            case "subaccounts.transfer" | "subaccounts.update":
                return "subaccounts.manage" in scopes and is_in(request, "internal")
            case _:
                return False

    return lambda request: not is_denied(request) and is_allowed(request)


def make_hand_written(networks: Networks, trading: Collection[str] = TRADING) -> Decide:
    """The limit: dispatch on the action, cheap tests first, one address lookup for all lists, times as numbers."""
    return _decide_with(address_masks(networks), trading)


def make_memoised(networks: Networks) -> Decide:
    """The same with every address's bits remembered, without any bound: what a memo can gain at most."""
    mask = address_masks(networks)
    memo: dict[str, int] = {}

    def remembered(address: str) -> int:
        bits = memo.get(address)
        if bits is None:
            bits = memo[address] = mask(address)
        return bits

    return _decide_with(remembered, TRADING)


def _decide_with(mask: Callable[[str], int], trading: Collection[str]) -> Decide:
    def decide(request: Request) -> bool:
        key = request["key"]
        if key["environment"] != request["gateway"]["environment"] or key["revoked"]:
            return False
        now = request["now"]
        score = request["risk"]["score"]
        if now >= key["expires"] or score >= 90:
            return False
        action = request["action"]
        if action in {"orders.read", "account.read"}:
            return "read" in key["scopes"] and not mask(request["client"]["ip"]) & 8
        if action in trading:
            return "orders.write" in key["scopes"] and mask(request["client"]["ip"]) & 9 == 1
        if action == "withdrawals.create":
            return (
                score < 50
                and now - request["session"]["mfa_at"] < 300_000
                and 28_800_000 <= now % 86_400_000 < 64_800_000
                and (now // 86_400_000 + 3) % 7 < 5
                and "withdraw" in key["scopes"]
                and mask(request["client"]["ip"]) & 10 == 2
            )
        if action in {"subaccounts.transfer", "subaccounts.update"}:
            return "subaccounts.manage" in key["scopes"] and mask(request["client"]["ip"]) & 12 == 4
        return False

    return decide
