"""Who can do what: for each key and each action, whether it is allowed, refused, or on what it still depends.

A cell is found by writing the attributes of the key into the rules, and putting what is left simply. It says nothing
that the evaluator would not do: `allowed` and `refused` hold for every request of the key, and a request is allowed
exactly where all conditions of a `conditional` cell are true. Limits are not counted in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Final, Literal, TypeVar

from durwan.model.decision import Remedy
from durwan.model.request import Attributes, no_keys
from durwan.program import nodes
from durwan.program.nodes import FALSE, TRUE, Expression
from durwan.program.program import Program, Rule
from durwan.program.simplify import conjuncts, exclude, for_truth, joined
from durwan.program.specialization import Specialization
from durwan.program.wording import worded
from durwan.workshop.key_classes import KeyClass

Verdict = Literal["allowed", "refused", "conditional"]
_Each = TypeVar("_Each")
NO_RULE_ALLOWS: Final = "no_rule_allows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that has to be true, and the rules that want it: denies that apply otherwise, or what allows."""

    expression: Expression
    rules: tuple[str, ...]

    @property
    def text(self) -> str:
        """In the language's own words."""
        return worded(self.expression)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A challenge that asks for a remedy, unless its condition is true."""

    condition: Condition
    remedy: Remedy

    @property
    def rule(self) -> str:
        """The name of the challenge."""
        return self.condition.rules[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What becomes of one action for one class of keys.

    Attributes:
        verdict: `allowed` and `refused` whatever the request says; `conditional` otherwise.
        refused_by: the rules that refuse; `no_rule_allows` where none allows. More than one of them where each refuses,
            or where what they want excludes each other. Empty where that was found out by other means.
        conditions: what must be true to be neither refused nor, by a challenge, put off; in source order of the rules.
        demands: the challenges that may still ask for something.
    """

    verdict: Verdict
    refused_by: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    demands: tuple[Demand, ...] = ()

    @property
    def admitted(self) -> Expression:
        """True where a request is not refused, though a challenge may ask for something first."""
        if self.verdict == "refused":
            return FALSE
        return joined(nodes.And, [each.expression for each in self.conditions])

    @property
    def allowed(self) -> Expression:
        """True where a request is allowed."""
        return joined(nodes.And, [self.admitted, *(each.condition.expression for each in self.demands)])


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCell:
    """A conditional cell, for whoever can find out more about it.

    Attributes:
        program: the policies, whose lets the condition may name.
        action: the action.
        given: the attributes that are fixed, by context.
        kept: paths of fixed attributes that are known, but not with which value: `given` has one of several.
        condition: what is true where a request is allowed.
    """

    program: Program
    action: str
    given: Mapping[str, Mapping[str, object]]
    kept: frozenset[str]
    condition: Expression


