"""The third evaluator: decides the requests of a batch at once, and agrees with the reference evaluator on each.

What it does not say is until when a decision holds, which nobody asks of a request that is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from durwan.backends.columns.batch import ACTION, Batch
from durwan.backends.columns.deciding import (
    CODE,
    DOUBT,
    FIRST_RULE,
    INVALID_NOW_CODE,
    NO_RULE_CODE,
    UNKNOWN_ACTION_CODE,
    Deciding,
)  # fmt: skip
from durwan.backends.columns.plan import Plan
from durwan.backends.columns.polars_interface import pl
from durwan.backends.columns.truths import any_of
from durwan.model.decision import Outcome
from durwan.program.program import Program, Rule
from durwan.program.reference import INVALID_NOW, NO_RULE_ALLOWS, UNKNOWN_ACTION, outcome_of, replace_outcome

# By how many rows is judged which actions are frequent.
_SAMPLE: Final = 4096
# Upon how many rows an operation is done in the time that it takes to write it as an expression: about 0.1 ms, and 1 ns
# a row, of which there are dearer and cheaper ones.
_BUILDING: Final = 100_000
# How many operations upon a value cost as much as to take it out of a column.
_TAKING: Final = 5


class ColumnsEvaluator:
    """Decides batches by one program.

    Args:
        program: the program.
        revision: its digest, which outcomes carry.
        parting: whether rows are parted by their actions; None where they should be if that takes less time.
    """

    def __init__(self, program: Program, revision: str = "", *, parting: bool | None = None) -> None:
        self._parting = parting
        self._program = program
        self._revision = revision

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What each code stands for, without what differs between requests: see `explained`."""

        def fixed(status: int, code: str, reason: str, *unknowns: str) -> Outcome:
            return Outcome(
                effect="deny", rule=None, status=status, code=code, reason=reason, unknowns=unknowns,
                revision=self._revision,
            )  # fmt: skip

        return (
            fixed(403, "unknown_action", UNKNOWN_ACTION),
            fixed(400, "invalid_now", INVALID_NOW, "now"),
            fixed(403, "no_rule_allows", NO_RULE_ALLOWS),
            *(self._outcome(rule) for rule in self._program.rules),
        )

    def code_of(self, outcome: Outcome) -> int:
        """The code of an outcome that another evaluator of the same program found."""
        if outcome.rule is not None:
            return self._codes[outcome.rule]
        return {"unknown_action": UNKNOWN_ACTION_CODE, "invalid_now": INVALID_NOW_CODE}.get(outcome.code, NO_RULE_CODE)

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {rule.name: FIRST_RULE + place for place, rule in enumerate(self._program.rules)}

    def _outcome(self, rule: Rule, asked: Iterable[Rule] = (), unknowns: Iterable[str] = ()) -> Outcome:
        found = outcome_of(rule, asked, unknowns)
        return replace_outcome(found, shadows=(), revision=self._revision)

    def codes(self, batch: Batch) -> pl.Series:
        """For each row the code of its outcome."""
        return self._decided(batch, with_doubts=False).get_column(CODE)

    def decide(self, batch: Batch) -> pl.DataFrame:
        """For each row the code of its outcome, and whether what decided it applied for doubt."""
        return self._decided(batch, with_doubts=True)

    def explained(self, batch: Batch) -> list[Outcome]:
        """The whole outcome of each row: all remedies, the shadow rules that applied, the unknown attributes."""
        whole = Deciding(self._program, self._plan, _aligned(batch), self._all_rules)
        rows = zip(whole.decided(with_doubts=True).iter_rows(), whole.details().iter_rows(named=True), strict=True)
        return [self._whole(code, details) for (code, _), details in rows]

    @cached_property
    def _plan(self) -> Plan:
        return Plan(self._program)

    @cached_property
    def _all_rules(self) -> list[int]:
        return list(range(len(self._program.rules)))

    @cached_property
    def _deciding_rules(self) -> list[int]:
        """The places of the rules that are no shadows."""
        return [place for place, rule in enumerate(self._program.rules) if not rule.shadow]

    def _decided(self, batch: Batch, *, with_doubts: bool) -> pl.DataFrame:
        batch = _aligned(batch)
        groups = self._groups(batch)
        if not self._is_parted(batch, groups):
            return Deciding(self._program, self._plan, batch, self._deciding_rules).decided(with_doubts=with_doubts)
        found = pl.DataFrame(schema={CODE: pl.Int32, DOUBT: pl.Boolean} if with_doubts else {CODE: pl.Int32})
        columns = found.clear(batch.frame.height).get_columns()
        for rules, codes in groups.items():
            is_meant = any_of(pl.col(ACTION).eq_missing(code) for code in codes)
            rows = batch.frame.select(is_meant).to_series().arg_true()
            part = batch.of(self._columns(rules)).at(rows)
            decided = Deciding(self._program, self._plan, part, rules).decided(with_doubts=with_doubts)
            columns = [
                column.scatter(rows, values) for column, values in zip(columns, decided.get_columns(), strict=True)
            ]
        return pl.DataFrame(columns)

    # ------------------------------------------------------------------------------------------------- by action

    def _groups(self, batch: Batch) -> dict[tuple[int, ...], list[int | None]]:
        """The actions by the rules about them, as a batch numbers them; None is no action."""
        names = batch.tables.get(ACTION, ())
        groups: dict[tuple[int, ...], list[int | None]] = {}
        for code in (None, *range(len(names))):
            action = None if code is None else str(names[code])
            groups.setdefault(self._rules_about.get(action, ()), []).append(code)
        return groups

    @cached_property
    def _rules_about(self) -> dict[str | None, tuple[int, ...]]:
        """For each action the places of the rules about it."""
        found: dict[str | None, list[int]] = {}
        for place in self._deciding_rules:
            for action in self._program.rules[place].actions:
                found.setdefault(action, []).append(place)
        return {action: tuple(places) for action, places in found.items()}

    def _is_parted(self, batch: Batch, groups: Mapping[tuple[int, ...], list[int | None]]) -> bool:
        """Whether it takes less time to take the rows of each group of actions apart.

        Then no rule is asked about rows that it is not about. But values have to be taken out of their columns, and a
        rule about several parts is written for each: it pays where many rules are about few actions each.
        """
        if self._parting is not None:
            return self._parting
        asked = batch.frame.get_column(ACTION).head(_SAMPLE)
        counts = dict(asked.value_counts().iter_rows())
        building = _BUILDING / max(batch.frame.height, 1)
        parted = 0.0
        for rules, codes in groups.items():
            share = sum(counts.get(code, 0) for code in codes) / max(len(asked), 1)
            weight = self._weight(rules)
            parted += share * (weight + _TAKING * len(self._columns(rules))) + building * weight
        return parted < self._weight(self._deciding_rules) * (1 + building)

    def _weight(self, rules: Iterable[int]) -> int:
        return sum(self._plan.weights[place] for place in rules)

    def _columns(self, rules: Iterable[int]) -> list[str]:
        return sorted(frozenset[str]().union(*(self._plan.paths[place] for place in rules)))

    # ---------------------------------------------------------------------------------------------------- details

    def _whole(self, code: int, row: Mapping[str, Any]) -> Outcome:
        applied = [(place, rule) for place, rule in enumerate(self._program.rules) if row[str(place)]]
        shadows = () if code < NO_RULE_CODE else tuple(rule.name for _, rule in applied if rule.shadow)
        if code < FIRST_RULE:
            return replace_outcome(self.outcomes[code], shadows=shadows, revision=self._revision)
        decided = self._program.rules[code - FIRST_RULE]
        asked = [each for each in applied if each[1].effect == "challenge" and not each[1].shadow]
        deciding = asked if decided.effect == "challenge" else [(code - FIRST_RULE, decided)]
        places = {str(place) for place, _ in deciding}
        named = (name.split(" ") for name, holds in row.items() if holds and " " in name)
        unknowns = {path for place, path in named if place in places}
        remedied = [rule for _, rule in asked] if decided.effect == "challenge" else []
        found = self._outcome(decided, remedied, unknowns)
        return replace_outcome(found, shadows=shadows, revision=self._revision)


def _aligned(batch: Batch) -> Batch:
    """The batch, all columns in the same pieces of memory: where they differ, polars aligns them in each step."""
    pieces = {tuple(column.chunk_lengths()) for column in batch.frame}
    return batch if len(pieces) == 1 else replace(batch, frame=batch.frame.rechunk())


__all__ = ["CODE", "DOUBT", "ColumnsEvaluator"]
