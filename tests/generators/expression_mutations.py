"""Every single small change of an expression, of the kinds that slip in and that a reviewer overlooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from durwan.model import types
from durwan.model.address import AddressRange, NetworkSet
from durwan.model.schema import Schema
from durwan.model.types import INT64_MAX, INT64_MIN
from durwan.model.values import EXACT
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import like_parts

_NEXT = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
    "has_any": ("has_all",), "has_all": ("has_any",), "+": ("-",), "-": ("+",),
}  # fmt: skip


class Changed(NamedTuple):
    """One change: its kind, what it does in words, and the expression, or another value, that it makes."""

    kind: str
    detail: str
    value: Any


def changes(expression: Expression, schema: Schema) -> Iterator[Changed]:
    """Every change of an expression, in the order of its parts; each has exactly one thing other than before."""
    yield from _own(expression, schema)
    match expression:
        case nodes.And(operands=operands) | nodes.Or(operands=operands):
            yield from _in_operands(expression, operands, schema)
        case nodes.Operation():
            yield from _in_operands(expression, expression.operands, schema)
        case nodes.Not(operand=operand) | nodes.Default(operand=operand):
            yield from (
                each._replace(value=replace(expression, operand=each.value)) for each in changes(operand, schema)
            )
        case _:
            return


def _in_operands(
    expression: nodes.And | nodes.Or | nodes.Operation, operands: Sequence[Expression], schema: Schema
) -> Iterator[Changed]:
    for place, operand in enumerate(operands):
        if isinstance(expression, nodes.Operation) and isinstance(operand, nodes.StringLiteral):
            found = _texts(expression, operand)
        else:
            found = changes(operand, schema)
        for each in found:
            changed = (*operands[:place], each.value, *operands[place + 1 :])
            yield each._replace(value=replace(expression, operands=changed))


def _own(expression: Expression, schema: Schema) -> Iterator[Changed]:
    match expression:
        case nodes.And(operands=operands):
            yield Changed("and, or", "`and` becomes `or`", nodes.Or(operands=operands))
            yield from _operand_dropped(nodes.And, operands)
        case nodes.Or(operands=operands):
            yield Changed("and, or", "`or` becomes `and`", nodes.And(operands=operands))
            yield from _operand_dropped(nodes.Or, operands)
        case nodes.Not(operand=operand):
            yield Changed("negation", "a `not` is dropped", operand)
        case nodes.IsKnown():
            yield Changed(
                "negation",
                f"`{expression.operand.path}` is the other of known and unknown",
                nodes.Not(operand=expression),
            )
        case nodes.Attribute(path=path, type=types.Bool()):
            yield Changed("negation", f"`not` before `{path}`", nodes.Not(operand=expression))
        case nodes.Default(operand=operand, fallback=fallback):
            yield Changed("default", "the default is dropped", operand)
            for each in changes(fallback, schema):
                yield each._replace(kind="default", value=replace(expression, fallback=each.value))
        case nodes.Operation(operator=operator):
            for other in _NEXT.get(operator, ()):
                yield Changed("comparison", f"`{operator}` becomes `{other}`", replace(expression, operator=other))
        case _:
            yield from _constants(expression, schema)


def _operand_dropped(kind: type[nodes.And | nodes.Or], operands: tuple[Expression, ...]) -> Iterator[Changed]:
    for place in range(len(operands)):
        left = (*operands[:place], *operands[place + 1 :])
        value = left[0] if len(left) == 1 else kind(operands=left)
        yield Changed("condition dropped", f"condition {place + 1} of {len(operands)} is dropped", value)


def _constants(expression: Expression, schema: Schema) -> Iterator[Changed]:
    match expression:
        case nodes.IntLiteral() | nodes.DurationLiteral() | nodes.InstantLiteral() | nodes.DecimalLiteral():
            yield from _one_off(expression)
        case nodes.BoolLiteral(value=value):
            yield Changed("constant", f"{value} becomes {not value}", replace(expression, value=not value))
        case nodes.AddressLiteral(value=packed):
            following = (int.from_bytes(packed, "big") ^ 1).to_bytes(len(packed), "big")
            yield Changed("constant", "the neighbouring address", replace(expression, value=following))
        case nodes.ScopeLiteral(value=scope):
            known = sorted(schema.scopes)
            other = known[(known.index(scope) + 1) % len(known)] if scope in known else known[0]
            yield Changed("scope", f"`{scope}` becomes `{other}`", replace(expression, value=other))
        case nodes.LiteralSet(members=members) if len(members) > 1:
            for member in sorted(members, key=str):
                yield Changed("set", f"{member!r} is dropped", replace(expression, members=members - {member}))
        case nodes.LiteralNetwork(value=network):
            for each in network_changes(network):
                yield each._replace(value=replace(expression, value=each.value))
        case _:
            return


def _one_off(
    literal: nodes.IntLiteral | nodes.DurationLiteral | nodes.InstantLiteral | nodes.DecimalLiteral,
) -> Iterator[Changed]:
    """A step up and a step down: one, a millisecond, or the last place that a decimal is written with."""
    found: list[Any]
    if isinstance(literal, nodes.DecimalLiteral):
        exponent = literal.value.as_tuple().exponent
        step = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
        found = [EXACT.add(literal.value, step), EXACT.subtract(literal.value, step)]
    else:
        found = [each for each in (literal.value + 1, literal.value - 1) if INT64_MIN <= each <= INT64_MAX]
    for each in found:
        yield Changed("constant", f"{literal.value} becomes {each}", replace(literal, value=each))


def _texts(operation: nodes.Operation, literal: nodes.StringLiteral) -> Iterator[Changed]:
    """Another text of the same closed set, a pattern that asks for one character less, or just another text."""
    text = literal.value
    if operation.operator == "like":
        if len(like_parts(text)) > 1 and text.rstrip("*\\"):
            shorter = text.replace(text.rstrip("*\\"), text.rstrip("*\\")[:-1], 1)
            yield Changed("pattern", f"`{text}` becomes `{shorter}`", replace(literal, value=shorter))
        return
    left = operation.operands[0]
    declared = left.type if isinstance(left, nodes.Attribute) else None
    choices = declared.choices if isinstance(declared, types.String) and declared.choices else (text, f"{text}x")
    other = choices[(choices.index(text) + 1) % len(choices)] if text in choices else f"{text}x"
    yield Changed("constant", f"{text!r} becomes {other!r}", replace(literal, value=other))


def network_changes(network: NetworkSet) -> Iterator[Changed]:
    """Each range one bit wider, without its last address, and not there at all."""
    ranges = network.ranges()
    for place, found in enumerate(ranges):
        others = [*ranges[:place], *ranges[place + 1 :]]
        length = len(found.first)
        first, last = int.from_bytes(found.first, "big"), int.from_bytes(found.last, "big")
        size = last - first + 1
        if size < 1 << (8 * length):
            start = first // (2 * size) * 2 * size
            wider = (start, min(start + 2 * size, 1 << (8 * length)) - 1)
            yield Changed(
                "network", f"{network} gets a range one bit wider", NetworkSet([*others, _range(wider, length)])
            )
        if size > 1:
            less = _range((first, last - 1), length)
            yield Changed("network", f"{network} loses the last address of a range", NetworkSet([*others, less]))
        if others:
            yield Changed("network", f"{network} loses a range", NetworkSet(others))


def _range(ends: tuple[int, int], length: int) -> AddressRange:
    return AddressRange(ends[0].to_bytes(length, "big"), ends[1].to_bytes(length, "big"))
