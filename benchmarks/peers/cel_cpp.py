"""cel-cpp through cel-expr-python: compiled and type-checked once, addresses looked up by a function of the host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cel_expr_python import cel

from benchmarks.peers import cel_text
from benchmarks.workloads.addresses import membership
from benchmarks.workloads.w1_by_hand import BITS, address_masks
from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.workloads import w5
    from benchmarks.workloads.w1 import Gateway
    from benchmarks.workloads.w2 import KeyRule

Type = cel.Type
TYPES = {
    "action": Type.STRING,
    "scopes": Type.List(Type.STRING),
    "key_environment": Type.STRING,
    "environment": Type.STRING,
    "revoked": Type.BOOL,
    "expires": Type.INT,
    "ip": Type.STRING,
    "score": Type.INT,
    "mfa_at": Type.INT,
    "now": Type.INT,
}
ORDER_TYPES = {"symbol": Type.STRING, "notional": Type.DOUBLE, "quantity": Type.DOUBLE}


def _environment(types: Mapping[str, cel.Type], is_in: Callable[[str, str], bool]) -> cel.Env:
    overload = cel.Overload("is_in_strings", Type.BOOL, [Type.STRING, Type.STRING], False, is_in)
    extension = cel.CelExtension("gateway", functions=[cel.FunctionDecl("is_in", [overload])])
    return cel.NewEnv(variables=dict(types), extensions=[extension])


def _gateway(workload: Workload[Gateway]) -> Decider:
    mask = address_masks(workload.content.networks)
    environment = _environment(TYPES, lambda address, name: mask(address) & BITS[name] != 0)
    expression = environment.compile(cel_text.GATEWAY)
    flatten = cel_text.flatten
    return lambda request: expression.eval(data=flatten(request)).value()


def _orders(workload: Workload[w5.Connection]) -> Decider:
    """Amounts are given as doubles, since CEL has no decimals."""
    mask = address_masks(workload.content.networks)
    environment = _environment(TYPES | ORDER_TYPES, lambda address, name: mask(address) & BITS[name] != 0)
    expression = environment.compile(cel_text.ORDERS)
    flatten = cel_text.flatten_order
    return lambda request: expression.eval(data=flatten(request)).value()


def _keys(workload: Workload[Sequence[KeyRule]]) -> Decider:
    lookups = {rule.key: membership(rule.networks) for rule in workload.content}
    environment = _environment(
        {name: TYPES[name] for name in ("action", "ip")}, lambda address, key: lookups[key](address)
    )
    programs = {
        rule.key: environment.compile(f"action in {json.dumps(rule.actions)} && is_in(ip, {json.dumps(rule.key)})")
        for rule in workload.content
    }

    def decide(request: Request) -> Any:
        data = {"action": request["action"], "ip": request["client"]["ip"]}
        return programs[request["key"]["id"]].eval(data=data).value()

    return decide


def _list(workload: Workload[Sequence[str]]) -> Decider:
    contains = membership(workload.content)
    environment = _environment({"ip": TYPES["ip"]}, lambda address, _: contains(address))
    expression = environment.compile('is_in(ip, "allow_list")')
    return lambda request: expression.eval(data={"ip": request["client"]["ip"]}).value()


CONTENDERS: Contenders = {
    "w1": (Contender(name="cel-cpp", build=_gateway),),
    "w2": (Contender(name="cel-cpp, the host's dict of programs", build=_keys),),
    "w3": (Contender(name="cel-cpp, the host looks up", build=_list),),
    "w5": (Contender(name="cel-cpp", build=_orders, decoded=True),),
}
