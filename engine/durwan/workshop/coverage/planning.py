"""What there is to be shown about a policy set: every target, none of them reached yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from durwan.diagnostics import Span
from durwan.language.lint.program_walk import parts_of
from durwan.language.syntax import Module, NetworkDeclaration, WindowDeclaration
from durwan.model import types
from durwan.program import nodes
from durwan.program.nodes import Expression, type_of
from durwan.program.program import Program, Rule
from durwan.workshop.coverage.networks import network_goals, written_at
from durwan.workshop.coverage.outcomes import body_outcomes, possible_outcomes
from durwan.workshop.coverage.places import Place, all_places, bodies_of, conditions_of
from durwan.workshop.coverage.target import KINDS, Goal, Kind, Outcome, Target
from durwan.workshop.coverage.thresholds import borders
from durwan.workshop.coverage.windows import WindowEdges

_WORDS: dict[Outcome, str] = {True: "true", False: "false", None: "unknown"}
_HOLDS = frozenset[Outcome]({True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The targets of a policy set in source order.

    `program` is the set's, and the windows that the goals name beside its own.
    """

    program: Program
    targets: tuple[Target, ...]


def plan(program: Program, modules: Iterable[Module]) -> Plan:
    """All targets of a program; `modules` are the files that it was made of, where declarations stand."""
    return _Planning(program, tuple(modules)).plan()


class _Planning:
    def __init__(self, program: Program, modules: Sequence[Module]) -> None:
        self._program = program
        self._edges = WindowEdges(program)
        self._places = all_places(program, modules)
        self._windows = _declared(modules, WindowDeclaration)
        self._networks = _declared(modules, NetworkDeclaration)

    def plan(self) -> Plan:
        """The targets; of those that are one and the same, such as two borders in one place, the first."""
        found: dict[object, Target] = {}
        for target in self._targets():
            goal, span = target.goal, target.span
            found.setdefault((target.kind, target.owner, span.start, goal.expression, goal.outcomes), target)
        ordered = tuple(sorted(found.values(), key=_place_of))
        windows = {**self._program.windows, **self._edges.named}
        return Plan(program=replace(self._program, windows=windows), targets=ordered)

    def _targets(self) -> Iterator[Target]:
        yield from self._rules()
        for place in self._places:
            yield from self._conditions(place)
            for part in _parts(place):
                yield from self._thresholds(place, part)
        for (collection, operand), actions in self._memberships().items():
            match collection:
                case nodes.NamedWindow(name=name) if name in self._windows:
                    yield from self._window(self._windows[name], operand, actions)
                case nodes.NamedNetwork(name=name) if name in self._networks:
                    yield from self._network(self._networks[name], operand, actions)
                case _:
                    pass

    def _rules(self) -> Iterator[Target]:
        for each, place in bodies_of(self._program):
            possible = body_outcomes(each.body, self._program)
            is_allow = isinstance(each, Rule) and each.effect == "allow"
            applied = _HOLDS if is_allow else frozenset[Outcome]({True, None})
            body = nodes.And(operands=(each.body.when, nodes.Not(operand=each.body.unless)))
            for outcomes, words in ((applied, "to which it applies"), (_other(applied), "to which it does not apply")):
                if outcomes & possible:
                    goal = Goal(actions=place.actions, expression=body, outcomes=outcomes)
                    yield _target("rule", place.owner, place.span, words, goal)

    def _conditions(self, place: Place) -> Iterator[Target]:
        for condition in _conditions(place):
            possible = possible_outcomes(condition, self._program)
            for outcome in (True, False, None) if len(possible) > 1 else ():
                if outcome in possible:
                    goal = Goal(actions=place.actions, expression=condition, outcomes=frozenset({outcome}))
                    words = f"in which it is {_WORDS[outcome]}"
                    yield _target("condition", place.owner, place.span_of(condition), words, goal)

    def _thresholds(self, place: Place, part: Expression) -> Iterator[Target]:
        match part:
            case nodes.Operation(operator="in_network", operands=(operand, nodes.LiteralNetwork(value=network))):
                for border in network_goals(operand, network):
                    goal = Goal(actions=place.actions, expression=border.expression, outcomes=_HOLDS)
                    yield _target("network", place.owner, place.span_of(part), border.wanted, goal)
            case nodes.Operation():
                for words, expression in borders(part, self._program.lets):
                    goal = Goal(actions=place.actions, expression=expression, outcomes=_HOLDS)
                    yield _target("threshold", place.owner, place.span_of(part), words, goal)
            case _:
                pass

    def _memberships(self) -> dict[tuple[Expression, Expression], frozenset[str]]:
        """Which named windows and networks it is asked about, of which operand, and by rules about which actions."""
        found: dict[tuple[Expression, Expression], frozenset[str]] = {}
        for place in self._places:
            for part in _parts(place):
                match part:
                    case nodes.Operation(operands=(operand, nodes.NamedWindow() | nodes.NamedNetwork() as collection)):
                        asked = (collection, operand)
                        found[asked] = found.get(asked, frozenset()) | place.actions
                    case _:
                        pass
        return found

    def _window(self, declared: WindowDeclaration, operand: Expression, actions: frozenset[str]) -> Iterator[Target]:
        owner = f"window {declared.name.text}"
        for each in self._edges.goals(declared, operand):
            goal = Goal(actions=actions, expression=each.expression, outcomes=_HOLDS, edge=each.edge)
            yield _target("window", owner, each.span, each.wanted, goal)

    def _network(self, declared: NetworkDeclaration, operand: Expression, actions: frozenset[str]) -> Iterator[Target]:
        owner = f"network {declared.name.text}"
        if declared.file is None:
            for each in network_goals(operand, self._program.networks[declared.name.text]):
                goal = Goal(actions=actions, expression=each.expression, outcomes=_HOLDS)
                yield _target("network", owner, written_at(declared, each.range), each.wanted, goal)


def _target(kind: Kind, owner: str, span: Span, wanted: str, goal: Goal) -> Target:
    return Target(kind=kind, owner=owner, span=span, wanted=wanted, goal=goal)


def _other(outcomes: frozenset[Outcome]) -> frozenset[Outcome]:
    return frozenset[Outcome]({True, False, None}) - outcomes


def _conditions(place: Place) -> Iterator[Expression]:
    for expression in place.expressions:
        if isinstance(type_of(expression), types.Bool):
            yield from conditions_of(expression)


def _parts(place: Place) -> Iterator[Expression]:
    for expression in place.expressions:
        yield from parts_of(expression)


_Declaration = TypeVar("_Declaration", WindowDeclaration, NetworkDeclaration)


def _declared(modules: Iterable[Module], kind: type[_Declaration]) -> dict[str, _Declaration]:
    return {each.name.text: each for module in modules for each in module.declarations if isinstance(each, kind)}


def _place_of(target: Target) -> tuple[str, int, int]:
    return target.span.source.path, target.span.start, KINDS.index(target.kind)
