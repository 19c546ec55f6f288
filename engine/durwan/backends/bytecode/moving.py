"""Tests of time, brought to one form: `now < edge`, where the edge does not move.

`now - session.mfa_at > 5m` and `key.expires <= now` are both a comparison of `now` with something that stands still,
which costs one addition and one comparison, and says by itself when it will change.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from durwan.backends.bytecode import emit
from durwan.model import types
from durwan.model.types import INT64_MAX, INT64_MIN, TIME_MAX, TIME_MIN
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import ARITHMETIC
from durwan.program.program import Program

Bounds = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Moving:
    """`now < edge` where `before`, else `now >= edge`; the edge is `constant` plus each term times its factor."""

    before: bool
    constant: int
    terms: tuple[tuple[int, Expression], ...]

    def edge(self, values: Sequence[ast.expr]) -> ast.expr:
        """The edge, from the values of the terms."""
        total: ast.expr | None = emit.number(self.constant) if self.constant or not self.terms else None
        for (factor, _), value in zip(self.terms, values, strict=True):
            if total is None:
                total = value if factor == 1 else ast.UnaryOp(ast.USub(), value)
            else:
                total = ast.BinOp(total, ast.Add() if factor == 1 else ast.Sub(), value)
        return total if total is not None else emit.number(0)


# `left - right OP 0`, solved for now: does it hold before the edge, and is the edge one millisecond later?
_RISING = {"<": (True, 0), "<=": (True, 1), ">": (False, 1), ">=": (False, 0)}
_FALLING = {">": (True, 0), ">=": (True, 1), "<": (False, 1), "<=": (False, 0)}


@dataclass(frozen=True, slots=True)
class Linear:
    """slope * now + constant + sum of factor * term, with the bounds between which its value certainly lies."""

    slope: int
    constant: int
    terms: tuple[tuple[int, Expression], ...]
    bounds: Bounds

    def plus(self, other: Linear, factor: int) -> Linear:
        """This and `factor` (1 or -1) times the other."""
        low, high = sorted((other.bounds[0] * factor, other.bounds[1] * factor))
        return Linear(
            self.slope + factor * other.slope,
            self.constant + factor * other.constant,
            self.terms + tuple((factor * each, operand) for each, operand in other.terms),
            (self.bounds[0] + low, self.bounds[1] + high),
        )


# More terms than a person writes: lets that double themselves are left to the reference evaluator.
_MANY_TERMS = 16


class Movement:
    """Which expressions of a program move with time, and how. Lets are looked into once."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._moving_lets: dict[str, bool] = {}
        self._linear_lets: dict[str, Linear | None] = {}

    def moves(self, expression: Expression) -> bool:
        """Whether the value of the expression changes merely because time passes."""
        match expression:
            case nodes.Now():
                return True
            case nodes.Operation(operator=operator, operands=operands) if operator in ARITHMETIC:
                return any(self.moves(operand) for operand in operands)
            case nodes.Default(operand=operand):
                return self.moves(operand)
            case nodes.LetReference(name=name, type=declared) if declared != types.Bool():
                if name not in self._moving_lets:
                    self._moving_lets[name] = self.moves(self._program.lets[name])
                return self._moving_lets[name]
            case _:
                return False

    def linear(self, operation: nodes.Operation) -> Moving | None:
        """The comparison as a `Moving`; None where it is of another form or could overflow on the way."""
        if operation.operator not in _RISING:
            return None
        left, right = (self._linear(operand) for operand in operation.operands)
        if left is None or right is None:
            return None
        difference = left.plus(right, -1)
        if abs(difference.slope) != 1 or len(difference.terms) > _MANY_TERMS:
            return None
        # slope * now + rest OP 0: the edge is -rest / slope.
        before, later = (_RISING if difference.slope == 1 else _FALLING)[operation.operator]
        sign = -difference.slope
        # A positive term first needs no negation in the code.
        terms = sorted(((factor * sign, operand) for factor, operand in difference.terms), key=lambda term: -term[0])
        return Moving(before, difference.constant * sign + later, tuple(terms))

    def _linear(self, expression: Expression) -> Linear | None:
        match expression:
            case nodes.Now():
                return Linear(1, 0, (), (TIME_MIN, TIME_MAX))
            case nodes.InstantLiteral(value=value) | nodes.DurationLiteral(value=value):
                return Linear(0, value, (), (value, value))
            case _ if not self.moves(expression):
                instant = isinstance(expression, nodes.Attribute) and expression.type == types.Time()
                return Linear(0, 0, ((1, expression),), (TIME_MIN, TIME_MAX) if instant else (INT64_MIN, INT64_MAX))
            case nodes.LetReference(name=name):
                if name not in self._linear_lets:
                    self._linear_lets[name] = self._linear(self._program.lets[name])
                return self._linear_lets[name]
            case nodes.Operation(operator="+" | "-" as operator, operands=(left, right)):
                return _sum(self._linear(left), self._linear(right), 1 if operator == "+" else -1)
            case _:
                return None


def _sum(left: Linear | None, right: Linear | None, factor: int) -> Linear | None:
    if left is None or right is None:
        return None
    total = left.plus(right, factor)
    within = total.bounds[0] >= INT64_MIN and total.bounds[1] <= INT64_MAX
    return total if within and len(total.terms) <= _MANY_TERMS else None
