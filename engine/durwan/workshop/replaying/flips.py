"""Requests that are decided otherwise than before: counted batch by batch, and added up.

`flips_of` looks at one batch and knows of no other, so batches can be looked at side by side, on as many machines as
there are; what it returns adds up to the same in any order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Self

from durwan.backends.columns.batch import NOW
from durwan.backends.columns.polars_interface import pl
from durwan.workshop.replaying.answers import Answer, Answers, kind_of
from durwan.workshop.replaying.cells import added, counted, empty_cells, folded
from durwan.workshop.replaying.examples import Example, Examples, Place, better, examples_of
from durwan.workshop.replaying.logs import RecordedBatch
from durwan.workshop.replaying.moments import HOUR, empty_moments, fitting
from durwan.workshop.replaying.question import Question
from durwan.workshop.replaying.sides import refused_before

# Examples are kept of so many groups and actions; where there are more, of those that come first by their names.
_MOST_EXAMPLES: Final = 4_000
# As an hour, an instant that cannot be read.
_NO_HOUR: Final = -(1 << 40)
# So many frames are kept before they are added up: adding is cheap for one large frame, and not for many small ones.
_FRAMES: Final = 8

Ranks = Mapping[tuple[Answer, Answer, str | None, str], tuple[Any, ...]]
_NOTHING: Final[Ranks] = {}
# What happens to requests that are not compared.
FILTERED, REFUSED, UNRECORDED = "filtered", "refused", "unrecorded"


class Flips:
    """What is known after some of the requests.

    Args:
        amounts: the amounts that are added up.

    Attributes:
        left_out: how many requests were not compared, and why: `filtered` out; `refused` before any policy was asked;
            `unrecorded`, since it is not known what was decided.
        beyond: how many requests columns could not hold, for one side or both.
        masked: how many values of each attribute are masked, and therefore unknown.
    """

    def __init__(self, amounts: tuple[str, ...]) -> None:
        self.amounts = amounts
        self.answers = Answers()
        self.left_out: Counter[str] = Counter()
        self.beyond = 0
        self.masked: Counter[str] = Counter()
        self.examples: Examples = {}
        self._moments: list[tuple[int, pl.DataFrame]] = [(HOUR, empty_moments())]
        self._cells: list[pl.DataFrame] = [empty_cells(amounts)]

    @property
    def moments(self) -> tuple[int, pl.DataFrame]:
        """How often each pair of answers occurred over time, and by which span. See `moments`."""
        if len(self._moments) > 1:
            self._moments = [fitting(self._moments)]
        return self._moments[0]

    @property
    def cells(self) -> pl.DataFrame:
        """The flips by answers, action, account and key. See `cells`."""
        if len(self._cells) > 1:
            self._cells = [folded(added(pl.concat(self._cells), self.amounts), self.amounts)]
        return self._cells[0]

    def add(self, other: Flips) -> None:
        """Adds what is known of other requests."""
        numbers = pl.Series(map(self.answers.number, other.answers.listed), dtype=pl.UInt32)
        span, moments = other.moments
        self._moments.append((span, _renumbered(moments, numbers)))
        self._cells.append(_renumbered(other.cells, numbers))
        if len(self._cells) > _FRAMES:
            _ = self.moments, self.cells
        self.left_out += other.left_out
        self.beyond += other.beyond
        self.masked += other.masked
        moved = (
            (place._replace(before=numbers[place.before], after=numbers[place.after]), each)
            for place, each in other.examples.items()
        )
        better(moved, self.examples)
        if len(self.examples) > _MOST_EXAMPLES:
            self._forget()

    def _forget(self) -> None:
        """Drops the examples beyond so many: the same ones, in whatever order requests are added."""
        listed = [str(tuple(each)) for each in self.answers.listed]
        order = sorted(self.examples, key=lambda each: (listed[each.before], listed[each.after], str(each[2:])))
        for place in order[_MOST_EXAMPLES:]:
            del self.examples[place]

    def count(self, moments: pl.DataFrame) -> None:
        """Adds requests by hours."""
        self._moments.append((HOUR, moments))

    def detail(self, cells: pl.DataFrame, examples: Examples) -> None:
        """Adds flips."""
        self._cells.append(cells)
        better(examples.items(), self.examples)

    @property
    def ranks(self) -> Ranks:
        """How good the examples are that there are; may be asked for while something is added."""
        examples = self.examples.copy()
        # Taken after the examples: it has every number that they have.
        listed = self.answers.listed
        return {
            (listed[place.before], listed[place.after], place.action, place.role): each.rank
            for place, each in examples.items()
        }

    # ------------------------------------------------------------------------------------------------- as plain data

    def as_text(self) -> str:
        """All of it as JSON, to be sent elsewhere."""
        span, moments = self.moments
        return json.dumps({
            "amounts": self.amounts, "answers": self.answers.listed, "left_out": self.left_out,
            "beyond": self.beyond, "masked": self.masked, "span": span, "moments": moments.to_dict(as_series=False),
            "cells": self.cells.to_dict(as_series=False),
            "examples": [[*place, *each] for place, each in self.examples.items()],
        })  # fmt: skip

    @classmethod
    def of_text(cls, text: str) -> Self:
        """What `as_text` wrote."""
        plain: dict[str, Any] = json.loads(text)
        found = cls(tuple(plain["amounts"]))
        found.answers = Answers(Answer(*each) for each in plain["answers"])
        found.left_out, found.masked = Counter(plain["left_out"]), Counter(plain["masked"])
        found.beyond = plain["beyond"]
        found._moments = [(plain["span"], _frame(plain["moments"], empty_moments()))]
        found._cells = [_frame(plain["cells"], empty_cells(found.amounts))]
        for before, after, action, role, rank, request in plain["examples"]:
            found.examples[Place(before, after, action, role)] = Example(tuple(rank), request)
        return found


def _renumbered(frame: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    columns = [numbers.gather(frame.get_column(name)).alias(name) for name in ("before", "after")]
    return frame.with_columns(columns)


def _frame(columns: Mapping[str, list[Any]], like: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(dict(columns), schema=like.schema)


def flips_of(recorded: RecordedBatch, question: Question, known: Ranks = _NOTHING) -> Flips:
    """What the two sides decide otherwise, of the requests of one batch.

    Args:
        recorded: the batch.
        question: what is asked.
        known: `Flips.ranks` of what this will be added to; only spares work.
    """
    found = Flips(question.amounts)
    rows = _compared(recorded, question, found.left_out)
    if rows is not None and not len(rows):
        found.masked += recorded.masked
        return found
    before, beyond = question.before.answers(recorded, rows, found.answers)
    after, beyond_too = question.after.answers(recorded, rows, found.answers)
    found.beyond = len({*beyond, *beyond_too})
    now = recorded.now if rows is None else recorded.now.gather(rows)
    frame = pl.DataFrame([before.alias("before"), after.alias("after"), now.alias(NOW)])
    frame = frame.with_columns((pl.int_range(pl.len(), dtype=pl.UInt32) if rows is None else rows).alias("row"))
    if before.null_count() or after.null_count():
        known_rows = frame.drop_nulls(["before", "after"])
        found.left_out[UNRECORDED] = frame.height - known_rows.height
        frame = known_rows
    flipped = _count(found, frame, question)
    if flipped is not None:
        _detail(found, flipped, recorded, question, known)
    found.masked += recorded.masked
    return found


def _compared(recorded: RecordedBatch, question: Question, left_out: Counter[str]) -> pl.Series | None:
    """The rows that are compared; None for all."""
    kept = question.filters.passed(recorded)
    refused = refused_before(recorded)
    if kept is not None:
        left_out[FILTERED] += len(kept) - int(kept.sum())
    if refused is not None:
        refused = refused if kept is None else refused & kept
        left_out[REFUSED] += int(refused.sum())
        kept = ~refused if kept is None else kept & ~refused
    return None if kept is None or kept.all() else kept.arg_true()


def _count(found: Flips, frame: pl.DataFrame, question: Question) -> pl.DataFrame | None:
    """Counts the rows by moment and answers; those that flip."""
    size = len(found.answers.listed)
    pair = (pl.col("before").cast(pl.Int64) * size + pl.col("after")).alias("pair")
    hour = (pl.col(NOW) // HOUR).fill_null(_NO_HOUR)
    frame = frame.with_columns(pair)
    # One number for hour and pair is counted much faster than two columns.
    tally = frame.select((hour * (size * size) + pl.col("pair")).alias("both")).to_series().value_counts()
    hours, pairs = pl.col("both") // (size * size), pl.col("both") % (size * size)
    moments = tally.select(
        pl.when(hours != _NO_HOUR).then(hours * HOUR).alias("moment"),
        (pairs // size).cast(pl.UInt32).alias("before"),
        (pairs % size).cast(pl.UInt32).alias("after"),
        pl.col("count").cast(pl.Int64),
    )
    found.count(moments)
    flipping = _flipping(moments, found.answers.listed, question)
    if not flipping:
        return None
    return frame.filter(pl.col("pair").is_in(pl.Series(flipping, dtype=pl.Int64).implode()))


def _flipping(moments: pl.DataFrame, answers: list[Answer], question: Question) -> list[int]:
    """The pairs of answers that differ, of those that occur, each as one number."""
    return [
        before * len(answers) + after
        for before, after in _pairs(moments)
        if kind_of(answers[before], answers[after], question.renames) is not None
    ]


def _pairs(moments: pl.DataFrame) -> list[tuple[int, int]]:
    return moments.select("before", "after").unique().rows()


def _detail(found: Flips, flipped: pl.DataFrame, recorded: RecordedBatch, question: Question, known: Ranks) -> None:
    """Whose the flipped rows are, what was at stake, and which of them are worth showing."""
    rows = flipped.get_column("row")
    amounts = [question.amount(recorded, path, rows).alias(path) for path in question.amounts]
    flipped = flipped.with_columns(*recorded.ids_at(rows).drop(NOW), *amounts)
    number = found.answers.number
    ranks = {
        Place(number(before), number(after), action, role): rank
        for (before, after, action, role), rank in known.items()
    }
    leading = question.amounts[0] if question.amounts else None
    found.detail(counted(flipped, question.amounts), examples_of(flipped, recorded, leading, ranks))


__all__ = ["FILTERED", "REFUSED", "UNRECORDED", "Flips", "Ranks", "flips_of"]
