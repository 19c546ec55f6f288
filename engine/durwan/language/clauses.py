"""Which clauses a declaration may have, in which order, and which it cannot do without.

The grammar takes any clause anywhere, so that the message can say what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from durwan.diagnostics import Diagnostic, Span
from durwan.language.literals import Report
from durwan.language.mistakes import text as mistakes


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause: the word that opens it, where that word stands, and what it says."""

    keyword: str
    span: Span
    value: Any


@dataclass(frozen=True, slots=True)
class Shape:
    """The clauses of one kind of declaration, in order; `needed` ones with an example of each."""

    noun: str
    order: tuple[str, ...]
    needed: dict[str, str]

    @property
    def listed(self) -> str:
        """The clauses in order, for a message."""
        return ", ".join(f"`{keyword}`" for keyword in self.order)


_ON = {"on": "on orders.create"}
_BODY = ("on", "when", "unless")

SHAPES = {
    "allow": Shape("an allow", (*_BODY, "because", "with"), _ON),
    "deny": Shape("a deny", (*_BODY, "because", "respond"), {}),
    "challenge": Shape(
        "a challenge", (*_BODY, "because", "respond", "require"), _ON | {"require": "require mfa within 5m"}
    ),
    "limit": Shape(
        "a limit",
        (*_BODY, "to", "cost", "per", "because", "respond"),
        _ON | {"to": "to 100 per 10s", "per": "per key.account"},
    ),
    "invariant": Shape("an invariant", ("on", "when"), _ON),
}

_JOINED = {
    "on": "name all actions in one list, with commas between",
    "when": "join the conditions with `and`",
    "unless": "join the conditions with `or`",
    "per": "name all attributes in one list, with commas between",
}


def arrange(shape: Shape, clauses: Sequence[Clause], name: Span, report: Report) -> dict[str, Any]:
    """The values of the clauses by their keywords; of a clause that stands twice, the first one's.

    Only the first clause that is out of place is reported: where the head of the next rule is missing, all of its
    clauses would be.
    """
    found: dict[str, Clause] = {}
    misplaced: Diagnostic | None = None
    for clause in clauses:
        misplaced = misplaced or _misplaced(shape, clause, found)
        found.setdefault(clause.keyword, clause)
    if misplaced is not None:
        report(misplaced)
    else:
        for keyword, example in shape.needed.items():
            if keyword not in found:
                report(mistakes.clause_missing(name, keyword, shape.noun, example))
    return {keyword: clause.value for keyword, clause in found.items()}


def _misplaced(shape: Shape, clause: Clause, before: Mapping[str, Clause]) -> Diagnostic | None:
    """What is wrong with a clause after those before it."""
    keyword = clause.keyword
    if keyword not in shape.order:
        return mistakes.clause_not_here(clause.span, keyword, shape.noun, shape.listed)
    if keyword in before:
        joined = _JOINED.get(keyword, "leave one of them out")
        return mistakes.clause_twice(clause.span, keyword, before[keyword].span, joined)
    later = [each for each in shape.order[shape.order.index(keyword) :] if each in before]
    return mistakes.clause_out_of_order(clause.span, keyword, later[0], shape.listed) if later else None
