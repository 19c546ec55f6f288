"""What is asked of a log: which two sides are compared, over which requests, with which amounts at stake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from durwan.backends.columns.batch import ACTION, NOW
from durwan.backends.columns.polars_interface import pl
from durwan.errors import DurwanError
from durwan.model import types
from durwan.workshop.renames import Renames
from durwan.workshop.replaying.logs import RecordedBatch, Side
from durwan.workshop.replaying.sides import ProgramSide, RecordedSide


class AmountError(DurwanError):
    """An amount that cannot be added up; the text says which can."""


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which requests are compared. What is None lets all pass.

    Attributes:
        since: from which instant on, in milliseconds.
        until: before which instant.
        keys: the ids of the keys.
        actions: the actions.
    """

    since: int | None = None
    until: int | None = None
    keys: frozenset[str] | None = None
    actions: frozenset[str] | None = None

    def passed(self, recorded: RecordedBatch) -> pl.Series | None:
        """Which rows pass; None for all."""
        wanted: list[pl.Expr] = []
        if self.since is not None:
            wanted.append(pl.col(NOW) >= self.since)
        if self.until is not None:
            wanted.append(pl.col(NOW) < self.until)
        named = {name: chosen for name, chosen in (("key", self.keys), (ACTION, self.actions)) if chosen is not None}
        wanted += [
            pl.col(name).is_in(pl.Series(sorted(chosen), dtype=pl.String).implode()) for name, chosen in named.items()
        ]
        if not wanted:
            return None
        ids = recorded.ids if named else recorded.now.alias(NOW).to_frame()
        return ids.select(pl.all_horizontal(wanted).fill_null(value=False)).to_series()


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a log.

    Attributes:
        before: who decided before.
        after: who decides after.
        amounts: the paths of the attributes that are added up, the most telling one first.
        filters: which requests are compared.
    """

    before: ProgramSide | RecordedSide
    after: ProgramSide | RecordedSide
    amounts: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)

    @property
    def programs(self) -> tuple[ProgramSide, ...]:
        """The sides that are policy sets, the one after first."""
        return tuple(each for each in (self.after, self.before) if isinstance(each, ProgramSide))

    @cached_property
    def contexts(self) -> frozenset[str]:
        """The contexts that one of the sides declares."""
        return frozenset[str]().union(*(each.reading.schema.contexts for each in self.programs))

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The attributes that are read of every request, or may be."""
        return frozenset(self.amounts).union(*(each.side.paths for each in self.programs))

    @cached_property
    def renames(self) -> Renames:
        """Which rules were renamed."""
        if isinstance(self.before, ProgramSide) and isinstance(self.after, ProgramSide):
            return Renames.between(self.before.program, self.after.program)
        return Renames({})

    def amount(self, recorded: RecordedBatch, path: str, rows: pl.Series) -> pl.Series:
        """An amount of some rows, in units of 1e-18; null where it is unknown."""
        side = self._side_of(path)
        values = recorded.attribute(path, side).values.gather(rows)
        if isinstance(side.schema.attributes[path], types.Number):
            return values
        return values.cast(pl.Int128) * pl.Series([10**18], dtype=pl.Int128)

    def _side_of(self, path: str) -> Side:
        return next(each.side for each in self.programs if path in each.side.schema.attributes)


def usual_amounts(sides: Sequence[ProgramSide]) -> tuple[str, ...]:
    """Every decimal of `request` that some side declares, `request.notional` first."""
    found = {
        path
        for each in sides
        for path, declared in each.program.schema.attributes.items()
        if path.startswith("request.") and isinstance(declared, types.Number)
    }
    return tuple(sorted(found, key=lambda path: (path != "request.notional", path)))


def chosen_amounts(paths: Sequence[str], sides: Sequence[ProgramSide]) -> tuple[str, ...]:
    """The amounts that somebody named.

    Raises:
        AmountError: one is not declared, or is no number.
    """
    for path in paths:
        declared = [each.program.schema.attributes.get(path) for each in sides]
        if not any(isinstance(each, types.Number | types.Int) for each in declared):
            usual = ", ".join(usual_amounts(sides)) or "none of `request`"
            raise AmountError(f"{path} is no decimal or int that the policies declare; the decimals are {usual}")
    return tuple(dict.fromkeys(paths))


__all__ = ["AmountError", "Filters", "Question", "chosen_amounts", "usual_amounts"]
