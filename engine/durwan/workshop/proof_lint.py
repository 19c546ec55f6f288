"""Warnings that only a proof can give: rules that never apply or never matter, conditions that others settle.

P0751: a rule or limit that applies to no request. P0752: one without which every request is answered alike, in effect,
status, code, reason, obligations, remedies and limits; which of several rules is named does not count. P0753: a
condition that is never true, or never false, where the truth of what it stands in depends on it. What can only be
unknown there still matters: a deny that applies for nothing but doubt does apply.

What the linter tells without a proof is not told again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from durwan.backends.solver.decisions import Applying, Decisions
from durwan.backends.solver.question import Question, UndecidedError
from durwan.backends.solver.values import ALWAYS, NEVER, Truth
from durwan.backends.solver.z3_interface import Term, both, either, negated
from durwan.diagnostics import Diagnostic, Span
from durwan.language.lint.conditions import Place, Truths, lint_conditions, place_of
from durwan.language.lint.dominance import lint_dominance
from durwan.language.lint.program_walk import owners_of, parts_of
from durwan.language.mistakes import proved
from durwan.model.request import Attributes, instant_of, no_keys
from durwan.program import nodes, reference
from durwan.program.charges import settle
from durwan.program.nodes import Expression
from durwan.program.program import Limit, Program, Rule
from durwan.workshop.instants import midweek
from durwan.workshop.isolation import answers
from durwan.workshop.junctions import composed, leaves_of, operands_of, with_part
from durwan.workshop.proved_warnings import ProofLint
from durwan.workshop.renames import Renames
from durwan.workshop.settlements import Settlements
from durwan.workshop.shrinking import Request

DEADLINE: Final = 10.0

# What the solver may at first assume what it likes about: see `durwan.backends.solver.pieces`.
_IN_PIECES: Final = (nodes.NamedWindow, nodes.NamedNetwork, nodes.LiteralNetwork)
_SAME_NAMES: Final = Renames({})


@dataclass(frozen=True, slots=True)
class _Subject:
    """What has conditions: a rule, a limit, or a let, with the truth that they make up."""

    name: str
    whole: Expression
    owner: Rule | Limit | None

    @property
    def parts(self) -> list[Expression]:
        """The whole and what it is made of, each part before its own."""
        return list(_parts(self.whole))


def _parts(whole: Expression) -> Iterator[Expression]:
    yield whole
    for operand in operands_of(whole):
        yield from _parts(operand)


# What a child answers: the code, and for P0753 the number of the part and the truth that this never has.
_Finding = tuple[str, int, bool]
_Found = tuple[list[_Finding], bool]


def prove_lint(
    program: Program,
    deadline: float = DEADLINE,
    *,
    near: int | None = None,
    settled: Callable[[str], object] = lambda _: None,
) -> ProofLint:
    """Looks for such rules and conditions in a whole program.

    Args:
        program: the checked program.
        deadline: seconds for each rule, limit or let; nothing is said of one that takes longer.
        near: the instant that requests have on the way if they can, in milliseconds; the present by default.
        settled: is told the name of each rule, limit or let that was looked at.
    """
    subjects = list(_subjects(program))
    diagnostics: list[Diagnostic] = []
    undecided: list[str] = []
    prober = partial(_Prober, program, subjects, midweek() if near is None else near)
    for place, found in answers(prober, range(len(subjects)), deadline):
        findings, complete = ([], False) if found is None else found
        diagnostics += [_diagnostic(subjects[place], finding) for finding in findings]
        if not complete:
            undecided.append(subjects[place].name)
        settled(subjects[place].name)
    ordered = sorted(diagnostics, key=lambda item: item.order)
    return ProofLint(diagnostics=tuple(ordered), undecided=tuple(sorted(undecided)))


def _diagnostic(subject: _Subject, finding: _Finding) -> Diagnostic:
    code, number, truth = finding
    if code == "P0753":
        return proved.settled_condition(_span(subject.parts[number]), subject.name, truth=truth)
    assert subject.owner is not None  # noqa: S101 - lets have no such findings
    name = subject.owner.span
    assert name is not None  # noqa: S101 - those without a place are no subjects
    return proved.never_applies(name) if code == "P0751" else proved.never_matters(name)


def _span(part: Expression) -> Span:
    assert part.span is not None  # noqa: S101 - of those without a place nothing is said
    return part.span


# ------------------------------------------------------------------------------------------------ what is looked at


def _subjects(program: Program) -> Iterator[_Subject]:
    """All that has conditions, but where the linter warns of these by itself."""
    told = _told(program)
    for owner in owners_of(program):
        whole = nodes.And(operands=(owner.body.when, nodes.Not(operand=owner.body.unless)))
        if owner.span is not None and place_of(owner.span) not in told and not _is_told(whole, program, told):
            yield _Subject(owner.name, whole, owner)
    for name, let in program.lets.items():
        if operands_of(let) and not _is_told(let, program, told):
            yield _Subject(name, let, None)


def _is_told(whole: Expression, program: Program, told: Container[Place]) -> bool:
    return any(part.span is not None and place_of(part.span) in told for part in _all_parts(whole, program))


def _all_parts(whole: Expression, program: Program) -> Iterator[Expression]:
    """All parts of an expression and of the lets that it uses."""
    for part in parts_of(whole):
        yield part
        if isinstance(part, nodes.LetReference):
            yield from _all_parts(program.lets[part.name], program)


def _told(program: Program) -> set[Place]:
    """Where the linter warns of such things by itself."""
    truths = Truths(program.lets)
    constant = {place_of(item.span) for item in lint_conditions(program, truths)}
    return constant | {place_of(item.span) for item in lint_dominance(program, truths, constant)}


# ----------------------------------------------------------------------------------------------------- in a child


class _Prober:
    """What looks at the subjects of a program, by their position; made in a child process."""

    def __init__(self, program: Program, subjects: Sequence[_Subject], near: int) -> None:
        self.program = program
        self._subjects = subjects
        self._near = near
        self.question = Question([program], near=near)
        self.encoding = self.question.encodings[0]
        self._decisions: dict[str, Decisions] = {}

    def __call__(self, place: int) -> _Found:
        """What is to be said of a subject, and whether that is all."""
        subject = self._subjects[place]
        found: list[_Finding] = []
        complete = True
        try:
            code = "" if subject.owner is None else self._owner_code(subject.owner)
            if code:
                return [(code, 0, True)], True
        except UndecidedError:
            complete = False
        try:
            found.extend(_Parts(self, subject).findings())
        except UndecidedError:
            complete = False
        return found, complete

    def _owner_code(self, owner: Rule | Limit) -> str:
        is_shadow = isinstance(owner, Rule) and owner.shadow
        if not is_shadow and any(self._matters(owner, action) for action in owner.actions):
            return ""
        if not self._applies(owner):
            return "P0751"
        return "" if is_shadow else "P0752"

    # ------------------------------------------------------------------------------------------ rules and limits

    def _applies(self, owner: Rule | Limit) -> bool:
        action = owner.actions[0]
        body = self.encoding.body(owner.body)
        is_allow = isinstance(owner, Rule) and owner.effect == "allow"

        def accept(request: Request) -> bool | None:
            value = self.evaluation(request).body(owner.body).value
            return True if (value is True if is_allow else value is not False) else None

        return self.question.find(action, body.true if is_allow else negated(body.false), accept) is not None

    def _matters(self, owner: Rule | Limit, action: str) -> bool:
        """Whether some request about the action is answered otherwise without the rule or limit."""
        rest = _without(self.program, owner)

        def accept(request: Request) -> bool | None:
            before, after = (settle(each, request, clock=lambda: self._near) for each in (self.program, rest))
            differ = _SAME_NAMES.differ(before, after) or before.outcome.reason != after.outcome.reason
            return True if differ else None

        found = self._of(action)
        without = Decisions(
            action=action,
            denies=_but(found.denies, owner),
            allows=_but(found.allows, owner),
            challenges=_but(found.challenges, owner),
            shadows=(),
            limits=tuple(each for each in found.limits if each.limit is not owner),
        )
        # Nearly every rule matters to whether something is allowed, and that is quickly asked.
        allowed = either(both(found.passes, negated(without.passes)), both(without.passes, negated(found.passes)))
        if self.question.find(action, allowed, accept) is not None:
            return True
        return self.question.find(action, self._told_apart(found, without), accept) is not None

    def _told_apart(self, found: Decisions, without: Decisions) -> Term:
        first, second = (
            Settlements(self.encoding, found.action, found=each, reasons=True) for each in (found, without)
        )
        return first.differs_from(second)

    def _of(self, action: str) -> Decisions:
        if action not in self._decisions:
            self._decisions[action] = self.question.decisions(action)
        return self._decisions[action]

    def evaluation(self, request: Request) -> reference.Evaluation:
        """The reference evaluator on a request."""
        now = instant_of(request, lambda: self._near)
        attributes = Attributes(self.program.schema, request, no_keys)
        return reference.Evaluation(self.program, attributes, self._near if now is None else now)


class _Parts:
    """The conditions of one subject, looked at one by one.

    What was said of one is taken for granted when the next is looked at: of two that say the same, only one must go.
    """

    def __init__(self, prober: _Prober, subject: _Subject) -> None:
        self._prober = prober
        # One of its own: what all others have told the solver would only slow it down.
        self._question = Question([prober.program], near=prober.question.near)
        self._subject = subject
        self._numbers = {id(part): number for number, part in enumerate(subject.parts)}
        self._truths = {id(leaf): self._question.encodings[0].truth(leaf) for leaf in leaves_of(subject.whole)}
        self._in_pieces = any(isinstance(part, _IN_PIECES) for part in _all_parts(subject.whole, prober.program))

    def findings(self) -> Iterator[_Finding]:
        """What is to be said of the conditions."""
        yield from self._look_at(self._subject.whole)

    def _look_at(self, part: Expression) -> Iterator[_Finding]:
        """The part, or else what it is made of; junctions first, since they say more than what stands in them."""
        if part.span is not None and not isinstance(part, nodes.BoolLiteral | nodes.Not):
            never = self._never(part)
            if never is not None:
                self._truths[id(part)] = NEVER if never else ALWAYS
                yield "P0753", self._numbers[id(part)], never
                return
        for operand in operands_of(part):
            yield from self._look_at(operand)

    def _never(self, part: Expression) -> bool | None:
        """The truth that a part never has where the whole depends on it; None where it has both."""
        truth = composed(part, self._truth)
        variants = [composed(self._subject.whole, self._with(part, constant)) for constant in (ALWAYS, NEVER)]
        differ = _differ(*variants)
        if not self._is_seen(part, both(truth.true, differ), value=True):
            return True
        return None if self._is_seen(part, both(truth.false, differ), value=False) else False

    def _truth(self, part: Expression) -> Truth | None:
        return self._truths.get(id(part))

    def _with(self, part: Expression, constant: Truth) -> Callable[[Expression], Truth | None]:
        return lambda other: constant if other is part else self._truth(other)

    def _is_seen(self, part: Expression, wanted: Term, *, value: bool) -> bool:
        """Whether there is a request where the part has this truth and the whole depends on it."""
        possible = self._question.is_possible(wanted)
        if not possible or not self._in_pieces:
            return possible
        whole = self._subject.whole
        variants = [with_part(whole, part, nodes.BoolLiteral(value=each)) for each in (True, False)]

        def accept(request: Request) -> bool | None:
            evaluation = self._prober.evaluation(request)
            first, second = (evaluation.read(each).value for each in variants)
            return True if first is not second and evaluation.read(part).value is value else None

        return self._question.find(min(self._prober.program.schema.actions), wanted, accept) is not None


def _but(rules: Sequence[Applying], owner: Rule | Limit) -> tuple[Applying, ...]:
    return tuple(each for each in rules if each[0] is not owner)


def _without(program: Program, owner: Rule | Limit) -> Program:
    return replace(
        program,
        rules=tuple(each for each in program.rules if each is not owner),
        limits=tuple(each for each in program.limits if each is not owner),
    )


def _differ(first: Truth, second: Truth) -> Term:
    pairs = ((first.true, second.true), (first.false, second.false))
    return either(*itertools.chain.from_iterable((both(a, negated(b)), both(b, negated(a))) for a, b in pairs))
