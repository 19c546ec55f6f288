"""The decisions of one program: made once, and the rare ones when they are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from durwan.backends.bytecode.actions import Answers
from durwan.model.decision import Deadlines, Decision, Outcome
from durwan.model.request import Attributes, KeyLookup
from durwan.program import reference
from durwan.program.program import Program, Rule


class ProgramAnswers:
    """The decisions of one program, made once, and the rare ones that are made when they are needed."""

    def __init__(self, program: Program, revision: str, keys: KeyLookup) -> None:
        self._program = program
        self._revision = revision
        self._keys = keys
        self._as_written = {rule.order: rule for rule in program.rules}
        self._rules: dict[int, Deadlines] = {}
        self._doubtful: dict[tuple[int, tuple[str, ...]], Deadlines] = {}
        self._challenges: dict[tuple[tuple[int, ...], tuple[str, ...]], Deadlines] = {}
        self.unknown_action = self._refusal("unknown_action", reference.UNKNOWN_ACTION)
        self.invalid_now = self._refusal("invalid_now", reference.INVALID_NOW, status=400, unknowns=("now",))
        self.internal_error = self._refusal("internal_error", "this request could not be decided", status=503)
        default = self._refusal("no_rule_allows", reference.NO_RULE_ALLOWS)
        self.ends = Answers(
            of_rule=self._of_rule,
            by_default=Deadlines(default.outcome),
            doubt=self._doubt,
            challenge=self._challenge,
        )

    def _refusal(self, code: str, reason: str, status: int = 403, unknowns: tuple[str, ...] = ()) -> Decision:
        return Outcome(
            effect="deny", rule=None, status=status, code=code, reason=reason, unknowns=unknowns,
            revision=self._revision,
        ).until(None)  # fmt: skip

    def _deadlines(self, outcome: Outcome) -> Deadlines:
        return Deadlines(reference.replace_outcome(outcome, shadows=(), revision=self._revision))

    def _of_rule(self, rule: Rule) -> Deadlines:
        if rule.order not in self._rules:
            self._rules[rule.order] = self._deadlines(reference.outcome_of(rule))
        return self._rules[rule.order]

    def _doubts(
        self, request: Mapping[str, Any], now: int, deadline: int, rules: Sequence[Rule]
    ) -> tuple[tuple[str, ...], int]:
        """What was unknown to rules that apply only for doubt, and until when it stays just that.

        Naming what was unknown takes every operand into account, also those that were never needed to decide; it is
        read by the reference evaluator.
        """
        attributes = Attributes(self._program.schema, request, self._keys)
        evaluation = reference.Evaluation(self._program, attributes, now)
        # A rule that an index has decided in part is looked up as it was written.
        readings = [evaluation.body(self._as_written[rule.order].body) for rule in rules]
        deadlines = [now + reading.change for reading in readings if reading.change is not None]
        return tuple(sorted({path for reading in readings for path in reading.doubts})), min([deadline, *deadlines])

    def _doubt(self, request: Mapping[str, Any], now: int, deadline: int, rule: Rule) -> Decision:
        unknowns, deadline = self._doubts(request, now, deadline, [rule])
        key = (rule.order, unknowns)
        if key not in self._doubtful:
            self._doubtful[key] = self._deadlines(reference.outcome_of(rule, unknowns=unknowns))
        return self._doubtful[key][deadline]

    def _challenge(
        self, request: Mapping[str, Any], now: int, deadline: int, bits: int, rules: tuple[Rule, ...]
    ) -> Decision:
        asked = [rule for index, rule in enumerate(rules) if bits >> 2 * index & 1]
        doubted = [rule for index, rule in enumerate(rules) if bits >> 2 * index & 2]
        unknowns: tuple[str, ...] = ()
        if doubted:
            unknowns, deadline = self._doubts(request, now, deadline, doubted)
        key = (tuple(rule.order for rule in asked), unknowns)
        if key not in self._challenges:
            self._challenges[key] = self._deadlines(reference.outcome_of(asked[0], asked, unknowns))
        return self._challenges[key][deadline]
