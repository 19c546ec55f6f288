"""What the rules of an action read of a request, and what they do with it.

A rule that asks whether a score is at least 90 does not care whether it is 12 or 13. So what is read falls into two
parts: values that matter themselves, and values of which only the side they are on matters: of the thresholds, the
networks, the texts that the rules name. The edges are the policy's own, found here and nowhere else (R20).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from durwan.backends.bytecode.moving import Movement
from durwan.backends.bytecode.value_tests import asks_for_members
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Program, Rule

# Asking more often than this whether a set has a member costs more than taking the set as it is.
_FEW_QUESTIONS = 4


@dataclass(slots=True)
class Use:
    """What the rules do with one attribute.

    Attributes:
        type: the declared type.
        itself: its value matters, beyond what the other fields say.
        bits: those of the networks that it is looked up in, in the address table.
        cuts: where a comparison with a whole number begins to be answered otherwise.
        decimals: the numbers that a decimal is compared with.
        texts: the groups of texts that it is compared with.
        questions: which members it is asked for, if it is a set.
    """

    type: types.Type
    itself: bool = False
    bits: int = 0
    cuts: set[int] = field(default_factory=set[int])
    decimals: set[int | Decimal] = field(default_factory=set[int | Decimal])
    texts: list[frozenset[str]] = field(default_factory=list[frozenset[str]])
    questions: list[nodes.Operation] = field(default_factory=list[nodes.Operation])

    def classes(self) -> dict[str, int]:
        """The class, from 1, of each text that a rule names: texts of one class pass the same tests."""
        numbers: dict[tuple[bool, ...], int] = {}
        named = frozenset[str]().union(*self.texts)
        return {
            text: numbers.setdefault(tuple(text in group for group in self.texts), len(numbers) + 1)
            for text in sorted(named)
        }


class Reads:
    """The attributes that some rules read, by path."""

    def __init__(self, rules: Iterable[Rule], program: Program, bits: Mapping[NetworkSet, int]) -> None:
        self.uses: dict[str, Use] = {}
        self._program = program
        self._movement = Movement(program)
        self._bits = bits
        self._lets: set[str] = set()
        for rule in rules:
            self._visit(rule.body.when)
            self._visit(rule.body.unless)
        for use in self.uses.values():
            use.itself |= len(use.questions) > _FEW_QUESTIONS

    def _use(self, attribute: nodes.Attribute) -> Use:
        return self.uses.setdefault(attribute.path, Use(attribute.type))

    def _visit(self, expression: Expression) -> None:
        match expression:
            case nodes.Attribute():
                self._use(expression).itself = True
            case nodes.IsKnown(operand=operand):
                self._use(operand)
            case nodes.LetReference(name=name):
                if name not in self._lets:
                    self._lets.add(name)
                    self._visit(self._program.lets[name])
            case nodes.Operation(operands=operands):
                if not self._is_side(expression):
                    self._visit_each(operands)
            case nodes.And(operands=operands) | nodes.Or(operands=operands):
                self._visit_each(operands)
            case nodes.Not(operand=operand) | nodes.Default(operand=operand):
                self._visit(operand)
            case _:
                return

    def _visit_each(self, operands: Iterable[Expression]) -> None:
        for operand in operands:
            self._visit(operand)

    def _is_side(self, operation: nodes.Operation) -> bool:
        """Notes an operation that only asks on which side an attribute is; false where it asks for more."""
        match operation:
            case nodes.Operation(operator="in_network", operands=(nodes.Attribute() as attribute, network)):
                return self._is_network(attribute, network)
            case nodes.Operation(operator="in_set", operands=(nodes.Attribute(type=types.String()) as attribute, held)):
                return self._is_text(attribute, held)
            case nodes.Operation(operands=(nodes.Attribute() as attribute, nodes.StringLiteral() as text)) if (
                operation.operator in {"==", "!="}
            ):
                return self._is_text(attribute, text)
            case nodes.Operation(operands=(nodes.StringLiteral() as text, nodes.Attribute() as attribute)) if (
                operation.operator in {"==", "!="}
            ):
                return self._is_text(attribute, text)
            case nodes.Operation(operands=(nodes.Attribute() as attribute, literal)):
                if asks_for_members(operation):
                    self._use(attribute).questions.append(operation)
                    return True
                return self._is_threshold(operation.operator, attribute, literal)
            case nodes.Operation(operands=(literal, nodes.Attribute() as attribute)):
                return self._is_threshold(_MIRRORED.get(operation.operator), attribute, literal)
            case _:
                return False

    def _is_network(self, attribute: nodes.Attribute, network: Expression) -> bool:
        match network:
            case nodes.NamedNetwork(name=name):
                bit = self._bits.get(self._program.networks[name])
            case nodes.LiteralNetwork(value=value):
                bit = self._bits.get(value)
            case _:
                bit = None
        if bit is not None:
            self._use(attribute).bits |= bit
        return bit is not None

    def _is_text(self, attribute: nodes.Attribute, named: Expression) -> bool:
        match named:
            case nodes.StringLiteral(value=text):
                texts = frozenset({text})
            case nodes.LiteralSet(members=members):
                texts = frozenset(str(member) for member in members)
            case nodes.NamedSet(name=name):
                texts = frozenset(str(member) for member in self._program.sets[name])
            case _:
                return False
        self._use(attribute).texts.append(texts)
        return True

    def _is_threshold(self, operator: str | None, attribute: nodes.Attribute, literal: Expression) -> bool:
        match literal:
            case nodes.IntLiteral(value=value) | nodes.InstantLiteral(value=value) | nodes.DurationLiteral(value=value):
                edge: int | Decimal = value
            case nodes.DecimalLiteral(value=exact):
                edge = exact
            case _:
                return False
        if operator not in _CUTS:
            return False
        if isinstance(attribute.type, types.Number):
            self._use(attribute).decimals.add(edge)
        elif isinstance(edge, int):
            self._use(attribute).cuts.update(edge + later for later in _CUTS[operator])
        else:
            return False
        return True


_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
# `value OP edge` changes its answer between edge + n - 1 and edge + n, for each n.
_CUTS = {"<": (0,), ">=": (0,), "<=": (1,), ">": (1,), "==": (0, 1), "!=": (0, 1)}
