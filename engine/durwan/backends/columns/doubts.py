"""Which attributes make a value unknown, as columns: for the rows in which it is."""

from __future__ import annotations

from collections.abc import Iterable

from durwan.backends.columns.expressions import Translation
from durwan.backends.columns.polars_interface import pl
from durwan.backends.columns.truths import all_of
from durwan.model.request import Attributes, no_keys
from durwan.program import nodes, reference
from durwan.program.nodes import Expression
from durwan.program.program import Body, Program

# By attribute, whether it is one of those that make the value unknown; it says so only where the value is unknown.
Doubts = dict[str, pl.Expr]

_COLLECTIONS = (
    nodes.LiteralSet, nodes.LiteralNetwork, nodes.NamedSet, nodes.NamedNetwork, nodes.NamedWindow
)  # fmt: skip


class DoubtTranslation:
    """Translates what makes expressions unknown, beside what they are."""

    def __init__(self, program: Program, translation: Translation) -> None:
        self._program = program
        self._values = translation
        self._reading = reference.Evaluation(program, Attributes(program.schema, {}, no_keys), 0)

    def of_body(self, body: Body) -> Doubts:
        """Of `A and not B`."""
        return self._joined([body.when, body.unless])

    def of(self, expression: Expression) -> Doubts:
        """Of any expression that has a value."""
        match expression:
            case nodes.Attribute(path=path):
                return {path: pl.lit(value=True)}
            case nodes.LetReference(name=name):
                return self.of(self._program.lets[name])
            case nodes.Not(operand=operand):
                return self.of(operand)
            case nodes.And(operands=operands) | nodes.Or(operands=operands):
                return self._joined(operands)
            case nodes.Operation():
                return self._of_operation(expression)
            case _:
                return {}

    def _of_operation(self, operation: nodes.Operation) -> Doubts:
        operands = [each for each in operation.operands if not isinstance(each, _COLLECTIONS)]
        found = self._joined(operands)
        known = all_of(self._values.term(each).column.is_not_null() for each in operands)
        for path in self._reading.read_in(operation):
            # No attribute is missing: what made it unknown is what was read.
            found[path] = found[path] | known if path in found else known
        return found

    def _joined(self, expressions: Iterable[Expression]) -> Doubts:
        found: Doubts = {}
        for each in expressions:
            is_unknown = self._values.term(each).column.is_null()
            for path, doubt in self.of(each).items():
                here = is_unknown & doubt
                found[path] = found[path] | here if path in found else here
        return found
