"""W1 in CEL, for the three engines that speak it, and W5: one expression over flat variables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.workloads import w5

if TYPE_CHECKING:
    from benchmarks.workloads.workload import Request

_DENIED = """
key_environment != environment || revoked || now >= expires || score >= 90 || is_in(ip, "block")
"""
_ALLOWED = """
   (action in ["orders.read", "account.read"] && "read" in scopes)
|| (action in ["orders.create", "orders.cancel"] && "orders.write" in scopes && is_in(ip, "trade"))
|| (action == "withdrawals.create" && "withdraw" in scopes && score < 50 && now - mfa_at < 300000
    && now % 86400000 >= 28800000 && now % 86400000 < 64800000 && (now / 86400000 + 3) % 7 < 5 && is_in(ip, "withdraw"))
|| (action in ["subaccounts.transfer", "subaccounts.update"] && "subaccounts.manage" in scopes && is_in(ip, "internal"))
"""
GATEWAY = f"!({_DENIED}) && ({_ALLOWED})"
"""`is_in(address, network name)` is the host's: CEL has no addresses of its own."""

_ENTRY = json.dumps(sorted(w5.ENTRY))
_REFUSED = f"""
!(symbol in {json.dumps(sorted(w5.LISTED))}) || notional > 1000000.0 || quantity > 5000.0
|| (!(symbol in {json.dumps(sorted(w5.MAJORS))}) && notional > 250000.0) || (score >= 60 && notional > 100000.0)
"""
_AMENDING = 'action == "orders.amend" && "orders.write" in scopes && is_in(ip, "trade")'
ORDERS = f"!({_DENIED}) && ({_ALLOWED} || ({_AMENDING})) && !(action in {_ENTRY} && ({_REFUSED}))"


def flatten(request: Request) -> dict[str, Any]:
    """The request as the variables of GATEWAY."""
    key = request["key"]
    return {
        "action": request["action"],
        "scopes": key["scopes"],
        "key_environment": key["environment"],
        "environment": request["gateway"]["environment"],
        "revoked": key["revoked"],
        "expires": key["expires"],
        "ip": request["client"]["ip"],
        "score": request["risk"]["score"],
        "mfa_at": request["session"]["mfa_at"],
        "now": request["now"],
    }


def flatten_order(request: Request) -> dict[str, Any]:
    """The request as the variables of ORDERS; what an action does not have is left out."""
    flat = flatten(request)
    if "request" in request:
        content = request["request"]
        flat["symbol"] = content["symbol"]
        flat["notional"] = float(content["notional"])
        flat["quantity"] = float(content["quantity"])
    return flat
