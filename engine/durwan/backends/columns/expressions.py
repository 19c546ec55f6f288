"""Expressions of the checked program as expressions over columns. Null is unknown, as in the reference evaluator.

polars spreads null as strict operators do, and its `&`, `|` and `~` are Kleene's, so most nodes look like themselves.
Arithmetic is checked for overflow. A test of a value that only counts in a table is answered once for each value of the
table, by the operator's own meaning. What is here needs no rows; what does is in `durwan.backends.columns.rows`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from durwan.backends.columns import ranges
from durwan.backends.columns.batch import NOW, ONE, is_coded, place, units
from durwan.backends.columns.polars_interface import pl
from durwan.backends.columns.truths import all_of, any_of, truths_at
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.model.types import INT64_MAX, INT64_MIN, TIME_MAX, TIME_MIN, Type
from durwan.model.window import Window
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
_FEW_CODES: Final = 8
_TIMES: Final = (TIME_MIN, TIME_MAX)


class Term(NamedTuple):
    """A value over rows: its expression, its type, the table in which it counts; of the literal of a text, the text."""

    column: pl.Expr
    type: Type
    table: Sequence[Any] | None = None
    literal: str | None = None
    # Between which numbers its values are, where that is known.
    bounds: tuple[int, int] | None = None


class Translation:
    """Translates expressions of one program.

    Args:
        program: the program.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._numbers: dict[int, tuple[Sequence[Any], dict[Any, int]]] = {}

    def body(self, body: Body) -> pl.Expr:
        """`A and not B`."""
        if body.unless == nodes.FALSE:
            return self.truth(body.when)
        return self.truth(body.when) & ~self.truth(body.unless)

    def truth(self, expression: Expression) -> pl.Expr:
        """The column of a condition."""
        return self.term(expression).column

    def term(self, expression: Expression) -> Term:
        """The column of any expression that has a value."""
        match expression:
            case nodes.Operation():
                return self._operated(expression)
            case nodes.Attribute(path=path, type=declared):
                return Term(pl.col(path), declared, () if is_coded(declared) else None, bounds=_bounds_of(declared))
            case nodes.Now():
                return Term(pl.col(NOW), types.Time(), bounds=_TIMES)
            case nodes.LetReference(name=name):
                return self.term(self._program.lets[name])
            case nodes.Default(operand=operand, fallback=fallback):
                return _with_default(self.term(operand), fallback)
            case nodes.IsKnown(operand=operand):
                return Term(self.term(operand).column.is_not_null(), types.Bool())
            case nodes.And(operands=operands):
                return Term(all_of(map(self.truth, operands)), types.Bool())
            case nodes.Or(operands=operands):
                return Term(any_of(map(self.truth, operands)), types.Bool())
            case nodes.Not(operand=operand):
                return Term(~self.truth(operand), types.Bool())
            case _:
                return _literal_term(expression)

    # -------------------------------------------------------------------------------------------------- operators

    def _operated(self, operation: nodes.Operation) -> Term:
        name, operands = operation.operator, operation.operands
        if name in _COMPUTE:
            return _sum(name, self.term(operands[0]), self.term(operands[1]), operation.type)
        if name == "*":
            return Term(self._product(operands[0], operands[1], operation.type), operation.type)
        return Term(_settled(self._tested(name, operands[0], operands[1:])), operation.type)

    def _tested(self, name: str, operand: Expression, others: Sequence[Expression]) -> pl.Expr:
        left = self.term(operand)
        if name in COMPARISONS:
            return self._compared(name, left, self.term(others[0]))
        match name:
            case "in_set":
                members = self._members(others[0])
                return self._is_one_of(left, members) if left.table is not None else _is_member(left, members)
            case "in_network" if isinstance(others[0], nodes.Attribute):
                return self._in_networks_of(left, self.term(others[0]))
            case "in_network":
                return self._in_network(operand, left, self._constant(others[0]))
            case "in_window":
                return self._in_window(left, self._constant(others[0]))
            case "like":
                return _like(left, self._constant(others[0]))
            case _:
                return self._of_set(name, left, others)

    def _compared(self, name: str, left: Term, right: Term) -> pl.Expr:
        if isinstance(left.type, types.Number) != isinstance(right.type, types.Number):
            left, right = _in_units(left), _in_units(right)
        if left.table is not None and right.table is not None:
            left, right = _in_one_table(left, right)
        elif left.literal is not None or right.literal is not None:
            held, literal = (right, left.literal) if right.literal is None else (left, right.literal)
            if held.table is not None:
                equal = self._is_one_of(held, [literal])
                return equal if name == "==" else ~equal
        found: pl.Expr = _COMPARE[name](_spelled(left), _spelled(right))
        return found

    def _is_one_of(self, held: Term, values: Iterable[Any]) -> pl.Expr:
        """A text that counts in a table compared with some."""
        table = held.table or ()
        if id(table) not in self._numbers:
            # The table is kept beside, so that no other gets its identity.
            self._numbers[id(table)] = table, {value: code for code, value in enumerate(table)}
        _, numbers = self._numbers[id(table)]
        codes = sorted(numbers[value] for value in values if value in numbers)
        if len(codes) > _FEW_CODES:
            return held.column.is_in(pl.Series(codes, dtype=pl.UInt32).implode())
        found = pl.when(held.column.is_not_null()).then(pl.lit(value=False))
        return any_of(held.column == pl.lit(code, dtype=pl.UInt32) for code in codes) if codes else found

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
                return _value_of(expression)

    def _members(self, expression: Expression) -> Iterable[Any]:
        members: Iterable[Any] = self._constant(expression)
        return members

    # ------------------------------------------------------------------------ tests that want to know what rows hold

    def _of_set(self, name: str, held: Term, others: Sequence[Expression]) -> pl.Expr:
        """A test of a set, and of a value, of other sets, of a count."""
        raise NotImplementedError

    def _in_network(self, operand: Expression, address: Term, network: NetworkSet) -> pl.Expr:
        """An address, which is the column of an operand, in a network."""
        del operand
        return ranges.in_network(address.column, network)

    def _in_networks_of(self, address: Term, network: Term) -> pl.Expr:
        """An address in a network that is an attribute."""
        raise NotImplementedError

    def _in_window(self, instant: Term, window: Window) -> pl.Expr:
        """An instant in a window."""
        raise NotImplementedError


