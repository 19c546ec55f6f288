"""Logs of one JSON object a line: plain requests, and the audit log's own lines and exports."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, NoReturn, cast

from durwan.backends.columns.column import Column, ColumnWriter, column_of
from durwan.backends.columns.polars_interface import pl
from durwan.model import types
from durwan.model.request import PLAIN
from durwan.model.types import Type
from durwan.model.values import read_time
from durwan.runtime.garbage import without_collecting
from durwan.workshop.replaying.logs.broken import BrokenRecords
from durwan.workshop.replaying.logs.sources import EFFECTS, RECORDED

# What a text is that is written nowhere.
MOST_LINE: Final = 1 << 24
STEP: Final = 16_384
_AUDIT: Final = frozenset({"kind", "record", "seq"})
_EXPORT: Final = frozenset({"contexts", "effect", "stream", "now"})
# A request, and what was decided.
_Record = tuple[dict[str, Any], Mapping[str, Any] | None]
_NOTHING: Final[Mapping[str, Any]] = {}


class NoRecordError(ValueError):
    """Something that records no request; the text says why."""


class LineColumns:
    """Requests that were read from lines. See `Columns`."""

    def __init__(self, requests: list[dict[str, Any]], outcomes: list[Mapping[str, Any] | None]) -> None:
        self.height = len(requests)
        self.masked: Counter[str] = Counter()
        self._requests = requests
        self._outcomes = outcomes
        self._contexts: dict[str, list[Mapping[str, Any]]] = {}
        self._key_ids: Column | None = None
        self._read: dict[tuple[str, Type], Column] = {}

    def load(self, paths: Mapping[str, Type]) -> None:
        """See `Columns`: there is nothing to gain."""

    def action(self) -> Column:
        """See `Columns`."""
        return _coded(request.get("action") for request in self._requests)

    def now(self) -> pl.Series:
        """See `Columns`."""
        return pl.Series([read_time(request["now"]) for request in self._requests], dtype=pl.Int64)

    def column(self, path: str, base: Type) -> Column:
        """See `Columns`."""
        if (path, base) not in self._read:
            raws = self._raws(path)
            if PLAIN in set(map(type, raws)):
                self.masked[path] += sum(type(raw) is PLAIN and "$masked" in raw for raw in raws)
            self._read[path, base] = column_of(raws, base)
        return self._read[path, base]

    def _raws(self, path: str) -> list[Any]:
        context, _, name = path.partition(".")
        if context not in self._contexts:
            given: list[Any] = [request.get(context) for request in self._requests]
            self._contexts[context] = [each if type(each) is PLAIN else _NOTHING for each in given]
        return [each.get(name) for each in self._contexts[context]]

    def key_ids(self) -> Column:
        """See `Columns`."""
        if self._key_ids is None:
            self._key_ids = _coded(request.get("key") for request in self._requests)
        return self._key_ids

    def recorded(self) -> pl.DataFrame | None:
        """See `Columns`."""
        if not any(self._outcomes):
            return None
        columns = {name: ColumnWriter(types.Int() if name == "status" else types.String()) for name in RECORDED}
        for outcome in self._outcomes:
            for name, writer in columns.items():
                value: Any = None if outcome is None else outcome.get(name)
                writer.add(value if type(value) is (int if name == "status" else str) else None)
        return pl.DataFrame([writer.column().values.alias(name) for name, writer in columns.items()])

    def requests(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """See `Columns`."""
        return [self._requests[row] for row in rows]

    def texts(self) -> pl.Series | None:
        """See `Columns`."""
        return pl.Series([json.dumps(request) for request in self._requests], dtype=pl.String)


def _coded(values: Iterable[Any]) -> Column:
    """The texts among some values, as numbers."""
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(value, len(numbers)) if type(value) is str else None for value in values]
    return Column(pl.Series(codes, dtype=pl.UInt32), tuple(numbers))


class LinesFile:
    """One file of lines, packed by gzip or not.

    Attributes:
        path: the file.
        size: how many bytes it has.
        position: how many of them were read.
        rows: None, since nobody counted the lines.
    """

    rows: int | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.position = 0

    def steps(self, broken: BrokenRecords) -> Iterator[LineColumns]:
        """Its requests, some thousands at a time.

        Raises:
            OSError: it cannot be read.
        """
        with self.path.open("rb") as file:
            lines = _lines(file, is_packed=self.path.suffix == ".gz")
            while step := self._step(lines, broken):
                self.position = file.tell()
                yield LineColumns([request for request, _ in step], [outcome for _, outcome in step])
            self.position = self.size

    def _step(self, lines: Iterator[tuple[int, bytes]], broken: BrokenRecords) -> list[_Record]:
        """The next requests; none at the end."""
        found: list[_Record] = []
        with without_collecting():
            for place, line in lines:
                try:
                    record = read_record(line)
                except NoRecordError as error:
                    broken.add(self.path, place, str(error), line)
                    continue
                if record is not None:
                    found.append(record)
                    if len(found) == STEP:
                        break
        return found


def _lines(file: IO[bytes], *, is_packed: bool) -> Iterator[tuple[int, bytes]]:
    """The lines, counted from one; of one that is far too long its beginning."""
    unpacked = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_packed else file
    place = 0
    while line := unpacked.readline(MOST_LINE):
        place += 1
        yield place, line
        while len(line) == MOST_LINE and not line.endswith(b"\n"):
            line = unpacked.readline(MOST_LINE)


def read_record(line: bytes) -> _Record | None:
    """The request and the outcome that a line records; None for a line that is to be skipped.

    Raises:
        NoRecordError: it records no request.
    """
    if line.isspace():
        return None
    if len(line) == MOST_LINE:
        raise NoRecordError(f"a line of more than {MOST_LINE:,} bytes")
    row = read_object(line)
    if row.keys() >= _AUDIT and type(row["record"]) is PLAIN:
        if row["kind"] != "decision":
            return None
        record: dict[str, Any] = row["record"]
        return _of_audit(record, record.get("time"))
    if row.keys() >= _EXPORT:
        return _of_audit(row, row["now"])
    if row.get("now") is None:
        raise NoRecordError("it does not say when (`now`)")
    outcome: Any = row.pop("decision", None)
    return row, outcome if _is_outcome(outcome) else None


def _of_audit(record: dict[str, Any], now: object) -> _Record:
    contexts: Any = record.get("contexts")
    if type(contexts) is not PLAIN or now is None:
        raise NoRecordError("the audit log could not record this request")
    return {**contexts, "action": record.get("action"), "now": now}, record if _is_outcome(record) else None


def _is_outcome(outcome: Any) -> bool:
    return type(outcome) is PLAIN and outcome.get("effect") in EFFECTS


def read_object(line: bytes) -> dict[str, Any]:
    """The JSON object that a text writes.

    Raises:
        NoRecordError: it writes none, or one that two readers could understand differently.
    """
    try:
        found: Any = _DECODER.decode(line.decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        raise NoRecordError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise NoRecordError(f"it is not JSON: {error.msg.lower().removesuffix(' at')}") from None
    except NoRecordError:
        raise
    except ValueError:
        raise NoRecordError("an integer of thousands of digits") from None
    except RecursionError:
        raise NoRecordError("it is nested too deeply") from None
    if type(found) is not PLAIN:
        raise NoRecordError("it is no JSON object")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NoRecordError("a name stands twice in one object")
    return found


def _no_number(name: str) -> NoReturn:
    raise NoRecordError(f"{name} is no number of JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_number)
