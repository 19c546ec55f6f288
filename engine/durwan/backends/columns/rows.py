"""Expressions of the checked program over the rows of a batch, which are there: what they hold decides how it is done.

What stands in several places, lets above all, is computed once and added to the frame: an expression of polars is a
tree, and lets that are made of lets would grow without bounds in it. Tests of two attributes are asked once for each
pair of values that occurs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from durwan.backends.columns import instants, ranges
from durwan.backends.columns.expressions import Term, Translation, looked_up
from durwan.backends.columns.plan import Plan
from durwan.backends.columns.polars_interface import pl
from durwan.model.address import NetworkSet
from durwan.model.values import Value
from durwan.model.window import Window
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import OPERATORS
from durwan.program.program import Program


class RowsTranslation(Translation):
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
        super().__init__(program)
        self.frame = frame
        self._plan = plan
        self._tables = tables
        self._once: dict[object, Term] = {}

    def kept(self, column: pl.Expr) -> pl.Expr:
        """The column, computed now and added to the frame."""
        name = f"computed {self.frame.width}"
        self.frame = self.frame.with_columns(column.alias(name))
        return pl.col(name)

    def term(self, expression: Expression) -> Term:
        """The column of any expression that has a value."""
        match expression:
            case nodes.Attribute(path=path) if path in self._tables:
                return super().term(expression)._replace(table=self._tables[path])
            case nodes.LetReference():
                return self._computed_once(expression, lambda: super(RowsTranslation, self).term(expression))
            case nodes.Operation() if self._plan.is_shared(expression):
                return self._computed_once(expression, lambda: super(RowsTranslation, self).term(expression))
            case _:
                return super().term(expression)

    def _computed_once(self, what: object, make: Callable[[], Term]) -> Term:
        if what not in self._once:
            found = make()
            self._once[what] = found._replace(column=self.kept(found.column))
        return self._once[what]

    # -------------------------------------------------------------------------------------------------------- tests

    def _of_set(self, name: str, held: Term, others: Sequence[Expression]) -> pl.Expr:
        meaning = OPERATORS[name].meaning
        if isinstance(others[0], nodes.Attribute | nodes.LetReference | nodes.Default | nodes.Operation):
            return self._by_pairs(meaning, held, self.term(others[0]))
        constants = [self._constant(other) for other in others]
        return looked_up(held, lambda value: meaning(value, *constants))

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

    def _in_network(self, operand: Expression, address: Term, network: NetworkSet) -> pl.Expr:
        edges = self._plan.edges_of(operand)
        if edges is not None:
            places = self._computed_once((operand, "places"), lambda: Term(edges.places(address.column), address.type))
            return edges.inside(places.column, network)
        if not self._plan.is_narrowed(operand):
            return ranges.in_network(address.column, network)
        narrow = self._computed_once((operand, "narrow"), lambda: Term(ranges.narrowed(address.column), address.type))
        return ranges.in_network(address.column, network, narrow.column)

    def _in_networks_of(self, address: Term, network: Term) -> pl.Expr:
        table: Any = network.table or ()
        edges = ranges.Edges(table)
        return edges.inside_of_each(edges.places(address.column), network.column, table)

    def _in_window(self, instant: Term, window: Window) -> pl.Expr:
        return instants.in_window(instant.column, self.frame, window)
