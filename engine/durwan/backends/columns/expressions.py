"""Expressions of the checked program as expressions over columns. Null is unknown, as in the reference evaluator.

polars spreads null as strict operators do, and its `&`, `|` and `~` are Kleene's, so most nodes look like themselves.
Arithmetic is checked for overflow. Sets and networks are looked up: a test of a value that only counts in a table is
answered once for each value of the table, by the operator's own meaning; a test of two attributes, once for each pair
of values that occurs.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import reduce
from typing import Any, Final, NamedTuple

from durwan.backends.columns.batch import NOW, ONE, Batch, is_coded, place, units
from durwan.backends.columns.polars_interface import pl
from durwan.model import types
from durwan.model.address import AddressRange, NetworkSet
from durwan.model.types import INT64_MAX, INT64_MIN, Type
from durwan.model.window import Window
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import COMPARISONS, OPERATORS, like_parts
from durwan.program.program import Body, Program

_COMPARE: Final[dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip
_COMPUTE: Final[dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]]] = {"+": operator.add, "-": operator.sub}
# The first number of units that 18 digits before the point do not hold.
_BEYOND: Final = ONE * ONE
# Up to so many ranges are compared one by one; more are searched.
_FEW_RANGES: Final = 6
# More turns of a window than this within the instants of a batch are not listed; each instant is asked about instead.
_MOST_TURNS: Final = 100_000


class Term(NamedTuple):
    """A value over the rows of a batch: its expression, its type, and the table in which it counts."""

    column: pl.Expr
    type: Type
    table: Sequence[Any] | None = None


class Translation:
    """Translates expressions of one program for one batch."""

    def __init__(self, program: Program, batch: Batch) -> None:
        self._program = program
        self._batch = batch
        self._lets: dict[str, Term] = {}

    def body(self, body: Body) -> pl.Expr:
        """`A and not B`."""
        return self.truth(body.when) & ~self.truth(body.unless)

    def truth(self, expression: Expression) -> pl.Expr:
        """The column of a condition."""
        return self.term(expression).column

    def term(self, expression: Expression) -> Term:  # noqa: C901 - one line per kind of node
        """The column of any expression that has a value."""
        match expression:
            case nodes.Operation():
                return Term(self._operation(expression), expression.type)
            case nodes.Attribute(path=path, type=declared):
                return Term(pl.col(path), declared, self._batch.tables.get(path, ()) if is_coded(declared) else None)
            case nodes.Now():
                return Term(pl.col(NOW), types.Time())
            case nodes.LetReference(name=name):
                if name not in self._lets:
                    self._lets[name] = self.term(self._program.lets[name])
                return self._lets[name]
            case nodes.Default(operand=operand, fallback=fallback):
                known = self.term(operand)
                return Term(known.column.fill_null(_literal(fallback, known.type)), known.type)
            case nodes.IsKnown(operand=operand):
                return Term(self.term(operand).column.is_not_null(), types.Bool())
            case nodes.And(operands=operands):
                return Term(reduce(operator.and_, map(self.truth, operands)), types.Bool())
            case nodes.Or(operands=operands):
                return Term(reduce(operator.or_, map(self.truth, operands)), types.Bool())
            case nodes.Not(operand=operand):
                return Term(~self.truth(operand), types.Bool())
            case _:
                declared = nodes.type_of(expression)
                return Term(_literal(expression, declared), declared)

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
                return self._in_network(left, operands[1])
            case "in_window":
                return self._in_window(left, self._constant(operands[1]))
            case "like":
                return left.column.str.contains(_pattern(self._constant(operands[1])))
            case _:
                return self._of_set(name, left, operands[1:])

    def _compared(self, name: str, left: Term, right: Term) -> pl.Expr:
        if isinstance(left.type, types.Number) != isinstance(right.type, types.Number):
            left, right = _in_units(left), _in_units(right)
        return _COMPARE[name](left.column, right.column)

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
        pairs = self._batch.frame.select(left.column.alias("left"), right.column.alias("right"))
        table = left.table or ()
        different = pairs.unique().drop_nulls()
        answers = [meaning(table[code], value) for code, value in different.iter_rows()]
        known = different.with_columns(pl.Series("answer", answers, dtype=pl.Boolean))
        found = pairs.join(known, on=["left", "right"], how="left", maintain_order="left")
        return pl.lit(found.get_column("answer"))

    def _in_network(self, address: Term, network: Expression) -> pl.Expr:
        if isinstance(network, nodes.Attribute):
            return self._in_networks_of(address, self.term(network))
        return _in_ranges(address.column, self._constant(network))

    def _in_networks_of(self, address: Term, network: Term) -> pl.Expr:
        """An address in a network that is an attribute: one part of the rows for each network that occurs."""
        asked = self._batch.frame.select(address.column.alias("address"), network.column.alias("code"))
        asked = asked.with_row_index("row")
        table = network.table or ()
        parts = [
            part.select("row", _in_ranges(pl.col("address"), table[code]).alias("answer"))
            for (code,), part in asked.drop_nulls("code").group_by("code")
        ]
        if not parts:
            return pl.lit(None, dtype=pl.Boolean)
        found = asked.select("row").join(pl.concat(parts), on="row", how="left", maintain_order="left")
        return pl.lit(found.get_column("answer"))

    # ------------------------------------------------------------------------------------------------------ windows

    def _in_window(self, instant: Term, window: Window) -> pl.Expr:
        instants = self._batch.frame.select(instant.column.alias("instant")).get_column("instant")
        turns = _turns(window, instants)
        if turns is None:
            different = instants.unique().drop_nulls()
            answers = pl.Series([window.contains(each) for each in different], dtype=pl.Boolean)
            return instant.column.replace_strict(different, answers, default=None, return_dtype=pl.Boolean)
        starts, answers_in_turn = turns
        following = pl.lit(pl.Series(starts, dtype=pl.Int64)).search_sorted(instant.column, side="right")
        looked_up = pl.lit(pl.Series(answers_in_turn, dtype=pl.Boolean)).gather(_before(following))
        return pl.when(instant.column.is_not_null()).then(looked_up)


def _turns(window: Window, instants: pl.Series) -> tuple[list[int], list[bool | None]] | None:
    """From when on the window says what, over the instants of a batch; None where that is too long a list."""
    first, last = instants.min(), instants.max()
    if not isinstance(first, int) or not isinstance(last, int):
        return [0], [None]
    starts: list[int] = []
    answers: list[bool | None] = []
    at: int | None = first
    while at is not None and at <= last:
        answer, change = window.at(at)
        starts.append(at)
        answers.append(answer)
        if len(starts) > _MOST_TURNS:
            return None
        at = change
    return starts, answers


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


def _in_ranges(address: pl.Expr, network: NetworkSet) -> pl.Expr:
    ranges = sorted((place(each.first), place(each.last)) for each in _unmapped(network))
    if len(ranges) <= _FEW_RANGES:
        among = [address.is_between(_wide(first), _wide(last)) for first, last in ranges]
        return reduce(operator.or_, among, pl.when(address.is_not_null()).then(pl.lit(value=False)))
    starts, ends = (pl.lit(pl.Series(each, dtype=pl.Int128)) for each in zip(*ranges, strict=True))
    following = starts.search_sorted(address, side="right")
    end = ends.gather(_before(following))
    return pl.when(address.is_not_null()).then((following > 0) & (address <= end))


def _before(following: pl.Expr) -> pl.Expr:
    """The place before one that was searched; the first one for what stands before all, and for null."""
    return (following.cast(pl.Int64) - 1).clip(0).cast(pl.UInt32)


def _unmapped(network: NetworkSet) -> Iterable[AddressRange]:
    """The ranges of a network; those of IPv6 without the addresses that are IPv4's."""
    first, last = bytes(10) + b"\xff\xff" + bytes(4), bytes(10) + b"\xff" * 6
    for each in network.ranges():
        if len(each.first) == 4 or each.last < first or each.first > last:
            yield each
            continue
        if each.first < first:
            yield AddressRange(each.first, (int.from_bytes(first, "big") - 1).to_bytes(16, "big"))
        if each.last > last:
            yield AddressRange((int.from_bytes(last, "big") + 1).to_bytes(16, "big"), each.last)


def _pattern(pattern: str) -> str:
    """A `like` pattern as a regular expression over the whole text; the engine behind it takes linear time."""
    return f"(?s)\\A{'.*'.join(re.escape(part) for part in like_parts(pattern))}\\z"
