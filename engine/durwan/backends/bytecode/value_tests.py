"""The strict operators as tests: operands known, then the operator, or its opposite."""

from __future__ import annotations

import ast
from collections.abc import Callable

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.operands import Operands
from durwan.backends.bytecode.states import Code, State, all_of, always
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import COMPARISONS, like_parts

_CALLED = {"has_all": "covers", "has_at_least": "has_at_least"}


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


class ValueTests(Operands):
    """Writes the tests that time does not change."""

    def _standing(self, operation: nodes.Operation, state: State, *, negated: bool) -> Code:
        """A strict operator: its operands known, then its test, or the opposite of its test."""
        if operation.operator == "in_network":
            return self._in_network(operation, state, negated=negated)
        if asks_for_members(operation):
            return self._has_member(operation, state, negated=negated)
        values: list[ast.expr] = []

        def test(state: State) -> Code:
            return Code(self._test(operation, values, negated=negated), state, state)

        # A member is evaluated before the collection that is asked for it.
        ordered = operation.operands[::-1] if operation.operator == "has" else operation.operands
        return all_of(state, *self._reading(ordered, values), test)

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
            case _:  # pragma: no cover - asks_for_members saw to it
                raise not_a_condition(wanted)

    def _including(self, scopes: frozenset[str]) -> frozenset[str]:
        declared = self._program.schema.scopes.items()
        return scopes | {holder for holder, included in declared if not included.isdisjoint(scopes)}

    def _test(self, operation: nodes.Operation, values: list[ast.expr], *, negated: bool) -> ast.expr:
        operator = operation.operator
        if operator in COMPARISONS:
            return emit.compare(values[0], emit.OPPOSITE[operator] if negated else operator, values[1])
        if operator in ("in_set", "has"):
            return emit.compare(values[0], "not in" if negated else "in", values[1])
        if operator == "in_window":
            return self._contained(ast.Call(values[1], [values[0]], []), negated=negated)
        if operator == "has_any":
            disjoint = emit.call("disjoint", *values)
            return disjoint if negated else emit.negate(disjoint)
        found = self._like(operation, values) if operator == "like" else emit.call(_CALLED[operator], *values)
        return emit.negate(found) if negated else found

    def _contained(self, contained: ast.expr, *, negated: bool) -> ast.expr:
        """The answer of `Window.contains`, which may be unknown even for a known instant."""
        if not self._frame.strict:
            return emit.compare(contained, "is", emit.FALSE if negated else emit.TRUE)
        settled = emit.either(emit.compare(emit.bind("x", contained), "is not", emit.NONE), emit.call("unsettled"))
        return emit.both(settled, emit.negate(emit.name("x")) if negated else emit.name("x"))

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
        steps: tuple[Callable[[State], Code], ...]
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

    def _network(self, expression: Expression) -> NetworkSet | None:
        match expression:
            case nodes.NamedNetwork(name=name):
                return self._program.networks[name]
            case nodes.LiteralNetwork(value=value):
                return value
            case _:
                return None


def _condition(test: ast.expr) -> Callable[[State], Code]:
    return lambda state: Code(test, state, state)


def not_a_condition(expression: Expression) -> TypeError:
    """The error of an expression where a condition belongs: a defect of the checker, never of a policy."""
    return TypeError(f"{type(expression).__name__} is no condition: the checker lets none through")
