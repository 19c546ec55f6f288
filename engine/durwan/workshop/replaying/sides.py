"""The two sides of a replay: what a policy set answers to recorded requests, and what was answered, as recorded.

A policy set answers as `policy-check eval` does: each request as if it were the first, so that a limit refuses only
what it cannot count, and what costs more than it ever holds. How limits fill up over time depends on all that was
asked meanwhile, and is not counted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, Protocol

from durwan.backends.columns.batch import Batch
from durwan.backends.columns.evaluator import CODE, ColumnsEvaluator
from durwan.backends.columns.plan import attributes_read
from durwan.backends.columns.polars_interface import pl
from durwan.credentials.refusals import CODES
from durwan.model.decision import Outcome
from durwan.model.request import KeyLookup
from durwan.program import nodes
from durwan.program.charges import LIMIT_DOUBT, settle
from durwan.program.program import Body, Limit, Program, Rule
from durwan.program.reference import replace_outcome
from durwan.runtime.engine import Engine
from durwan.runtime.limits import UntouchedCounter
from durwan.runtime.policy import Compiled
from durwan.workshop.replaying.answers import Answer, Answers, answer_of
from durwan.workshop.replaying.logs import RecordedBatch, Side

_NUMBER: Final = pl.UInt32


class ReplaySide(Protocol):
    """What answers recorded requests.

    Attributes:
        program: by what it decides; None for what was recorded.
    """

    program: Program | None

    def answers(
        self, recorded: RecordedBatch, rows: pl.Series | None, table: Answers
    ) -> tuple[pl.Series, tuple[int, ...]]:
        """The numbers of the answers to some rows, or to all, and which of them columns could not decide.

        Null where it is not known what was answered.
        """
        ...


class ProgramSide:
    """What a policy set answers.

    Args:
        compiled: the policy set.
        keys: how the id of a key becomes its attributes; None for the keys of the set.
    """

    def __init__(self, compiled: Compiled, keys: KeyLookup | None = None) -> None:
        self.compiled = compiled
        self.program = program = compiled.program
        self.revision = compiled.revision
        self.keys = compiled.keys.get if keys is None else keys
        refusals = tuple(_refusals(program))
        # What limits read is read too: for a side, they are rules on trial.
        trials = tuple(replace(rule, shadow=True) for rule in refusals)
        self.reading = replace(program, rules=program.rules + trials)
        self.side = Side(self.reading, self.keys)
        self._evaluator = ColumnsEvaluator(program)
        self._refusing = _Alone(program, refusals)
        challenges = [rule for rule in program.rules if rule.effect == "challenge" and not rule.shadow]
        self._challenges = {rule.name: rule for rule in challenges}
        self._asking = [_Alone(program, (rule,)) for rule in challenges]

    # The generated evaluator, for what columns cannot hold.
    @cached_property
    def _engine(self) -> Engine:
        compiled = Compiled(program=self.program, revision=self.revision, keys=_Keys(self.keys))
        return Engine(lambda: compiled, clock=lambda: 0, limits=UntouchedCounter(), cache=None)

    def answers(
        self, recorded: RecordedBatch, rows: pl.Series | None, table: Answers
    ) -> tuple[pl.Series, tuple[int, ...]]:
        """See `ReplaySide`."""
        batch = recorded.batch_for(self.side)
        batch = batch if rows is None else batch.at(rows)
        codes = self._evaluator.codes(batch)
        outcomes = self._evaluator.outcomes
        numbers = pl.Series([table.number(answer_of(each)) for each in outcomes], dtype=_NUMBER).gather(codes)
        if len(self._asking) > 1:
            numbers = self._asked(batch, codes, numbers, table)
        if self._refusing.outcomes:
            numbers = self._limited(batch, codes, numbers, table)
        if not batch.beyond:
            return numbers, ()
        places = batch.beyond if rows is None else rows.gather(list(batch.beyond)).to_list()
        found = [table.number(self._exactly(request)) for request in recorded.requests(places)]
        return numbers.scatter(batch.beyond, found), batch.beyond

    def _exactly(self, request: Mapping[str, Any]) -> Answer:
        return answer_of(self._engine.decide(request).outcome)

    def _asked(self, batch: Batch, codes: pl.Series, numbers: pl.Series, table: Answers) -> pl.Series:
        """The same numbers, where challenges were answered with the remedies of all of them that apply."""
        rows = _where(codes, self._evaluator, "challenge")
        if not len(rows):
            return numbers
        part = batch.at(rows)
        applied = pl.DataFrame([codes.gather(rows).alias(CODE)]).with_columns(
            each.applied(part).alias(name) for name, each in zip(self._challenges, self._asking, strict=True)
        )
        different = applied.unique(maintain_order=True)
        found = [table.number(self._challenged(row)) for row in different.iter_rows(named=True)]
        numbered = different.with_columns(pl.Series("number", found, dtype=_NUMBER))
        known = applied.join(numbered, on=applied.columns, how="left", maintain_order="left").get_column("number")
        return numbers.scatter(rows, known)

    def _challenged(self, row: Mapping[str, Any]) -> Answer:
        remedies = [rule.remedy for name, rule in self._challenges.items() if row[name] and rule.remedy is not None]
        code: int = row[CODE]
        outcome = self._evaluator.outcomes[code]
        return answer_of(replace(outcome, remedies=tuple(remedies)))

    def _limited(self, batch: Batch, codes: pl.Series, numbers: pl.Series, table: Answers) -> pl.Series:
        """The same numbers, where a limit refuses even the first request of its period, the refusal's."""
        rows = _where(codes, self._evaluator, "allow")
        if not len(rows):
            return numbers
        refused = self._refusing.first_applied(batch.of(self._refusing.paths).at(rows))
        found = refused.is_not_null()
        if not found.any():
            return numbers
        answers = pl.Series([table.number(each) for each in self._refusing.outcomes], dtype=_NUMBER)
        return numbers.scatter(rows.filter(found), answers.gather(refused.drop_nulls()))

    def settled(self, request: Mapping[str, Any]) -> Outcome:
        """What the reference evaluator says of one request."""
        found = settle(self.program, request, clock=lambda: 0, keys=self.keys)
        refusing = next((each.limit for each in found.charges if each.is_too_much), None)
        outcome = found.outcome if refusing is None else _refusal(refusing)
        return replace_outcome(outcome, shadows=outcome.shadows, revision=self.revision)


