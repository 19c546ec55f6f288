"""Comparisons: which types compare, and which comparisons a declared type makes pointless."""

from __future__ import annotations

from collections.abc import Callable

from durwan.diagnostics import Diagnostic
from durwan.language.mistakes import kinds
from durwan.language.suggestions import Suggestions
from durwan.language.syntax import Comparison
from durwan.language.typed import LITERALS, NUMERIC, Bound, Typed, is_constant, same_kind
from durwan.model import types
from durwan.model.types import Type, base_of
from durwan.model.values import read_value
from durwan.program import nodes

_ORDERED = (types.Int, types.Number, types.Time, types.Duration)
_SETS = (types.SetOf, types.Network)

Verdict = bool | None
"""True: always true. False: never true. None: it depends."""


def compare(written: Comparison, left: Typed, right: Typed, report: list[Diagnostic]) -> Typed | None:
    """The comparison of two checked operands, or None where it is a mistake."""
    found = _mismatch(written, left, right)
    if found is None and isinstance(left.type, types.String):
        found = _choices(written, left, right)
    if found is None and isinstance(left.type, NUMERIC):
        found = _range(written, left, right)
    if found is not None:
        report.append(found)
        return None
    operation = nodes.Operation(
        operator=written.operator, operands=(left.node, right.node), type=types.Bool(), span=written.span
    )
    return Typed(operation, types.Bool(), written.span)


def _mismatch(written: Comparison, left: Typed, right: Typed) -> Diagnostic | None:
    numeric = isinstance(left.type, NUMERIC) and isinstance(right.type, NUMERIC)
    if (
        isinstance(left.type, _SETS)
        or isinstance(right.type, _SETS)
        or not (numeric or same_kind(left.type, right.type))
    ):
        advice = _advice(left, right) or _advice(right, left)
        return kinds.not_comparable(written.span, (left.span, left.type), (right.span, right.type), advice)
    if written.operator not in {"==", "!="} and not isinstance(left.type, _ORDERED):
        return kinds.not_ordered(written.span, written.operator, left.span, left.type)
    return None


def _advice(left: Typed, right: Typed) -> str | None:
    """What the author may have meant by comparing these."""
    a, b = left.span.text, right.span.text
    match left.type, right.type:
        case types.SetOf(element), other if same_kind(element, other):
            return f"write `{a} has {b}`"
        case types.SetOf(), types.SetOf():
            return "sets are compared with `has any of` and `has all of`"
        case types.Network(), types.Address():
            return f"write `{b} in {a}`"
        case types.Time(), types.Duration():
            return f"compare an age: `now - {a}` is a duration"
        case types.Duration(), types.Int():
            return "a duration has a unit, such as `5s` or `2h`"
        case _:
            return quotes_advice(left, right.type) or quotes_advice(right, left.type)


def quotes_advice(literal: Typed, wanted: Type) -> str | None:
    """What to do with the quotes of a literal that has them where they do not belong, or lacks them where they do."""
    if isinstance(literal.node, nodes.StringLiteral):
        readable = read_value(base_of(wanted), literal.node.value) is not None
        return f"write `{literal.node.value}` without quotes" if readable else None
    if isinstance(literal.node, LITERALS) and isinstance(wanted, types.String):
        return f'a string stands in quotes: `"{literal.span.text}"`'
    return None


# ---------------------------------------------------------------- closed sets


def _choices(written: Comparison, left: Typed, right: Typed) -> Diagnostic | None:
    """A literal outside a closed set, or two closed sets that share nothing."""
    for literal, other in ((left, right), (right, left)):
        if isinstance(literal.node, nodes.StringLiteral) and isinstance(other.type, types.String):
            return outside_choices(literal, literal.node.value, other.type)
    if not isinstance(left.type, types.String) or not isinstance(right.type, types.String):
        return None
    if left.type.choices is None or right.type.choices is None:
        return None
    if set(left.type.choices).isdisjoint(right.type.choices):
        return _pointless(written.operator == "!=", written, left, right)
    if len(left.type.choices) == 1 and left.type.choices == right.type.choices:
        return _pointless(written.operator == "==", written, left, right)
    return None


def outside_choices(literal: Typed, value: str, declared: types.String) -> Diagnostic | None:
    """The mistake of a string that a closed set does not have."""
    if declared.choices is None or value in declared.choices:
        return None
    near = Suggestions().nearest(value, declared.choices)
    return kinds.outside_type(literal.span, declared, None if near is None else f'"{near}"')


# ---------------------------------------------------------------- ranges


def _range(written: Comparison, left: Typed, right: Typed) -> Diagnostic | None:
    if is_constant(left.node) and is_constant(right.node):
        return None
    fraction = _never_whole(left, right)
    if fraction is not None and written.operator in {"==", "!="}:
        return _pointless(written.operator == "!=", written, left, right)
    verdict = _VERDICTS[written.operator](left.interval, right.interval)
    return None if verdict is None else _pointless(verdict, written, left, right)


def _never_whole(left: Typed, right: Typed) -> Typed | None:
    """The side that is a literal with a fraction where the other side is an int."""
    for literal, other in ((left, right), (right, left)):
        if isinstance(literal.node, nodes.DecimalLiteral) and isinstance(other.type, types.Int):
            return None if literal.node.value == int(literal.node.value) else literal
    return None


def _pointless(verdict: bool, written: Comparison, left: Typed, right: Typed) -> Diagnostic:
    sides = [side for side in (left, right) if not is_constant(side.node)]
    why = " and ".join(kinds.is_type(side.span, side.type) for side in sides)
    if not verdict:
        return kinds.never_true(written.span, why, "correct the comparison, or the declared type")
    named = sides[0].span.text
    known = f"to ask whether there is a value, write `{named} is known`"
    advice = known if isinstance(sides[0].node, nodes.Attribute) else "correct the comparison, or the declared type"
    return kinds.always_true(written.span, why, advice)


Interval = tuple[Bound, Bound]


def _below(high: Bound, low: Bound) -> bool:
    return high is not None and low is not None and high < low


def _at_most(high: Bound, low: Bound) -> bool:
    return high is not None and low is not None and high <= low


def _less(left: Interval, right: Interval) -> Verdict:
    if _below(left[1], right[0]):
        return True
    return False if _at_most(right[1], left[0]) else None


def _less_or_equal(left: Interval, right: Interval) -> Verdict:
    if _at_most(left[1], right[0]):
        return True
    return False if _below(right[1], left[0]) else None


def _equal(left: Interval, right: Interval) -> Verdict:
    if _below(left[1], right[0]) or _below(right[1], left[0]):
        return False
    one_value = left[0] is not None and left[0] == left[1] == right[0] == right[1]
    return True if one_value else None


def _opposite(verdict: Verdict) -> Verdict:
    return None if verdict is None else not verdict


_VERDICTS: dict[str, Callable[[Interval, Interval], Verdict]] = {
    "<": _less,
    "<=": _less_or_equal,
    ">": lambda left, right: _less(right, left),
    ">=": lambda left, right: _less_or_equal(right, left),
    "==": _equal,
    "!=": lambda left, right: _opposite(_equal(left, right)),
}
