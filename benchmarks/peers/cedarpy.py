"""Cedar through cedarpy, in its best form.

That is: parsed handles for policies and entities, ids as dicts, and the keys' attributes in entities.
Ids written as text cost another 20 µs of parsing a call, and request context instead of entities 20 µs more. Cedar has
no arithmetic that gives a weekday, so second of day and weekday come from the caller, as its users do it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cedarpy

from benchmarks.workloads import w5
from benchmarks.workloads.w1 import DAY, Gateway
from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from benchmarks.workloads.w2 import KeyRule

GATEWAY_POLICIES = """
forbid(principal, action, resource) when { principal.environment != context.environment };
forbid(principal, action, resource) when { principal.revoked || context.now >= principal.expires };
forbid(principal, action, resource) when { context.score >= 90 };
forbid(principal, action, resource) when { IN_BLOCK };
permit(principal, action in [Action::"orders.read", Action::"account.read"], resource)
  when { principal.scopes.contains("read") };
permit(principal, action in [Action::"orders.create", Action::"orders.cancel"], resource)
  when { principal.scopes.contains("orders.write") && IN_TRADE };
permit(principal, action == Action::"withdrawals.create", resource)
  when { principal.scopes.contains("withdraw") && context.score < 50 && context.now - context.mfa_at < 300000
    && context.time_of_day >= 28800000 && context.time_of_day < 64800000 && context.weekday < 5 && IN_WITHDRAW };
permit(principal, action in [Action::"subaccounts.transfer", Action::"subaccounts.update"], resource)
  when { principal.scopes.contains("subaccounts.manage") && IN_INTERNAL };
"""
ORDER_POLICIES = """
permit(principal, action == Action::"orders.amend", resource)
  when { principal.scopes.contains("orders.write") && IN_TRADE };
forbid(principal, action in [Action::"orders.create", Action::"orders.amend"], resource)
  when { !LISTED.contains(context.symbol) };
forbid(principal, action in [Action::"orders.create", Action::"orders.amend"], resource)
  when { context.notional.greaterThan(decimal("1000000.0")) };
forbid(principal, action in [Action::"orders.create", Action::"orders.amend"], resource)
  when { context.quantity.greaterThan(decimal("5000.0")) };
forbid(principal, action in [Action::"orders.create", Action::"orders.amend"], resource)
  when { !MAJORS.contains(context.symbol) && context.notional.greaterThan(decimal("250000.0")) };
forbid(principal, action in [Action::"orders.create", Action::"orders.amend"], resource)
  when { context.score >= 60 && context.notional.greaterThan(decimal("100000.0")) };
