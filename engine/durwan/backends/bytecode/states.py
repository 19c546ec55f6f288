"""Conditions while they are being written: each with what is certain where it is true, and where it is false.

A *state* says which slots are certainly assigned at a point of the code, and which of them are certainly known there
(`slot!`); see `durwan.backends.bytecode.frame` for slots.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from durwan.backends.bytecode import emit

State = frozenset[str]
# In the state as long as no deadline was noted yet on any way to this point.
FIRST_EDGE = "first edge"
NOTHING_READ: State = frozenset({FIRST_EDGE})


@dataclass(frozen=True, slots=True)
class Code:
    """A condition, and the state of the slots where it turned out true and where it turned out false."""

    test: ast.expr
    when_true: State
    when_false: State

    @property
    def after(self) -> State:
        """The state whatever it turned out."""
        return self.when_true & self.when_false


def known(slot: str, value: ast.expr, after: State) -> Code:
    """The condition that a slot's value is known; `value` yields it and, where need be, assigns the slot."""
    if slot + "!" in after:
        # Known already, or as soon as it is read: in a strict function reading it is part of the test that uses it.
        return Code(emit.TRUE, after, after)
    return Code(emit.compare(value, "is not", emit.NONE), after | {slot + "!"}, after)


def always(state: State) -> Code:
    """The condition that is always true."""
    return Code(emit.TRUE, state, state)


def all_of(state: State, *steps: Callable[[State], Code]) -> Code:
    """`a and b and ...`: each step is written for the state in which those before it were true."""
    tests: list[ast.expr] = []
    failed: State | None = None
    for step in steps:
        code = step(state)
        tests.append(code.test)
        if emit.is_constant(code.test, False):
            failed = code.when_false if failed is None else failed & code.when_false
            return Code(emit.both(*tests), code.when_true, failed)
        if not emit.is_constant(code.test, True):
            failed = code.when_false if failed is None else failed & code.when_false
        state = code.when_true
    return Code(emit.both(*tests), state, state if failed is None else failed)


def opposite(code: Code) -> Code:
    """`not code`."""
    return Code(emit.negate(code.test), code.when_false, code.when_true)


def any_of(state: State, *steps: Callable[[State], Code]) -> Code:
    """`a or b or ...`: each step is written for the state in which those before it were false."""
    tests: list[ast.expr] = []
    succeeded: State | None = None
    for step in steps:
        code = step(state)
        tests.append(code.test)
        if emit.is_constant(code.test, True):
            succeeded = code.when_true if succeeded is None else succeeded & code.when_true
            return Code(emit.either(*tests), succeeded, code.when_false)
        if not emit.is_constant(code.test, False):
            succeeded = code.when_true if succeeded is None else succeeded & code.when_true
        state = code.when_false
    return Code(emit.either(*tests), state if succeeded is None else succeeded, state)
