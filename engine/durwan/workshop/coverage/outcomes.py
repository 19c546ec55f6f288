"""Which truths a condition can have at all: the one place that says what no test need show.

This looks at the form of a condition alone. An attribute may always be missing, so what reads one may be unknown; but
never unknown are `x is known`, `x default LITERAL`, what reads nothing but `now` and constants, and `now in WINDOW`
unless the window follows a trading calendar, whose data ends. That a sum may overflow is left out: no honest request
brings it about. A condition that can be true and false by its form, but is not because of what it says, is the
linter's business.
"""

from __future__ import annotations

from collections.abc import Iterable

from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Body, Program
from durwan.workshop.coverage.target import Outcome

_EITHER = frozenset[Outcome]({True, False})
_ANY = frozenset[Outcome]({True, False, None})


def possible_outcomes(expression: Expression, program: Program) -> frozenset[Outcome]:
    """The truths, None for unknown, that a condition can have by its form."""
    match expression:
        case nodes.BoolLiteral(value=value):
            return frozenset({value})
        case nodes.And(operands=operands):
            return _junction((possible_outcomes(operand, program) for operand in operands), decisive=False)
        case nodes.Or(operands=operands):
            return _junction((possible_outcomes(operand, program) for operand in operands), decisive=True)
        case nodes.Not(operand=operand):
            return frozenset(None if each is None else not each for each in possible_outcomes(operand, program))
        case nodes.LetReference(name=name):
            return possible_outcomes(program.lets[name], program)
        case _:
            return _ANY if can_be_unknown(expression, program) else _EITHER


def body_outcomes(body: Body, program: Program) -> frozenset[Outcome]:
    """The truths that `A and not B` can have."""
    return possible_outcomes(nodes.And(operands=(body.when, nodes.Not(operand=body.unless))), program)


def can_be_unknown(expression: Expression, program: Program) -> bool:
    """Whether a value of any type can be unknown."""
    match expression:
        case nodes.Attribute():
            return True
        case nodes.LetReference(name=name):
            return can_be_unknown(program.lets[name], program)
        case nodes.Operation(operands=operands):
            return any(can_be_unknown(operand, program) for operand in operands)
        case nodes.NamedWindow(name=name):
            return bool(program.windows[name].calendars)
        case nodes.And() | nodes.Or() | nodes.Not():
            return None in possible_outcomes(expression, program)
        case _:
            return False


def _junction(operands: Iterable[frozenset[Outcome]], *, decisive: bool) -> frozenset[Outcome]:
    """Kleene `and` (decisive false) and `or` (decisive true) of what each operand can be, whatever the others are."""
    able = list(operands)
    found: set[Outcome] = set()
    if any(decisive in each for each in able):
        found.add(decisive)
    if all((not decisive) in each for each in able):
        found.add(not decisive)
    if any(None in each for each in able) and not any(each == frozenset({decisive}) for each in able):
        found.add(None)
    return frozenset(found)
