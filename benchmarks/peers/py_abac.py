"""py-abac with its MemoryStorage, its requests made by constructor (from_json validates, and costs far more).

Its conditions compare an attribute with constants only, so what compares two attributes, and what needs a clock, comes
from the caller. Numbers stand for the two booleans, for which it has no condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from py_abac import PDP, AccessRequest, EvaluationAlgorithm, Policy
from py_abac.storage.memory import MemoryStorage

from benchmarks.workloads.w1 import DAY, Gateway
from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.workloads.w2 import KeyRule

Condition = dict[str, Any]
EVERYTHING: Mapping[str, Condition] = {}


def _equals(text: str) -> Condition:
    return {"condition": "Equals", "value": text}


def _number(comparison: str, value: int) -> Condition:
    return {"condition": comparison, "value": value}


def _any_of(conditions: Sequence[Condition]) -> Condition:
    return {"condition": "AnyOf", "values": list(conditions)}


def _in_any(networks: Sequence[str]) -> Condition:
    return _any_of([{"condition": "CIDR", "value": network} for network in networks])


def _actions(*names: str) -> dict[str, Condition]:
    return {"$.name": _any_of([_equals(name) for name in names])}


def _holds(scope: str) -> dict[str, Condition]:
    return {"$.scopes": {"condition": "AnyIn", "values": [scope]}}


def _policy(
    uid: str,
    effect: str,
    action: Mapping[str, Condition] = EVERYTHING,
    subject: Mapping[str, Condition] = EVERYTHING,
    context: Mapping[str, Condition] = EVERYTHING,
) -> Policy:
    rules = {"subject": dict(subject), "resource": {}, "action": dict(action), "context": dict(context)}
    document = {"uid": uid, "description": "", "effect": effect, "priority": 0, "targets": {}, "rules": rules}
    return Policy.from_json(document)


def _decider(policies: Sequence[Policy], adapt: Callable[[Request], AccessRequest]) -> Decider:
    storage = MemoryStorage()
    for policy in policies:
        storage.add(policy)
    is_allowed = PDP(storage, EvaluationAlgorithm.DENY_OVERRIDES).is_allowed
    return lambda request: is_allowed(adapt(request))


def _gateway_policies(content: Gateway) -> list[Policy]:
    inside = {name: {"$.ip": _in_any(networks)} for name, networks in content.networks.items()}
    desk_hours = {"condition": "AllOf", "values": [_number("Gte", 28_800_000), _number("Lt", 64_800_000)]}
    withdrawal = {
        "$.score": _number("Lt", 50),
        "$.mfa_age": _number("Lt", 300_000),
        "$.time_of_day": desk_hours,
        "$.weekday": _number("Lt", 5),
        **inside["withdraw"],
    }
    orders = _actions("orders.create", "orders.cancel")
    subaccounts = _actions("subaccounts.transfer", "subaccounts.update")
    return [
        _policy("1", "deny", context={"$.same_environment": _number("Eq", 0)}),
        _policy("2", "deny", subject={"$.dead": _number("Eq", 1)}),
        _policy("3", "deny", context={"$.score": _number("Gte", 90)}),
        _policy("4", "deny", context=inside["block"]),
        _policy("5", "allow", _actions("orders.read", "account.read"), _holds("read")),
        _policy("6", "allow", orders, _holds("orders.write"), inside["trade"]),
        _policy("7", "allow", {"$.name": _equals("withdrawals.create")}, _holds("withdraw"), withdrawal),
        _policy("8", "allow", subaccounts, _holds("subaccounts.manage"), inside["internal"]),
    ]


def _access_request(request: Request) -> AccessRequest:
    key, now, action = request["key"], request["now"], request["action"]
    return AccessRequest(
        subject={
            "id": key["id"],
            "attributes": {"scopes": key["scopes"], "dead": int(key["revoked"] or now >= key["expires"])},
        },
        resource={"id": "gateway", "attributes": {}},
        action={"id": action, "attributes": {"name": action}},
        context={
            "same_environment": int(key["environment"] == request["gateway"]["environment"]),
            "ip": request["client"]["ip"],
            "score": request["risk"]["score"],
            "mfa_age": now - request["session"]["mfa_at"],
            "time_of_day": now % DAY,
            "weekday": (now // DAY + 3) % 7,
        },
    )


def _gateway(workload: Workload[Gateway]) -> Decider:
    return _decider(_gateway_policies(workload.content), _access_request)


def _keys(workload: Workload[Sequence[KeyRule]]) -> Decider:
    policies = [
        _policy(
            rule.key,
            "allow",
            action=_actions(*rule.actions),
            subject={"$.key": _equals(rule.key)},
            context={"$.ip": _in_any(rule.networks)},
        )
        for rule in workload.content
    ]

    def adapt(request: Request) -> AccessRequest:
        key, action = request["key"]["id"], request["action"]
        return AccessRequest(
            subject={"id": key, "attributes": {"key": key}},
            resource={"id": "gateway", "attributes": {}},
            action={"id": action, "attributes": {"name": action}},
            context={"ip": request["client"]["ip"]},
        )

    return _decider(policies, adapt)


def _list(workload: Workload[Sequence[str]]) -> Decider:
    def adapt(request: Request) -> AccessRequest:
        return AccessRequest(
            subject={"id": "key", "attributes": {}},
            resource={"id": "gateway", "attributes": {}},
            action={"id": request["action"], "attributes": {}},
            context={"ip": request["client"]["ip"]},
        )

    return _decider([_policy("1", "allow", context={"$.ip": _in_any(workload.content)})], adapt)


CONTENDERS: Contenders = {
    "w1": (Contender(name="py-abac", build=_gateway),),
    "w2": (Contender(name="py-abac", build=_keys),),
    "w3": (Contender(name="py-abac", build=_list),),
}
