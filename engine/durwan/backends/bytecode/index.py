"""Finding the rules that concern a request by what they compare for equality.

Where many rules of one action each begin with `key.id == "..."` (or a small set of such texts), the value of that
attribute tells which of them can matter at all. For each value the action gets a function of its own that holds the
rules for that value and those that name none, still in source order. A request whose value is unknown may meet any
deny: it is decided by the rules of all values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
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

    `by_value` holds, for each value, its rules and the general ones in source order, their comparison with the
    attribute already decided; `others` are the rules for every other value; `all` are the rules as they were.
    """

    attribute: nodes.Attribute
    by_value: dict[str, list[Rule]]
    others: list[Rule]
    all: Sequence[Rule]


def index_of(rules: Sequence[Rule]) -> Index | None:
    """The index worth having for these rules, or None."""
    tests = {rule.order: list(_equalities(rule)) for rule in rules}
    uses = Counter(path for found in tests.values() for path in {attribute.path for attribute, _ in found})
    if not uses:
        return None
    path, count = max(uses.items(), key=lambda entry: (entry[1], entry[0]))
    if count < _WORTHWHILE:
        return None
    values = {
        rule.order: (attribute, wanted)
        for rule in rules
        for attribute, wanted in tests[rule.order]
        if attribute.path == path
    }
    attribute = next(iter(values.values()))[0]
    by_value: dict[str, list[Rule]] = {value: [] for _, wanted in values.values() for value in wanted}
    general: list[Rule] = []
    placed: list[tuple[Rule, frozenset[str] | None]] = []
    for rule in rules:
        wanted = values[rule.order][1] if rule.order in values else None
        placed.append((rule, wanted))
        if wanted is None:
            general.append(rule)
    for rule, wanted in placed:
        for value in wanted or ():
            by_value[value].append(_decided(rule, path))
    for value, own in by_value.items():
        by_value[value] = sorted([*own, *general], key=lambda rule: rule.order)
    return Index(attribute, by_value, general, rules)


def _conjuncts(expression: Expression) -> tuple[Expression, ...]:
    return expression.operands if isinstance(expression, nodes.And) else (expression,)


def _equalities(rule: Rule) -> Iterator[tuple[nodes.Attribute, frozenset[str]]]:
    """The comparisons that must not be false for the rule to matter: an attribute, and the texts it may equal."""
    for conjunct in _conjuncts(rule.body.when):
        found = _equality(conjunct)
        if found is not None:
            yield found


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


def _decided(rule: Rule, path: str) -> Rule:
    """The rule for a request whose `path` has one of the wanted values: the comparison is true and falls away."""
    conjuncts = _conjuncts(rule.body.when)
    index = next(i for i, each in enumerate(conjuncts) if (found := _equality(each)) and found[0].path == path)
    rest = conjuncts[:index] + conjuncts[index + 1 :]
    when = nodes.And(operands=rest) if len(rest) > 1 else rest[0] if rest else nodes.TRUE
    return replace(rule, body=replace(rule.body, when=when))
