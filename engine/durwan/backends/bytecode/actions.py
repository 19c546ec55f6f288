"""The function that decides one action: denies, allows and challenges in the order of section 6.

    def decide(request, now):
        u = NEVER                                # the earliest instant at which time alone may change the answer
        if not (<deny is false>):
            if <deny is true>: return denied[u]
            return doubt(request, now, u, <rule>)
        if <allow is true>: return allowed[u]
        return no_rule_allows[u]

Where there are challenges, the first allow that applies is kept in `a`, and the challenges that apply are gathered as
bits in `b`: a first bit for one that applies, a second where it does so only for doubt.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.conditions import Conditions
from durwan.backends.bytecode.frame import Frame, Shared
from durwan.backends.bytecode.operands import definite
from durwan.backends.bytecode.states import FIRST_EDGE, NOTHING_READ, State
from durwan.backends.bytecode.value_tests import asks_for_members
from durwan.model import types
from durwan.model.decision import NEVER, Decision
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Program, Rule

Decide = Callable[[Mapping[str, Any], int], Decision]


@dataclass(frozen=True, slots=True)
class Answers:
    """The ends of a decision: what generated code returns, or calls where it is rare."""

    # The decisions of a rule by deadline, and those of the default deny.
    of_rule: Callable[[Rule], Mapping[int, Decision]]
    by_default: Mapping[int, Decision]
    # (request, now, deadline, rule) -> the decision of a deny that applies only for doubt, with what was unknown.
    doubt: Callable[[Mapping[str, Any], int, int, Rule], Decision]
    # (request, now, deadline, bits, rules) -> the decision of the challenges that apply.
    challenge: Callable[[Mapping[str, Any], int, int, int, tuple[Rule, ...]], Decision]


def body_of(rule: Rule) -> Expression:
    """`A and not B` as one expression."""
    return nodes.And(operands=(rule.body.when, nodes.Not(operand=rule.body.unless)))


class ActionWriter:
    """Writes the function that decides by the given rules, all of one action and in source order."""

    def __init__(self, shared: Shared, answers: Answers, *, template: bool, strict: bool) -> None:
        self._frame = Frame(shared, template=template, strict=strict)
        self._program = shared.program
        self._conditions = Conditions(self._frame)
        self._answers = answers
        self._statements: list[ast.stmt] = []
        self._state: State = NOTHING_READ
        self._shared_lets: frozenset[str] = frozenset()

    def write(self, rules: Sequence[Rule]) -> tuple[ast.FunctionDef, Frame]:
        """The function's tree, and the frame that holds its constants and helpers."""
        self._start(rules)
        denies, allows, challenges = (
            [rule for rule in rules if rule.effect == effect] for effect in ("deny", "allow", "challenge")
        )
        for rule in denies:
            self._deny(rule)
        if challenges:
            self._allows_then_challenges(allows, tuple(challenges))
        else:
            for rule in allows:
                self._allow(rule)
            self._return_decision(self._answers.by_default)
        return self._finish()

    def write_shadows(self, rules: Sequence[Rule]) -> tuple[ast.FunctionDef, Frame]:
        """The function that returns (bits of the shadow rules that apply, deadline)."""
        self._start(rules)
        self._statements.append(emit.assign("b", emit.number(0)))
        for index, rule in enumerate(rules):
            condition = self._applies(rule)
            self._statements.append(emit.when(condition, _set_bits(1 << index)))
        self._statements.append(ast.Return(ast.Tuple([emit.name("b"), emit.name("u")], emit.LOAD)))
        return self._finish()

    def _start(self, rules: Sequence[Rule]) -> None:
        self._shared_lets = _lets_used_twice(rules, self._program)
        # Whoever calls has seen to it that `now` is an int; that it is an instant is seen to here, where it is cheap.
        outside = emit.negate(emit.between(emit.number(TIME_MIN), emit.name("now"), emit.number(TIME_MAX)))
        self._statements.append(emit.when(outside, ast.Expr(emit.call("unsettled"))))
        self._statements.append(emit.assign("u", emit.name("NEVER")))

    def _finish(self) -> tuple[ast.FunctionDef, Frame]:
        constants = self._frame.constants
        parameters = ["request", "now", "k"] if constants.template else ["request", "now"]
        return emit.function_tree(parameters, constants.unpacking() + self._statements), self._frame

    # ------------------------------------------------------------------------------------------------------ rules

    def _deny(self, rule: Rule) -> None:
        self._hoist(rule)
        body = body_of(rule)
        decisions = self._answers.of_rule(rule)
        if self._known(body):
            true = self._conditions.true(body, self._state)
            self._statements.append(emit.when(true.test, self._decision(decisions, true.when_true)))
            self._state = true.when_false
            return
        false = self._conditions.false(body, self._state)
        true = self._conditions.true(body, false.when_false)
        doubted = (emit.when(true.test, self._decision(decisions, true.when_true)), self._doubt(rule))
        self._statements.append(emit.when(emit.negate(false.test), *doubted))
        self._state = false.when_true

    def _allow(self, rule: Rule) -> None:
        self._hoist(rule)
        true = self._conditions.true(body_of(rule), self._state)
        decision = self._decision(self._answers.of_rule(rule), true.when_true)
        self._statements.append(emit.when(true.test, decision))
        self._state = true.when_false

    def _allows_then_challenges(self, allows: Sequence[Rule], challenges: tuple[Rule, ...]) -> None:
        self._statements.append(emit.assign("a", emit.NONE))
        for position, rule in enumerate(allows):
            self._hoist(rule)
            true = self._conditions.true(body_of(rule), self._state)
            found = emit.assign("a", self._bind(self._answers.of_rule(rule)))
            if position == 0:
                self._statements.append(emit.when(true.test, found))
                self._state = true.after
            else:
                # Skipped once an allow was found, so nothing that it reads is certain afterwards.
                still_none = emit.compare(emit.name("a"), "is", emit.NONE)
                self._statements.append(emit.when(emit.both(still_none, true.test), found))
                self._state &= true.after
        default = self._decision(self._answers.by_default, self._state)
        self._statements.append(emit.when(emit.compare(emit.name("a"), "is", emit.NONE), default))
        self._statements.append(emit.assign("b", emit.number(0)))
        for index, rule in enumerate(challenges):
            self._challenge(rule, 2 * index)
        asked = emit.call(
            self._frame.helper("c", "challenge", lambda: self._answers.challenge),
            emit.name("request"), emit.name("now"), emit.name("u"), emit.name("b"),
            self._bind(challenges),
        )  # fmt: skip
        self._statements.append(emit.when(emit.name("b"), ast.Return(asked)))
        self._statements.append(ast.Return(emit.item(emit.name("a"), emit.name("u"))))

    def _challenge(self, rule: Rule, bit: int) -> None:
        self._hoist(rule)
        body = body_of(rule)
        false = self._conditions.false(body, self._state)
        certain = _set_bits(1 << bit)
        if self._known(body):
            self._statements.append(emit.when(emit.negate(false.test), certain))
            self._state = false.after
        else:
            true = self._conditions.true(body, false.when_false)
            doubted = ast.If(true.test, [certain], [_set_bits(3 << bit)])
            self._statements.append(emit.when(emit.negate(false.test), doubted))
            self._state = false.when_true & true.after

    def _known(self, body: Expression) -> bool:
        """Whether the body cannot be unknown here, so that *not false* is *true*."""
        return self._frame.strict or definite(body, self._program)

    def _applies(self, rule: Rule) -> ast.expr:
        self._hoist(rule)
        if rule.effect == "allow":
            code = self._conditions.true(body_of(rule), self._state)
            test = code.test
        else:
            code = self._conditions.false(body_of(rule), self._state)
            test = emit.negate(code.test)
        self._state = code.after
        return test

    # ------------------------------------------------------------------------------------------------- statements

    def _bind(self, value: object) -> ast.expr:
        return self._frame.constants.bind(value)

    def _decision(self, by_deadline: Mapping[int, Decision], state: State) -> ast.stmt:
        if FIRST_EDGE in state:
            # No test of time on any way to this point: there is but one decision.
            return ast.Return(self._bind(by_deadline[NEVER]))
        return ast.Return(emit.item(self._bind(by_deadline), emit.name("u")))

    def _return_decision(self, by_deadline: Mapping[int, Decision]) -> None:
        self._statements.append(self._decision(by_deadline, self._state))

    def _doubt(self, rule: Rule) -> ast.stmt:
        helper = self._frame.helper("d", "doubt", lambda: self._answers.doubt)
        arguments = (emit.name("request"), emit.name("now"), emit.name("u"), self._bind(rule))
        return ast.Return(emit.call(helper, *arguments))

    def _hoist(self, rule: Rule) -> None:
        """Evaluates, before the rule that first asks, the lets that several conditions ask for.

        Once each: a let that is written twice is decided once, and lets built upon lets stay as small as they look.
        """
        for let in _lets_of(body_of(rule), self._program, self._shared_lets):
            if let not in self._frame.hoisted:
                value, after = self._conditions.three_valued(self._program.lets[let], self._state)
                slot = self._frame.slot(("hoisted", let))
                self._statements.append(emit.assign(slot, value))
                self._frame.hoisted[let] = slot
                self._state = after
        self._read_ahead(body_of(rule))

    def _read_ahead(self, body: Expression) -> None:
        """Reads by statements the collection that the rule's first test asks, since it will be needed for certain."""
        first = body
        while isinstance(first, nodes.And | nodes.Or):
            first = first.operands[0]
        if isinstance(first, nodes.Operation) and asks_for_members(first):
            held = first.operands[0]
            assert isinstance(held, nodes.Attribute)  # noqa: S101 - asks_for_members saw to it
            statements, self._state = self._frame.collection_ahead(held.path, self._state)
            self._statements.extend(statements)


