"""Finding the rules that concern a request by what they compare for equality.

Where many rules of one action each begin with `key.id == "..."` (or a small set of such values), the value of that
attribute tells which of them can matter at all. For each value the action gets a function of its own that holds the
rules for that value and those that name none, still in source order. Those that name none may be found by another
attribute in turn, `inner`. A request whose value is unknown may meet any deny: all rules decide it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from durwan.model import types
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Program, Rule

# Below this many rules one function that tries them all is as fast.
_WORTHWHILE = 8
# A set larger than this would copy its rule under too many values.
_SMALL_SET = 64

Key = str | int


@dataclass(frozen=True, slots=True)
class Index:
    """The rules of one action by the value of `attribute`.

    `by_value` holds, for each value, the rules that name it, their comparison with the attribute already decided;
    `others` are those that name none, which concern every value; `inner` finds these in turn, by another attribute,
    where that is worth it. `all` are the rules as they were.
    """

    attribute: nodes.Attribute
    by_value: dict[Key, list[Rule]]
    others: list[Rule]
    all: Sequence[Rule]
    inner: Index | None = field(default=None)

    def of_any_value(self) -> list[Rule]:
        """The rules that a request with an unknown value may meet: an allow needs to be true, so it names none."""
        general = {rule.order for rule in self.others}
        return [rule for rule in self.all if rule.effect != "allow" or rule.order in general]


@dataclass(frozen=True, slots=True)
class _Equality:
    """A conjunct of a `when`, by its position, that is true exactly where the attribute has one of the values."""

    position: int
    attribute: nodes.Attribute
    values: frozenset[Key]


def index_of(rules: Sequence[Rule], program: Program) -> Index | None:
    """The index worth having for these rules, or None."""
    # Of several comparisons with one attribute the first is taken, here and wherever it falls away: the others stay.
    firsts = {
        rule.order: {each.attribute.path: each for each in reversed(list(_equalities(rule, program)))} for rule in rules
    }
    uses = Counter(path for found in firsts.values() for path in found)
    if not uses:
        return None
    path, count = max(uses.items(), key=lambda entry: (entry[1], entry[0]))
    if count < _WORTHWHILE:
        return None
    by_value: dict[Key, list[Rule]] = {}
    others: list[Rule] = []
    attribute: nodes.Attribute | None = None
    for rule in rules:
        equality = firsts[rule.order].get(path)
        if equality is None:
            others.append(rule)
            continue
        attribute = equality.attribute
        decided = _without(rule, equality.position, program)
        for value in equality.values:
            by_value.setdefault(value, []).append(decided)
    return None if attribute is None else Index(attribute, by_value, others, rules, index_of(others, program))


def has_equality(rule: Rule, program: Program) -> bool:
    """Whether an index could find the rule."""
    return any(_equalities(rule, program))


def _conjuncts(expression: Expression, program: Program) -> Iterator[Expression]:
    """The operands of `A and B`, also where A is itself one, or a let that compares for equality or is one."""
    match expression:
        case nodes.And(operands=operands):
            for operand in operands:
                yield from _conjuncts(operand, program)
        case nodes.LetReference(name=name) if _is_transparent(program.lets[name]):
            yield from _conjuncts(program.lets[name], program)
        case _:
            yield expression


def _is_transparent(let: Expression) -> bool:
    """Whether looking into a let could find an equality; other lets stay whole, so that they are decided once."""
    match let:
        case nodes.And(operands=operands):
            return any(_equality(operand) is not None for operand in operands)
        case _:
            return _equality(let) is not None


def _equalities(rule: Rule, program: Program) -> Iterator[_Equality]:
    """The comparisons that must not be false for the rule to matter."""
    for position, conjunct in enumerate(_conjuncts(rule.body.when, program)):
        found = _equality(conjunct, program)
        if found is not None:
            yield _Equality(position, *found)


def _equality(expression: Expression, program: Program | None = None) -> tuple[nodes.Attribute, frozenset[Key]] | None:
    match expression:
        case nodes.Operation(
            operator="==",
            operands=(nodes.Attribute() as attribute, literal) | (literal, nodes.Attribute() as attribute),
        ):
            return _one_value(attribute, literal)
        case nodes.Operation(operator="in_set", operands=(nodes.Attribute() as attribute, held)):
            return _some_values(attribute, held, program)
        case nodes.Or(operands=operands):
            return _any_of(operands, program)
        case _:
            return None


def _one_value(attribute: nodes.Attribute, literal: Expression) -> tuple[nodes.Attribute, frozenset[Key]] | None:
    match attribute.type, literal:
        case types.String(), nodes.StringLiteral(value=text):
            return attribute, frozenset({text})
        case types.Int(), nodes.IntLiteral(value=number):
            return attribute, frozenset({number})
        case _:
            return None


def _some_values(
    attribute: nodes.Attribute, held: Expression, program: Program | None
) -> tuple[nodes.Attribute, frozenset[Key]] | None:
    match held:
        case nodes.LiteralSet(members=members):
            values: frozenset[object] = frozenset(members)
        case nodes.NamedSet(name=name) if program is not None:
            values = frozenset(program.sets[name])
        case _:
            return None
    wanted = str if isinstance(attribute.type, types.String) else int if isinstance(attribute.type, types.Int) else None
    if wanted is None or len(values) > _SMALL_SET or any(type(value) is not wanted for value in values):
        return None
    return attribute, values  # type: ignore[return-value]  # every member was just seen to be a text, or an int


def _any_of(operands: Sequence[Expression], program: Program | None) -> tuple[nodes.Attribute, frozenset[Key]] | None:
    """`A == x or A == y` compares one attribute with a small set."""
    found = [_equality(operand, program) for operand in operands]
    kept = [each for each in found if each is not None]
    paths = {attribute.path for attribute, _ in kept}
    if len(kept) < len(found) or len(paths) != 1:
        return None
    values = frozenset[Key]().union(*(each for _, each in kept))
    return (kept[0][0], values) if len(values) <= _SMALL_SET else None


def _without(rule: Rule, position: int, program: Program) -> Rule:
    """The rule where the conjunct at this position is true, and so falls away."""
    conjuncts = tuple(_conjuncts(rule.body.when, program))
    rest = conjuncts[:position] + conjuncts[position + 1 :]
    when = nodes.And(operands=rest) if len(rest) > 1 else rest[0] if rest else nodes.TRUE
    return replace(rule, body=replace(rule.body, when=when))
