"""Warnings that only a proof can give: rules that never apply or never matter, conditions that others settle.

P0751: a rule or limit that applies to no request. P0752: one without which every request is answered alike, in effect,
status, code, reason, obligations, remedies and limits; which of several rules is named does not count. P0753: a
condition that is never true, or never false, where the truth of what it stands in depends on it. What can only be
unknown there still matters: a deny that applies for nothing but doubt does apply.

What the linter tells without a proof is not told again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from durwan.diagnostics import Diagnostic, Span
from durwan.language.lint.conditions import Place, Truths, lint_conditions, place_of
from durwan.language.lint.dominance import lint_dominance
from durwan.language.lint.program_walk import owners_of
from durwan.language.mistakes import proved
from durwan.language.mistakes.proved import PROVED
from durwan.language.stored.store import Store
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Limit, Program, Rule
from durwan.workshop.instants import midweek
from durwan.workshop.isolation import answers
from durwan.workshop.junctions import operands_of, parts_with_lets

DEADLINE: Final = 10.0

_KIND: Final = "lint by proof 1"

# What was found about a subject: the code, and for P0753 the number of the part and the truth that this never has.
Finding = tuple[str, int, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofLint:
    """What was found, in source order, and the names of the rules, limits and lets about which not all is known."""

    diagnostics: tuple[Diagnostic, ...]
    undecided: tuple[str, ...]

    @property
    def unjudged(self) -> frozenset[str]:
        """The codes of which it is not known everywhere whether they apply."""
        return PROVED if self.undecided else frozenset()


@dataclass(frozen=True, slots=True)
class Subject:
    """What has conditions: a rule, a limit, or, without an `owner`, a let; `whole` is the truth that they make up."""

    name: str
    whole: Expression
    owner: Rule | Limit | None

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return self.name if self.owner is not None else f"let {self.name}"

    @property
    def parts(self) -> list[Expression]:
        """The whole and what it is made of, each part before its own."""
        return list(_parts(self.whole))


def prove_lint(  # noqa: PLR0913 - what to look at, and how; all but two by name
    program: Program,
    deadline: float = DEADLINE,
    *,
    near: int | None = None,
    store: Store | None = None,
    revision: str | None = None,
    settled: Callable[[str], object] = lambda _: None,
) -> ProofLint:
    """Looks for such rules and conditions in a whole program.

    Args:
        program: the checked program.
        deadline: seconds for each rule, limit or let; nothing is said of one that takes longer.
        near: the instant that requests have on the way if they can, in milliseconds; the present by default.
        store: where what was found is kept; None keeps nothing.
        revision: that of the program, under which it is kept.
        settled: is told the name of each rule, limit or let of which something new is known.

    Raises:
        SolverNotInstalledError: something is to be proved, and the solver is not installed.
    """
    subjects = list(subjects_of(program))
    key = (_KIND, revision or "")
    kept: Any = store.read(*key) if store is not None and revision is not None else None
    known: dict[str, list[Finding]] = _read(kept)
    missing = [subject for subject in subjects if subject.key not in known]
    told: dict[str, list[Finding]] = {}
    undecided: list[str] = []
    for subject, findings, complete in _probe(program, missing, deadline, midweek() if near is None else near):
        told[subject.key] = findings
        if complete:
            known[subject.key] = findings
        else:
            undecided.append(subject.name)
        settled(subject.name)
    if missing and store is not None and revision is not None:
        store.write(known, *key)
    found = [_diagnostic(each, finding) for each in subjects for finding in {**known, **told}[each.key]]
    ordered = sorted(found, key=lambda item: item.order)
    return ProofLint(diagnostics=tuple(ordered), undecided=tuple(sorted(undecided)))


def _probe(
    program: Program, subjects: Sequence[Subject], deadline: float, near: int
) -> Iterator[tuple[Subject, list[Finding], bool]]:
    """What is found out about each subject, and whether that is all."""
    if not subjects:
        return
    # The solver takes a while to load, and is not needed where nothing changed.
    from durwan.workshop.lint_prober import LintProber  # noqa: PLC0415

    for place, found in answers(partial(LintProber, program, subjects, near), range(len(subjects)), deadline):
        findings, complete = ([], False) if found is None else found
        yield subjects[place], findings, complete


def _read(kept: Any) -> dict[str, list[Finding]]:
    """What was kept, as far as it can be read."""
    if not isinstance(kept, dict):
        return {}
    return {key: [(code, number, truth) for code, number, truth in findings] for key, findings in kept.items()}  # pyright: ignore[reportUnknownVariableType] - JSON


def _diagnostic(subject: Subject, finding: Finding) -> Diagnostic:
    code, number, truth = finding
    if code == "P0753":
        return proved.settled_condition(_span(subject.parts[number].span), subject.name, truth=truth)
    name = _span(None if subject.owner is None else subject.owner.span)
    return proved.never_applies(name) if code == "P0751" else proved.never_matters(name)


def _span(span: Span | None) -> Span:
    assert span is not None  # noqa: S101 - nothing is said of what stands nowhere
    return span


# ------------------------------------------------------------------------------------------------ what is looked at


def subjects_of(program: Program) -> Iterator[Subject]:
    """All that has conditions, but where the linter warns of these by itself."""
    told = _told(program)
    for owner in owners_of(program):
        whole = nodes.And(operands=(owner.body.when, nodes.Not(operand=owner.body.unless)))
        if owner.span is not None and place_of(owner.span) not in told and not _is_told(whole, program, told):
            yield Subject(owner.name, whole, owner)
    for name, let in program.lets.items():
        if operands_of(let) and not _is_told(let, program, told):
            yield Subject(name, let, None)


def _is_told(whole: Expression, program: Program, told: Container[Place]) -> bool:
    return any(part.span is not None and place_of(part.span) in told for part in parts_with_lets(whole, program.lets))


def _told(program: Program) -> set[Place]:
    """Where the linter warns of such things by itself."""
    truths = Truths(program.lets)
    constant = {place_of(item.span) for item in lint_conditions(program, truths)}
    return constant | {place_of(item.span) for item in lint_dominance(program, truths, constant)}


def _parts(whole: Expression) -> Iterator[Expression]:
    yield whole
    for operand in operands_of(whole):
        yield from _parts(operand)
