"""Rules over the rows of one batch: section 6 of the language page, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, reduce
from typing import Any, Final, NamedTuple, TypeVar

from durwan.backends.columns.batch import ACTION, NOW, Batch
from durwan.backends.columns.doubts import DoubtTranslation
from durwan.backends.columns.plan import Plan
from durwan.backends.columns.polars_interface import pl
from durwan.backends.columns.rows import RowsTranslation
from durwan.backends.columns.truths import any_of, truths_at
from durwan.program.program import Program, Rule

_T = TypeVar("_T")
CODE: Final = "outcome"
DOUBT: Final = "in doubt"
# Codes of outcomes that no rule decides; the rules follow, in source order.
UNKNOWN_ACTION_CODE, INVALID_NOW_CODE, NO_RULE_CODE, FIRST_RULE = range(4)
# What stands for no rule: numbers are compared faster than nulls are looked for.
_NONE: Final = -1
# Cases of one expression: polars nests them, and goes through them by recursion.
_CASES: Final = 40
_FEW_ACTIONS: Final = 10
_VERY_FEW_ACTIONS: Final = 4


class _Ruled(NamedTuple):
    """A rule, its place among all, the column of its body, and that of whether it is about the row's action."""

    rule: Rule
    place: int
    body: pl.Expr
    concerns: pl.Expr | None

    @property
    def applies(self) -> pl.Expr:
        """Whether it does; known everywhere."""
        holds = self.body.fill_null(self.rule.effect != "allow")
        return holds if self.concerns is None else self.concerns & holds

    @property
    def in_doubt(self) -> pl.Expr:
        """Whether nobody knows."""
        return self.body.is_null() if self.concerns is None else self.concerns & self.body.is_null()


