"""The walk over a condition, which all forms of a query share. What differs stands in each form.

The logic of SQL and of polars is Kleene's, and their strict operators spread null, so that most nodes look like
themselves. Where they would say false of an unknown, or raise, the forms say otherwise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import Any, Final, Generic, NamedTuple, TypeVar

from durwan.backends.queries.filter_error import FilterError, NoFormError
from durwan.backends.queries.residual import attributes_in
from durwan.backends.queries.turns import Turns, turns
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.model.types import Type
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import COMPARISONS, like_parts
from durwan.program.program import Program
from durwan.program.wording import worded

# What a form makes of a value: a piece of text, or an expression.
F = TypeVar("F")
BOOL: Final = types.Bool()


class Term(NamedTuple, Generic[F]):
    """A value: its type, and what holds it, one thing but for the decimals of some forms. Null is unknown."""

    type: Type
    values: tuple[F, ...]

    @property
    def value(self) -> F:
        """The first of what holds it, which is null where the value is unknown."""
        return self.values[0]


def truth(value: F) -> Term[F]:
    """A term of type bool."""
    return Term(BOOL, (value,))


class Translation(ABC, Generic[F]):
    """Translates the condition of a filter.

    Args:
        program: the policies.
        column: the column of an attribute; None for an attribute that is known to be unknown.
        instants: outside these, whether an attribute lies in a window is unknown.
    """

    def __init__(self, program: Program, column: Callable[[str], F | None], instants: tuple[int, int]) -> None:
        self.program = program
        self._column = column
        self._instants = instants
        self._read: dict[str, Term[F]] = {}
        self._uses: Counter[str] = Counter()
        self._turns: dict[str, Turns] = {}

    def condition(self, expression: Expression) -> F:
        """The whole condition."""
        self._uses = Counter(each.path for each in attributes_in(expression))
        return self.term(expression).value

    def term(self, expression: Expression) -> Term[F]:
        """Any expression that has a value."""
        try:
            found = self._term(expression)
        except NoFormError as error:
            raise FilterError(f"`{worded(expression)}` cannot be asked of a database: {error}") from error
        return Term(found.type, tuple(map(self.finished, found.values)))

    def _term(self, expression: Expression) -> Term[F]:
        match expression:
            case nodes.Operation():
                return self._operation(expression)
            case nodes.Attribute(path=path, type=declared):
                return self._attribute(path, declared)
            case nodes.Default(operand=operand, fallback=fallback):
                known = self.term(operand)
                return self.default(known, self._fallback(fallback, known.type))
            case nodes.IsKnown(operand=operand):
                return truth(self.is_known(self.term(operand).value))
            case nodes.And(operands=operands):
                return truth(self.all_of([self.term(each).value for each in operands]))
            case nodes.Or(operands=operands):
                return truth(self.any_of([self.term(each).value for each in operands]))
            case nodes.Not(operand=operand):
                return truth(self.negated(self.term(operand).value))
            case _:
                return self.literal(_value_of(expression), nodes.type_of(expression))

    def _attribute(self, path: str, declared: Type) -> Term[F]:
        if path not in self._read:
            column = self._column(path)
            found = self.unknown(declared) if column is None else self.read(column, declared)
            if self._uses[path] > 1:
                found = Term(declared, tuple(map(self.reused, found.values)))
            self._read[path] = found
        return self._read[path]

    def _fallback(self, fallback: nodes.Literal, declared: Type) -> Term[F]:
        if not self.can_hold(fallback.value):
            raise NoFormError("its text has a NUL or half of a surrogate pair")
        return self.literal(fallback.value, declared)

    # -------------------------------------------------------------------------------------------------- operators

    def _operation(self, operation: nodes.Operation) -> Term[F]:
        name, (left, *others) = operation.operator, operation.operands
        if name == "*":
            return self._product(left, others[0], operation.type)
        if name in {"+", "-"}:
            return self.sum(name, *self._alike(left, others[0], operation.type), operation.type)
        return truth(self._test(name, left, others))

    def _test(self, name: str, left: Expression, others: Sequence[Expression]) -> F:
        if name in COMPARISONS:
            return self._comparison(name, left, others[0])
        term = self.term(left)
        match name:
            case "in_set":
                return self._membership(term, self._constant(others[0]))
            case "in_network":
                return self._in_network(term, others[0])
            case "in_window":
                return self.in_window(term, self._turns_of(others[0]))
            case "like":
                return self._like(term, self._constant(others[0]))
            case "has":
                return self._has(term, others[0])
            case _:
                return self._held(name, term, self._constant(others[0]), others[1:])

    def _comparison(self, name: str, left: Expression, right: Expression) -> F:
        for one, other in ((left, right), (right, left)):
            if self._is_beyond(one):
                # No column has such a text.
                return self.where_known(self.term(other), truth=name == "!=")
        return self.compared(name, *self._alike(left, right))

    def _alike(self, left: Expression, right: Expression, result: Type = BOOL) -> tuple[Term[F], Term[F]]:
        """Both as decimals, where one of them or the result is one."""
        if any(isinstance(each, types.Number) for each in (nodes.type_of(left), nodes.type_of(right), result)):
            return self._decimal(left), self._decimal(right)
        return self.term(left), self.term(right)

    def _decimal(self, expression: Expression) -> Term[F]:
        if isinstance(expression, nodes.IntLiteral):
            return self.literal(expression.value, types.Number())
        term = self.term(expression)
        return term if isinstance(term.type, types.Number) else self.decimal_of(term)

    def _product(self, left: Expression, right: Expression, result: Type) -> Term[F]:
        literals = (nodes.IntLiteral, nodes.DecimalLiteral)
        factor, other = (left, right) if isinstance(left, literals) else (right, left)
        number: int | Decimal = _value_of(factor)
        return self.product(
            self._decimal(other) if isinstance(result, types.Number) else self.term(other), number, result
        )

    def _membership(self, term: Term[F], members: Collection[Any]) -> F:
        possible = [each for each in members if self.can_hold(each)]
        if isinstance(term.type, types.Int | types.Time | types.Duration):
            possible = [int(each) for each in possible if each == int(each)]
        if not possible:
            return self.where_known(term, truth=False)
        return self.is_member(term, sorted(possible))

    def _in_network(self, address: Term[F], network: Expression) -> F:
        if isinstance(network, nodes.Attribute):
            return self.in_network_of(address, self.term(network))
        found: NetworkSet = self._constant(network)
        return self.in_network(address, found) if found else self.where_known(address, truth=False)

    def _like(self, term: Term[F], pattern: str) -> F:
        parts = like_parts(pattern)
        return self.like(term, parts) if self.can_hold(pattern) else self.where_known(term, truth=False)

    def _has(self, held: Term[F], one: Expression) -> F:
        return self.where_known(held, truth=False) if self._is_beyond(one) else self.has(held, self.term(one))

    def _held(self, name: str, held: Term[F], wanted: Collection[Any], others: Sequence[Expression]) -> F:
        least = _least_of(name, wanted, others)
        possible = sorted(each for each in wanted if self.can_hold(each))
        if least <= 0 or least > len(possible):
            return self.where_known(held, truth=least <= 0)
        return self.has_at_least(held, possible, least)

    def _turns_of(self, window: Expression) -> Turns:
        assert isinstance(window, nodes.NamedWindow)  # noqa: S101 - nothing else stands there
        if window.name not in self._turns:
            self._turns[window.name] = turns(self.program.windows[window.name], *self._instants)
        return self._turns[window.name]

    def _constant(self, expression: Expression) -> Any:
        """What a collection, a pattern or a count on the right of a test is."""
        match expression:
            case nodes.NamedSet(name=name):
                return self.program.sets[name]
            case nodes.NamedNetwork(name=name):
                return self.program.networks[name]
            case nodes.LiteralSet(members=members):
                return members
            case _:
                return _value_of(expression)

    def _is_beyond(self, expression: Expression) -> bool:
        text = isinstance(expression, nodes.StringLiteral | nodes.ScopeLiteral)
        return text and not self.can_hold(_value_of(expression))

    # ------------------------------------------------------------------------------------------- what forms may use

    def inclusions(self) -> list[tuple[str, str]]:
        """Each scope with each other one that it includes."""
        scopes = self.program.schema.scopes
        return sorted((one, other) for one, includes in scopes.items() for other in includes if other != one)

    def finished(self, value: F) -> F:
        """A value that is made; a form may have it computed apart."""
        return value

    def reused(self, value: F) -> F:
        """A value that is used several times; a form may have it computed once."""
        return value

    # -------------------------------------------------------------------------------------------- what forms say

    @staticmethod
    @abstractmethod
    def can_hold(value: object) -> bool:
        """Whether a column can hold a value, as far as texts are concerned."""

    @abstractmethod
    def all_of(self, truths: Sequence[F]) -> F:
        """Kleene `and`."""

    @abstractmethod
    def any_of(self, truths: Sequence[F]) -> F:
        """Kleene `or`."""

    @abstractmethod
    def negated(self, truth: F) -> F:
        """Kleene `not`."""

    @abstractmethod
    def is_known(self, value: F) -> F:
        """Whether a value is not null."""

    @abstractmethod
    def where_known(self, term: Term[F], *, truth: bool) -> F:
        """One truth wherever the term is known."""

    @abstractmethod
    def read(self, column: F, declared: Type) -> Term[F]:
        """What a column says of an attribute: null where it is not of the declared type."""

    @abstractmethod
    def unknown(self, declared: Type) -> Term[F]:
        """Null of a type."""

    @abstractmethod
    def literal(self, value: Any, declared: Type) -> Term[F]:
        """A value that is written out."""

    @abstractmethod
    def default(self, term: Term[F], fallback: Term[F]) -> Term[F]:
        """The term where it is known, else the fallback."""

    @abstractmethod
    def decimal_of(self, term: Term[F]) -> Term[F]:
        """An int as a decimal."""

    @abstractmethod
    def compared(self, sign: str, left: Term[F], right: Term[F]) -> F:
        """A comparison of two terms of one type."""

    @abstractmethod
    def sum(self, sign: str, left: Term[F], right: Term[F], result: Type) -> Term[F]:
        """A sum or difference of two terms of one kind; null where it overflows."""

    @abstractmethod
    def product(self, term: Term[F], factor: int | Decimal, result: Type) -> Term[F]:
        """A product; null where it overflows."""

    @abstractmethod
    def is_member(self, term: Term[F], members: Sequence[Any]) -> F:
        """Whether a term is one of some values, of which there is at least one."""

    @abstractmethod
    def in_network(self, address: Term[F], network: NetworkSet) -> F:
        """Whether an address is in a network, which is not empty."""

    @abstractmethod
    def in_network_of(self, address: Term[F], network: Term[F]) -> F:
        """Whether an address is in a network that is an attribute."""

    @abstractmethod
    def in_window(self, instant: Term[F], found: Turns) -> F:
        """Whether an instant is in a window."""

    @abstractmethod
    def like(self, text: Term[F], parts: Sequence[str]) -> F:
        """Whether a text is made of these parts in their order, with anything between them."""

    @abstractmethod
    def has(self, held: Term[F], one: Term[F]) -> F:
        """Whether a set has a value."""

    @abstractmethod
    def has_at_least(self, held: Term[F], wanted: Sequence[Any], least: int) -> F:
        """Whether a set has so many, one at least, of some values."""


def _value_of(expression: Expression) -> Any:
    match expression:
        case nodes.LiteralNetwork(value=network):
            return network
        case _ if isinstance(expression, nodes.Literal):
            return expression.value
        case _:
            raise NoFormError(f"{type(expression).__name__} has no value of its own here")


def _least_of(name: str, wanted: Collection[Any], others: Sequence[Expression]) -> int:
    """How many of the wanted ones `has any of`, `has all of` and `has at least` want."""
    match name:
        case "has_any":
            return 1
        case "has_all":
            return len(wanted)
        case _:
            least: int = _value_of(others[0])
            return least


__all__ = ["BOOL", "Term", "Translation", "truth"]
