"""Recorded requests: logs of any form, opened together and read some thousands at a time."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from durwan.backends.columns.batch import ACTION, NOW, Batch
from durwan.backends.columns.column import Column, KeyColumns, narrowed
from durwan.backends.columns.plan import attributes_read
from durwan.backends.columns.polars_interface import pl
from durwan.errors import DurwanError
from durwan.model.request import KeyLookup, no_keys
from durwan.model.schema import Schema
from durwan.model.types import String, Type, base_of
from durwan.program.program import Program
from durwan.workshop.replaying.logs.broken import BrokenRecords
from durwan.workshop.replaying.logs.exported import ExportedFile, is_export
from durwan.workshop.replaying.logs.lines import LinesFile
from durwan.workshop.replaying.logs.nested import NestedColumns, NestedFile
from durwan.workshop.replaying.logs.plain_columns import joined
from durwan.workshop.replaying.logs.prepared import prepared_file, write_prepared
from durwan.workshop.replaying.logs.sources import Columns, LogFile

_LINES: Final = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_PARQUET: Final = (".parquet",)
_KEY_ID, _ACCOUNT = "key.id", "key.account"


class LogError(DurwanError):
    """A log that cannot be read; the text says what to do."""


class Side:
    """By what requests are read: a program or a schema, and the keys that they name.

    Two revisions of a policy set are two sides: each has its own types, scopes and keys.
    """

    def __init__(self, program: Program | Schema, keys: KeyLookup = no_keys) -> None:
        self.schema = program.schema if isinstance(program, Program) else program
        self.keys = keys
        # What a batch holds: what the program reads; without one, all that is declared.
        self.paths = attributes_read(program) if isinstance(program, Program) else frozenset(self.schema.attributes)
        self._key_columns = KeyColumns(self.schema, keys)

    @cached_property
    def bases(self) -> dict[str, Type]:
        """The base types of the attributes that a batch holds."""
        return {path: base_of(self.schema.attributes[path]) for path in sorted(self.paths)}

    def column(self, columns: Columns, path: str) -> Column:
        """An attribute as this side reads it."""
        declared = self.schema.attributes[path]
        found = narrowed(columns.column(path, base_of(declared)), declared, self.schema)
        return self._key_columns.completed(found, path, columns.key_ids()) if path.startswith("key.") else found


class RecordedBatch:
    """Some recorded requests.

    Attributes:
        first: how many records of the log were before them.
        rows: how many they are.
    """

    def __init__(self, columns: Columns, side: Side, first: int) -> None:
        self.first = first
        self.rows = columns.height
        self._columns = columns
        self._side = side

    @cached_property
    def batch(self) -> Batch:
        """Their columns for the side by which the log was opened."""
        return self.batch_for(self._side)

    def batch_for(self, side: Side) -> Batch:
        """Their columns for another side."""
        self._columns.load(side.bases)
        found = {path: side.column(self._columns, path) for path in side.bases}
        action = self._columns.action()
        series = [action.values.alias(ACTION), self._columns.now().alias(NOW)]
        series += [column.values.alias(path) for path, column in found.items()]
        tables = {ACTION: action.table or ()}
        tables |= {path: column.table for path, column in found.items() if column.table is not None}
        beyond = sorted({row for column in found.values() for row in column.beyond})
        return Batch(frame=pl.DataFrame(series), tables=tables, beyond=tuple(beyond))

    def attribute(self, path: str, side: Side | None = None) -> Column:
        """The column of any declared attribute, read or not by a program: amounts, say."""
        return (side or self._side).column(self._columns, path)

    @cached_property
    def recorded(self) -> pl.DataFrame | None:
        """What was decided: `effect`, `rule`, `status`, `code`, null where nobody knows; None where nobody does."""
        return self._columns.recorded()

    @cached_property
    def now(self) -> pl.Series:
        """The instants, in milliseconds; null where they cannot be read."""
        return self._columns.now()

    @cached_property
    def ids(self) -> pl.DataFrame:
        """By what requests are grouped: `key` (its id), `account` (of the key), `action` and `now`; null is unknown."""
        return self.ids_at(None)

    def ids_at(self, rows: pl.Series | None) -> pl.DataFrame:
        """The same of some rows, which takes less time than of all; None for all."""
        keys, said = self._columns.key_ids().texts(rows), self._text(_KEY_ID, rows)
        account = self._text(_ACCOUNT, rows)
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(keys))
        return pl.DataFrame([
            (keys if said is None else _first_known(keys, said)).alias("key"),
            (nothing if account is None else account).alias("account"),
            self._columns.action().texts(rows).alias(ACTION),
            (self.now if rows is None else self.now.gather(rows)).alias(NOW),
        ])  # fmt: skip

    def _text(self, path: str, rows: pl.Series | None) -> pl.Series | None:
        declared = self._side.schema.attributes.get(path)
        return self.attribute(path).texts(rows) if isinstance(declared, String) else None

    def requests(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Whole requests, as `Engine.decide` takes them."""
        return self._columns.requests(rows)

    @cached_property
    def beyond(self) -> list[tuple[int, dict[str, Any]]]:
        """The rows that columns cannot hold, which the generated evaluator has to decide, and their requests."""
        rows = self.batch.beyond
        return list(zip(rows, self.requests(rows), strict=True))

    @property
    def masked(self) -> Counter[str]:
        """How many values of each attribute that was read are masked, and therefore unknown."""
        return self._columns.masked


def _first_known(first: pl.Series, second: pl.Series) -> pl.Series:
    return pl.select(pl.coalesce(first, second)).to_series()


