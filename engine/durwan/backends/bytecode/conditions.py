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
from collections.abc import Callable, Iterable

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.frame import FIRST_EDGE, Code, Frame, State, all_of, always, any_of, known, opposite
from durwan.backends.bytecode.moving import Moving
from durwan.backends.bytecode.stretches import SHIFT
from durwan.model import types
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import ARITHMETIC, COMPARISONS, like_parts
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


def asks_for_members(operation: nodes.Operation) -> bool:
    """Whether a set of strings or scopes is asked only whether it holds one of some fixed members."""
    match operation:
        case nodes.Operation(
            operator="has" | "has_any",
            operands=(
                nodes.Attribute(type=types.SetOf(types.String(None) | types.Scope())),
                nodes.StringLiteral() | nodes.ScopeLiteral() | nodes.LiteralSet() | nodes.NamedSet(),
            ),
        ):
            return True
        case _:
            return False


class Conditions:
    """Writes the conditions of one function."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._program = frame.shared.program
        self._movement = frame.shared.movement

    # ------------------------------------------------------------------------------------------- the two questions

    def true(self, expression: Expression, state: State) -> Code:  # noqa: PLR0911, C901 - one line per node
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
                raise _not_a_condition(expression)

    def false(self, expression: Expression, state: State) -> Code:  # noqa: PLR0911, C901 - one line per node
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
                raise _not_a_condition(expression)

    def three_valued(self, expression: Expression, state: State) -> tuple[ast.expr, State]:
        """An expression that yields True, False or None."""
        true = self.true(expression, state)
        if self._frame.strict or definite(expression, self._program):
            return ast.IfExp(true.test, emit.TRUE, emit.FALSE), true.after
        false = self.false(expression, true.when_false)
        value = ast.IfExp(true.test, emit.TRUE, ast.IfExp(false.test, emit.FALSE, emit.NONE))
        return value, true.when_true & false.after

    @staticmethod
    def _each(
        ask: Callable[[Expression, State], Code], operands: Iterable[Expression]
    ) -> list[Callable[[State], Code]]:
        return [lambda state, operand=operand: ask(operand, state) for operand in operands]  # type: ignore[misc]

    def _is(self, truth: ast.expr, wanted: bool) -> ast.expr:
        """That a truth is the wanted one; where it cannot be unknown, it is its own test."""
        if self._frame.strict:
            return truth if wanted else emit.negate(truth)
        return emit.compare(truth, "is", ast.Constant(wanted))

    def _bool_attribute(self, attribute: nodes.Attribute, state: State, *, value: bool) -> Code:
        slot, truth, after = self._frame.truth(attribute.path, state)
        if slot + "!" in after:
            return Code(truth if value else emit.negate(truth), after, after)
        return Code(emit.compare(truth, "is", ast.Constant(value)), after | {slot + "!"}, after)

    # -------------------------------------------------------------------------------------------------- operands

    def _known(self, expression: Expression, state: State) -> Code:
        with self._frame.relaxed():
            return self._operand(expression, state)[0]

    def _operand(self, expression: Expression, state: State) -> tuple[Code, ast.expr]:  # noqa: PLR0911, C901
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
            case nodes.LiteralNetwork(value=network):
                return always(state), self._frame.constants.bind(network)
            case nodes.NamedNetwork(name=name):
                return always(state), self._frame.constants.bind(self._program.networks[name])
            case nodes.NamedWindow(name=name):
                return always(state), self._frame.constants.bind(self._program.windows[name].at)
            case nodes.Now():
                return always(state), emit.name("now")
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
        test = emit.either(
            emit.compare(truth, "is", emit.TRUE), emit.compare(emit.name(slot), "is", emit.FALSE)
        )
        return Code(test, after | {slot + "!"}, after), emit.name(slot)

    @staticmethod
    def _slot(slot: str, value: ast.expr, after: State) -> tuple[Code, ast.expr]:
        """A slot's value: where its reading needs no test, it is read in the place where it is used."""
        code = known(slot, value, after)
        return code, value if emit.is_constant(code.test, True) else emit.name(slot)

    def _default(self, operand: Expression, fallback: nodes.Literal, state: State) -> tuple[Code, ast.expr]:
        with self._frame.relaxed():
            code, value = self._operand(operand, state)
        otherwise = self._frame.constants.literal(fallback.value)
        if emit.is_constant(code.test, True):
            return code, value
        return always(code.after), ast.IfExp(code.test, value, otherwise)

    def _condition_as_value(self, expression: Expression, state: State) -> tuple[Code, ast.expr]:
        value, after = self.three_valued(expression, state)
        slot = self._frame.slot(("condition", id(expression)))
        if self._frame.strict:
            return always(after), value
        return Code(emit.compare(emit.bind(slot, value), "is not", emit.NONE), after, after), emit.name(slot)

    def _arithmetic(self, operation: nodes.Operation, state: State) -> tuple[Code, ast.expr]:
        """Exact arithmetic by a helper, since the answer is unknown where 64 bits or 18+18 digits do not hold it."""
        helper = {"+": "add", "-": "subtract", "*": "multiply"}[operation.operator]
        values: list[ast.expr] = []
        slot = self._frame.slot(("sum", id(operation)))

        def step(operand: Expression) -> Callable[[State], Code]:
            def write(state: State) -> Code:
                code, value = self._operand(operand, state)
                values.append(value)
                return code

            return write

        def total(state: State) -> Code:
            test = emit.compare(emit.bind(slot, emit.call(helper, *values)), "is not", emit.NONE)
            return Code(emit.either(test, emit.call("unsettled")) if self._frame.strict else test, state, state)

        return all_of(state, *(step(operand) for operand in operation.operands), total), emit.name(slot)

    # ------------------------------------------------------------------------------------------------ operations

    def _operation(self, operation: nodes.Operation, state: State, *, negated: bool) -> Code:
        """A strict operator: its operands known, then its test, or the opposite of its test."""
        if any(self._movement.moves(operand) for operand in operation.operands):
            return self._moving(operation, state, negated=negated)
        if operation.operator == "in_network":
            return self._in_network(operation, state, negated=negated)
        if asks_for_members(operation):
            return self._has_member(operation, state, negated=negated)
        values: list[ast.expr] = []

        def step(operand: Expression) -> Callable[[State], Code]:
            def write(state: State) -> Code:
                code, value = self._operand(operand, state)
                values.append(value)
                return code

            return write

        def test(state: State) -> Code:
            return Code(self._test(operation, values, negated=negated), state, state)

        return all_of(state, *(step(operand) for operand in operation.operands), test)

    def _has_member(self, operation: nodes.Operation, state: State, *, negated: bool) -> Code:
        """`S has "a"` and `S has any of {...}` ask for single members: no set need be made to answer."""
        held, wanted = operation.operands
        assert isinstance(held, nodes.Attribute)  # noqa: S101 - asks_for_members saw to it
        code, collection = self._slot(*self._frame.collection(held.path, state))
        members = self._wanted(wanted)
        if len(members) == 1:
            test = emit.compare(self._frame.constants.literal(next(iter(members))), "in", collection)
        else:
            test = emit.negate(emit.call("disjoint", self._frame.constants.bind(members), collection))
        if negated:
            test = emit.compare(test.left, "not in", collection) if isinstance(test, ast.Compare) else emit.negate(test)
        return all_of(state, lambda _: code, _condition(test))

    def _wanted(self, wanted: Expression) -> frozenset[str]:
        """The members of which one is wanted; for scopes, also those that include a wanted one."""
        match wanted:
            case nodes.StringLiteral(value=text):
                return frozenset({text})
            case nodes.ScopeLiteral(value=scope):
                return self._including(frozenset({scope}))
            case nodes.LiteralSet(members=members, element=types.Scope()):
                return self._including(members)  # type: ignore[arg-type]
            case nodes.NamedSet(name=name, element=types.Scope()):
                return self._including(self._program.sets[name])  # type: ignore[arg-type]
            case nodes.NamedSet(name=name):
                return self._program.sets[name]  # type: ignore[return-value]
            case nodes.LiteralSet(members=members):
                return members  # type: ignore[return-value]
            case _:
                raise _not_a_condition(wanted)

    def _including(self, scopes: frozenset[str]) -> frozenset[str]:
        declared = self._program.schema.scopes.items()
        return scopes | {holder for holder, included in declared if not included.isdisjoint(scopes)}

    def _test(self, operation: nodes.Operation, values: list[ast.expr], *, negated: bool) -> ast.expr:
        operator = operation.operator
        if operator in COMPARISONS:
            return emit.compare(values[0], emit.OPPOSITE[operator] if negated else operator, values[1])
        if operator in ("in_set", "has"):
            member, members = values if operator == "in_set" else values[::-1]
            return emit.compare(member, "not in" if negated else "in", members)
        if operator == "in_window":
            inside = emit.item(ast.Call(values[1], [values[0]], []), emit.number(0))
            if self._frame.strict:
                inside = emit.bind("x", inside)
                found = emit.both(emit.either(emit.compare(inside, "is not", emit.NONE), emit.call("unsettled")), emit.name("x"))
                return emit.negate(found) if negated else found
            return emit.compare(inside, "is", emit.FALSE if negated else emit.TRUE)
        if operator == "has_any":
            disjoint = emit.call("disjoint", *values)
            return disjoint if negated else emit.negate(disjoint)
        found = self._like(operation, values) if operator == "like" else emit.call(_CALLED[operator], *values)
        return emit.negate(found) if negated else found

    def _like(self, operation: nodes.Operation, values: list[ast.expr]) -> ast.expr:
        pattern = operation.operands[1]
        assert isinstance(pattern, nodes.StringLiteral)  # noqa: S101 - the checker takes nothing else
        parts = like_parts(pattern.value)
        literal = self._frame.constants.literal
        if len(parts) == 1:
            return emit.compare(values[0], "==", literal(parts[0]))
        if len(parts) == 2 and not parts[1]:
            return emit.call("startswith", values[0], literal(parts[0]))
        if len(parts) == 2 and not parts[0]:
            return emit.call("endswith", values[0], literal(parts[1]))
        return emit.call("like", values[0], literal(pattern.value))

    def _in_network(self, operation: nodes.Operation, state: State, *, negated: bool) -> Code:
        operand, network = operation.operands
        found = self._network(network)
        if found is not None and isinstance(operand, nodes.Attribute):
            bit = self._frame.shared.bits.get(found)
            if bit is not None:
                code, mask = self._slot(*self._frame.mask(operand.path, state))
                test: ast.expr = ast.BinOp(mask, ast.BitAnd(), emit.number(bit))
                return all_of(state, lambda _: code, _condition(emit.negate(test) if negated else test))
        address, value = self._operand(operand, state)
        if found is None:
            held, ranges = self._operand(network, address.when_true)
            test = emit.call("inside", value, ranges)
            steps = (lambda _: address, lambda _: held)
        else:
            four, six = (self._frame.constants.bind(breaks) for breaks in (found.breaks4, found.breaks6))
            shorter = emit.compare(emit.call("len", value), "==", emit.number(4))
            position = emit.call("bisect", ast.IfExp(shorter, four, six), emit.again(value))
            test = ast.BinOp(position, ast.BitAnd(), emit.number(1))
            steps = (lambda _: address, always)
        return all_of(state, *steps, _condition(emit.negate(test) if negated else test))

    def _network(self, expression: Expression) -> object:
        match expression:
            case nodes.NamedNetwork(name=name):
                return self._program.networks[name]
            case nodes.LiteralNetwork(value=value):
                return value
            case _:
                return None

    # ------------------------------------------------------------------------------------------------ tests of time

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
        _, at = self._operand(window, state)
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

        def step(operand: Expression) -> Callable[[State], Code]:
            def write(state: State) -> Code:
                code, value = self._operand(operand, state)
                values.append(value)
                return code

            return write

        def test(state: State) -> Code:
            edge = moving.edge(values)
            if isinstance(emit.again(edge), ast.Name):
                bound = edge
            else:
                bound = emit.bind(self._frame.slot("edge"), edge)
            before = emit.both(emit.compare(emit.name("now"), "<", bound), _note(emit.again(bound), state))
            after = state - {FIRST_EDGE}
            return Code(before if moving.before is not negated else emit.negate(before), after, after)

        return all_of(state, *(step(operand) for _, operand in moving.terms), test)


def _note(edge: ast.expr, state: State) -> ast.expr:
    """`u = min(u, edge)` as an expression that is always true."""
    noted = emit.compare(emit.bind("u", edge), "is not", emit.NONE)
    return noted if FIRST_EDGE in state else emit.either(emit.compare(edge, ">=", emit.name("u")), noted)


_CALLED = {"has_all": "covers", "has_at_least": "has_at_least"}


def _condition(test: ast.expr) -> Callable[[State], Code]:
    return lambda state: Code(test, state, state)


def _not_a_condition(expression: Expression) -> TypeError:
    return TypeError(f"{type(expression).__name__} is no condition: the checker lets none through")