# ------------------------------------------------------------------------------------------------------------- values


def _literal_term(expression: Expression) -> Term:
    declared, value = nodes.type_of(expression), _value_of(expression)
    bounds = (value, value) if type(value) is int else None
    return Term(_literal(expression, declared), declared, None, value if type(value) is str else None, bounds)


def _value_of(literal: Expression) -> Any:
    # Only literals come here.
    return getattr(literal, "value")  # noqa: B009 - collections have none, and never come here


def _literal(expression: Expression, declared: Type) -> pl.Expr:
    """A literal in the form of the columns of a type."""
    value = _value_of(expression)
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


def _sum(name: str, left: Term, right: Term, result: Type) -> Term:
    if isinstance(result, types.Number):
        exact = _COMPUTE[name](_in_units(left).column, _in_units(right).column)
        return Term(_within(exact, 1 - _BEYOND, _BEYOND - 1), result)
    bounds = _bounds_of_sum(name, left.bounds, right.bounds)
    if bounds is not None:
        # It cannot overflow, as the difference of two instants: nothing needs to be wider.
        return Term(_COMPUTE[name](left.column, right.column), result, bounds=bounds)
    exact = _COMPUTE[name](left.column.cast(pl.Int128), right.column.cast(pl.Int128))
    return Term(_within(exact, INT64_MIN, INT64_MAX).cast(pl.Int64), result)


def _bounds_of(declared: Type) -> tuple[int, int] | None:
    match declared:
        case types.Time():
            return _TIMES
        case types.Int(low, high) if low is not None and high is not None:
            return low, high
        case _:
            return None


def _bounds_of_either(left: tuple[int, int] | None, right: tuple[int, int] | None) -> tuple[int, int] | None:
    return None if left is None or right is None else (min(left[0], right[0]), max(left[1], right[1]))


def _bounds_of_sum(name: str, left: tuple[int, int] | None, right: tuple[int, int] | None) -> tuple[int, int] | None:
    """Between which numbers a sum or a difference is; None where that is not known, or might overflow."""
    if left is None or right is None:
        return None
    low, high = (left[0] + right[0], left[1] + right[1]) if name == "+" else (left[0] - right[1], left[1] - right[0])
    return (low, high) if low >= INT64_MIN and high <= INT64_MAX else None


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


def _settled(truth: pl.Expr) -> pl.Expr:
    """A test of literals alone as a literal: as looked up, it would be one value that polars spreads over no rows."""
    return truth if truth.meta.root_names() else pl.lit(pl.select(truth).item(), dtype=pl.Boolean)


def looked_up(held: Term, test: Callable[[Any], bool | None]) -> pl.Expr:
    """A test of a value that counts in a table: answered once for each."""
    table = held.table or ()
    if not table:
        return pl.lit(None, dtype=pl.Boolean)
    return truths_at([test(value) for value in table], held.column)


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
        value = _literal_term(fallback)
        bounds = _bounds_of_either(term.bounds, value.bounds)
        return term._replace(column=term.column.fill_null(_literal(fallback, term.type)), bounds=bounds)
    table: tuple[Any, ...] = (*term.table, _value_of(fallback))
    return Term(term.column.fill_null(pl.lit(len(table) - 1, dtype=pl.UInt32)), term.type, table)


def _is_member(value: Term, members: Iterable[Any]) -> pl.Expr:
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
        return looked_up(value, lambda text: OPERATORS["like"].meaning(text, pattern))
    return value.column.str.contains(_regular(pattern))


def _regular(pattern: str) -> str:
    """A `like` pattern as a regular expression over the whole text; the engine behind it takes linear time."""
    return f"(?s)\\A{'.*'.join(re.escape(part) for part in like_parts(pattern))}\\z"