class RecordedSide:
    """What was answered, as recorded.

    Args:
        other: the program that it is compared with, which knows its limits.
    """

    program: Program | None = None

    def __init__(self, other: Program) -> None:
        self._limits = frozenset(limit.name for limit in other.limits)
        self._rules = frozenset(rule.name for rule in other.rules)

    def answers(
        self, recorded: RecordedBatch, rows: pl.Series | None, table: Answers
    ) -> tuple[pl.Series, tuple[int, ...]]:
        """See `ReplaySide`."""
        frame = recorded.recorded
        if frame is None:
            height = recorded.rows if rows is None else len(rows)
            return pl.Series([None], dtype=_NUMBER).new_from_index(0, height), ()
        frame = (frame if rows is None else frame[rows]).select("effect", "rule", "status", "code")
        different = frame.unique(maintain_order=True)
        found = [None if row[0] is None else table.number(self._answer(*row)) for row in different.iter_rows()]
        numbered = different.with_columns(pl.Series("number", found, dtype=_NUMBER))
        joined = frame.join(numbered, on=frame.columns, how="left", nulls_equal=True, maintain_order="left")
        return joined.get_column("number"), ()

    def _answer(self, effect: str, rule: str | None, status: int | None, code: str | None) -> Answer:
        limited = rule in self._limits or (status == 429 and rule is not None and rule not in self._rules)
        counted_out = effect == "deny" and limited and code != LIMIT_DOUBT
        return Answer(effect, rule, status, code, counted_out=counted_out)