class Deciding:
    """Some rules over the rows of a batch, of any actions.

    Args:
        program: the program.
        plan: what its rules have in common.
        batch: the rows.
        places: which rules, by their places among all.
    """

    def __init__(self, program: Program, plan: Plan, batch: Batch, places: Sequence[int]) -> None:
        self._program = program
        self._actions: Sequence[Any] = batch.tables.get(ACTION, ())
        self._translation = RowsTranslation(program, plan, batch.frame, batch.tables)
        self._concerns: dict[tuple[str, ...], pl.Expr | None] = {}
        self._known = self._among(frozenset(program.schema.actions))
        self._ruled = [self._rule(place) for place in places]

    def decided(self, *, with_doubts: bool) -> pl.DataFrame:
        """For each row the code of its outcome, and where it is asked for, whether what decided it did so for doubt."""
        firsts = _Firsts(*(self._first(effect) for effect in ("deny", "challenge", "allow")))
        found = [self._by_section_6(firsts, firsts, *_FIXED).alias(CODE)]
        if with_doubts:
            doubts = _Firsts(self._doubt_of_deny(), self._doubt_of_challenges(), _NO)
            found.append(self._by_section_6(firsts, doubts, _NO, _NO, _NO).alias(DOUBT))
        return self._translation.frame.select(found)

    def details(self) -> pl.DataFrame:
        """For each rule whether it applies, and for each of its attributes whether nobody knows because of that one.

        Columns are named by the rule's place: `3` says whether it applies, `3 risk.score` what is unknown.
        """
        doubts = DoubtTranslation(self._program, self._translation)
        found: list[pl.Expr] = []
        for each in self._ruled:
            found.append(each.applies.alias(str(each.place)))
            if each.rule.effect != "allow":
                unknown = each.body.is_null()
                for path, doubt in doubts.of_body(each.rule.body).items():
                    found.append((unknown & doubt).alias(f"{each.place} {path}"))
        return self._translation.frame.select(found)

    # --------------------------------------------------------------------------------------------------- the rules

    def _rule(self, place: int) -> _Ruled:
        rule = self._program.rules[place]
        if rule.actions not in self._concerns:
            self._concerns[rule.actions] = self._among(frozenset(rule.actions))
        concerns = self._concerns[rule.actions]
        return _Ruled(rule, place, self._translation.body(rule.body), concerns)

    def _among(self, actions: frozenset[str]) -> pl.Expr | None:
        """Whether a row's action is one of these; None where each row's is."""
        codes = [code for code, action in enumerate(self._actions) if action in actions]
        if len(codes) == len(self._actions) and not self._translation.frame.get_column(ACTION).null_count():
            return None
        # To compare a number takes a tenth of what it takes to look it up.
        asked = pl.col(ACTION)
        if len(codes) > _FEW_ACTIONS:
            are = truths_at([action in actions for action in self._actions], asked)
            return self._translation.kept(are.fill_null(value=False))
        found = any_of(asked.eq_missing(code) for code in codes) if codes else _NO
        return found if len(codes) < _VERY_FEW_ACTIONS else self._translation.kept(found)

    def _of_effect(self, effect: str) -> Iterator[_Ruled]:
        return (each for each in self._ruled if each.rule.effect == effect and not each.rule.shadow)

    # ------------------------------------------------------------------------------------------------ the decision

    def _by_section_6(
        self, firsts: _Firsts, chosen: _Firsts, unknown_action: pl.Expr, invalid_now: pl.Expr, no_rule: pl.Expr
    ) -> pl.Expr:
        """What is chosen where a deny applies, no allow does, a challenge does, or an allow alone."""
        by_rules = (
            pl.when(firsts.deny != _NONE).then(chosen.deny)
            .when(firsts.allow == _NONE).then(no_rule)
            .when(firsts.challenge != _NONE).then(chosen.challenge)
            .otherwise(chosen.allow)
        )  # fmt: skip
        at_an_instant = pl.when(pl.col(NOW).is_null()).then(invalid_now).otherwise(by_rules)
        return (
            at_an_instant if self._known is None else pl.when(self._known).then(at_an_instant).otherwise(unknown_action)
        )

    def _first(self, effect: str) -> pl.Expr:
        """The code of the first rule of an effect that applies."""
        cases = [(each.applies, _code(FIRST_RULE + each.place)) for each in self._of_effect(effect)]
        pieces = [self._translation.kept(_chain(piece, _code(_NONE))) for piece in _in_pieces(cases)]
        return reduce(_else, reversed(pieces)) if pieces else _code(_NONE)

    def _doubt_of_deny(self) -> pl.Expr:
        """Whether the first deny that applies does so for doubt."""
        cases = [(each.applies, each.in_doubt) for each in self._of_effect("deny")]
        pieces = [self._translation.kept(_chain(piece, pl.lit(None, dtype=pl.Boolean))) for piece in _in_pieces(cases)]
        return pl.coalesce(pieces) if pieces else _NO

    def _doubt_of_challenges(self) -> pl.Expr:
        """Whether any challenge applies for doubt."""
        pieces = _in_pieces([each.in_doubt for each in self._of_effect("challenge")])
        return any_of([_NO, *(self._translation.kept(any_of(piece)) for piece in pieces)])


class _Firsts(NamedTuple):
    """Something of the first rule of each effect that applies."""

    deny: pl.Expr
    challenge: pl.Expr
    allow: pl.Expr


def _in_pieces(cases: list[_T]) -> Iterator[list[_T]]:
    for start in range(0, len(cases), _CASES):
        yield cases[start : start + _CASES]


def _chain(cases: list[tuple[pl.Expr, pl.Expr]], otherwise: pl.Expr) -> pl.Expr:
    """What stands with the first case that is true."""
    return reduce(lambda rest, case: pl.when(case[0]).then(case[1]).otherwise(rest), reversed(cases), otherwise)


def _else(later: pl.Expr, code: pl.Expr) -> pl.Expr:
    return pl.when(code != _NONE).then(code).otherwise(later)


@cache
def _code(number: int) -> pl.Expr:
    return pl.lit(number, dtype=pl.Int32)


_NO: Final = pl.lit(value=False)
_FIXED: Final = tuple(_code(number) for number in (UNKNOWN_ACTION_CODE, INVALID_NOW_CODE, NO_RULE_CODE))
