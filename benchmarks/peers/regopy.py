"""Rego through regopy (rego-cpp): one compiled bundle, the input set anew for each request.

It has no `net.*` builtins, so in W1 the caller tells which lists hold the address, and elsewhere addresses are compared
as hexadecimal text of one width.
"""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any

from regopy import Interpreter

from benchmarks.workloads.w1 import DAY, Gateway
from benchmarks.workloads.w1_by_hand import BITS, address_masks
from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.workloads.w2 import KeyRule

HEADER = """package gateway
import rego.v1
default allow := false
"""
GATEWAY = f"""{HEADER}
allow if {{ permit; not forbid }}
forbid if {{ input.key_environment != input.environment }}
forbid if {{ input.revoked }}
forbid if {{ input.now >= input.expires }}
forbid if {{ input.score >= 90 }}
forbid if {{ "block" in input.networks }}
permit if {{ input.action in {{"orders.read", "account.read"}}; "read" in input.scopes }}
permit if {{
  input.action in {{"orders.create", "orders.cancel"}}
  "orders.write" in input.scopes
  "trade" in input.networks
}}
permit if {{
  input.action == "withdrawals.create"
  "withdraw" in input.scopes
  input.score < 50
  input.now - input.mfa_at < 300000
  input.time_of_day >= 28800000
  input.time_of_day < 64800000
  input.weekday < 5
  "withdraw" in input.networks
}}
permit if {{
  input.action in {{"subaccounts.transfer", "subaccounts.update"}}
  "subaccounts.manage" in input.scopes
  "internal" in input.networks
}}
"""
KEYS_AS_DATA = f"""{HEADER}
allow if {{
  key := data.keys[input.key]
  input.action in key.actions
  some range in key.ranges
  input.ip >= range[0]
  input.ip <= range[1]
}}
"""
LIST_AS_DATA = f"""{HEADER}
allow if {{
  some range in data.ranges
  input.ip >= range[0]
  input.ip <= range[1]
}}
"""


def _decider(policy: str, data: dict[str, Any], adapt: Callable[[Request], Any]) -> Decider:
    interpreter = Interpreter()
    interpreter.add_module("gateway", policy)
    if data:
        interpreter.add_data(data)
    bundle = interpreter.build("allowed=data.gateway.allow")

    def decide(request: Request) -> Any:
        interpreter.set_input(adapt(request))
        return interpreter.query_bundle(bundle)[0]["allowed"]

    return decide


def _hexadecimal(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    mapped = 0xFFFF << 32 if address.version == 4 else 0
    return f"{int(address) + mapped:032x}"


def _range(network: str) -> list[str]:
    parsed = ipaddress.ip_network(network)
    return [_hexadecimal(parsed.network_address), _hexadecimal(parsed.broadcast_address)]


def _address(request: Request) -> str:
    return _hexadecimal(ipaddress.ip_address(request["client"]["ip"]))


def _gateway(workload: Workload[Gateway]) -> Decider:
    mask = address_masks(workload.content.networks)
    names = [[name for name, bit in BITS.items() if bits & bit] for bits in range(16)]

    def adapt(request: Request) -> dict[str, Any]:
        key, now = request["key"], request["now"]
        return {
            "action": request["action"],
            "scopes": key["scopes"],
            "key_environment": key["environment"],
            "environment": request["gateway"]["environment"],
            "revoked": key["revoked"],
            "expires": key["expires"],
            "networks": names[mask(request["client"]["ip"])],
            "score": request["risk"]["score"],
            "mfa_at": request["session"]["mfa_at"],
            "now": now,
            "time_of_day": now % DAY,
            "weekday": (now // DAY + 3) % 7,
        }

    return _decider(GATEWAY, {}, adapt)


def _adapt_keyed(request: Request) -> dict[str, Any]:
    return {"key": request["key"]["id"], "action": request["action"], "ip": _address(request)}


def _keys_as_data(workload: Workload[Sequence[KeyRule]]) -> Decider:
    keys = {
        rule.key: {"actions": list(rule.actions), "ranges": [_range(network) for network in rule.networks]}
        for rule in workload.content
    }
    return _decider(KEYS_AS_DATA, {"keys": keys}, _adapt_keyed)


def _rule_a_key(workload: Workload[Sequence[KeyRule]]) -> Decider:
    rules = [
        f"allow if {{ input.key == {json.dumps(rule.key)}; input.action in {{{json.dumps(rule.actions)[1:-1]}}}; "
        f"some range in {json.dumps([_range(network) for network in rule.networks])}; "
        "input.ip >= range[0]; input.ip <= range[1] }"
        for rule in workload.content
    ]
    return _decider(HEADER + "\n".join(rules) + "\n", {}, _adapt_keyed)


def _list(workload: Workload[Sequence[str]]) -> Decider:
    ranges = [_range(entry) for entry in workload.content]
    return _decider(LIST_AS_DATA, {"ranges": ranges}, lambda request: {"ip": _address(request)})


CONTENDERS: Contenders = {
    "w1": (Contender(name="regopy", build=_gateway),),
    "w2": (
        Contender(name="regopy, keys as data", build=_keys_as_data, largest=10_000),
        Contender(name="regopy, a rule a key", build=_rule_a_key, largest=1_000),
    ),
    "w3": (Contender(name="regopy, ranges as data", build=_list),),
}
