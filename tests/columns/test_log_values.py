"""Every value of the corpus as every type, through every form of log: what it is to `Engine.decide` it is here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from durwan.backends.columns.batch import batch_of
from durwan.backends.columns.polars_interface import pl
from durwan.model import types
from durwan.model.schema import Schema
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.values import EXACT, Value, read_value
from durwan.workshop.replaying.logs import RecordedBatch, RecordedRequests
from tests.unit.model.test_values import SOURCES, TYPES, corpus_value

NOW = 1_772_442_000_000
# Names that are attributes; each has one of the types.
PATHS = {f"request.a{number}": declared for number, declared in enumerate(TYPES.values())}
SCHEMA = Schema(actions=frozenset({"a.b"}), attributes=PATHS)
# What the corpus has few of: values that are known as something.
MORE: tuple[Any, ...] = (
    "2026-03-02T09:00:00Z", "2026-03-02T09:00:00.1239+01:00", "2026-03-02", NOW, TIME_MAX, TIME_MAX + 1, TIME_MIN,
    "1h30m", "-5m", "10.0.0.1", "::1", "::ffff:10.0.0.1", "10.0.0.01", ["10.0.0.0/8", "::1"], ["10.0.0.1/8"],
    ["a", "b"], ["b", "a", "a"], ["a", "c"], [1, 2], [1, "2"], [1, True], [1, None], [[1]], "0.5", "-0", "00", "1.",
    ".5", "1e3", "999999999999999999.999999999999999999", "0.0000000000000000001", "1000000000000000000", 10**18,
    10**18 - 1, 0.5, 1e17, 1e300, 99, 100, 101, -1, -(2**63), 2**63 - 1, "9223372036854775807", "9223372036854775808",
    {"$masked": ""},
)  # fmt: skip
# A text of ten million characters is ten million characters for each of the types.
SHORT = [source for source in SOURCES if "10_000_000" not in source]


def held(batch_frame: pl.DataFrame, tables: Mapping[str, Any], path: str, row: int) -> Any:
    """What a column holds, as readers have it."""
    form, declared = batch_frame.get_column(path)[row], PATHS[path]
    if form is None:
        return None
    if path in tables:
        return tables[path][form]
    match declared:
        case types.Number():
            return Decimal(form).scaleb(-18, context=EXACT)
        case types.Address():
            packed: bytes = (form + 2**127).to_bytes(16, "big")
            return packed[12:] if packed[:12] == bytes(10) + b"\xff\xff" else packed
        case _:
            return form


def expected(value: Any) -> list[Value | None]:
    return [read_value(declared, value) for declared in TYPES.values()]


def check(batch: RecordedBatch, values: list[Any]) -> None:
    """Each row's value, which stands under each of the names, is what the readers make of it."""
    found = batch.batch
    assert batch.rows == len(values)
    for row, value in enumerate(values):
        if row in found.beyond:
            assert isinstance(value, str | list | dict)
            assert not _is_utf8(value)
            continue
        for path, wanted in zip(PATHS, expected(value), strict=True):
            got = held(found.frame, found.tables, path, row)
            assert got == wanted, (value, path)
            assert isinstance(got, bool) == isinstance(wanted, bool)


def _is_utf8(value: object) -> bool:
    try:
        return bool(json.dumps(value, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return False


def request_of(value: Any) -> dict[str, Any]:
    return {"action": "a.b", "now": NOW, "request": {path.partition(".")[2]: value for path in PATHS}}


def plain_values() -> Iterator[Any]:
    """The values that JSON has, and their like: what a log of lines can hold."""
    for source in SHORT:
        value = corpus_value(source)
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            continue
        yield json.loads(text)
    yield from MORE


def as_lines(values: list[Any], path: Path) -> None:
    path.write_text("".join(json.dumps(request_of(value)) + "\n" for value in values), encoding="ascii")


def as_audit(values: list[Any], path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for seq, value in enumerate(values):
        contexts = {name: each for name, each in request_of(value).items() if name not in ("action", "now")}
        record = {"action": "a.b", "contexts": contexts, "time": NOW, "effect": "deny", "status": 403, "code": "c"}
        rows.append({"hash": "", "kind": "decision", "prev": "", "record": record, "seq": seq, "synced": 0})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="ascii")


def as_exported_parquet(values: list[Any], path: Path) -> None:
    contexts = [json.dumps({"request": request_of(value)["request"]}) for value in values]
    frame = pl.DataFrame({"contexts": contexts}).with_columns(now=pl.lit(NOW), action=pl.lit("a.b"))
    frame.write_parquet(path)


FORMS = {"lines.jsonl": as_lines, "audit.jsonl": as_audit, "export.parquet": as_exported_parquet}


@pytest.mark.parametrize("prepared", [False, True], ids=["", "prepared"])
@pytest.mark.parametrize("form", FORMS)
def test_every_value_in_every_form(form: str, prepared: bool, tmp_path: Path) -> None:
    """What the readers make of a value is what the columns hold, whether the log was prepared or not."""
    values = list(plain_values())
    assert len(values) > 50
    path = tmp_path / form
    FORMS[form](values, path)
    log = RecordedRequests.open([path], SCHEMA)
    if prepared:
        log.prepare(tmp_path / "prepared")
        log = RecordedRequests.open([tmp_path / "prepared"], SCHEMA)
    (batch,) = log.batches()
    check(batch, values)
    assert batch.batch.beyond
    assert batch.requests([1]) == [request_of(values[1])]


@pytest.mark.parametrize("alone", [False, True], ids=["with others of its kind", "alone"])
def test_every_value_in_a_column_of_its_kind(alone: bool, tmp_path: Path) -> None:
    """In Parquet a column has one type: each of the values stands with what polars puts beside it, or with nothing."""
    kinds: dict[object, list[Any]] = {}
    for number, value in enumerate([*map(corpus_value, SHORT), *MORE]):
        if _fits_polars(value):
            series = pl.Series([value], strict=False)
            kinds.setdefault((number if alone else None, str(series.dtype)), []).append(series[0])
    assert len(kinds) > 5
    for number, values in enumerate(kinds.values()):
        path = tmp_path / f"{number}.parquet"
        frame = pl.DataFrame({path.partition(".")[2]: pl.Series(values) for path in PATHS})
        row = pl.DataFrame({"now": [NOW] * len(values), "action": ["a.b"] * len(values)})
        row.with_columns(frame.to_struct("request")).write_parquet(path)
        prepared = tmp_path / f"prepared{number}"
        RecordedRequests.open([path], SCHEMA).prepare(prepared)
        for place in (path, prepared):
            (batch,) = RecordedRequests.open([place], SCHEMA).batches()
            check(batch, [value.to_list() if isinstance(value, pl.Series) else value for value in values])


def _fits_polars(value: Any) -> bool:
    if isinstance(value, list):
        return len({type(each) for each in value}) <= 1 and all(map(_fits_polars, value))
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, str):
        return _is_utf8(value)
    return (isinstance(value, int) and abs(value) < 2**63) or type(value) in (float, bytes, datetime, type(None))


def test_every_value_in_memory() -> None:
    """The columns of requests in memory hold what the readers make of them, of objects of any kind."""
    values = [corpus_value(source) for source in SHORT]
    batch = batch_of([request_of(value) for value in values], SCHEMA)
    for row, value in enumerate(values):
        for path, wanted in zip(PATHS, expected(value), strict=True):
            if row not in batch.beyond:
                assert held(batch.frame, batch.tables, path, row) == wanted
