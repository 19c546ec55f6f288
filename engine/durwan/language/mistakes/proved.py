"""P075: what is allowed and probably not meant, as only a proof shows."""

from __future__ import annotations

from typing import Final

from durwan.diagnostics import Diagnostic, Span
from durwan.diagnostics.codes import mistake, quoted

# The codes of this file, which are known only where proofs are made.
PROVED: Final = frozenset({"P0751", "P0752", "P0753"})


def never_applies(name: Span) -> Diagnostic:
    """P0751."""
    return mistake(
        "P0751",
        name,
        f"{quoted(name.text)} can never apply, whatever a request says",
        help="remove it, or correct one of its conditions",
    )


def never_matters(name: Span) -> Diagnostic:
    """P0752."""
    return mistake(
        "P0752",
        name,
        f"{quoted(name.text)} never matters: every request is answered alike without it",
        help="remove it, or correct what it asks",
    )


def settled_condition(condition: Span, owner: str, *, truth: bool) -> Diagnostic:
    """P0753. `truth` is the one that it never has where it matters."""
    never = "true" if truth else "false"
    message = f"{quoted(condition.text)} is never {never} where {quoted(owner)} depends on it"
    return mistake("P0753", condition, message, help="remove it, or correct it: the other conditions settle it")
