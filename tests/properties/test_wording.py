"""The text of an expression compiles to the expression that it was written from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from durwan.compilation import Compilation, compile_policy
from durwan.language.policy_set import read_directory, read_mapping
from durwan.model import types
from durwan.model.address import AddressRange, NetworkSet, parse_network, prefixes
from durwan.model.types import base_of
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Program
from durwan.program.wording import worded
from tests.generators.programs import NETWORK_TEXTS, generate_program

ROOT = Path(__file__).parents[2]
PARTS = 8
PROGRAMS = 30

VOCABULARY = """
actions { orders.cancel orders.create withdrawals.create }
scopes { read  write includes read  admin includes write  stream }
context session { lifetime : duration }
context request { lots : set of int  scope : scope }
context risk { score : int  new_device : bool }
network n0 = { 10.0.0.0/8 }
network n1 = { 10.0.0.0/8 }
network n2 = { 10.0.0.0/8 }
set s0 = { "a", "b", "c" }
set s1 = { 1, 2, 3 }
window w0 = mon "UTC"
window w1 = tue "UTC"
"""


def lowered(expression: Expression) -> Expression:
    """What the compiler would have made of it: nothing nested that need not be, no range that a text cannot give."""
    match expression:
        case nodes.Attribute(type=declared) | nodes.LetReference(type=declared):
            return replace(expression, type=base_of(declared))
        case nodes.Or(operands=operands):
            return nodes.Or(operands=tuple(flat(map(lowered, operands), nodes.Or)))
        case nodes.And(operands=operands):
            return nodes.And(operands=tuple(flat(map(lowered, operands), nodes.And)))
        case nodes.Operation(operator="in_set", operands=(left, nodes.LiteralSet(element=types.Address()) as right)):
            ranges = [AddressRange(each, each) for each in right.members if isinstance(each, bytes)]
            network = nodes.LiteralNetwork(value=NetworkSet(ranges))
            return replace(expression, operator="in_network", operands=(lowered(left), network))
        case nodes.Operation(operands=operands, type=result):
            return replace(expression, operands=tuple(map(lowered, operands)), type=base_of(result))
        case nodes.Not(operand=operand) | nodes.Default(operand=operand):
            return replace(expression, operand=lowered(operand))
        case nodes.IsKnown(operand=operand):
            return replace(expression, operand=replace(operand, type=base_of(operand.type)))
        case _:
            return expression


def flat(operands: Iterator[Expression], kind: type[nodes.And | nodes.Or]) -> Iterator[Expression]:
    for operand in operands:
        if isinstance(operand, kind):
            yield from operand.operands
        else:
            yield operand


def compiled(lines: list[str]) -> Compilation:
    return compile_policy(read_mapping({"a.policy": VOCABULARY + "\n".join(lines)}))


def texts(program: Program) -> dict[str, tuple[str, Expression]]:
    """A declaration for each let and for each body, on one line, with what it is to be compiled to."""
    found = {name: (f"let {name} = {worded(value)}", value) for name, value in program.lets.items()}
    for rule in program.rules:
        for clause, expression in (("when", rule.body.when), ("unless", rule.body.unless)):
            found[f"{rule.name}_{clause}"] = (f"deny {rule.name}_{clause} when {worded(expression)}", expression)
    return found


def read_back(program: Program) -> dict[str, Expression]:
    return {**program.lets, **{rule.name: rule.body.when for rule in program.rules}}


@pytest.mark.parametrize("part", range(PARTS))
def test_generated_expressions_come_back(part: int) -> None:
    """Printed, parsed, checked and lowered again, every expression that the checker takes is what it was."""
    same, refused = 0, 0
    for seed in range(part * PROGRAMS, (part + 1) * PROGRAMS):
        written = texts(generate_program(40_000 + seed))
        first = compiled([line for line, _ in written.values()])
        errors = [item for item in first.diagnostics if item.severity == "error"]
        # Generated programs hold what is type-correct and pointless; a text that did not parse would be P01.
        assert {item.code[:3] for item in errors} <= {"P03"}, [(item.code, item.message) for item in errors]
        wrong = {item.span.source.position(item.span.start)[0] for item in errors}
        before = VOCABULARY.count("\n") + 1
        kept = {name: each for place, (name, each) in enumerate(written.items()) if place + before not in wrong}
        again = compiled([line for line, _ in kept.values()])
        refused += len(written) - len(kept)
        if again.program is None:
            continue  # what was left out is a let that others name
        for name, expression in read_back(again.program).items():
            assert expression == lowered(kept[name][1]), (seed, kept[name][0])
            same += 1
    assert same > 4 * refused
    assert same > 100


def test_the_reference_set_comes_back() -> None:
    """Every condition of the reference set comes back, each with its own declared types."""
    directory = read_directory(str(ROOT / "policies"))
    program = compile_policy(directory).finished().program
    written = [
        f"deny copy{rule.order}_{clause} when {worded(expression)}"
        for rule in program.rules
        for clause, expression in (("when", rule.body.when), ("unless", rule.body.unless))
    ]
    written += [f"let copy_{name} = {worded(value)}" for name, value in program.lets.items()]
    extended = replace(directory, files={**directory.files, "99.policy": "\n".join(written).encode()})
    again = compile_policy(extended).finished().program
    found = read_back(again)
    for rule in program.rules:
        assert found[f"copy{rule.order}_when"] == rule.body.when, rule.name
        assert found[f"copy{rule.order}_unless"] == rule.body.unless, rule.name
    for name, value in program.lets.items():
        assert found[f"copy_{name}"] == value, name


@pytest.mark.parametrize("seed", range(200))
def test_networks_come_back(seed: int) -> None:
    """The networks of a set make up that set, and are no more than those that it was made of."""
    random = Random(seed)
    texts = [*NETWORK_TEXTS, *(f"10.{random.randrange(4)}.{random.randrange(256)}.0/24" for _ in range(6))]
    texts += [f"2001:db8:{random.randrange(16):x}::/48" for _ in range(6)] + [f"::{random.randrange(1, 9999):x}"]
    chosen = random.sample(texts, random.randrange(1, 9))
    network = NetworkSet([found for text in chosen if (found := parse_network(text)) is not None])
    printed = [text for each in network.ranges() for text in prefixes(each)]
    parts = [parse_network(text) for text in printed]
    assert NetworkSet([part for part in parts if part is not None]) == network
    assert None not in parts
    assert len(printed) <= len(chosen)
