"""Lint: warnings about what a policy set may say and probably does not mean."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from durwan.diagnostics import Diagnostic
from durwan.language.lint.conditions import Truths, lint_conditions, place_of
from durwan.language.lint.dominance import lint_dominance
from durwan.language.lint.networks import lint_collections
from durwan.language.lint.past import lint_past
from durwan.language.lint.suppressions import apply_suppressions
from durwan.language.lint.unknowns import lint_unknowns
from durwan.language.lint.unused import lint_unconditional, lint_unused
from durwan.language.lint.written import lint_written
from durwan.language.prelude import prelude
from durwan.language.syntax import ContextDeclaration, Module
from durwan.program.program import Program


def lint(
    modules: Sequence[Module],
    files: Mapping[str, bytes],
    program: Program,
    *,
    now: int,
    unknown_in_tests: Container[str] | None = None,
) -> list[Diagnostic]:
    """All warnings about a policy set without errors, in source order.

    `modules`, `files` and `program` are what `check` was given and returned. `now` is in milliseconds since the epoch.
    `unknown_in_tests` are the paths of the attributes that were unknown in some test; without it nothing is said about
    tests. Suppressions are not applied: see `apply_suppressions`.
    """
    truths = Truths(program.lets)
    constant = list(lint_conditions(program, truths))
    found = [
        *constant,
        *lint_dominance(program, truths, {place_of(item.span) for item in constant}),
        *lint_collections(modules, files),
        *lint_written(modules),
        *lint_unused(modules, program, _prelude_attributes()),
        *lint_unconditional(program),
        *lint_past(modules, program, now),
    ]
    if unknown_in_tests is not None:
        found.extend(lint_unknowns(program, unknown_in_tests))
    return sorted(found, key=lambda item: item.order)


def _prelude_attributes() -> frozenset[str]:
    return frozenset(
        f"{declaration.name.text}.{name.text}"
        for declaration in prelude().declarations
        if isinstance(declaration, ContextDeclaration)
        for attribute in declaration.attributes
        for name in attribute.names
    )


__all__ = ["apply_suppressions", "lint"]