def refused_before(recorded: RecordedBatch) -> pl.Series | None:
    """Which requests were refused before any policy was asked, as for a wrong signature; None where none is."""
    frame = recorded.recorded
    if frame is None:
        return None
    codes = pl.Series(list(CODES), dtype=pl.String)
    statuses = pl.Series([status for status, _ in CODES.values()], dtype=pl.Int64)
    usual = pl.col("code").replace_strict(codes, statuses, default=None, return_dtype=pl.Int64)
    is_one = (pl.col("effect") == "deny") & pl.col("rule").is_null() & (pl.col("status") == usual)
    found = frame.select(is_one.fill_null(value=False)).to_series()
    return found if found.any() else None


# -------------------------------------------------------------------------------------------------- rules by themselves


class _Alone:
    """Rules that refuse, asked by themselves."""

    def __init__(self, program: Program, rules: Sequence[Rule]) -> None:
        denies = tuple(replace(rule, effect="deny", shadow=False, remedy=None, obligations=()) for rule in rules)
        alone = replace(program, rules=denies, limits=(), invariants=())
        self._evaluator = ColumnsEvaluator(alone)
        self.paths = sorted(attributes_read(alone))
        self.outcomes = [Answer("deny", rule.name, rule.status, rule.code, "") for rule in denies]

    def first_applied(self, batch: Batch) -> pl.Series:
        """For each row the place of the first rule that applies; null where none does."""
        before = len(self._evaluator.outcomes) - len(self.outcomes)
        codes = self._evaluator.codes(batch).alias(CODE).cast(pl.Int64) - before
        return codes.to_frame().select(pl.when(pl.col(CODE) >= 0).then(pl.col(CODE))).to_series().cast(_NUMBER)

    def applied(self, batch: Batch) -> pl.Series:
        """For each row whether a rule applies."""
        return self.first_applied(batch).is_not_null()


class _Keys:
    """A key source that is only asked."""

    def __init__(self, keys: KeyLookup) -> None:
        self.get = keys


def _refusals(program: Program) -> list[Rule]:
    """What limits refuse whatever was counted before, as rules that refuse, in the order in which that is found out.

    First all that cannot be counted: a deny applies where its condition is unknown, as `cost < 0` is of no known cost.
    Then what costs more than there ever is.
    """
    doubts = [_refusal_rule(limit, _uncountable(limit, program), 400, LIMIT_DOUBT) for limit in program.limits]
    most = [(limit, nodes.DecimalLiteral(value=limit.count)) for limit in program.limits]
    return doubts + [
        _refusal_rule(limit, _compared(">", limit.cost, count), limit.status, limit.code) for limit, count in most
    ]


def _uncountable(limit: Limit, program: Program) -> nodes.Expression:
    attributes = (nodes.Attribute(path=path, type=program.schema.attributes[path]) for path in limit.per)
    unread = [nodes.Not(operand=nodes.IsKnown(operand=each)) for each in attributes]
    return nodes.Or(operands=(_compared("<", limit.cost, nodes.IntLiteral(value=0)), *unread))


def _compared(operator: str, left: nodes.Expression, right: nodes.Expression) -> nodes.Expression:
    return nodes.Operation(operator=operator, operands=(left, right), type=nodes.type_of(nodes.TRUE))


def _refusal_rule(limit: Limit, condition: nodes.Expression, status: int, code: str) -> Rule:
    when = nodes.And(operands=(limit.body.when, condition))
    return Rule(
        effect="deny", name=limit.name, actions=limit.actions, body=Body(when=when, unless=limit.body.unless),
        order=limit.order, status=status, code=code, reason=limit.reason,
    )  # fmt: skip


def _refusal(limit: Limit) -> Outcome:
    return Outcome(effect="deny", rule=limit.name, status=limit.status, code=limit.code, reason=limit.reason)


# ----------------------------------------------------------------------------------------------------------------- rows


def _where(codes: pl.Series, evaluator: ColumnsEvaluator, effect: str) -> pl.Series:
    """The rows of which the outcome has that effect."""
    effects = pl.Series([each.effect == effect for each in evaluator.outcomes], dtype=pl.Boolean)
    return effects.gather(codes).arg_true()


__all__ = ["ProgramSide", "RecordedSide", "ReplaySide", "refused_before"]