Decides = Callable[[OpenCell], Literal["allowed", "refused"] | None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """The cells of one class of keys, by action."""

    keys: KeyClass
    cells: Mapping[str, Cell]

    @cached_property
    def common(self) -> tuple[Condition, ...]:
        """The conditions that all conditional cells share, where there is more than one such cell."""
        lists = [each.conditions for each in self.cells.values() if each.verdict == "conditional"]
        return _shared(lists) if len(lists) > 1 else ()

    @cached_property
    def common_demands(self) -> tuple[Demand, ...]:
        """The same for what challenges ask for."""
        lists = [each.demands for each in self.cells.values() if each.verdict == "conditional"]
        return _shared(lists) if len(lists) > 1 else ()


def _shared(lists: Sequence[Sequence[_Each]]) -> tuple[_Each, ...]:
    return tuple(each for each in lists[0] if all(each in others for others in lists[1:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Attributes that are taken to have a value in every request, as plain data by context and name."""

    by_context: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])

    @property
    def paths(self) -> frozenset[str]:
        """The paths of the attributes."""
        return frozenset(f"{context}.{name}" for context, names in self.by_context.items() for name in names)

    def with_key(self, attributes: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
        """The contexts of a request of this key."""
        return {**self.by_context, "key": {**attributes, **self.by_context.get("key", {})}}


def access_of(
    program: Program,
    classes: Iterable[KeyClass],
    actions: Collection[str],
    assumptions: Assumptions | None = None,
    decides: Decides | None = None,
) -> list[Row]:
    """The matrix: a row for each class of keys, in which there is a cell for each of the actions.

    Args:
        program: the policies.
        classes: the keys; see `durwan.workshop.key_classes`.
        actions: declared actions.
        assumptions: what every request is taken to say beside its key.
        decides: asked about each cell that is conditional; it may know that the cell is allowed or refused after all.
    """
    assumed = assumptions or Assumptions()
    return [
        Row(keys=keys, cells=_Cells(program, keys, assumed, decides).by_action(sorted(actions))) for keys in classes
    ]


class _Cells:
    """The cells of one class of keys. What is left of a rule is found once for all its actions."""

    def __init__(self, program: Program, keys: KeyClass, assumed: Assumptions, decides: Decides | None) -> None:
        self._program = program
        self._keys = keys
        self._decides = decides
        self._given = assumed.with_key(keys.attributes)
        self._kept = keys.kept - assumed.paths
        self._special = Specialization(
            program,
            Attributes(program.schema, self._given, no_keys),
            ("key",),
            paths=assumed.paths,
            kept=self._kept,
        )
        self._wanted: dict[int, Expression] = {}
        self._cells: dict[tuple[int, ...], Cell] = {}

    def by_action(self, actions: Iterable[str]) -> dict[str, Cell]:
        return {action: self._asked(action, self._cell(action)) for action in actions}

    def _cell(self, action: str) -> Cell:
        """The cell; actions about which the same rules are have the same one."""
        about = [rule for rule in self._program.rules if action in rule.actions and not rule.shadow]
        orders = tuple(rule.order for rule in about)
        if orders not in self._cells:
            self._cells[orders] = self._cell_of(about)
        return self._cells[orders]

    def _cell_of(self, about: Sequence[Rule]) -> Cell:
        wanted = [(rule, self._want(rule)) for rule in about]
        allows = [(rule, want) for rule, want in wanted if rule.effect == "allow" and want != FALSE]
        certain = [rule.name for rule, want in wanted if rule.effect == "deny" and want == FALSE]
        if not allows:
            certain.append(NO_RULE_ALLOWS)
        # Without one that may be allowed after it was asked for something, nothing ever is.
        certain = certain or [rule.name for rule, want in wanted if rule.effect == "challenge" and want == FALSE]
        if certain:
            return Cell(verdict="refused", refused_by=tuple(certain))
        conditions = _conditions([each for each in wanted if each[0].effect == "deny"], allows)
        demands = [_demand(rule, want) for rule, want in wanted if rule.effect == "challenge" and want != TRUE]
        return _judged(conditions, demands)

    def _want(self, rule: Rule) -> Expression:
        """What a rule wants of a request: to apply, of an allow; of the others, not to."""
        if rule.order not in self._wanted:
            rest = self._special.rule(rule).body.when
            if rule.effect != "allow":
                rest = self._special.certain(nodes.Not(operand=rest))
            self._wanted[rule.order] = for_truth(rest)
        return self._wanted[rule.order]

    def _asked(self, action: str, cell: Cell) -> Cell:
        """The cell as whoever knows more decides it."""
        if cell.verdict != "conditional" or self._decides is None:
            return cell
        found = self._decides(
            OpenCell(program=self._program, action=action, given=self._given, kept=self._kept, condition=cell.allowed)
        )
        return cell if found is None else Cell(verdict=found)


def _conditions(
    denies: Iterable[tuple[Rule, Expression]], allows: Sequence[tuple[Rule, Expression]]
) -> tuple[Condition, ...]:
    """What the denies want and what one of the allows wants, each thing once, in source order."""
    names = tuple(rule.name for rule, _ in allows)
    one_of = for_truth(joined(nodes.Or, [want for _, want in allows]))
    asked: list[tuple[int, tuple[str, ...], Expression]] = [(rule.order, (rule.name,), want) for rule, want in denies]
    asked.append((allows[0][0].order, names, one_of))
    found: dict[Expression, tuple[str, ...]] = {}
    for _, rules, want in sorted(asked, key=lambda each: each[0]):
        for part in conjuncts(want):
            found[part] = (*found.get(part, ()), *rules)
    return tuple(Condition(expression=part, rules=rules) for part, rules in found.items())


def _demand(rule: Rule, want: Expression) -> Demand:
    assert rule.remedy is not None  # noqa: S101 - every challenge has one
    return Demand(condition=Condition(expression=want, rules=(rule.name,)), remedy=rule.remedy)


def _judged(conditions: tuple[Condition, ...], demands: Sequence[Demand]) -> Cell:
    """Allowed where nothing is left to be wanted, refused where what is wanted excludes each other."""
    if not conditions and not demands:
        return Cell(verdict="allowed")
    cell = Cell(verdict="conditional", conditions=conditions, demands=tuple(demands))
    single = [*conditions]
    for demand in demands:
        single += [replace(demand.condition, expression=each) for each in conjuncts(demand.condition.expression)]
    for first, second in combinations(single, 2):
        if exclude(first.expression, second.expression):
            return Cell(verdict="refused", refused_by=tuple(dict.fromkeys((*first.rules, *second.rules))))
    if for_truth(cell.allowed) == FALSE:
        return Cell(verdict="refused", refused_by=tuple(dict.fromkeys(name for each in single for name in each.rules)))
    return cell


def alike(cells: Mapping[str, Cell]) -> Iterable[tuple[Cell, list[str]]]:
    """The cells that differ, each with its actions."""
    found: dict[Cell, list[str]] = {}
    for action, cell in cells.items():
        found.setdefault(cell, []).append(action)
    return found.items()


def lets_named(rows: Iterable[Row], program: Program) -> dict[str, str]:
    """The lets that the conditions name, and those that these name, with their texts, in the order of the policies."""
    waiting: list[Expression] = [
        condition.expression
        for row in rows
        for cell in row.cells.values()
        for condition in (*cell.conditions, *(each.condition for each in cell.demands))
    ]
    named: set[str] = set()
    while waiting:
        for name in _names_in(waiting.pop()):
            if name not in named:
                named.add(name)
                waiting.append(program.lets[name])
    return {name: worded(value) for name, value in program.lets.items() if name in named}


def _names_in(expression: Expression) -> set[str]:
    match expression:
        case nodes.LetReference(name=name):
            return {name}
        case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
            return {name for each in operands for name in _names_in(each)}
        case nodes.Not(operand=operand) | nodes.Default(operand=operand):
            return _names_in(operand)
        case _:
            return set()


__all__ = [
    "NO_RULE_ALLOWS", "Assumptions", "Cell", "Condition", "Decides", "Demand", "OpenCell", "Row", "Verdict",
    "access_of", "alike", "lets_named",
]  # fmt: skip