"""
RESOURCE = {"type": "Gateway", "id": "gateway"}
NO_ENTITIES = cedarpy.Entities.from_json_str("[]")
NETWORKS_A_POLICY = 250
"""Cedar refuses much longer chains of `||` in one policy."""


def _in_any(address: str, networks: Iterable[str]) -> str:
    return "(" + " || ".join(f'{address}.isInRange(ip("{network}"))' for network in networks) + ")"


def _decider(policies: str, entities: cedarpy.Entities, adapt: Callable[[Request], Any]) -> Decider:
    parsed = cedarpy.PolicySet.from_str(policies)
    is_authorized = cedarpy.is_authorized
    return lambda request: is_authorized(adapt(request), parsed, entities).allowed


def _gateway(address: str, ip: Callable[[str], Any]) -> Callable[[Workload[Gateway]], Decider]:
    def build(workload: Workload[Gateway]) -> Decider:
        entities, policies = _keys_of(workload.content.keys), _with_networks(GATEWAY_POLICIES, workload, address)
        return _decider(policies, entities, lambda request: _adapt_gateway(request, ip))

    return build


def _with_networks(policies: str, workload: Workload[Any], address: str) -> str:
    for name, networks in workload.content.networks.items():
        policies = policies.replace(f"IN_{name.upper()}", _in_any(address, networks))
    return policies


def _keys_of(keys: Mapping[str, Mapping[str, object]]) -> cedarpy.Entities:
    entities = [
        {"uid": {"type": "Key", "id": name}, "attrs": {k: v for k, v in key.items() if k != "id"}, "parents": []}
        for name, key in keys.items()
    ]
    return cedarpy.Entities.from_json_str(json.dumps(entities))


def _adapt_gateway(request: Request, ip: Callable[[str], Any]) -> dict[str, Any]:
    now = request["now"]
    return {
        "principal": {"type": "Key", "id": request["key"]["id"]},
        "action": {"type": "Action", "id": request["action"]},
        "resource": RESOURCE,
        "context": {
            "environment": request["gateway"]["environment"],
            "ip": ip(request["client"]["ip"]),
            "score": request["risk"]["score"],
            "mfa_at": request["session"]["mfa_at"],
            "now": now,
            "time_of_day": now % DAY,
            "weekday": (now // DAY + 3) % 7,
        },
    }


def _decimal(text: str) -> dict[str, Any]:
    return {"__extn": {"fn": "decimal", "arg": text}}


def _adapt_order(request: Request) -> dict[str, Any]:
    adapted = _adapt_gateway(request, str)
    if "request" in request:
        content = request["request"]
        adapted["context"]["symbol"] = content["symbol"]
        adapted["context"]["notional"] = _decimal(content["notional"])
        adapted["context"]["quantity"] = _decimal(content["quantity"])
    return adapted


def _orders(workload: Workload[w5.Connection]) -> Decider:
    policies = _with_networks(GATEWAY_POLICIES + ORDER_POLICIES, workload, "ip(context.ip)")
    for name, members in (("LISTED", w5.LISTED), ("MAJORS", w5.MAJORS)):
        policies = policies.replace(name, json.dumps(sorted(members)))
    return _decider(policies, _keys_of(workload.content.keys), _adapt_order)


def _extension(address: str) -> dict[str, Any]:
    return {"__extn": {"fn": "ip", "arg": address}}


def _adapt_keyed(request: Request) -> dict[str, Any]:
    return {
        "principal": {"type": "Key", "id": request["key"]["id"]},
        "action": {"type": "Action", "id": request["action"]},
        "resource": RESOURCE,
        "context": {"ip": _extension(request["client"]["ip"])},
    }


def _actions(rule: KeyRule) -> str:
    return ", ".join(f'Action::"{action}"' for action in rule.actions)


def _one_policy_a_key(workload: Workload[Sequence[KeyRule]]) -> Decider:
    policies = [
        f'permit(principal == Key::"{rule.key}", action in [{_actions(rule)}], resource)'
        f" when {{ {_in_any('context.ip', rule.networks)} }};"
        for rule in workload.content
    ]
    return _decider("\n".join(policies), NO_ENTITIES, _adapt_keyed)


def _keys_as_entities(workload: Workload[Sequence[KeyRule]]) -> Decider:
    keys = [
        {
            "uid": {"type": "Key", "id": rule.key},
            "attrs": {"actions": list(rule.actions)} | {f"n{i}": _extension(n) for i, n in enumerate(rule.networks)},
            "parents": [],
        }
        for rule in workload.content
    ]
    ranges = " || ".join(f"context.ip.isInRange(principal.n{number})" for number in range(4))
    policy = f"permit(principal, action, resource) when {{ principal.actions.contains(context.action) && ({ranges}) }};"

    def adapt(request: Request) -> dict[str, Any]:
        adapted = _adapt_keyed(request)
        adapted["context"]["action"] = request["action"]
        return adapted

    return _decider(policy, cedarpy.Entities.from_json_str(json.dumps(keys)), adapt)


def _list(workload: Workload[Sequence[str]]) -> Decider:
    entries, step = workload.content, NETWORKS_A_POLICY
    chunks = [entries[start : start + step] for start in range(0, len(entries), step)]
    policies = [f"permit(principal, action, resource) when {{ {_in_any('context.ip', chunk)} }};" for chunk in chunks]

    def adapt(request: Request) -> dict[str, Any]:
        return {
            "principal": {"type": "Key", "id": "k"},
            "action": {"type": "Action", "id": request["action"]},
            "resource": RESOURCE,
            "context": {"ip": _extension(request["client"]["ip"])},
        }

    return _decider("\n".join(policies), NO_ENTITIES, adapt)


CONTENDERS: Contenders = {
    "w1": (
        Contender(name="cedarpy, address as text", build=_gateway("ip(context.ip)", lambda address: address)),
        Contender(name="cedarpy, address as extension value", build=_gateway("context.ip", _extension)),
    ),
    "w2": (
        Contender(name="cedarpy, one policy a key", build=_one_policy_a_key),
        Contender(name="cedarpy, one policy, keys as entities", build=_keys_as_entities),
    ),
    "w3": (Contender(name="cedarpy, chains of ranges", build=_list),),
    "w5": (Contender(name="cedarpy, address as text", build=_orders, decoded=True),),
}
