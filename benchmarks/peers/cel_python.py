"""cel-python, the CEL engine in pure Python, with both of its runners."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import celpy
import celpy.celparser
import celpy.evaluation
from celpy import celtypes
from celpy.adapter import json_to_cel

from benchmarks.peers import cel_text
from benchmarks.workloads.addresses import membership
from benchmarks.workloads.w1_by_hand import BITS, address_masks
from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload

if TYPE_CHECKING:
    from benchmarks.workloads.w1 import Gateway
    from benchmarks.workloads.w2 import KeyRule

IsIn = Callable[[str, str], bool]
RUNNERS = {"compiled": celpy.CompiledRunner, "interpreted": celpy.InterpretedRunner}


def _compiler(runner: type[Any], is_in: IsIn) -> Callable[[str], Callable[[dict[str, Any]], bool]]:
    """A function from CEL text to the function that evaluates it."""
    celpy.celparser.CELParser.CEL_PARSER = None  # a singleton, made for the trees of one runner

    def host(address: celtypes.StringType, name: celtypes.StringType) -> celtypes.BoolType:
        return celtypes.BoolType(is_in(address, name))

    # The compiled runner calls `<module>.<qualified name>` from code that runs in the module celpy.evaluation.
    host.__module__, host.__qualname__ = "gateway", "is_in"
    vars(celpy.evaluation)["gateway"] = SimpleNamespace(is_in=host)
    environment = celpy.Environment(runner_class=runner)

    def compile_expression(text: str) -> Callable[[dict[str, Any]], bool]:
        program, convert = environment.program(environment.compile(text), functions={"is_in": host}), json_to_cel
        return lambda variables: bool(program.evaluate({name: convert(value) for name, value in variables.items()}))

    return compile_expression


def _gateway(runner: type[Any]) -> Callable[[Workload[Gateway]], Decider]:
    def build(workload: Workload[Gateway]) -> Decider:
        mask, flatten = address_masks(workload.content.networks), cel_text.flatten
        evaluate = _compiler(runner, lambda address, name: mask(address) & BITS[name] != 0)(cel_text.GATEWAY)
        return lambda request: evaluate(flatten(request))

    return build


def _keys(workload: Workload[Sequence[KeyRule]]) -> Decider:
    lookups = {rule.key: membership(rule.networks) for rule in workload.content}
    compile_expression = _compiler(celpy.CompiledRunner, lambda address, key: lookups[key](address))
    programs = {
        rule.key: compile_expression(f"action in {json.dumps(rule.actions)} && is_in(ip, {json.dumps(rule.key)})")
        for rule in workload.content
    }

    def decide(request: Request) -> Any:
        return programs[request["key"]["id"]]({"action": request["action"], "ip": request["client"]["ip"]})

    return decide


def _list(workload: Workload[Sequence[str]]) -> Decider:
    contains = membership(workload.content)
    evaluate = _compiler(celpy.CompiledRunner, lambda address, _: contains(address))('is_in(ip, "allow_list")')
    return lambda request: evaluate({"ip": request["client"]["ip"]})


CONTENDERS: Contenders = {
    "w1": tuple(
        Contender(name=f"cel-python, {name} runner", build=_gateway(runner)) for name, runner in RUNNERS.items()
    ),
    "w2": (Contender(name="cel-python, the host's dict of programs", build=_keys),),
    "w3": (Contender(name="cel-python, the host looks up", build=_list),),
}
