"""Tests whose answer time itself can change: each also notes when, in the local `u`."""

from __future__ import annotations

import ast

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.moving import Moving
from durwan.backends.bytecode.states import FIRST_EDGE, Code, State, all_of
from durwan.backends.bytecode.stretches import SHIFT
from durwan.backends.bytecode.value_tests import ValueTests
from durwan.program import nodes


class TimeTests(ValueTests):
    """Writes the tests of time."""

    def _moving(self, operation: nodes.Operation, state: State, *, negated: bool) -> Code:
        """A test whose answer time itself can change: it also notes when."""
        moving = self._movement.linear(operation)
        if moving is not None:
            return self._before(moving, state, negated=negated)
        if operation.operator == "in_window" and isinstance(operation.operands[0], nodes.Now):
            return self._now_in_window(operation, state, negated=negated)
        # What else can be written, such as twice the age of a session compared with a sum, is rare: it is read by
        # the reference evaluator, which also says how long that holds.
        slot = self._frame.slot(("reading", operation, self._frame.strict))
        reader = self._frame.helper("e", operation, lambda: self._frame.shared.reference(operation))
        reading = emit.call(reader, emit.name("request"), emit.name("now"))
        return self._noting(slot, reading, state, negated=negated)

    def _now_in_window(self, operation: nodes.Operation, state: State, *, negated: bool) -> Code:
        slot = self._frame.slot(("window", operation.operands[1], self._frame.strict))
        window = operation.operands[1]
        assert isinstance(window, nodes.NamedWindow)  # noqa: S101 - the checker takes nothing else
        stretches = self._frame.shared.stretches(window.name)
        stretch = ast.BinOp(emit.name("now"), ast.RShift(), emit.number(SHIFT))
        at = self._frame.constants.bind(self._program.windows[window.name].at)
        remembered = emit.item(self._frame.constants.bind(stretches), stretch)
        reading = emit.either(remembered, ast.Call(at, [emit.name("now")], []))
        return self._noting(slot, reading, state, negated=negated)

    def _noting(self, slot: str, reading: ast.expr, state: State, *, negated: bool) -> Code:
        """A reading of (truth, instant at which it may change), taken once and its instant noted."""
        answer = emit.item(emit.name(slot), emit.number(0))
        truth = self._is(answer, not negated)
        if slot in state:
            return Code(truth, state, state)
        edge = self._frame.slot("edge")
        change = emit.bind(edge, emit.item(emit.bind(slot, reading), emit.number(1)))
        note = emit.either(emit.compare(change, "is", emit.NONE), _note(emit.name(edge), state))
        after = (state | {slot}) - {FIRST_EDGE}
        if self._frame.strict:
            known_ = emit.either(emit.compare(answer, "is not", emit.NONE), emit.call("unsettled"))
            return Code(emit.both(note, known_, truth), after, after)
        return Code(emit.both(note, truth), after, after)

    def _before(self, moving: Moving, state: State, *, negated: bool) -> Code:
        """`now < edge` (or its opposite): while it is true, it will change at the edge; once false, never again."""
        values: list[ast.expr] = []

        def test(state: State) -> Code:
            edge = moving.edge(values)
            named = isinstance(emit.again(edge), ast.Name)
            bound = edge if named else emit.bind(self._frame.slot("edge"), edge)
            before = emit.both(emit.compare(emit.name("now"), "<", bound), _note(emit.again(bound), state))
            after = state - {FIRST_EDGE}
            return Code(before if moving.before is not negated else emit.negate(before), after, after)

        return all_of(state, *self._reading((operand for _, operand in moving.terms), values), test)


def _note(edge: ast.expr, state: State) -> ast.expr:
    """`u = min(u, edge)` as an expression that is always true."""
    noted = emit.compare(emit.bind("u", edge), "is not", emit.NONE)
    return noted if FIRST_EDGE in state else emit.either(emit.compare(edge, ">=", emit.name("u")), noted)
