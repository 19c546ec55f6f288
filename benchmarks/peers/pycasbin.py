"""pycasbin, its policies loaded by an adapter (which is linear; adding them one by one is quadratic).

It parses its matcher in every call and walks the tree once for each policy, so the fastest form keeps the matcher
short, the policies in a table, and the tests in functions of the host.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import casbin
from casbin.model import FastModel
from casbin.persist.adapters.string_adapter import StringAdapter

from benchmarks.workloads.addresses import membership
from benchmarks.workloads.w1 import DAY, Gateway
from benchmarks.workloads.w1_by_hand import BITS, address_masks
from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.workloads.w2 import KeyRule

MODEL = """
[request_definition]
r = {request}
[policy_definition]
p = {policy}
[policy_effect]
e = {effect}
[matchers]
m = {matcher}
"""
SOME_ALLOW = "some(where (p.eft == allow))"
FIRST_DECIDES = "priority(p.eft) || deny"
"""With the denials first in the table, the same as *some allow and no deny*, and it may stop early."""
GATEWAY_TABLE = (
    ("*", "*", "*", "environment", "deny"),
    ("*", "*", "*", "dead", "deny"),
    ("*", "*", "*", "risky", "deny"),
    ("*", "*", "block", "*", "deny"),
    ("orders.read|account.read", "read", "*", "*", "allow"),
    ("orders.create|orders.cancel", "orders.write", "trade", "*", "allow"),
    ("withdrawals.create", "withdraw", "withdraw", "withdrawal", "allow"),
    ("subaccounts.transfer|subaccounts.update", "subaccounts.manage", "internal", "*", "allow"),
)
"""actions, scope, network, guard, effect."""


def _may_withdraw(request: Request) -> bool:
    now: int = request["now"]
    score: int = request["risk"]["score"]
    mfa_at: int = request["session"]["mfa_at"]
    return score < 50 and now - mfa_at < 300_000 and 28_800_000 <= now % DAY < 64_800_000 and (now // DAY + 3) % 7 < 5


GUARDS: dict[str, Callable[[Request], bool]] = {
    "*": lambda _: True,
    "environment": lambda request: request["key"]["environment"] != request["gateway"]["environment"],
    "dead": lambda request: request["key"]["revoked"] or request["now"] >= request["key"]["expires"],
    "risky": lambda request: request["risk"]["score"] >= 90,
    "withdrawal": _may_withdraw,
}


def _load(enforcer: casbin.Enforcer, rows: Iterable[Sequence[str]], **functions: Callable[..., Any]) -> casbin.Enforcer:
    enforcer.set_adapter(StringAdapter("\n".join("p, " + ", ".join(row) for row in rows)))
    enforcer.load_policy()
    for name, function in functions.items():
        enforcer.add_function(name, function)
    return enforcer


@cache
def _split(text: str) -> frozenset[str]:
    return frozenset(text.split("|"))


@cache
def _lookup(text: str) -> Callable[[str], bool]:
    return membership(text.split("|"))


def _among(item: str, text: str) -> bool:
    return text == "*" or item in _split(text)


def _has(items: Sequence[str], item: str) -> bool:
    return item == "*" or item in items


def _holds(guard: str, request: Request) -> bool:
    return GUARDS[guard](request)


def _within(address: str, text: str) -> bool:
    return _lookup(text)(address)


def _enforcer(request: str, policy: str, matcher: str, effect: str = SOME_ALLOW) -> casbin.Enforcer:
    text = MODEL.format(request=request, policy=policy, effect=effect, matcher=matcher)
    return casbin.Enforcer(casbin.Enforcer.new_model(text=text))


def _gateway(matcher: str) -> Callable[[Workload[Gateway]], Decider]:
    def build(workload: Workload[Gateway]) -> Decider:
        mask = address_masks(workload.content.networks)

        def within(address: str, network: str) -> bool:
            return network == "*" or mask(address) & BITS[network] != 0

        def applies(request: Request, actions: str, scope: str, network: str, guard: str) -> bool:
            return (
                _among(request["action"], actions)
                and _has(request["key"]["scopes"], scope)
                and GUARDS[guard](request)
                and within(request["client"]["ip"], network)
            )

        enforcer = _enforcer("action, scopes, ip, all", "actions, scope, network, guard, eft", matcher, FIRST_DECIDES)
        functions: dict[str, Callable[..., Any]] = {
            "among": _among,
            "has": _has,
            "holds": _holds,
            "within": within,
            "applies": applies,
        }
        enforce = _load(enforcer, GATEWAY_TABLE, **functions).enforce
        return lambda request: enforce(request["action"], request["key"]["scopes"], request["client"]["ip"], request)

    return build


def _keys(workload: Workload[Sequence[KeyRule]]) -> Decider:
    matcher = "r.key == p.key && among(r.action, p.actions) && within(r.ip, p.networks)"
    rows = [(rule.key, "|".join(rule.actions), "|".join(rule.networks)) for rule in workload.content]
    enforcer = _enforcer("key, action, ip", "key, actions, networks", matcher)
    enforce = _load(enforcer, rows, among=_among, within=_within).enforce
    return lambda request: enforce(request["key"]["id"], request["action"], request["client"]["ip"])


def _keys_indexed(workload: Workload[Sequence[KeyRule]]) -> Decider:
    matcher = "r.key == p.key && r.action == p.action && within(r.ip, p.networks)"
    rows = [(rule.key, action, "|".join(rule.networks)) for rule in workload.content for action in rule.actions]
    model = FastModel(cache_key_order=(0, 1))
    model.load_model_from_text(
        MODEL.format(request="key, action, ip", policy="key, action, networks", effect=SOME_ALLOW, matcher=matcher)
    )
    enforcer = casbin.FastEnforcer(model, cache_key_order=(0, 1))
    enforce = _load(enforcer, rows, within=_within).enforce
    return lambda request: enforce(request["key"]["id"], request["action"], request["client"]["ip"])


def _list(workload: Workload[Sequence[str]]) -> Decider:
    enforcer = _enforcer("ip", "network", "ipMatch(r.ip, p.network)")
    enforce = _load(enforcer, [(entry,) for entry in workload.content]).enforce
    return lambda request: enforce(request["client"]["ip"])


def _list_by_host(workload: Workload[Sequence[str]]) -> Decider:
    contains = membership(workload.content)
    enforcer = _enforcer("ip", "list", "is_in(r.ip, p.list)")
    enforce = _load(enforcer, [("allow_list",)], is_in=lambda address, _: contains(address)).enforce
    return lambda request: enforce(request["client"]["ip"])


FOUR_FUNCTIONS = (
    "among(r.action, p.actions) && has(r.scopes, p.scope) && holds(p.guard, r.all) && within(r.ip, p.network)"
)
ONE_FUNCTION = "applies(r.all, p.actions, p.scope, p.network, p.guard)"
CONTENDERS: Contenders = {
    "w1": (
        Contender(name="pycasbin, table and one host function", build=_gateway(ONE_FUNCTION)),
        Contender(name="pycasbin, table and four host functions", build=_gateway(FOUR_FUNCTIONS)),
    ),
    "w2": (
        Contender(name="pycasbin, FastEnforcer", build=_keys_indexed),
        Contender(name="pycasbin, Enforcer", build=_keys),
    ),
    "w3": (
        Contender(name="pycasbin, the host looks up", build=_list_by_host),
        Contender(name="pycasbin, its own ipMatch", build=_list),
    ),
}
