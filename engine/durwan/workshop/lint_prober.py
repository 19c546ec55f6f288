"""Which rules never apply or never matter, and which conditions others settle: what `proof_lint` asks the solver."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from durwan.backends.solver.decisions import Applying, Decisions
from durwan.backends.solver.question import Question, UndecidedError
from durwan.backends.solver.values import ALWAYS, NEVER, Truth, conjunction, disjunction, opposite
from durwan.backends.solver.z3_interface import Term, both, either, negated
from durwan.model.request import Attributes, instant_of, no_keys
from durwan.program import nodes, reference
from durwan.program.charges import settle
from durwan.program.nodes import Expression
from durwan.program.program import Limit, Program, Rule
from durwan.workshop.junctions import leaves_of, operands_of, parts_with_lets, with_part
from durwan.workshop.proof_lint import Finding, Subject
from durwan.workshop.renames import Renames
from durwan.workshop.settlements import Settlements
from durwan.workshop.shrinking import Request

# What the solver may at first assume what it likes about: see `durwan.backends.solver.pieces`.
_IN_PIECES: Final = (nodes.NamedWindow, nodes.NamedNetwork, nodes.LiteralNetwork)
_SAME_NAMES: Final = Renames({})


class LintProber:
    """What looks at the subjects of a program, by their position; made in a child process."""

    def __init__(self, program: Program, subjects: Sequence[Subject], near: int) -> None:
        self.program = program
        self._subjects = subjects
        self._near = near
        self.question = Question([program], near=near)
        self.encoding = self.question.encodings[0]
        self._decisions: dict[str, Decisions] = {}

    def __call__(self, place: int) -> tuple[list[Finding], bool]:
        """What is to be said of a subject, and whether that is all."""
        subject = self._subjects[place]
        found: list[Finding] = []
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

    def __init__(self, prober: LintProber, subject: Subject) -> None:
        self._prober = prober
        # One of its own: what all others have told the solver would only slow it down.
        self._question = Question([prober.program], near=prober.question.near)
        self._subject = subject
        self._numbers = {id(part): number for number, part in enumerate(subject.parts)}
        self._truths = {id(leaf): self._question.encodings[0].truth(leaf) for leaf in leaves_of(subject.whole)}
        self._in_pieces = any(
            isinstance(part, _IN_PIECES) for part in parts_with_lets(subject.whole, prober.program.lets)
        )

    def findings(self) -> Iterator[Finding]:
        """What is to be said of the conditions."""
        yield from self._look_at(self._subject.whole)

    def _look_at(self, part: Expression) -> Iterator[Finding]:
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
        truth = _composed(part, self._truth)
        variants = [_composed(self._subject.whole, self._with(part, constant)) for constant in (ALWAYS, NEVER)]
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


def _composed(expression: Expression, truth_of: Callable[[Expression], Truth | None]) -> Truth:
    """The truth of the whole, from those of the parts that have one; every leaf has, but `true` and `false`."""
    known = truth_of(expression)
    if known is not None:
        return known
    match expression:
        case nodes.And(operands=operands):
            return conjunction([_composed(operand, truth_of) for operand in operands])
        case nodes.Or(operands=operands):
            return disjunction([_composed(operand, truth_of) for operand in operands])
        case nodes.Not(operand=operand):
            return opposite(_composed(operand, truth_of))
        case nodes.BoolLiteral(value=value):
            return ALWAYS if value else NEVER
        case _:
            msg = f"{expression} has no truth"
            raise TypeError(msg)