class RecordedRequests:
    """The requests of a log: of one file, or of many."""

    def __init__(self, files: Sequence[LogFile], side: Side, aside: Path | None) -> None:
        self._files = files
        self._side = side
        self._aside = aside
        self.broken = BrokenRecords()
        # How many bytes other processes have read.
        self.read_elsewhere = 0
        counts = [file.rows for file in files]
        # How many records there are; None where only reading them would tell.
        self.rows: int | None = None if None in counts else sum(count or 0 for count in counts)

    @classmethod
    def open(
        cls,
        paths: Iterable[str | os.PathLike[str]],
        program: Program | Schema,
        keys: KeyLookup = no_keys,
        *,
        aside: Path | None = None,
        contexts: frozenset[str] = frozenset(),
    ) -> RecordedRequests:
        """Opens a log.

        Args:
            paths: files, directories (their files of lines and Parquet, in order of their paths) and globs. Files of
                lines may be packed by gzip.
            program: by what requests are read first; with a program, only what it reads is read at once.
            keys: how the id of a key becomes its attributes.
            aside: into which file broken records go; None to count them only.
            contexts: contexts that other sides declare, which would else not be read.

        Raises:
            LogError: there is no such log, or it is of no form that is known.
        """
        side = Side(program, keys)
        files = [log_file(path, side.schema.contexts | contexts) for path in _found(paths)]
        return cls(files, side, aside)

    @property
    def side(self) -> Side:
        """By what the log was opened."""
        return self._side

    @property
    def files(self) -> Sequence[LogFile]:
        """Its files."""
        return self._files

    @property
    def share(self) -> float:
        """How much of the log was read, from 0 to 1."""
        size = sum(file.size for file in self._files)
        read = self.read_elsewhere + sum(file.position for file in self._files)
        return read / size if size else 1.0

    def batches(self, attributes: Collection[str] = ()) -> Iterator[RecordedBatch]:
        """All requests, in the order of the files. Broken records are counted anew, in `broken`.

        Args:
            attributes: what will be asked for beside what the log's own side reads; that takes less time where it is
                known before.

        Raises:
            LogError: a file turns out to be damaged.
        """
        known = {each for each in (_KEY_ID, _ACCOUNT) if each in self._side.schema.attributes}
        first = 0
        with self.counting_anew():
            for columns in joined(self._steps({*self._side.paths, *known, *attributes})):
                yield RecordedBatch(columns, self._side, first)
                first += columns.height

    @contextmanager
    def counting_anew(self) -> Generator[BrokenRecords]:
        """A pass over the requests: what is broken, and how much was read, is counted anew."""
        self.broken = BrokenRecords(self._aside)
        self.read_elsewhere = 0
        for file in self._files:
            file.position = 0
        try:
            yield self.broken
        finally:
            self.broken.close()

    def _steps(self, attributes: Collection[str]) -> Iterator[Columns]:
        for file in self._files:
            try:
                yield from file.steps(self.broken, attributes)
            except (OSError, EOFError, pl.exceptions.PolarsError) as error:
                raise LogError(f"{file.path} cannot be read to its end: {error}") from error

    def prepare(self, folder: Path, *others: Side, whole: bool = True) -> int:
        """Writes the requests as a prepared log, which is read many times faster; how many they were.

        Every attribute is kept that this side or another declares.

        Raises:
            DurwanError: the log cannot be read, or the folder is there already.
        """
        schemas = [side.schema for side in (self._side, *others)]
        kept = {(path, base_of(declared)) for schema in schemas for path, declared in schema.attributes.items()}
        with self.counting_anew():
            steps = self._steps({path for path, _ in kept})
            return write_prepared(steps, sorted(kept, key=str), folder, whole=whole)


def _found(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    found: list[Path] = []
    for each in paths:
        given = os.fspath(each)
        path = Path(given)
        if path.is_dir():
            matching = sorted(
                each for each in path.rglob("*") if each.name.endswith((*_LINES, *_PARQUET)) and each.is_file()
            )
        elif path.exists():
            matching = [path]
        else:
            inside = map(Path, glob.glob(given, recursive=True))  # noqa: PTH207 - a Path globs below a directory alone
            matching = sorted(each for each in inside if each.is_file())
        if not matching:
            raise LogError(f"{given} holds no log: name files of JSON Lines or Parquet, a directory of them, or a glob")
        found += matching
    return found


def log_file(path: Path, contexts: frozenset[str]) -> LogFile:
    """A file of a log, whatever its form.

    Args:
        path: the file.
        contexts: which are read.

    Raises:
        LogError: it cannot be read, or is of no form that is known.
    """
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        if not is_parquet and path.name.endswith(_PARQUET):
            raise LogError(f"{path} is no Parquet file")
        return _parquet(path, contexts) if is_parquet else LinesFile(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise LogError(f"{path} cannot be read: {error}") from error


def _parquet(path: Path, contexts: frozenset[str]) -> LogFile:
    prepared = prepared_file(path)
    if prepared is not None:
        return prepared
    columns = pl.read_parquet_schema(path)
    if is_export(columns):
        return ExportedFile(path)
    now = columns.get(NOW)
    if isinstance(now, pl.Datetime) and now.time_zone is None:
        raise LogError(f"{path}: the timestamps in `now` have no time zone; write them in UTC, with the zone")
    if now is None or ACTION not in columns:
        raise LogError(f"{path} has no columns `action` and `now`: these are no recorded requests")
    return NestedFile(path, contexts)


def recorded_batch_of(frame: pl.DataFrame, side: Side, first: int = 0) -> RecordedBatch:
    """Requests that somebody else read, as one frame of the plain nested form: a column for each context."""
    return RecordedBatch(NestedColumns(frame), side, first)
