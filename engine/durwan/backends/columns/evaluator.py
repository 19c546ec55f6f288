"""The third evaluator: decides the requests of a batch at once, and agrees with the reference evaluator on each.

What it does not say is until when a decision holds, which nobody asks of a request that is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from durwan.backends.columns.batch import ACTION, NOW, Batch
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
from durwan.model.decision import Outcome
from durwan.model.values import Value
from durwan.program.program import Program, Rule
from durwan.program.reference import INVALID_NOW, NO_RULE_ALLOWS, UNKNOWN_ACTION, outcome_of, replace_outcome

_ROW: Final = "row"
# What it costs to part rows by their actions and to put them together again, in operations.
_PARTING: Final = 12


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
        deny = MappingProxyType({"effect": "deny", "rule": None, "revision": self._revision})
        fixed: list[Mapping[str, Any]] = [
            {"status": 403, "code": "unknown_action", "reason": UNKNOWN_ACTION},
            {"status": 400, "code": "invalid_now", "reason": INVALID_NOW, "unknowns": ("now",)},
            {"status": 403, "code": "no_rule_allows", "reason": NO_RULE_ALLOWS},
        ]
        return (*(Outcome(**{**deny, **each}) for each in fixed), *map(self._outcome, self._program.rules))

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
        whole = Deciding(self._program, self._plan, batch, self._all_rules)
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
        parts = self._parts(batch)
        if parts is None:
            return Deciding(self._program, self._plan, batch, self._deciding_rules).decided(with_doubts=with_doubts)
        found = [
            Deciding(self._program, self._plan, part, rules).decided(with_doubts=with_doubts).with_columns(rows)
            for rows, part, rules in parts
        ]
        return pl.concat(found).sort(_ROW).drop(_ROW)

    # ------------------------------------------------------------------------------------------------- by action

    def _parts(self, batch: Batch) -> list[tuple[pl.Series, Batch, list[int]]] | None:
        """The rows about each action, and the rules about it; None where it takes less time not to part them.

        To take a value out of a column costs about as much as two operations upon it.
        """
        names = batch.tables.get(ACTION, ())
        counts = dict(batch.frame.get_column(ACTION).value_counts().iter_rows())
        rules = {code: self._rules_about(names, code) for code in counts}
        whole = sum(self._plan.weights[place] for place in self._deciding_rules)
        parted = sum(count * self._cost(rules[code]) for code, count in counts.items()) / max(batch.frame.height, 1)
        if not (parted < whole if self._parting is None else self._parting):
            return None
        frame = batch.frame.with_row_index(_ROW)
        parts: list[tuple[pl.Series, Batch, list[int]]] = []
        for code in counts:
            rows = frame.filter(pl.col(ACTION).eq_missing(code)).select(_ROW, ACTION, NOW, *self._columns(rules[code]))
            part = Batch(frame=rows.drop(_ROW), tables=batch.tables)
            parts.append((rows.get_column(_ROW), part, rules[code]))
        return parts

    def _rules_about(self, names: Sequence[Value], code: int | None) -> list[int]:
        action = None if code is None else names[code]
        return [place for place in self._deciding_rules if action in self._program.rules[place].actions]

    def _columns(self, rules: Iterable[int]) -> list[str]:
        return sorted(frozenset[str]().union(*(self._plan.paths[place] for place in rules)))

    def _cost(self, rules: list[int]) -> int:
        return sum(self._plan.weights[place] for place in rules) + 2 * len(self._columns(rules)) + _PARTING

    # ---------------------------------------------------------------------------------------------------- details

    def _whole(self, code: int, row: Mapping[str, Any]) -> Outcome:
        applied = [(place, rule) for place, rule in enumerate(self._program.rules) if row[f"{place} applies"]]
        shadows = () if code < NO_RULE_CODE else tuple(rule.name for _, rule in applied if rule.shadow)
        if code < FIRST_RULE:
            return replace_outcome(self.outcomes[code], shadows=shadows, revision=self._revision)
        decided = self._program.rules[code - FIRST_RULE]
        asked = [each for each in applied if each[1].effect == "challenge" and not each[1].shadow]
        deciding = asked if decided.effect == "challenge" else [(code - FIRST_RULE, decided)]
        unknowns = {path for place, _ in deciding for path in row[f"{place} unknowns"] or ()}
        remedied = [rule for _, rule in asked] if decided.effect == "challenge" else []
        found = self._outcome(decided, remedied, unknowns)
        return replace_outcome(found, shadows=shadows, revision=self._revision)


__all__ = ["CODE", "DOUBT", "ColumnsEvaluator"]
