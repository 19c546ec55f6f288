"""The first reading of a log: every request is decided, and decided again without each thing that its key holds.

In each round all requests are decided at once, each with the next set of scopes that its key could have instead; so
there are as many rounds as the key with the most such sets has, however many keys and scopes there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from durwan.backends.columns.batch import NOW, Batch
from durwan.backends.columns.polars_interface import pl
from durwan.program.program import Program
from durwan.workshop.least_privilege.holders import numbers
from durwan.workshop.least_privilege.overlay import ANSWER, NETWORKS, ROW, SCOPES, Overlay, Setting
from durwan.workshop.least_privilege.scopes import Scopes, without
from durwan.workshop.least_privilege.sightings import RuleSightings
from durwan.workshop.least_privilege.tally import ADDRESS, HOLDER, AddressTally, Tally
from durwan.workshop.replaying.logs import RecordedBatch

EFFECT = "effect"
ROUND = "round"
_CODE = "code"
_OF_TOKENS = "token.scopes"


@dataclass
class Totals:
    """What is counted of the log as a whole.

    Attributes:
        requests: how many.
        beyond: how many of them columns cannot hold.
        strangers: how many name no key of the policy set.
        assumed: of how many the address is not known, and was taken to be one of the key's.
        otherwise: how many were recorded as not refused, and are refused now.
        masks: how many values of which attributes are masked.
        first: the earliest instant; None where there is none.
        last: the latest one.
        actions: which actions were asked for.
    """

    requests: int = 0
    beyond: int = 0
    strangers: int = 0
    assumed: int = 0
    otherwise: int = 0
    masks: Counter[str] = field(default_factory=Counter[str])
    first: int | None = None
    last: int | None = None
    actions: set[str] = field(default_factory=set[str])

    def note_times(self, now: pl.Series) -> None:
        """The instants of some requests."""
        times = [each for each in (now.min(), now.max(), self.first, self.last) if isinstance(each, int)]
        if times:
            self.first, self.last = min(times), max(times)


class Measures:
    """What the first reading finds out.

    Args:
        program: the program.
        setting: by what requests are decided.

    Attributes:
        totals: of the log as a whole.
        decided: requests by the code of their outcome.
        effects: requests by key and effect.
        missed: requests by key and round, in which they were refused or answered otherwise.
        addresses: requests that need the networks of their key, by key and address.
        unseen: such requests by key, whose address nobody knows.
        unclear: requests by key that nobody can decide again, since something in them is masked.
        sightings: which rules and limits applied.
        tokens: the scopes that somebody's token was needed for.
    """

    def __init__(self, program: Program, setting: Setting) -> None:
        self._setting = setting
        self._program = program
        self.totals = Totals()
        self.decided = Tally(_CODE)
        self.effects = Tally(HOLDER, EFFECT)
        self.missed = Tally(HOLDER, ROUND)
        self.addresses = AddressTally(len(setting.holders))
        self.unseen = Tally(HOLDER)
        self.unclear = Tally(HOLDER)
        self.sightings = RuleSightings(program)
        self.tokens: set[str] = set()
        holders, grants = setting.holders.all, setting.grants
        self.today = pl.DataFrame([
            numbers(grants.scopes(each.held) for each in holders).alias(SCOPES),
            numbers(grants.networks(each.granted) for each in holders).alias(NETWORKS),
        ])  # fmt: skip
        self._rounds = list(self._scopes_by_round())

    def _scopes_by_round(self) -> Iterator[pl.Series]:
        """For each round the set of scopes that each key has in it; null where it has been through all of its own."""
        tried = [() if each.removals is None else each.removals.tried() for each in self._setting.holders.all]
        for number in range(max(map(len, tried), default=0)):
            yield numbers(
                self._setting.grants.scopes(sets[number]) if number < len(sets) else None for sets in tried
            ).alias(SCOPES)

    # ---------------------------------------------------------------------------------------------------- reading

    def read(self, recorded: RecordedBatch) -> None:
        """Some more requests."""
        overlay = Overlay(recorded, self._setting, self.today)
        batch = overlay.batch(overlay.today)
        codes = overlay.codes(overlay.today)
        effects = self._setting.effects.gather(codes)
        self._count(overlay, codes, effects)
        self.sightings.decided([self._setting.rule_of(code) for code in codes.unique().to_list()])
        self.sightings.look(batch, effects == "allow")
        granted = overlay.today.with_columns(self._setting.answers.gather(codes).alias(ANSWER))
        if not self._setting.keeps_refusals:
            granted = granted.filter(effects != "deny")
        self._take_from_tokens(batch, granted)
        granted = granted.filter(pl.col(HOLDER).is_not_null())
        self._take_scopes(overlay, granted)
        self._take_networks(overlay, granted)

    def _count(self, overlay: Overlay, codes: pl.Series, effects: pl.Series) -> None:
        totals, today = self.totals, overlay.today
        totals.requests += today.height
        totals.beyond += overlay.beyond
        totals.strangers += today.get_column(HOLDER).null_count()
        totals.assumed += int(overlay.assumed.sum())
        totals.masks.update(overlay.masks)
        totals.note_times(today.get_column(NOW))
        totals.actions.update(overlay.actions())
        self.decided.add(today.select(NOW, codes.alias(_CODE)))
        known = today.with_columns(effects.alias(EFFECT)).filter(pl.col(HOLDER).is_not_null())
        self.effects.add(known)
        refused = effects == "deny"
        recorded = overlay.recorded_effects
        totals.otherwise += int((refused & (recorded != "deny").fill_null(value=False)).sum())
        if overlay.masks:
            unclear = refused & (recorded != "deny").fill_null(value=True) & today.get_column(HOLDER).is_not_null()
            self.unclear.add(today.filter(unclear))

    # ----------------------------------------------------------------------------------------------------- taking

    def _take_scopes(self, overlay: Overlay, granted: pl.DataFrame) -> None:
        for number, scopes in enumerate(self._rounds):
            asked = granted.with_columns(scopes.gather(granted.get_column(HOLDER))).drop_nulls(SCOPES)
            if not asked.is_empty():
                missed = asked.filter(overlay.answers(asked) != asked.get_column(ANSWER))
                self.missed.add(missed.with_columns(pl.lit(number, dtype=pl.UInt16).alias(ROUND)))

    def _take_networks(self, overlay: Overlay, granted: pl.DataFrame) -> None:
        nowhere = pl.lit(self._setting.grants.nowhere, dtype=pl.UInt32).alias(NETWORKS)
        asked = granted.filter(pl.col(NETWORKS).is_not_null()).with_columns(nowhere)
        if asked.is_empty():
            return
        missed = asked.filter(overlay.answers(asked) != asked.get_column(ANSWER))
        missed = missed.with_columns(overlay.addresses(missed).alias(ADDRESS))
        self.unseen.add(missed.filter(pl.col(ADDRESS).is_null()))
        self.addresses.add(missed.drop_nulls(ADDRESS))

    def _take_from_tokens(self, batch: Batch, granted: pl.DataFrame) -> None:
        """Scopes are in tokens, too; nobody can take any from those, but they are used."""
        table: tuple[Scopes, ...] = tuple(batch.tables.get(_OF_TOKENS, ()))  # type: ignore[arg-type]  # sets of scopes
        for scope in sorted(frozenset[str]().union(*table) - self.tokens):
            with_it = pl.Series([scope in each for each in table], dtype=pl.Boolean)
            rows = granted.get_column(ROW)
            have = with_it.gather(batch.frame.get_column(_OF_TOKENS).gather(rows)).fill_null(value=False)
            rest = [without(self._program.schema, each, scope) for each in table]
            asked = Batch(frame=batch.frame[rows.filter(have)], tables={**batch.tables, _OF_TOKENS: rest})
            found = self._setting.answers.gather(self._setting.evaluator.codes(asked))
            if (found != granted.get_column(ANSWER).filter(have)).any():
                self.tokens.add(scope)


__all__ = ["EFFECT", "ROUND", "Measures", "Totals"]
