"""P0711 and its like for what stands in the text alone: literal sets in conditions, and lists of actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from durwan.diagnostics import Diagnostic
from durwan.language.expression_walk import parts
from durwan.language.lint.networks import lint_members, lint_networks
from durwan.language.mistakes import warnings
from durwan.language.syntax import (
    Address,
    AnyDeclaration,
    Braces,
    Expression,
    InvariantDeclaration,
    LetDeclaration,
    LimitDeclaration,
    Module,
    Network,
    Pattern,
    RuleDeclaration,
)


def lint_written(modules: Sequence[Module]) -> Iterator[Diagnostic]:
    """Literal sets with the same member twice or with networks inside networks; actions that are listed twice."""
    for module in modules:
        for declaration in module.declarations:
            for expression in _expressions(declaration):
                yield from _lint_braces(expression)
            if isinstance(declaration, RuleDeclaration | LimitDeclaration | InvariantDeclaration):
                yield from _lint_patterns(declaration.clauses.actions or ())


def _expressions(declaration: AnyDeclaration) -> Iterator[Expression]:
    match declaration:
        case LetDeclaration(value=value):
            yield value
        case (
            RuleDeclaration(clauses=clauses) | LimitDeclaration(clauses=clauses) | InvariantDeclaration(clauses=clauses)
        ):
            yield from (part for part in (clauses.when, clauses.unless) if part is not None)
        case _:
            pass
    if isinstance(declaration, LimitDeclaration) and declaration.cost is not None:
        yield declaration.cost


def _lint_braces(expression: Expression) -> Iterator[Diagnostic]:
    pending: list[Expression | Braces] = [expression]
    while pending:
        part = pending.pop()
        if not isinstance(part, Braces):
            pending.extend(parts(part))
        elif any(isinstance(item, Address | Network) for item in part.items):
            yield from lint_networks(part.items, part.span)
        else:
            yield from lint_members(part.items)


def _lint_patterns(patterns: Sequence[Pattern]) -> Iterator[Diagnostic]:
    """Patterns that another one of the same list contains; of two equal ones, the second."""
    first: dict[str, Pattern] = {}
    for pattern in patterns:
        kept = first.setdefault(pattern.text, pattern)
        if kept is not pattern:
            yield warnings.duplicate_member(pattern.span, kept.span)
    for text, pattern in first.items():
        wider = next((first[each] for each in _wider(text) if each in first), None)
        if wider is not None:
            yield warnings.needless_pattern(pattern.span, wider.span)


def _wider(text: str) -> Iterator[str]:
    """All patterns that match whatever this one matches, the widest first."""
    if text == "*":
        return
    yield "*"
    names = text.removesuffix(".*").split(".")
    for end in range(1, len(names)):
        yield f"{'.'.join(names[:end])}.*"
