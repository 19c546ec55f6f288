"""Finding the rules that concern a request by what they compare for equality.

Where many rules of one action each begin with `key.id == "..."` (or a small set of such texts), the value of that
attribute tells which of them can matter at all. For each value the action gets a function of its own that holds the
rules for that value and those that name none, still in source order. A request whose value is unknown may meet any
deny: it is decided by the rules of all values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from durwan.model import types
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Rule

# Below this many rules one function that tries them all is as fast.
_WORTHWHILE = 8
# A set larger than this would copy its rule under too many values.
_SMALL_SET = 16


@dataclass(frozen=True, slots=True)
class Index:
    """The rules of one action by the value of `attribute`.

    `by_value` holds, for each value, the rules that name it, their comparison with the attribute already decided;
    `others` are those that name none, which concern every value; `all` are the rules as they were.
    """

    attribute: nodes.Attribute
    by_value: dict[str, list[Rule]]
    others: list[Rule]
    all: Sequence[Rule]

    def rules_for(self, value: str) -> list[Rule]:
        """The rules that concern a request with this value, in source order."""
        return sorted([*self.by_value[value], *self.others], key=lambda rule: rule.order)


@dataclass(frozen=True, slots=True)
class _Equality:
    """A conjunct of a `when`, by its position, that is true exactly where the attribute has one of the values."""

    position: int
    attribute: nodes.Attribute
    values: frozenset[str]


def index_of(rules: Sequence[Rule]) -> Index | None:
    """The index worth having for these rules, or None."""
    # Of several comparisons with one attribute the first is taken, here and wherever it falls away: the others stay.
    firsts = {rule.order: {each.attribute.path: each for each in reversed(_equalities(rule))} for rule in rules}
    uses = Counter(path for found in firsts.values() for path in found)
    if not uses:
        return None
    path, count = max(uses.items(), key=lambda entry: (entry[1], entry[0]))
    if count < _WORTHWHILE:
        return None
    by_value: dict[str, list[Rule]] = {}
    others: list[Rule] = []
    attribute: nodes.Attribute | None = None
    for rule in rules:
        equality = firsts[rule.order].get(path)
        if equality is None:
            others.append(rule)
            continue
        attribute = equality.attribute
        decided = _without(rule, equality.position)
        for value in equality.values:
            by_value.setdefault(value, []).append(decided)
    return None if attribute is None else Index(attribute, by_value, others, rules)


def _conjuncts(expression: Expression) -> tuple[Expression, ...]:
    return expression.operands if isinstance(expression, nodes.And) else (expression,)


def _equalities(rule: Rule) -> list[_Equality]:
    """The comparisons that must not be false for the rule to matter."""
    found = ((position, _equality(each)) for position, each in enumerate(_conjuncts(rule.body.when)))
    return [_Equality(position, *equality) for position, equality in found if equality is not None]


def _equality(expression: Expression) -> tuple[nodes.Attribute, frozenset[str]] | None:
    match expression:
        case (
            nodes.Operation(
                operator="==",
                operands=(nodes.Attribute(type=types.String()) as attribute, nodes.StringLiteral(value=text)),
            )
            | nodes.Operation(
                operator="==",
                operands=(nodes.StringLiteral(value=text), nodes.Attribute(type=types.String()) as attribute),
            )
        ):
            return attribute, frozenset({text})
        case nodes.Operation(
            operator="in_set",
            operands=(nodes.Attribute(type=types.String()) as attribute, nodes.LiteralSet(members=members)),
        ) if len(members) <= _SMALL_SET:
            return attribute, frozenset(str(member) for member in members)
        case _:
            return None


def _without(rule: Rule, position: int) -> Rule:
    """The rule where the conjunct at this position is true, and so falls away."""
    conjuncts = _conjuncts(rule.body.when)
    rest = conjuncts[:position] + conjuncts[position + 1 :]
    when = nodes.And(operands=rest) if len(rest) > 1 else rest[0] if rest else nodes.TRUE
    return replace(rule, body=replace(rule.body, when=when))
