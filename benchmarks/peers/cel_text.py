"""W1 in CEL, for the three engines that speak it: one expression over flat variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
