"""Expressions of the checked program as expressions over columns. Null is unknown, as in the reference evaluator.

polars spreads null as strict operators do, and its `&`, `|` and `~` are Kleene's, so most nodes look like themselves.
Arithmetic is checked for overflow. Sets and networks are looked up: a test of a value that only counts in a table is
answered once for each value of the table, by the operator's own meaning; a test of two attributes, once for each pair
of values that occurs.

What stands in several places, lets above all, is computed once and added to the frame: an expression of polars is a
tree, and lets that are made of lets would grow without bounds in it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from typing import Any, Final, NamedTuple

from durwan.backends.columns import instants, ranges
from durwan.backends.columns.batch import NOW, ONE, is_coded, place, units
from durwan.backends.columns.plan import Plan
from durwan.backends.columns.polars_interface import pl
from durwan.model import types
from durwan.model.types import INT64_MAX, INT64_MIN, Type
from durwan.model.values import Value
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import COMPARISONS, OPERATORS, like_parts
from durwan.program.program import Body, Program

_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip
_COMPUTE: Final[dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {"+": operator.add, "-": operator.sub}
# The first number of units that 18 digits before the point do not hold.
_BEYOND: Final = ONE * ONE


class Term(NamedTuple):
    """A value over rows: its expression, its type, the table in which it counts; of the literal of a text, the text."""

    column: pl.Expr
    type: Type
    table: Sequence[Any] | None = None
    literal: str | None = None


class Translation:
    """Translates expressions of one program for the rows of a frame.

    Args:
        program: the program.
        plan: what its rules have in common.
        frame: a column for each attribute, and `now`.
        tables: in what columns count, by their names. Texts may or may not.

    Attributes:
        frame: the frame with what was computed once; what is translated is to be asked of it.
    """

    def __init__(
        self, program: Program, plan: Plan, frame: pl.DataFrame, tables: Mapping[str, Sequence[Value]]
    ) -> None:
        self.frame = frame
        self._program = program
        self._plan = plan
        self._tables = tables
        self._kept: dict[Expression, Term] = {}
        self._stretches: dict[Expression, tuple[ranges.Edges, pl.Expr]] = {}

    def body(self, body: Body) -> pl.Expr:
        """`A and not B`."""
        if body.unless == nodes.FALSE:
            return self.truth(body.when)
        return self.truth(body.when) & ~self.truth(body.unless)

    def truth(self, expression: Expression) -> pl.Expr:
        """The column of a condition."""
        return self.term(expression).column

    def kept(self, column: pl.Expr) -> pl.Expr:
        """The column, computed now and added to the frame."""
        name = f"computed {self.frame.width}"
        self.frame = self.frame.with_columns(column.alias(name))
        return pl.col(name)

    def term(self, expression: Expression) -> Term:
        """The column of any expression that has a value."""
        match expression:
            case nodes.Operation():
                return self._operation_once(expression)
            case nodes.Attribute(path=path, type=declared):
                return Term(pl.col(path), declared, self._tables.get(path, () if is_coded(declared) else None))
            case nodes.Now():
                return Term(pl.col(NOW), types.Time())
            case nodes.LetReference(name=name):
                return self._once(expression, lambda: self.term(self._program.lets[name]))
            case nodes.Default(operand=operand, fallback=fallback):
                return _with_default(self.term(operand), fallback)
            case nodes.IsKnown(operand=operand):
                return Term(self.term(operand).column.is_not_null(), types.Bool())
            case nodes.And(operands=operands):
                return Term(reduce(_and, map(self.truth, operands)), types.Bool())
            case nodes.Or(operands=operands):
                return Term(reduce(_or, map(self.truth, operands)), types.Bool())
            case nodes.Not(operand=operand):
                return Term(~self.truth(operand), types.Bool())
            case _:
                declared, value = nodes.type_of(expression), getattr(expression, "value", None)
                return Term(_literal(expression, declared), declared, literal=value if type(value) is str else None)

    def _once(self, expression: Expression, make: Callable[[], Term]) -> Term:
        if expression not in self._kept:
            found = make()
            self._kept[expression] = found._replace(column=self.kept(found.column))
        return self._kept[expression]

    def _operation_once(self, operation: nodes.Operation) -> Term:
        def make() -> Term:
            return Term(self._operation(operation), operation.type)

        return self._once(operation, make) if self._plan.is_shared(operation) else make()

    # -------------------------------------------------------------------------------------------------- operators

    def _operation(self, operation: nodes.Operation) -> pl.Expr:
        name, operands = operation.operator, operation.operands
        left = self.term(operands[0])
        if name in COMPARISONS:
            return self._compared(name, left, self.term(operands[1]))
        if name in _COMPUTE:
            return _sum(name, left, self.term(operands[1]), operation.type)
        match name:
            case "*":
                return self._product(operands[0], operands[1], operation.type)
            case "in_set":
                return _is_member(left, self._members(operands[1]))
            case "in_network":
                return self._in_network(operands[0], left, operands[1])
            case "in_window":
                return instants.in_window(left.column, self.frame, self._constant(operands[1]))
            case "like":
                return _like(left, self._constant(operands[1]))
            case _:
                return self._of_set(name, left, operands[1:])

    def _compared(self, name: str, left: Term, right: Term) -> pl.Expr:
        if isinstance(left.type, types.Number) != isinstance(right.type, types.Number):
            left, right = _in_units(left), _in_units(right)
        if left.table is not None and right.table is not None:
            left, right = _in_one_table(left, right)
        elif left.literal is not None or right.literal is not None:
            held, literal = (right, left.literal) if right.literal is None else (left, right.literal)
            if held.table is not None:
                return _looked_up(held, lambda value: _COMPARE[name](value, literal))
        return _COMPARE[name](_spelled(left), _spelled(right))

    def _product(self, left: Expression, right: Expression, result: Type) -> pl.Expr:
        literals = (nodes.IntLiteral, nodes.DecimalLiteral)
        factor, other = (left, right) if isinstance(left, literals) else (right, left)
        return _times(self.term(other), self._constant(factor), result)

    def _constant(self, expression: Expression) -> Any:
        """What a collection, a pattern or a count on the right of a test is."""
        match expression:
            case nodes.NamedSet(name=name):
                return self._program.sets[name]
            case nodes.NamedNetwork(name=name):
                return self._program.networks[name]
            case nodes.NamedWindow(name=name):
                return self._program.windows[name]
            case nodes.LiteralSet(members=members):
                return members
            case _:
                return expression.value  # type: ignore[union-attr]  # a literal

    def _members(self, expression: Expression) -> Iterable[Any]:
        members: Iterable[Any] = self._constant(expression)
        return members

    # ------------------------------------------------------------------------------------------- sets and networks

    def _of_set(self, name: str, held: Term, others: Sequence[Expression]) -> pl.Expr:
        meaning = OPERATORS[name].meaning
        if isinstance(others[0], nodes.Attribute | nodes.LetReference | nodes.Default | nodes.Operation):
            return self._by_pairs(meaning, held, self.term(others[0]))
        constants = [self._constant(other) for other in others]
        return _looked_up(held, lambda value: meaning(value, *constants))

    def _by_pairs(self, meaning: Callable[[Any, Any], Any], left: Term, right: Term) -> pl.Expr:
        """A test of two values, asked once for each pair that occurs."""
        pairs = self.frame.select(left.column.alias("left"), right.column.alias("right"))
        held, values = left.table or (), right.table
        different = pairs.unique().drop_nulls()
        answers = [
            meaning(held[code], value if values is None else values[value]) for code, value in different.iter_rows()
        ]
        known = different.with_columns(pl.Series("answer", answers, dtype=pl.Boolean))
        found = pairs.join(known, on=["left", "right"], how="left", maintain_order="left")
        return self.kept(pl.lit(found.get_column("answer")))

    def _in_network(self, operand: Expression, address: Term, network: Expression) -> pl.Expr:
        if isinstance(network, nodes.Attribute):
            return self._in_networks_of(address.column, self.term(network))
        asked: Any = self._constant(network)
        together = self._plan.networks_of(operand)
        if not together:
            return ranges.in_network(address.column, asked)
        if operand not in self._stretches:
            edges = ranges.Edges(together)
            self._stretches[operand] = edges, self.kept(edges.places(address.column))
        edges, places = self._stretches[operand]
        return edges.inside(places, asked)

    def _in_networks_of(self, address: pl.Expr, network: Term) -> pl.Expr:
        """An address in a network that is an attribute."""
        table: Any = network.table or ()
        edges = ranges.Edges(table)
        return edges.inside_of_each(edges.places(address), network.column, table)


# ------------------------------------------------------------------------------------------------------------- values


def _literal(expression: Expression, declared: Type) -> pl.Expr:
    """A literal in the form of the columns of a type."""
    value: Any = expression.value  # type: ignore[union-attr]  # only literals come here
    if isinstance(declared, types.Number):
        return pl.lit(units(value), dtype=pl.Int128)
    if isinstance(declared, types.Address):
        return pl.lit(place(value), dtype=pl.Int128)
    if isinstance(declared, types.Int | types.Time | types.Duration):
        return pl.lit(value, dtype=pl.Int64)
    return pl.lit(value)


def _in_units(term: Term) -> Term:
    """A number as a decimal."""
    if isinstance(term.type, types.Number):
        return term
    return Term(term.column.cast(pl.Int128) * pl.lit(ONE, dtype=pl.Int128), types.Number())


def _sum(name: str, left: Term, right: Term, result: Type) -> pl.Expr:
    if isinstance(result, types.Number):
        exact = _COMPUTE[name](_in_units(left).column, _in_units(right).column)
        return _within(exact, 1 - _BEYOND, _BEYOND - 1)
    exact = _COMPUTE[name](left.column.cast(pl.Int128), right.column.cast(pl.Int128))
    return _within(exact, INT64_MIN, INT64_MAX).cast(pl.Int64)


def _times(term: Term, factor: int | Decimal, result: Type) -> pl.Expr:
    """The exact product with a literal; null where it has too many digits, before or after the point."""
    if not isinstance(result, types.Number):
        exact = term.column.cast(pl.Int128) * pl.lit(factor, dtype=pl.Int128)
        return _within(exact, INT64_MIN, INT64_MAX).cast(pl.Int64)
    value = _in_units(term).column
    over, under = factor.as_integer_ratio()
    if over == 0:
        return value * 0
    # What is multiplied must be divisible by `under`, since both have no divisor in common; then nothing is lost.
    quotient = value // pl.lit(under, dtype=pl.Int128)
    most = (_BEYOND - 1) // abs(over)
    fits = (value % pl.lit(under, dtype=pl.Int128) == 0) & quotient.is_between(_wide(-most), _wide(most))
    return pl.when(fits).then(quotient * pl.lit(over, dtype=pl.Int128))


def _within(exact: pl.Expr, least: int, most: int) -> pl.Expr:
    return pl.when(exact.is_between(_wide(least), _wide(most))).then(exact)


def _wide(number: int) -> pl.Expr:
    return pl.lit(number, dtype=pl.Int128)


# -------------------------------------------------------------------------------------------------------------- tests


def _looked_up(held: Term, test: Callable[[Any], bool | None]) -> pl.Expr:
    """A test of a value that counts in a table: answered once for each."""
    table = held.table or ()
    if not table:
        return pl.lit(None, dtype=pl.Boolean)
    return pl.lit(pl.Series([test(value) for value in table], dtype=pl.Boolean)).gather(held.column)


def _in_one_table(left: Term, right: Term) -> tuple[Term, Term]:
    """Two terms that count in tables, as numbers that are equal where the values are."""
    numbers: dict[Any, int] = {}
    both: list[Term] = []
    for term in (left, right):
        codes = [numbers.setdefault(value, len(numbers)) for value in term.table or (None,)]
        both.append(Term(pl.lit(pl.Series(codes, dtype=pl.UInt32)).gather(term.column), term.type))
    return both[0], both[1]


def _spelled(term: Term) -> pl.Expr:
    """The values themselves of texts that count in a table."""
    if term.table is None:
        return term.column
    return pl.lit(pl.Series(term.table or (None,), dtype=pl.String)).gather(term.column)


def _with_default(term: Term, fallback: Expression) -> Term:
    if term.table is None:
        return term._replace(column=term.column.fill_null(_literal(fallback, term.type)))
    table = (*term.table, fallback.value)  # type: ignore[union-attr]  # only literals come here
    return Term(term.column.fill_null(pl.lit(len(table) - 1, dtype=pl.UInt32)), term.type, table)


def _is_member(value: Term, members: Iterable[Any]) -> pl.Expr:
    if value.table is not None:
        held = frozenset(members)
        return _looked_up(value, lambda each: each in held)
    match value.type:
        case types.Number():
            wanted = pl.Series([units(member) for member in members], dtype=pl.Int128)
        case types.Address():
            wanted = pl.Series([place(member) for member in members], dtype=pl.Int128)
        case types.Int() | types.Time() | types.Duration():
            wanted = pl.Series([int(member) for member in members if member == int(member)], dtype=pl.Int64)
        case types.Bool():
            wanted = pl.Series(list(members), dtype=pl.Boolean)
        case _:
            wanted = pl.Series(list(members), dtype=pl.String)
    return value.column.is_in(wanted.implode())


def _like(value: Term, pattern: str) -> pl.Expr:
    if value.table is not None:
        return _looked_up(value, lambda text: OPERATORS["like"].meaning(text, pattern))
    return value.column.str.contains(_regular(pattern))


def _regular(pattern: str) -> str:
    """A `like` pattern as a regular expression over the whole text; the engine behind it takes linear time."""
    return f"(?s)\\A{'.*'.join(re.escape(part) for part in like_parts(pattern))}\\z"


def _and(left: Any, right: Any) -> Any:
    return left & right


def _or(left: Any, right: Any) -> Any:
    return left | right
