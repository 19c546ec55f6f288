"""Requests that were read one by one, as plain data, and are kept as what will be asked of them."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from durwan.backends.columns.column import Column, column_of
from durwan.backends.columns.polars_interface import pl
from durwan.model import types
from durwan.model.request import PLAIN
from durwan.model.types import Type
from durwan.runtime.garbage import without_collecting
from durwan.workshop.replaying.logs.parsing import Record
from durwan.workshop.replaying.logs.sources import RECORDED, Columns

# So many requests make a step, or fewer where they are long. What is done once a step takes as long as thousands do.
STEP: Final = 65_536
STEP_BYTES: Final = 1 << 25
_NOTHING: Final[Mapping[str, Any]] = {}
# So many requests are read once more at a time.
_PIECE: Final = 64


class PlainColumns:
    """Requests of which only the attributes are kept that will be asked for. See `Columns`.

    Whole requests are several times as large, and hardly any is ever asked for: those are read once more.

    Args:
        attributes: the paths of those that will be asked for, as far as is known.
        again: reads the request of a row once more.

    Attributes:
        size: how many bytes the texts have that the requests were read from.
    """

    def __init__(self, attributes: Iterable[str], again: Callable[[int], dict[str, Any]]) -> None:
        self.height = self.size = 0
        self._again = [again]
        self._firsts = [0]
        self._head: dict[str, list[Any]] = {"action": [], "now": [], "key": []}
        self._outcomes: list[Mapping[str, Any] | None] = []
        self._raws: dict[str, list[Any]] = {path: [] for path in attributes}
        self._gathering = _Gathering(self._raws)
        self._read: dict[tuple[str, Type], Column] = {}
        self._masked: dict[str, int] = {}

    def add(self, records: Sequence[Record]) -> None:
        """Some more requests, with what was decided. A few at a time are still in the processor's cache."""
        requests = [request for request, _ in records]
        self.height += len(requests)
        self._outcomes += [outcome for _, outcome in records]
        for name, values in self._head.items():
            values += [request.get(name) for request in requests]
        self._gathering.add(requests)

    @property
    def is_full(self) -> bool:
        """Whether it is as large as it should be: memory is bounded by the bytes."""
        return self.height >= STEP or (self.height > 0 and self.size >= STEP_BYTES)

    def join(self, other: PlainColumns) -> None:
        """Takes the requests of another, of which the same attributes are kept, behind its own."""
        self._again += other._again
        self._firsts += [self.height + first for first in other._firsts]
        self.height += other.height
        self.size += other.size
        self._outcomes += other._outcomes
        for mine, theirs in ((self._head, other._head), (self._raws, other._raws)):
            for name, values in mine.items():
                values.extend(theirs[name])

    def load(self, paths: Mapping[str, Type]) -> None:
        """See `Columns`: all that nobody knew would be asked for is gathered at once."""
        read = {path for path, base in paths.items() if (path, base) in self._read}
        missing: dict[str, list[Any]] = {path: [] for path in paths if path not in read and path not in self._raws}
        if not missing:
            return
        gathering = _Gathering(missing)
        with without_collecting():
            for first in range(0, self.height, _PIECE):
                gathering.add(self.requests(range(first, min(first + _PIECE, self.height))))
        self._raws |= missing

    def action(self) -> Column:
        """See `Columns`."""
        return self._actions

    @cached_property
    def _actions(self) -> Column:
        return _coded(self._head["action"])

    def now(self) -> pl.Series:
        """See `Columns`."""
        return self._now

    @cached_property
    def _now(self) -> pl.Series:
        return column_of(self._head["now"], types.Time()).values

    def column(self, path: str, base: Type) -> Column:
        """See `Columns`."""
        if (path, base) not in self._read:
            self.load({path: base})
            self._count_masked(path)
            self._read[path, base] = column_of(self._raws.pop(path), base)
        return self._read[path, base]

    @property
    def masked(self) -> Counter[str]:
        """See `Columns`: of all attributes that would be asked for, whether they were or not."""
        for path in self._raws:
            self._count_masked(path)
        return Counter(self._masked)

    def _count_masked(self, path: str) -> None:
        raws = self._raws[path]
        if path not in self._masked and PLAIN in set(map(type, raws)):
            self._masked[path] = sum(type(raw) is PLAIN and "$masked" in raw for raw in raws)

    def key_ids(self) -> Column:
        """See `Columns`."""
        return self._key_ids

    @cached_property
    def _key_ids(self) -> Column:
        return _coded(self._head["key"])

    def recorded(self) -> pl.DataFrame | None:
        """See `Columns`."""
        if not any(self._outcomes):
            return None
        outcomes = [outcome or _NOTHING for outcome in self._outcomes]
        return pl.DataFrame([_recorded(outcomes, name).alias(name) for name in RECORDED])

    def requests(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """See `Columns`."""
        return [self._request(row) for row in rows]

    def _request(self, row: int) -> dict[str, Any]:
        part = bisect_right(self._firsts, row) - 1
        return self._again[part](row - self._firsts[part])

    def texts(self) -> pl.Series | None:
        """See `Columns`."""
        return pl.Series([json.dumps(self._request(row)) for row in range(self.height)], dtype=pl.String)


def joined(steps: Iterable[Columns]) -> Iterator[Columns]:
    """The same requests, small steps of one file and the next together."""
    waiting: PlainColumns | None = None
    for step in steps:
        if waiting is not None and isinstance(step, PlainColumns):
            waiting.join(step)
        elif isinstance(step, PlainColumns):
            waiting = step
        else:
            if waiting is not None:
                yield waiting
                waiting = None
            yield step
        if waiting is not None and waiting.is_full:
            yield waiting
            waiting = None
    if waiting is not None:
        yield waiting


class _Gathering:
    """Takes the values of some attributes out of requests.

    Args:
        found: by the path of each attribute the list that its values go to.
    """

    def __init__(self, found: Mapping[str, list[Any]]) -> None:
        self._contexts: dict[str, list[tuple[str, list[Any]]]] = {}
        for path, raws in found.items():
            context, _, name = path.partition(".")
            self._contexts.setdefault(context, []).append((name, raws))

    def add(self, requests: Sequence[Mapping[str, Any]]) -> None:
        """Those of some more requests."""
        for context, fields in self._contexts.items():
            given: list[Any] = [request.get(context) for request in requests]
            holders = [each if type(each) is PLAIN else _NOTHING for each in given]
            # As with keys, of which there are ids alone.
            unknown = None if PLAIN in map(type, given) else [None] * len(given)
            for name, raws in fields:
                raws.extend(unknown or [holder.get(name) for holder in holders])


def _coded(values: Sequence[Any]) -> Column:
    """The texts among some values, as numbers."""
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(value, len(numbers)) if type(value) is str else None for value in values]
    return Column(pl.Series(codes, dtype=pl.UInt32), tuple(numbers))


def _recorded(outcomes: Sequence[Mapping[str, Any]], name: str) -> pl.Series:
    kind, declared = (int, types.Int()) if name == "status" else (str, types.String())
    said = [outcome.get(name) for outcome in outcomes]
    return column_of([each if type(each) is kind else None for each in said], declared).values


__all__ = ["STEP", "PlainColumns", "joined"]
