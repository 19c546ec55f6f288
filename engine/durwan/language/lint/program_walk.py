"""All parts of the conditions of a program, without recursion."""

from __future__ import annotations

from collections.abc import Iterator

from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Limit, Program, Rule


def parts_of(expression: Expression) -> Iterator[Expression]:
    """The expression and all that it is made of; lets are not followed."""
    pending = [expression]
    while pending:
        part = pending.pop()
        yield part
        match part:
            case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
                pending.extend(reversed(operands))
            case nodes.Not(operand=operand) | nodes.Default(operand=operand) | nodes.IsKnown(operand=operand):
                pending.append(operand)
            case _:
                pass


def owners_of(program: Program) -> Iterator[Rule | Limit]:
    """All that has a body."""
    yield from program.rules
    yield from program.limits


def expressions_of(owner: Rule | Limit) -> tuple[Expression, ...]:
    """The expressions of a rule or limit, in the order they are written in."""
    expressions = (owner.body.when, owner.body.unless)
    return (*expressions, owner.cost) if isinstance(owner, Limit) else expressions


def all_expressions(program: Program) -> Iterator[Expression]:
    """Every expression of a program."""
    yield from program.lets.values()
    for owner in owners_of(program):
        yield from expressions_of(owner)
    for invariant in program.invariants:
        yield invariant.condition
