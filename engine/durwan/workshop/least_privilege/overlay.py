"""Recorded requests decided as if the keys of today held other scopes and networks than they do.

Whatever a request says of its key, what the key may do is taken from the key's file: that is what is to be changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from durwan.backends.bytecode import Evaluator
from durwan.backends.columns.batch import NOW, Batch
from durwan.backends.columns.evaluator import ColumnsEvaluator
from durwan.backends.columns.polars_interface import pl
from durwan.model.decision import Outcome
from durwan.model.request import PLAIN
from durwan.workshop.least_privilege.holders import Grants, Holders, record_with
from durwan.workshop.least_privilege.tally import HOLDER
from durwan.workshop.replaying.logs import RecordedBatch

ROW: Final = "row"
SCOPES: Final = "scopes"
NETWORKS: Final = "networks"
ANSWER: Final = "answer"
# The answer of every refusal, where it is no matter which rule refuses.
REFUSED: Final = 0

_KEY_SCOPES: Final = "key.scopes"
_KEY_NETWORKS: Final = "key.networks"
_ADDRESS: Final = "client.ip"
_GRANTED: Final = ("allow", "challenge")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """By what requests are decided.

    Attributes:
        evaluator: what decides columns.
        generated: the generated evaluator of the same program, for what columns cannot hold.
        holders: the keys.
        grants: the sets that are decided with.
        keeps_refusals: whether also what is refused has to be refused as it is.
    """

    evaluator: ColumnsEvaluator
    generated: Evaluator
    holders: Holders
    grants: Grants
    keeps_refusals: bool = False

    @cached_property
    def answers(self) -> pl.Series:
        """For each code of an outcome its answer: equal where a client could not tell the outcomes apart."""
        found: dict[object, int] = {"deny": REFUSED}
        answers = [found.setdefault(self._answer(outcome), len(found)) for outcome in self.evaluator.outcomes]
        return pl.Series(ANSWER, answers, dtype=pl.UInt32)

    def _answer(self, outcome: Outcome) -> object:
        if outcome.effect == "deny":
            return (outcome.status, outcome.code) if self.keeps_refusals else "deny"
        obligations = tuple(sorted((name, str(value)) for name, value in outcome.obligations.items()))
        return outcome.effect, outcome.status, outcome.code, obligations, outcome.remedies

    def rule_of(self, code: int) -> str | None:
        """The rule that decides where this is the code of the outcome; None where none does."""
        return self.evaluator.outcomes[code].rule

    @cached_property
    def effects(self) -> pl.Series:
        """For each code of an outcome its effect."""
        return pl.Series("effect", [outcome.effect for outcome in self.evaluator.outcomes], dtype=pl.String)


class Overlay:
    """Some recorded requests, which can be decided again and again with other scopes and networks of their keys.

    Attributes:
        today: a row for each request, with `row`, `holder` (null without a key of the policy set), `now`, and the
            numbers of the `scopes` and `networks` that its key has.
        assumed: for each row whether its address is not known, and taken to be one of the key's.
    """

    def __init__(self, recorded: RecordedBatch, setting: Setting, today: pl.DataFrame) -> None:
        self._recorded = recorded
        self._setting = setting
        batch = recorded.batch
        ids = recorded.ids.select("key", NOW).join(
            setting.holders.numbered, on="key", how="left", maintain_order="left"
        )
        holder = ids.get_column(HOLDER)
        held = [today.get_column(name).gather(holder).alias(name) for name in (SCOPES, NETWORKS)]
        rows = pl.int_range(recorded.rows, dtype=pl.UInt32, eager=True).alias(ROW)
        self.today = pl.DataFrame([rows, holder, ids.get_column(NOW), *held])
        self._beyond = {row: place for place, row in enumerate(batch.beyond)}
        self._tables = {**batch.tables}
        self.assumed = self._assumed(batch.frame)
        self._frame = self._with_addresses(batch.frame)

    # ------------------------------------------------------------------------------------------------- addresses

    @property
    def masks(self) -> Mapping[str, int]:
        """How many values of which attributes are masked in the log."""
        return {path: count for path, count in self._recorded.masked.items() if count}

    @cached_property
    def recorded_effects(self) -> pl.Series:
        """What was recorded as decided; null where nothing was."""
        recorded = self._recorded.recorded
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, self._recorded.rows)
        return nothing if recorded is None else recorded.get_column("effect")

    def _assumed(self, frame: pl.DataFrame) -> pl.Series:
        """An address that is masked, or that is missing although the request was not refused, was one of the key's."""
        if _ADDRESS not in frame.columns or _KEY_NETWORKS not in frame.columns:
            return pl.Series([False]).new_from_index(0, frame.height)
        effect = self.recorded_effects
        may_be_masked = effect.is_null() if self._recorded.masked[_ADDRESS] else pl.Series([False])
        was_granted = effect.is_in(_GRANTED).fill_null(value=False) | may_be_masked
        return frame.get_column(_ADDRESS).is_null() & was_granted & self.today.get_column(NETWORKS).is_not_null()

    def _with_addresses(self, frame: pl.DataFrame) -> pl.DataFrame:
        if not self.assumed.any():
            return frame
        some = self._setting.grants.first_addresses().gather(self.today.get_column(NETWORKS))
        return frame.with_columns(pl.when(self.assumed).then(some).otherwise(pl.col(_ADDRESS)).alias(_ADDRESS))

    def addresses(self, asked: pl.DataFrame) -> pl.Series:
        """Where the requests of these rows came from; null where nobody knows."""
        if _ADDRESS not in self._frame.columns:
            return pl.Series([None], dtype=pl.Int128).new_from_index(0, asked.height)
        known = self._recorded.batch.frame.get_column(_ADDRESS)
        return known.gather(asked.get_column(ROW))

    def actions(self) -> set[str]:
        """Which actions were asked for."""
        return set(self._recorded.ids.get_column("action").drop_nulls().unique())

    # --------------------------------------------------------------------------------------------------- deciding

    def batch(self, asked: pl.DataFrame) -> Batch:
        """The rows with the scopes and networks that they name."""
        whole = asked.height == self._frame.height
        frame = self._frame if whole else self._frame[asked.get_column(ROW)]
        replaced = [
            self._replaced(frame, asked, path, name, table)
            for path, name, table in (
                (_KEY_SCOPES, SCOPES, self._setting.grants.scope_sets),
                (_KEY_NETWORKS, NETWORKS, self._setting.grants.network_sets),
            )
            if path in frame.columns
        ]
        return Batch(frame=frame.with_columns(replaced), tables=self._tables)

    def _replaced(
        self, frame: pl.DataFrame, asked: pl.DataFrame, path: str, name: str, table: Sequence[Any]
    ) -> pl.Series:
        own = self._recorded.batch.tables.get(path, ())
        self._tables[path] = (*own, *table)
        given = asked.get_column(name) + len(own)
        has_holder = asked.get_column(HOLDER).is_not_null()
        chosen = pl.when(has_holder).then(given).otherwise(frame.get_column(path))
        return pl.select(chosen.cast(pl.UInt32)).to_series().alias(path)

    def codes(self, asked: pl.DataFrame) -> pl.Series:
        """The codes of the outcomes of some rows, decided with the scopes and networks that they name."""
        found = self._setting.evaluator.codes(self.batch(asked))
        if self._beyond:
            hard = [
                (place, self._by_generated(row))
                for place, row in enumerate(asked.select(ROW, HOLDER, SCOPES, NETWORKS).iter_rows())
                if row[0] in self._beyond
            ]
            if hard:
                places, codes = zip(*hard, strict=True)
                found = found.scatter(places, codes)
        return found

    def answers(self, asked: pl.DataFrame) -> pl.Series:
        """The same as answers."""
        return self._setting.answers.gather(self.codes(asked))

    def _by_generated(self, row: tuple[int, int | None, int | None, int | None]) -> int:
        place, holder, scopes, networks = row
        request = dict(self._recorded.beyond[self._beyond[place]][1])
        if holder is not None:
            grants = self._setting.grants
            said: Any = request.get("key")
            attributes = said if type(said) is PLAIN else self._setting.holders.all[holder].attributes
            request["key"] = record_with(
                attributes,
                None if scopes is None else grants.scope_sets[scopes],
                None if networks is None else grants.network_sets[networks],
            )
        return self._setting.evaluator.code_of(self._setting.generated.decide_carefully(request).outcome)

    @property
    def beyond(self) -> int:
        """How many rows columns cannot hold."""
        return len(self._beyond)


__all__ = ["ANSWER", "NETWORKS", "REFUSED", "ROW", "SCOPES", "Overlay", "Setting"]
