"""P0710: spans and instants that lie wholly in the past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from durwan.diagnostics import Diagnostic
from durwan.language.lint.program_walk import all_expressions, parts_of
from durwan.language.mistakes import warnings
from durwan.language.syntax import DatesSpan, InstantSpan, Module, WindowDeclaration, WindowSpan
from durwan.program import nodes
from durwan.program.program import Program

_DAY = 86_400_000
_EPOCH = date(1970, 1, 1)
# No zone is further than 14 hours from UTC: two days after its date a local day is over everywhere.
_OVER_EVERYWHERE = 2
_AFTER = frozenset({">", ">=", "!="})
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def lint_past(modules: Sequence[Module], program: Program, now: int) -> Iterator[Diagnostic]:
    """What is over at `now`, in milliseconds since the epoch: spans of windows, and comparisons with `now`."""
    for module in modules:
        for declaration in module.declarations:
            if isinstance(declaration, WindowDeclaration):
                for span in (*declaration.spans, *declaration.exceptions):
                    if _is_over(span, now):
                        yield warnings.past_span(span.span)
    for expression in all_expressions(program):
        for part in parts_of(expression):
            yield from _lint_comparison(part, now)


def _is_over(span: WindowSpan, now: int) -> bool:
    match span:
        case InstantSpan(end=end):
            return end.value <= now
        case DatesSpan(last=last):
            return ((date.fromisoformat(last) - _EPOCH).days + _OVER_EVERYWHERE) * _DAY <= now
        case _:
            return False


def _lint_comparison(part: nodes.Expression, now: int) -> Iterator[Diagnostic]:
    match part:
        case nodes.Operation(operator=operator, operands=(nodes.Now(), nodes.InstantLiteral(value=value))):
            pass
        case nodes.Operation(operator=operator, operands=(nodes.InstantLiteral(value=value), nodes.Now())):
            operator = _MIRRORED.get(operator, operator)
        case _:
            return
    if operator in _MIRRORED and value < now and part.span is not None:
        yield warnings.past_instant(part.span, operator in _AFTER)
