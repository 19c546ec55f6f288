"""The one border to z3, which has no types of its own: what is a formula here is `Term` in all other files."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any, Final

from durwan.backends.solver.installed import SolverNotInstalledError

Term = Any


def load() -> Any:
    """The package z3.

    Raises:
        SolverNotInstalledError: it is not installed.
    """
    try:
        return import_module("z3")
    except ImportError as error:
        raise SolverNotInstalledError from error


z3: Final = load()
TRUE: Final[Term] = z3.BoolVal(True)
FALSE: Final[Term] = z3.BoolVal(False)


def both(*terms: Term) -> Term:
    """All of them; what is settled already is left out, which keeps formulas small enough to look at."""
    open_ = [term for term in terms if not z3.is_true(term)]
    if any(z3.is_false(term) for term in open_):
        return FALSE
    if not open_:
        return TRUE
    return open_[0] if len(open_) == 1 else z3.And(*open_)


def either(*terms: Term) -> Term:
    """At least one of them."""
    open_ = [term for term in terms if not z3.is_false(term)]
    if any(z3.is_true(term) for term in open_):
        return TRUE
    if not open_:
        return FALSE
    return open_[0] if len(open_) == 1 else z3.Or(*open_)


def negated(term: Term) -> Term:
    """The opposite."""
    if z3.is_true(term):
        return FALSE
    if z3.is_false(term):
        return TRUE
    return term.arg(0) if z3.is_not(term) else z3.Not(term)


def truth(value: bool) -> Term:
    """A constant."""
    return TRUE if value else FALSE


def within(term: Term, ranges: Iterable[tuple[int, int]]) -> Term:
    """Whether a whole number lies in one of the ranges, of which both ends are included."""
    return either(*(term == low if low == high else both(term >= low, term <= high) for low, high in ranges))
