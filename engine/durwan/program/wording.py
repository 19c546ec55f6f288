"""Expressions of a program in the language's own text, with as few parentheses as a reader can do with.

The text of an expression that the compiler made, or could have made, compiles to an equal expression: what was
lowered comes back as it was, apart from how it was laid out and from where a `has` of several was nested. Some
expressions that are made of others have no text that compiles:

* a set of values to the left of `has`, which is turned round first (see `durwan.program.simplify`);
* a comparison that the declared type of its attribute makes pointless, and a scope that is not declared, which the
  checker refuses; their text is what one would write;
* a string with half of a surrogate pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import IntEnum
from typing import cast

from durwan.diagnostics.hidden import HIDDEN
from durwan.model import types
from durwan.model.address import NetworkSet, format_address, prefixes
from durwan.model.decision import Remedy
from durwan.model.types import Type
from durwan.model.values import format_duration, format_instant, sorted_values
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import COMPARISONS


class _Binding(IntEnum):
    """How tightly a form holds its parts together, from the loosest to the tightest, as in the grammar."""

    OR = 0
    AND = 1
    NOT = 2
    TEST = 3
    SUM = 4
    PRODUCT = 5
    DEFAULT = 6
    PRIMARY = 7


_SIGNS = {"+": _Binding.SUM, "-": _Binding.SUM, "*": _Binding.PRODUCT}
_WORDS = {
    "in_set": "in",
    "in_network": "in",
    "in_window": "in",
    "has": "has",
    "has_any": "has any of",
    "has_all": "has all of",
}


def worded(expression: Expression) -> str:
    """The text of an expression, on one line."""
    return _written(expression)[0]


def worded_value(value: object, declared: Type) -> str:
    """The text of a value that is not unknown, as the type is written."""
    match declared, value:
        case types.Time(), int():
            return format_instant(value)
        case types.Duration(), int():
            return format_duration(value)
        case types.Scope(), str():
            return value
        case types.SetOf(element), frozenset():
            members = cast("frozenset[str | int]", value)
            return _braces(worded_value(each, element) for each in sorted_values(members))
        case _, bool():
            return "true" if value else "false"
        case _, int():
            return f"{value:_}"
        case _, Decimal():
            return _decimal(value)
        case _, bytes():
            return format_address(value)
        case _, NetworkSet():
            return _braces(text for each in value.ranges() for text in prefixes(each))
        case _:
            return _string(str(value))


def worded_remedy(remedy: Remedy) -> str:
    """What a challenge asks for, as it stands behind `require`."""
    match remedy:
        case Remedy(kind="mfa", within=int(age)):
            return f"mfa within {format_duration(age)}"
        case Remedy(kind="approvals"):
            return f"approvals {remedy.count} of {remedy.of}"
        case Remedy(kind="step"):
            return f"step {remedy.name}"
        case _:
            return remedy.kind


# --------------------------------------------------------------------------------------------------------- forms


def _written(expression: Expression) -> tuple[str, _Binding]:  # noqa: C901 - one line per kind of node
    """The text of an expression, and how tightly its outermost form binds."""
    match expression:
        case nodes.Or(operands=operands):
            return " or ".join(_within(operand, _Binding.AND) for operand in operands), _Binding.OR
        case nodes.And(operands=operands):
            return " and ".join(_within(operand, _Binding.NOT) for operand in operands), _Binding.AND
        case nodes.Not(operand=operand):
            return _negated(operand)
        case nodes.Operation():
            return _operation(expression)
        case nodes.IsKnown(operand=operand):
            return f"{operand.path} is known", _Binding.TEST
        case nodes.Default(operand=operand, fallback=fallback):
            return f"{_within(operand, _Binding.PRIMARY)} default {worded(fallback)}", _Binding.DEFAULT
        case nodes.Attribute(path=name) | nodes.LetReference(name=name):
            return name, _Binding.PRIMARY
        case nodes.NamedSet(name=name) | nodes.NamedNetwork(name=name) | nodes.NamedWindow(name=name):
            return name, _Binding.PRIMARY
        case nodes.Now():
            return "now", _Binding.PRIMARY
        case nodes.LiteralSet(members=members, element=element):
            return _braces(worded_value(each, element) for each in sorted_values(members)), _Binding.PRIMARY
        case nodes.LiteralNetwork(value=value):
            return worded_value(value, types.Network()), _Binding.PRIMARY
        case _:
            return worded_value(expression.value, nodes.type_of(expression)), _Binding.PRIMARY


def _within(expression: Expression, least: _Binding) -> str:
    """The text of an expression where only what binds so tightly can stand; anything else in parentheses."""
    text, binding = _written(expression)
    return text if binding >= least else f"({text})"


def _negated(operand: Expression) -> tuple[str, _Binding]:
    """`not` where no test has a word for its opposite. Around a test the grammar needs no parentheses; readers do."""
    match operand:
        case nodes.IsKnown(operand=attribute):
            return f"{attribute.path} is unknown", _Binding.TEST
        case nodes.Operation(operator="in_set" | "in_network" | "in_window", operands=(left, right)):
            return f"{_within(left, _Binding.SUM)} not in {worded(right)}", _Binding.TEST
        case nodes.Not() if _written(operand)[1] == _Binding.NOT:
            return f"not {worded(operand)}", _Binding.NOT
        case _:
            return f"not {_within(operand, _Binding.SUM)}", _Binding.NOT


def _operation(operation: nodes.Operation) -> tuple[str, _Binding]:
    operator, (left, right, *more) = operation.operator, operation.operands
    if operator in _SIGNS:
        binding = _SIGNS[operator]
        tighter = _Binding(binding + 1)
        return f"{_within(left, binding)} {operator} {_within(right, tighter)}", binding
    held = _within(left, _Binding.SUM)
    if operator == "like":
        return f"{held} like {_pattern(right)}", _Binding.TEST
    if operator == "has_at_least":
        return f"{held} has at least {worded(more[0])} of {worded(right)}", _Binding.TEST
    word = operator if operator in COMPARISONS else _WORDS[operator]
    return f"{held} {word} {_within(right, _Binding.SUM)}", _Binding.TEST


# --------------------------------------------------------------------------------------------------------- literals


def _braces(members: Iterable[str]) -> str:
    listed: Sequence[str] = tuple(members)
    return f"{{ {', '.join(listed)} }}" if listed else "{ }"


def _decimal(value: Decimal) -> str:
    """At least one digit after the point, since without any it would be an int."""
    whole, _, fraction = f"{value:f}".partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.removeprefix('-')):_}.{fraction.rstrip('0') or '0'}"


_ESCAPES = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def _string(value: str) -> str:
    return f'"{_escaped(value)}"'


def _escaped(value: str) -> str:
    """What stands between the quotes; nothing in it hides from a reader."""
    escaped = "".join(_ESCAPES.get(each, each) for each in value)
    return HIDDEN.sub(lambda hidden: f"\\u{{{ord(hidden[0]):x}}}", escaped)


def _pattern(pattern: Expression) -> str:
    r"""The pattern of a `like`, in which `\*` stays as it is."""
    assert isinstance(pattern, nodes.StringLiteral)  # noqa: S101 - the checker lets nothing else stand there
    text = "\\*".join(_escaped(part) for part in pattern.value.split("\\*"))
    return f'"{text}"'


__all__ = ["worded", "worded_remedy", "worded_value"]
