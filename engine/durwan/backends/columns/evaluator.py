"""The third evaluator: decides the requests of a batch at once, and agrees with the reference evaluator on each.

What it does not say is until when a decision holds, which nobody asks of a request that is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, reduce
from operator import or_
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from durwan.backends.columns.batch import ACTION, NOW, Batch
from durwan.backends.columns.doubts import DoubtTranslation
from durwan.backends.columns.expressions import Translation
from durwan.backends.columns.polars_interface import pl
from durwan.model.decision import Outcome
from durwan.program import nodes
from durwan.program.explanation import parts_through
from durwan.program.program import Program, Rule
from durwan.program.reference import INVALID_NOW, NO_RULE_ALLOWS, UNKNOWN_ACTION, outcome_of, replace_outcome

CODE: Final = "outcome"
DOUBT: Final = "in doubt"
_ROW: Final = "row"
# Codes of outcomes that no rule decides; the rules follow, in source order.
_UNKNOWN_ACTION, _INVALID_NOW, _NO_RULE, _FIRST_RULE = range(4)


class _Ruled(NamedTuple):
    """A rule about an action, its place among all rules, and the column of its body."""

    rule: Rule
    place: int
    body: pl.Expr

    @property
    def applies(self) -> pl.Expr:
        return self.body.fill_null(self.rule.effect != "allow")


def attributes_read(program: Program) -> frozenset[str]:
    """The attributes that the rules of a program read."""
    found: set[str] = set()
    seen: set[str] = set()
    for rule in program.rules:
        for clause in (rule.body.when, rule.body.unless):
            parts = parts_through(clause, program, seen)
            found |= {node.path for node in parts if isinstance(node, nodes.Attribute)}
    return frozenset(found)


class ColumnsEvaluator:
    """Decides batches by one program.

    Args:
        program: the program.
        revision: its digest, which outcomes carry.
    """

    def __init__(self, program: Program, revision: str = "") -> None:
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
        return {"unknown_action": _UNKNOWN_ACTION, "invalid_now": _INVALID_NOW}.get(outcome.code, _NO_RULE)

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {rule.name: _FIRST_RULE + place for place, rule in enumerate(self._program.rules)}

    def _outcome(self, rule: Rule, asked: Iterable[Rule] = (), unknowns: Iterable[str] = ()) -> Outcome:
        found = outcome_of(rule, asked, unknowns)
        return replace_outcome(found, shadows=(), revision=self._revision)

    def decide(self, batch: Batch) -> pl.DataFrame:
        """For each row the code of its outcome, and whether what decided it applied for doubt."""
        parts = self._by_action(batch, self._decided)
        return pl.concat(parts).sort(_ROW).select(CODE, DOUBT) if parts else _NOTHING

    def explained(self, batch: Batch) -> list[Outcome]:
        """The whole outcome of each row: all remedies, the shadow rules that applied, the unknown attributes."""
        found: dict[int, Outcome] = {}
        for part in self._by_action(batch, self._with_details):
            for row in part.iter_rows(named=True):
                found[row[_ROW]] = self._whole(row)
        return [found[row] for row in range(batch.frame.height)]

    # ------------------------------------------------------------------------------------------------- by action

    def _by_action(
        self, batch: Batch, decide: Callable[[Batch, list[_Ruled], Translation], list[pl.Expr]]
    ) -> list[pl.DataFrame]:
        """What is selected of the rows of each action."""
        parts: list[pl.DataFrame] = []
        for (action,), frame in batch.frame.with_row_index(_ROW).group_by(ACTION):
            if action not in self._program.schema.actions:
                unknown = pl.lit(_UNKNOWN_ACTION, dtype=pl.Int32).alias(CODE), pl.lit(value=False).alias(DOUBT)
                parts.append(frame.select(_ROW, *unknown))
                continue
            part = batch.take(frame)
            translation = Translation(self._program, part)
            chosen = decide(part, self._ruled(str(action), translation), translation)
            parts.append(frame.lazy().select(_ROW, *chosen).collect())
        return parts

    def _ruled(self, action: str, translation: Translation) -> list[_Ruled]:
        return [
            _Ruled(rule, place, translation.body(rule.body))
            for place, rule in enumerate(self._program.rules)
            if action in rule.actions
        ]

    def _decided(self, _: Batch, ruled: list[_Ruled], __: Translation) -> list[pl.Expr]:
        return list(_combined([each for each in ruled if not each.rule.shadow]))

    # ---------------------------------------------------------------------------------------------------- details

    def _with_details(self, part: Batch, ruled: list[_Ruled], translation: Translation) -> list[pl.Expr]:
        """Beside what is decided: which rules apply, and for each the attributes that make it unknown."""
        found = self._decided(part, ruled, translation)
        doubts = DoubtTranslation(self._program, translation)
        for each in ruled:
            found.append(each.applies.alias(f"{each.place} applies"))
            named = [
                pl.when(doubt).then(pl.lit(path))
                for path, doubt in sorted(doubts.of_body(each.rule.body).items())
                if each.rule.effect != "allow"
            ]
            unknowns = pl.concat_list(named).list.drop_nulls() if named else pl.lit([], dtype=pl.List(pl.String))
            found.append(pl.when(each.body.is_null()).then(unknowns).alias(f"{each.place} unknowns"))
        return found

    def _whole(self, row: Mapping[str, Any]) -> Outcome:
        code: int = row[CODE]
        applied = [(place, rule) for place, rule in enumerate(self._program.rules) if row.get(f"{place} applies")]
        shadows = () if code < _NO_RULE else tuple(rule.name for _, rule in applied if rule.shadow)
        if code < _FIRST_RULE:
            return replace_outcome(self.outcomes[code], shadows=shadows, revision=self._revision)
        decided = self._program.rules[code - _FIRST_RULE]
        asked = [each for each in applied if each[1].effect == "challenge" and not each[1].shadow]
        deciding = asked if decided.effect == "challenge" else [(code - _FIRST_RULE, decided)]
        unknowns = {path for place, _ in deciding for path in row[f"{place} unknowns"] or ()}
        remedied = [rule for _, rule in asked] if decided.effect == "challenge" else []
        found = self._outcome(decided, remedied, unknowns)
        return replace_outcome(found, shadows=shadows, revision=self._revision)


_NOTHING: Final = pl.DataFrame(schema={CODE: pl.Int32, DOUBT: pl.Boolean})


def _combined(ruled: Sequence[_Ruled]) -> tuple[pl.Expr, pl.Expr]:
    """Section 6 of the language page: which outcome, and whether for doubt."""
    denies, allows, challenges = (
        [each for each in ruled if each.rule.effect == effect] for effect in ("deny", "allow", "challenge")
    )
    is_allowed = reduce(or_, (each.applies for each in allows), pl.lit(value=False))
    in_doubt = reduce(or_, (each.body.is_null() for each in challenges), pl.lit(value=False))
    cases: list[tuple[pl.Expr, pl.Expr, pl.Expr]] = [(pl.col(NOW).is_null(), _code(_INVALID_NOW), _NO_DOUBT)]
    cases += [(each.applies, _code(_FIRST_RULE + each.place), each.body.is_null()) for each in denies]
    cases.append((~is_allowed, _code(_NO_RULE), _NO_DOUBT))
    cases += [(each.applies, _code(_FIRST_RULE + each.place), in_doubt) for each in challenges]
    cases += [(each.applies, _code(_FIRST_RULE + each.place), _NO_DOUBT) for each in allows]
    first = pl.coalesce(*(pl.when(case).then(code) for case, code, _ in cases))
    doubt = pl.coalesce(*(pl.when(case).then(doubt) for case, _, doubt in cases))
    return first.alias(CODE), doubt.alias(DOUBT)


_NO_DOUBT: Final = pl.lit(value=False)


def _code(number: int) -> pl.Expr:
    return pl.lit(number, dtype=pl.Int32)


__all__ = ["CODE", "DOUBT", "ColumnsEvaluator"]
