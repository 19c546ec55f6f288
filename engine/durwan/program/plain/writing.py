"""A program to plain data: the same data for the same program, whatever order its tables and sets came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from durwan.diagnostics import Span
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.plain.type_forms import write_literal, write_members, write_networks, write_type
from durwan.program.plain.windows import write_calendars, write_window, write_zones
from durwan.program.program import Invariant, Limit, Program, Rule


def write_program(program: Program) -> dict[str, Any]:
    """The program as plain data.

    Raises:
        ValueError: it is no program that a compiler makes: its orders do not count, or its lets go round.
    """
    every: list[Rule | Limit | Invariant] = [*program.rules, *program.limits, *program.invariants]
    places = {each.span.source.path for each in every if each.span is not None}
    files = {path: index for index, path in enumerate(sorted(places))}
    windows = program.windows.values()
    for declarations in (program.rules, program.limits, program.invariants):
        if [each.order for each in declarations] != list(range(len(declarations))):
            raise ValueError("the orders of rules, limits and invariants count from 0")
    return {
        "name": program.name,
        "actions": sorted(program.schema.actions),
        "scopes": {scope: sorted(included) for scope, included in program.schema.scopes.items()},
        "attributes": {path: write_type(declared) for path, declared in program.schema.attributes.items()},
        "environment": dict(program.environment),
        "zones": write_zones(windows),
        "calendars": write_calendars(windows),
        "windows": {name: write_window(window) for name, window in program.windows.items()},
        "networks": {name: write_networks(networks) for name, networks in program.networks.items()},
        "sets": {name: write_members(members) for name, members in program.sets.items()},
        "lets": [[name, write_expression(program.lets[name])] for name in _in_order(program.lets)],
        "files": list(files),
        "rules": [_write_rule(rule, files) for rule in program.rules],
        "limits": [_write_limit(limit, files) for limit in program.limits],
        "invariants": [_write_invariant(each, files) for each in program.invariants],
    }


def write_expression(expression: Expression) -> Any:  # noqa: C901, PLR0911 - one line per kind of node
    """An expression as plain data."""
    match expression:
        case nodes.Attribute(path=path):
            return path
        case nodes.Now():
            return ["now"]
        case nodes.LetReference(name=name):
            return ["let", name]
        case nodes.NamedSet(name=name, element=element):
            return ["set", name, str(element)]
        case nodes.NamedNetwork(name=name):
            return ["network", name]
        case nodes.NamedWindow(name=name):
            return ["window", name]
        case nodes.LiteralSet(members=members, element=element):
            return ["literals", str(element), write_members(members)]
        case nodes.LiteralNetwork(value=networks):
            return ["networks", *write_networks(networks)]
        case nodes.Default(operand=operand, fallback=fallback):
            return ["default", write_expression(operand), write_literal(fallback)]
        case nodes.IsKnown(operand=nodes.Attribute(path=path)):
            return ["known", path]
        case nodes.Operation(operator=operator, operands=operands):
            return [operator, *map(write_expression, operands)]
        case nodes.And(operands=operands):
            return ["and", *map(write_expression, operands)]
        case nodes.Or(operands=operands):
            return ["or", *map(write_expression, operands)]
        case nodes.Not(operand=operand):
            return ["not", write_expression(operand)]
        case _:
            return write_literal(expression)


# ---------------------------------------------------------------------------------------------------- declarations


def _write_rule(rule: Rule, files: Mapping[str, int]) -> dict[str, Any]:
    answer = {} if (rule.status, rule.code) == (200, "allowed") else {"status": rule.status, "code": rule.code}
    extras = {
        "shadow": rule.shadow,
        "with": [[name, _write_scalar(value)] for name, value in rule.obligations],
        "require": None if rule.remedy is None else rule.remedy.as_dict(),
    }
    return {
        "effect": rule.effect,
        "reason": rule.reason,
        **_declared(rule, files),
        **_write_body(rule),
        **answer,
        **{field: value for field, value in extras.items() if value},
        **({"text": texts} if any(texts := _texts(rule)) else {}),
    }


def _write_limit(limit: Limit, files: Mapping[str, int]) -> dict[str, Any]:
    return {
        **_declared(limit, files),
        **_write_body(limit),
        "count": str(limit.count),
        "period": limit.period,
        "cost": write_expression(limit.cost),
        "per": list(limit.per),
        "status": limit.status,
        "code": limit.code,
        "reason": limit.reason,
    }


def _write_invariant(invariant: Invariant, files: Mapping[str, int]) -> dict[str, Any]:
    condition = write_expression(invariant.condition)
    return {**_declared(invariant, files), "holds": invariant.holds, "condition": condition}


def _declared(each: Rule | Limit | Invariant, files: Mapping[str, int]) -> dict[str, Any]:
    """What every declaration has: its name, its actions, its documentation, and where it stands."""
    found: dict[str, Any] = {"name": each.name, "on": list(each.actions)}
    if each.documentation:
        found["about"] = each.documentation
    if each.span is not None:
        found["at"] = [files[each.span.source.path], each.span.source.position(each.span.start)[0]]
    return found


def _write_body(each: Rule | Limit) -> dict[str, Any]:
    body = {"when": (each.body.when, nodes.TRUE), "unless": (each.body.unless, nodes.FALSE)}
    return {clause: write_expression(given) for clause, (given, default) in body.items() if given != default}


def _write_scalar(value: bool | int | Decimal | str) -> Any:
    return ["decimal", str(value)] if isinstance(value, Decimal) else value


def _texts(rule: Rule) -> list[list[str]]:
    """The conditions of `when` and of `unless` as they were written, as an explanation takes them apart."""
    when, unless = rule.body.when, rule.body.unless
    return [
        _spelled(when.operands if isinstance(when, nodes.And) else (when,)),
        _spelled(unless.operands if isinstance(unless, nodes.Or) else (unless,)),
    ]


def _spelled(conditions: Sequence[Expression]) -> list[str]:
    spans = [condition.span for condition in conditions]
    return [_text(span) for span in spans if span is not None] if None not in spans else []


def _text(span: Span) -> str:
    return " ".join(span.text.split())


# ------------------------------------------------------------------------------------------------------------ lets


def _in_order(lets: Mapping[str, Expression]) -> list[str]:
    """The lets, each after those that it uses, else by name."""
    done: dict[str, None] = {}
    for name in sorted(lets):
        _visit(name, lets, done, ())
    return list(done)


def _visit(name: str, lets: Mapping[str, Expression], done: dict[str, None], within: tuple[str, ...]) -> None:
    if name in within:
        raise ValueError(f"the let `{name}` refers to itself")
    if name not in done:
        for used in sorted(set(_lets_in(lets[name]))):
            _visit(used, lets, done, (*within, name))
        done[name] = None


def _lets_in(expression: Expression) -> Iterable[str]:
    match expression:
        case nodes.LetReference(name=name):
            yield name
        case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
            for operand in operands:
                yield from _lets_in(operand)
        case nodes.Not(operand=operand) | nodes.Default(operand=operand):
            yield from _lets_in(operand)
        case _:
            return
