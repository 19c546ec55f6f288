"""The values that tests compare: the condition that an operand is known, and the expression of its value.

In a strict function an operand is known as soon as it is read, so the condition is `True` and the reading stands in
the place where the value is used.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.frame import Frame
from durwan.backends.bytecode.states import Code, State, all_of, always, known
from durwan.model import types
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import ARITHMETIC
from durwan.program.program import Program


def definite(expression: Expression, program: Program) -> bool:
    """Whether the expression is known whatever the request says, so that *not false* is just *true*."""
    match expression:
        case nodes.And(operands=operands) | nodes.Or(operands=operands):
            return all(definite(operand, program) for operand in operands)
        case nodes.Not(operand=operand):
            return definite(operand, program)
        case nodes.BoolLiteral() | nodes.IsKnown() | nodes.Default():
            return True
        case _:
            return False


class Operands(ABC):
    """Writes the operands of one function's tests."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._program = frame.shared.program
        self._movement = frame.shared.movement

    @abstractmethod
    def true(self, expression: Expression, state: State) -> Code:
        """The condition that the expression is true."""

    @abstractmethod
    def false(self, expression: Expression, state: State) -> Code:
        """The condition that the expression is false."""

    def three_valued(self, expression: Expression, state: State) -> tuple[ast.expr, State]:
        """An expression that yields True, False or None."""
        true = self.true(expression, state)
        if self._frame.strict or definite(expression, self._program):
            return ast.IfExp(true.test, emit.TRUE, emit.FALSE), true.after
        false = self.false(expression, true.when_false)
        value = ast.IfExp(true.test, emit.TRUE, ast.IfExp(false.test, emit.FALSE, emit.NONE))
        return value, true.when_true & false.after

    def _known(self, expression: Expression, state: State) -> Code:
        with self._frame.relaxed():
            return self._operand(expression, state)[0]

    def _reading(self, operands: Iterable[Expression], values: list[ast.expr]) -> Iterator[Callable[[State], Code]]:
        """The steps that make each operand known, in turn; the values are appended as the steps are written.

        In a strict function the steps test nothing, and the values themselves do the reading: so they must be
        evaluated in this order, and all of them.
        """

        def step(operand: Expression, state: State) -> Code:
            code, value = self._operand(operand, state)
            values.append(value)
            return code

        return (partial(step, operand) for operand in operands)

    def _operand(self, expression: Expression, state: State) -> tuple[Code, ast.expr]:
        """The condition that an operand is known, and its value where it is."""
        match expression:
            case (
                nodes.IntLiteral(value=value)
                | nodes.StringLiteral(value=value)
                | nodes.ScopeLiteral(value=value)
                | nodes.AddressLiteral(value=value)
                | nodes.InstantLiteral(value=value)
                | nodes.DurationLiteral(value=value)
                | nodes.DecimalLiteral(value=value)
            ):
                return always(state), self._frame.constants.literal(value)
            case nodes.LiteralSet(members=members):
                return always(state), self._frame.constants.bind(members)
            case nodes.NamedSet(name=name):
                return always(state), self._frame.constants.bind(self._program.sets[name])
            case nodes.NamedWindow(name=name):
                # Not `at`, which keeps edges: a client that chooses the instant could make it compute them each time.
                return always(state), self._frame.constants.bind(self._program.windows[name].contains)
            case nodes.Attribute(type=types.Bool()):
                return self._bool_operand(expression, state)
            case nodes.Attribute(path=path, type=declared):
                return self._slot(*self._frame.attribute(path, declared, state))
            case nodes.LetReference(name=name, type=declared) if declared != types.Bool():
                return self._let(name, state)
            case nodes.Default(operand=operand, fallback=fallback) if nodes.type_of(expression) != types.Bool():
                return self._default(operand, fallback, state)
            case nodes.Operation(operator=operator) if operator in ARITHMETIC:
                return self._arithmetic(expression, state)
            case _:
                return self._condition_as_value(expression, state)

    def _let(self, name: str, state: State) -> tuple[Code, ast.expr]:
        """A let that is a value: read once, and kept, so that lets which use each other stay as small as they look."""
        slot = self._frame.slot(("let", name, self._frame.strict))
        if slot in state:
            return self._slot(slot, emit.name(slot), state)
        code, value = self._operand(self._program.lets[name], state)
        kept = value if emit.is_constant(code.test, True) else ast.IfExp(code.test, value, emit.NONE)
        return self._slot(slot, emit.bind(slot, kept), self._frame.assigned(slot, code.after))

    def _bool_operand(self, attribute: nodes.Attribute, state: State) -> tuple[Code, ast.expr]:
        slot, truth, after = self._frame.truth(attribute.path, state)
        if slot + "!" in after:
            return always(after), truth
        test = emit.either(emit.compare(truth, "is", emit.TRUE), emit.compare(emit.name(slot), "is", emit.FALSE))
        return Code(test, after | {slot + "!"}, after), emit.name(slot)

    @staticmethod
    def _slot(slot: str, value: ast.expr, after: State) -> tuple[Code, ast.expr]:
        """A slot's value: where its reading needs no test, it is read in the place where it is used."""
        code = known(slot, value, after)
        return code, value if emit.is_constant(code.test, True) else emit.name(slot)

    def _default(self, operand: Expression, fallback: nodes.Literal, state: State) -> tuple[Code, ast.expr]:
        with self._frame.relaxed():
            code, value = self._operand(operand, state)
        if emit.is_constant(code.test, True):
            return code, value
        otherwise = self._frame.constants.literal(fallback.value)
        chosen = ast.IfExp(code.test, value, otherwise)
        if self._frame.strict:
            return always(code.after), chosen
        # Always known, but read here and not where it is used: a test may stand in between.
        slot = self._frame.slot(("default", id(operand), id(fallback)))
        read = emit.compare(emit.bind(slot, chosen), "is not", emit.NONE)
        return Code(read, code.after, code.after), emit.name(slot)

    def _condition_as_value(self, expression: Expression, state: State) -> tuple[Code, ast.expr]:
        value, after = self.three_valued(expression, state)
        slot = self._frame.slot(("condition", id(expression)))
        if self._frame.strict:
            return always(after), value
        return Code(emit.compare(emit.bind(slot, value), "is not", emit.NONE), after, after), emit.name(slot)

    def _arithmetic(self, operation: nodes.Operation, state: State) -> tuple[Code, ast.expr]:
        """Exact arithmetic by a helper, since the answer is unknown where 64 bits or 18+18 digits do not hold it."""
        helper = {"+": "add", "-": "subtract", "*": "multiply"}[operation.operator]
        helper += "_decimals" if isinstance(operation.type, types.Number) else ""
        values: list[ast.expr] = []
        operands = self._reading(operation.operands, values)
        if self._frame.strict:
            code = all_of(state, *operands)
            return code, emit.call(f"settled_{helper}", *values)
        slot = self._frame.slot(("sum", id(operation)))

        def total(state: State) -> Code:
            test = emit.compare(emit.bind(slot, emit.call(helper, *values)), "is not", emit.NONE)
            return Code(test, state, state)

        return all_of(state, *operands, total), emit.name(slot)

    def _is(self, truth: ast.expr, wanted: bool) -> ast.expr:
        """That a truth is the wanted one; where it cannot be unknown, it is its own test."""
        if self._frame.strict:
            return truth if wanted else emit.negate(truth)
        return emit.compare(truth, "is", ast.Constant(wanted))
