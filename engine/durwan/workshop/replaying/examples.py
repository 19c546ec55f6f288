"""Requests that stand for a group of flips: chosen so that the same log gives the same ones, however it is read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast

from durwan.backends.columns.batch import NOW
from durwan.backends.columns.polars_interface import pl
from durwan.workshop.replaying.logs import PreparedLogError, RecordedBatch

_ROW: Final = "row"
_GROUP: Final = ("before", "after", "action")
# The earliest request of a group, and the one with most at stake.
EARLIEST, LARGEST = "earliest", "largest"


class Example(NamedTuple):
    """A request, as `Engine.decide` takes it, and its rank among those that could stand for its group."""

    rank: tuple[Any, ...]
    text: str

    @property
    def request(self) -> dict[str, Any]:
        """The request."""
        return cast("dict[str, Any]", json.loads(self.text))


class Place(NamedTuple):
    """For what a request stands: the numbers of the answers, the action, and why this one."""

    before: int
    after: int
    action: str | None
    role: str


Examples = dict[Place, Example]


def examples_of(
    flipped: pl.DataFrame, recorded: RecordedBatch, amount: str | None, known: Mapping[Place, tuple[Any, ...]]
) -> Examples:
    """The best examples of each group among some rows.

    Args:
        flipped: the rows, as cells count them, and their place in the batch as `row`.
        recorded: the batch.
        amount: the amount by which the largest is found.
        known: the ranks of those that there are already: only what is better is worth the reading.
    """
    ranked = flipped.with_columns(
        pl.col(NOW).fill_null(_NEVER), pl.col("key").fill_null(""),
        (pl.col(amount).fill_null(_LEAST) if amount else pl.lit(0, dtype=pl.Int128)).alias("stake"),
    )  # fmt: skip
    roles = {EARLIEST: (NOW, "stake", "key"), LARGEST: ("stake", NOW, "key")}
    candidates: dict[Place, tuple[tuple[Any, ...], list[int]]] = {}
    for role, order in roles.items():
        if role == LARGEST and amount is None:
            continue
        for row in _best(ranked, order).iter_rows(named=True):
            rank = tuple(-row[name] if name == "stake" else row[name] for name in order)
            place = Place(row["before"], row["after"], row["action"], role)
            if place in known and known[place] < rank:
                continue
            best, rows = candidates.setdefault(place, (rank, []))
            if best == rank:
                rows.append(row[_ROW])
    return _read(recorded, candidates)


_NEVER: Final = 1 << 60
_LEAST: Final = pl.lit(-(1 << 126), dtype=pl.Int128)


def _best(ranked: pl.DataFrame, order: tuple[str, ...]) -> pl.DataFrame:
    """The first rows of each group: all that are alike in what they are ranked by, which their texts tell apart."""
    ordered = ranked.sort(*order, descending=[name == "stake" for name in order])
    first = ordered.unique(_GROUP, keep="first", maintain_order=True).select(*_GROUP, *order)
    return ranked.join(first, on=[*_GROUP, *order], how="semi", nulls_equal=True)


def _read(recorded: RecordedBatch, candidates: Mapping[Place, tuple[tuple[Any, ...], list[int]]]) -> Examples:
    rows = sorted({row for _, chosen in candidates.values() for row in chosen})
    if not rows:
        return {}
    try:
        texts = dict(zip(rows, map(text_of, recorded.requests(rows)), strict=True))
    except PreparedLogError:
        # The log was prepared without whole requests, to be small: what happened can be told, but not be shown.
        return {}
    return {place: Example(rank, min(texts[row] for row in chosen)) for place, (rank, chosen) in candidates.items()}


def better(examples: Iterable[tuple[Place, Example]], than: Examples) -> None:
    """Takes what is better than what there is."""
    for place, example in examples:
        if place not in than or example < than[place]:
            than[place] = example


# --------------------------------------------------------------------------------------------------------- plain data


def text_of(request: Mapping[str, Any]) -> str:
    """A request as JSON that means the same to every evaluator; what JSON cannot say, and is unknown, is left out."""
    return json.dumps(_plain(request), sort_keys=True, allow_nan=False)


def _plain(value: Any) -> Any:
    match value:
        case dict():
            fields = cast("Mapping[Any, Any]", value)
            return {str(name): _plain(each) for name, each in fields.items() if each is not None}
        case list() | tuple():
            return [_plain(each) for each in cast("list[Any]", value)]
        case set() | frozenset():
            return sorted((_plain(each) for each in cast("set[Any]", value)), key=repr)
        case float() if not math.isfinite(value):
            return None
        case Decimal():
            return _number(value) if value.is_finite() else None
        case datetime():
            return value.isoformat() if value.tzinfo is not None else None
        case None | bool() | int() | float() | str():
            return value
        case date() | bytes():
            return None
        case _:
            return None


def _number(value: Decimal) -> int | float | str | None:
    """A number that is read as the same one by every type: a text could be read as a text."""
    if value == value.to_integral_value():
        return int(value) if value.adjusted() < 40 else None
    return float(value) if Decimal(repr(float(value))) == value else f"{value:f}"


__all__ = ["EARLIEST", "LARGEST", "Example", "Examples", "Place", "better", "examples_of", "text_of"]
