"""Patterns of actions as a command takes them: `orders.create`, `orders.*`, `*`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durwan.cli.exits import UsageError
from durwan.language.suggestions import Suggestions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durwan.program.program import Program


def matching_actions(patterns: Iterable[str], program: Program) -> list[str]:
    """The declared actions that some pattern matches, sorted.

    Raises:
        UsageError: a pattern matches none.
    """
    declared = sorted(program.schema.actions)
    found: set[str] = set()
    for pattern in patterns:
        matching = [each for each in declared if _matches(pattern, each)]
        if not matching:
            near = Suggestions().nearest(pattern, declared)
            raise UsageError(f"no action is {pattern}" + ("" if near is None else f"; did you mean {near}?"))
        found.update(matching)
    return [action for action in declared if action in found]


def _matches(pattern: str, action: str) -> bool:
    return pattern in {"*", action} or (pattern.endswith(".*") and action.startswith(pattern[:-1]))
