"""Decisions as a table: the form in which they are looked through, and decided again by another policy.

A row is a request as it was decided and what was decided. What was masked, cut or odd in it is a JSON text that begins
with `{"$`; in `contexts` it is a mapping, which every policy finds unknown.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

from durwan.audit.reading import Recorded
from durwan.audit.recorder import AuditSetupError
from durwan.errors import DurwanError

_TEXTS: Final = (
    "action", "effect", "rule", "code", "revision", "decision_id", "method", "path", "address", "key", "subject",
    "session",
)  # fmt: skip
_LISTS: Final = ("because", "unknowns", "shadows")
COLUMNS: Final = ("stream", "seq", "now", "contexts", "status", *_TEXTS, *_LISTS)
_STEP: Final = 10_000
_INT64: Final = 1 << 63


class ExportNotInstalledError(DurwanError):
    """The package is missing that writes Parquet."""

    def __init__(self) -> None:
        super().__init__("Parquet needs the extra `replay`: pip install 'durwan[replay]'; or write .jsonl")


def export_decisions(found: Iterable[Recorded], path: Path, advance: Callable[[int], object] = lambda _: None) -> int:
    """Writes decisions to a file, whose name says in which form; how many there were.

    However many there are, it takes about as much memory as ten thousand of them. The file is there when it is whole.

    Raises:
        AuditSetupError: the name says neither `.parquet` nor `.jsonl`.
        ExportNotInstalledError: Parquet is asked for without the extra.
        OSError: it cannot be written.
    """
    write = {".parquet": _write_parquet, ".jsonl": _write_lines}.get(path.suffix)
    if write is None:
        raise AuditSetupError(f"{path} does not say in which form: let it end in .parquet or .jsonl")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        count = write(_in_steps(found, advance), temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _in_steps(found: Iterable[Recorded], advance: Callable[[int], object]) -> Iterator[list[Recorded]]:
    rest = iter(found)
    while step := list(islice(rest, _STEP)):
        yield step
        advance(len(step))


def _write_lines(steps: Iterator[list[Recorded]], path: Path) -> int:
    count = 0
    with path.open("w", encoding="ascii") as file:
        for step in steps:
            for each in step:
                fields = {name: value for name, value in each.record.items() if name != "time"}
                row = {"stream": each.stream, "seq": each.seq, "now": each.record.get("time"), **fields}
                file.write(json.dumps(row, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n")
            count += len(step)
    return count


def _write_parquet(steps: Iterator[list[Recorded]], path: Path) -> int:
    try:
        import polars as pl  # noqa: PLC0415 - an extra, which takes a while to load
        from polars.io.plugins import register_io_source  # noqa: PLC0415 - as above
    except ImportError:
        raise ExportNotInstalledError from None
    schema = pl.Schema({name: _type_of(name, pl) for name in COLUMNS})
    count = 0

    def frames(columns: list[str] | None, predicate: Any, rows: int | None, size: int | None) -> Iterator[Any]:
        nonlocal count
        del predicate, rows, size  # nobody filters what is written whole
        for step in steps:
            count += len(step)
            frame = pl.DataFrame([_row(each) for each in step], schema=schema, orient="row")
            yield frame if columns is None else frame.select(columns)

    register_io_source(frames, schema=schema).sink_parquet(path, compression="zstd")
    return count


def _type_of(name: str, polars: Any) -> Any:
    if name in ("seq", "now", "status"):
        return polars.Int64
    return polars.List(polars.String) if name in _LISTS else polars.String


def _row(found: Recorded) -> tuple[Any, ...]:
    record = found.record
    numbers = [_number(record.get(name)) for name in ("time", "status")]
    texts = [_text(record.get(name)) for name in _TEXTS]
    lists = [_texts(record.get(name)) for name in _LISTS]
    return found.stream, found.seq, numbers[0], _json(record.get("contexts")), numbers[1], *texts, *lists


def _number(value: object) -> int | None:
    return value if type(value) is int and -_INT64 <= value < _INT64 else None


def _text(value: object) -> str | None:
    if value is None:
        return None
    # Half of a surrogate pair can be in a record, where it is escaped, and in no column.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else _json(value)


def _texts(value: object) -> list[str | None] | None:
    return [_text(each) for each in cast("list[object]", value)] if isinstance(value, list) else None


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


__all__ = ["COLUMNS", "ExportNotInstalledError", "export_decisions"]
