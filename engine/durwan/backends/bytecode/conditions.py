"""From an expression to the code of two conditions: that it is true, and that it is false.

Three-valued logic needs no third value at run time. Which of `is true` and `is false` a rule asks for is known when
the code is written: an allow asks whether its body is true, a deny whether its body is not false. `and` is true where
all are true and false where one is false, `not` swaps the two questions, and only at the leaves is there a test that
a value is known: an unknown value makes both conditions false. So the code is plain two-valued Python that stops at
the first operand which settles it, exactly as a person would write it.

A test of time also notes when it will answer otherwise: the local `u` holds the earliest such instant that this
decision has met so far (`valid_until`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.states import Code, State, all_of, any_of, opposite
from durwan.backends.bytecode.time_tests import TimeTests
from durwan.backends.bytecode.value_tests import not_a_condition
from durwan.program import nodes
from durwan.program.nodes import Expression


class Conditions(TimeTests):
    """Writes the conditions of one function."""

    def true(self, expression: Expression, state: State) -> Code:  # noqa: C901 - one line per node
        """The condition that the expression is true."""
        match expression:
            case nodes.BoolLiteral(value=value):
                return Code(ast.Constant(value), state, state)
            case nodes.And(operands=operands):
                return all_of(state, *self._each(self.true, operands))
            case nodes.Or(operands=operands):
                return any_of(state, *self._each(self.true, operands))
            case nodes.Not(operand=operand):
                return self.false(operand, state)
            case nodes.IsKnown(operand=operand):
                return self._known(operand, state)
            case nodes.Default(operand=operand, fallback=fallback):
                asked = self.false if fallback.value else self.true
                with self._frame.relaxed():
                    code = asked(operand, state)
                return opposite(code) if fallback.value else code
            case nodes.LetReference(name=name):
                hoisted = self._frame.hoisted.get(name)
                if hoisted is not None:
                    return Code(self._is(emit.name(hoisted), True), state, state)
                return self.true(self._program.lets[name], state)
            case nodes.Attribute():
                return self._bool_attribute(expression, state, value=True)
            case nodes.Operation():
                return self._operation(expression, state, negated=False)
            case _:
                raise not_a_condition(expression)

    def false(self, expression: Expression, state: State) -> Code:  # noqa: C901 - one line per node
        """The condition that the expression is false."""
        match expression:
            case nodes.BoolLiteral(value=value):
                return Code(ast.Constant(not value), state, state)
            case nodes.And(operands=operands):
                return any_of(state, *self._each(self.false, operands))
            case nodes.Or(operands=operands):
                return all_of(state, *self._each(self.false, operands))
            case nodes.Not(operand=operand):
                return self.true(operand, state)
            case nodes.IsKnown(operand=operand):
                return opposite(self._known(operand, state))
            case nodes.Default():
                return opposite(self.true(expression, state))
            case nodes.LetReference(name=name):
                hoisted = self._frame.hoisted.get(name)
                if hoisted is not None:
                    return Code(self._is(emit.name(hoisted), False), state, state)
                return self.false(self._program.lets[name], state)
            case nodes.Attribute():
                return self._bool_attribute(expression, state, value=False)
            case nodes.Operation():
                return self._operation(expression, state, negated=True)
            case _:
                raise not_a_condition(expression)

    @staticmethod
    def _each(
        ask: Callable[[Expression, State], Code], operands: Iterable[Expression]
    ) -> Iterator[Callable[[State], Code]]:
        return (partial(ask, operand) for operand in operands)

    def _operation(self, operation: nodes.Operation, state: State, *, negated: bool) -> Code:
        moving = any(self._movement.moves(operand) for operand in operation.operands)
        return (self._moving if moving else self._standing)(operation, state, negated=negated)

    def _bool_attribute(self, attribute: nodes.Attribute, state: State, *, value: bool) -> Code:
        slot, truth, after = self._frame.truth(attribute.path, state)
        if slot + "!" in after:
            return Code(truth if value else emit.negate(truth), after, after)
        return Code(emit.compare(truth, "is", ast.Constant(value)), after | {slot + "!"}, after)
