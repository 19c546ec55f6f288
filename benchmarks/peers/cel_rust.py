"""cel-rust through common-expression-language: compiled once, its variables fetched when asked for, or set before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cel

from benchmarks.peers import cel_text
from benchmarks.workloads.addresses import membership
from benchmarks.workloads.w1_by_hand import BITS, address_masks
from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.workloads.w1 import Gateway
    from benchmarks.workloads.w2 import KeyRule


def _gateway_functions(workload: Workload[Gateway]) -> dict[str, Any]:
    mask = address_masks(workload.content.networks)
    return {"is_in": lambda address, name: mask(address) & BITS[name] != 0}


def _gateway_resolved(workload: Workload[Gateway]) -> Decider:
    program, flatten = cel.compile(cel_text.GATEWAY), cel_text.flatten
    context = cel.Context(functions=_gateway_functions(workload))
    variables: dict[str, Any] = {}
    context.set_variable_resolver(variables.get)

    def decide(request: Request) -> Any:
        variables.update(flatten(request))
        return program.execute(context)

    return decide


def _gateway_updated(workload: Workload[Gateway]) -> Decider:
    program, flatten = cel.compile(cel_text.GATEWAY), cel_text.flatten
    context = cel.Context(functions=_gateway_functions(workload))

    def decide(request: Request) -> Any:
        context.update(flatten(request))
        return program.execute(context)

    return decide


def _keys(workload: Workload[Sequence[KeyRule]]) -> Decider:
    lookups = {rule.key: membership(rule.networks) for rule in workload.content}
    context = cel.Context(functions={"is_in": lambda address, key: lookups[key](address)})
    programs = {
        rule.key: cel.compile(f"action in {json.dumps(rule.actions)} && is_in(ip, {json.dumps(rule.key)})")
        for rule in workload.content
    }

    def decide(request: Request) -> Any:
        context.update({"action": request["action"], "ip": request["client"]["ip"]})
        return programs[request["key"]["id"]].execute(context)

    return decide


def _list(workload: Workload[Sequence[str]]) -> Decider:
    contains = membership(workload.content)
    context = cel.Context(functions={"is_in": lambda address, _: contains(address)})
    program = cel.compile('is_in(ip, "allow_list")')

    def decide(request: Request) -> Any:
        context.update({"ip": request["client"]["ip"]})
        return program.execute(context)

    return decide


CONTENDERS: Contenders = {
    "w1": (
        Contender(name="cel-rust, variable resolver", build=_gateway_resolved),
        Contender(name="cel-rust, updated context", build=_gateway_updated),
    ),
    "w2": (Contender(name="cel-rust, the host's dict of programs", build=_keys),),
    "w3": (Contender(name="cel-rust, the host looks up", build=_list),),
}
