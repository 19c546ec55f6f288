"""Where the columns of some recorded requests come from: what each form of logs has to give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from durwan.backends.columns.column import Column
from durwan.backends.columns.polars_interface import pl
from durwan.model.types import Type
from durwan.workshop.replaying.logs.broken import BrokenRecords

# What was recorded as decided.
RECORDED: Final = {"effect": pl.String(), "rule": pl.String(), "status": pl.Int64(), "code": pl.String()}
EFFECTS: Final = frozenset({"allow", "deny", "challenge"})


class Columns(Protocol):
    """Some recorded requests, as columns that are read when they are asked for.

    Attributes:
        height: how many requests.
    """

    height: int

    @property
    def masked(self) -> Counter[str]:
        """How many values of each attribute are masked, at least of those attributes that were read."""
        ...

    def load(self, paths: Mapping[str, Type]) -> None:
        """Reads the columns of attributes at once, which may be cheaper than one after the other."""
        ...

    def action(self) -> Column:
        """The actions: numbers that count in a table of texts; null where there is none."""
        ...

    def now(self) -> pl.Series:
        """The instants; null where they cannot be read."""
        ...

    def column(self, path: str, base: Type) -> Column:
        """An attribute, as its base type (see `durwan.backends.columns.column`), as the requests themselves say it."""
        ...

    def key_ids(self) -> Column:
        """The ids of keys, where requests name keys by their ids: numbers that count in a table of texts."""
        ...

    def recorded(self) -> pl.DataFrame | None:
        """What was decided (`RECORDED`), null where that is not recorded; None where it is nowhere."""
        ...

    def requests(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Whole requests, as `Engine.decide` takes them."""
        ...

    def texts(self) -> pl.Series | None:
        """Whole requests as JSON texts, as far as JSON has them; None where they were not kept."""
        ...


class LogFile(Protocol):
    """One file of a log.

    Attributes:
        path: the file.
        size: how many bytes it has.
        position: how many of them were read, about.
        rows: how many records it has; None where that is known only at its end.
    """

    path: Path
    size: int
    position: int
    rows: int | None

    def steps(self, broken: BrokenRecords, attributes: Collection[str]) -> Iterator[Columns]:
        """Its requests, some thousands at a time.

        Args:
            broken: what is no record goes there.
            attributes: the paths of those that will be asked for. Others may be, which may take longer.
        """
        ...
