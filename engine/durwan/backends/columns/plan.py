"""What the rules of a program have in common, found once: what pays to be computed once for a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from durwan.backends.columns.ranges import Edges
from durwan.model.address import NetworkSet
from durwan.program import nodes
from durwan.program.explanation import parts_through
from durwan.program.nodes import Expression
from durwan.program.program import Program, Rule

# To compare an address with a range takes a nanosecond; to find its place among all ranges that a program asks of takes
# some forty, and then two for each network. With so many ranges the search pays.
_MANY_RANGES: Final = 40
_SOME_RANGES: Final = 5


class Plan:
    """What the rules of a program have in common.

    Args:
        program: the program.

    Attributes:
        paths: for each rule the attributes that it reads.
        weights: for each rule how many operations it takes, those apart that stand in lets, which are computed once.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._occurrences: Counter[nodes.Operation] = Counter()
        self._networks: dict[Expression, dict[NetworkSet, int]] = {}
        self._edges: dict[Expression, Edges | None] = {}
        self.paths = [frozenset(_paths(rule, program)) for rule in program.rules]
        lets: set[str] = set()
        self.weights = [self._count(rule, lets) for rule in program.rules]

    def is_shared(self, operation: nodes.Operation) -> bool:
        """Whether an operation stands in more than one place."""
        return self._occurrences[operation] > 1

    def edges_of(self, address: Expression) -> Edges | None:
        """The edges among which an address is to be found once; None where it is better compared with each range."""
        if address not in self._edges:
            asked = self._networks.get(address, {})
            self._edges[address] = Edges(asked) if sum(asked.values()) > _MANY_RANGES else None
        return self._edges[address]

    def is_narrowed(self, address: Expression) -> bool:
        """Whether an address is compared with so many ranges that it pays to make its numbers narrow first."""
        return sum(self._networks.get(address, {}).values()) >= _SOME_RANGES

    def _count(self, rule: Rule, lets: set[str]) -> int:
        weight = 1
        for clause in (rule.body.when, rule.body.unless):
            for node in parts_through(clause, self._program, lets):
                if isinstance(node, nodes.Operation):
                    weight += 1
                    self._occurrences[node] += 1
                    self._note_network(node)
        return weight

    def _note_network(self, operation: nodes.Operation) -> None:
        if operation.operator != "in_network":
            return
        address, network = operation.operands
        match network:
            case nodes.NamedNetwork(name=name):
                asked = self._program.networks[name]
            case nodes.LiteralNetwork(value=value):
                asked = value
            case _:
                return
        self._networks.setdefault(address, {})[asked] = len(asked.ranges())


def _paths(rule: Rule, program: Program) -> Iterator[str]:
    seen: set[str] = set()
    for clause in (rule.body.when, rule.body.unless):
        for node in parts_through(clause, program, seen):
            if isinstance(node, nodes.Attribute):
                yield node.path


def attributes_read(program: Program) -> frozenset[str]:
    """The attributes that the rules of a program read."""
    return frozenset(path for rule in program.rules for path in _paths(rule, program))