def _set_bits(bits: int) -> ast.stmt:
    return ast.AugAssign(ast.Name("b", emit.STORE), ast.BitOr(), emit.number(bits))


def _references(expression: Expression) -> Iterator[str]:
    """The lets that an expression names itself, each as often as it does."""
    match expression:
        case nodes.LetReference(name=name):
            yield name
        case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
            for operand in operands:
                yield from _references(operand)
        case nodes.Not(operand=operand) | nodes.Default(operand=operand) | nodes.IsKnown(operand=operand):
            yield from _references(operand)
        case _:
            return


def _lets_used_twice(rules: Sequence[Rule], program: Program) -> frozenset[str]:
    """The conditions among the lets that the rules ask for in more than one place."""
    uses: Counter[str] = Counter(name for rule in rules for name in _references(body_of(rule)))
    pending = list(uses)
    seen = set(pending)
    while pending:
        for name in _references(program.lets[pending.pop()]):
            uses[name] += 1
            if name not in seen:
                seen.add(name)
                pending.append(name)
    return frozenset(
        name for name, count in uses.items() if count > 1 and nodes.type_of(program.lets[name]) == types.Bool()
    )


def _lets_of(expression: Expression, program: Program, wanted: frozenset[str]) -> list[str]:
    """Those of the wanted lets that an expression needs, each after the lets that it needs itself."""
    found: list[str] = []
    seen: set[str] = set()

    def visit(expression: Expression) -> None:
        for name in _references(expression):
            if name not in seen:
                seen.add(name)
                visit(program.lets[name])
                if name in wanted:
                    found.append(name)

    visit(expression)
    return found
