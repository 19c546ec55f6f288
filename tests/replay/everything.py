"""The same requests in every form of logs that there is, some of them broken."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from durwan.workshop.replaying.logs import RecordedRequests
from durwan.workshop.replaying.question import Question


def nested(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A log of Parquet in the plain nested form; texts that Parquet cannot hold are left out."""
    plain = [_plain(row) for row in rows]
    pl.DataFrame(plain, infer_schema_length=None, strict=False).write_parquet(path, row_group_size=2_000)
    return path


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    key = dict(row["key"])
    if key["id"] == "\ud800":
        del key["id"]
    notional = row["request"]["notional"]
    request = {"notional": None if notional is None else str(notional)}
    now = row["now"] if isinstance(row["now"], int) else None
    return {**row, "now": now, "key": key, "request": request}


def exported(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A log as the audit log exports it; of every eleventh request nothing is known."""
    columns = [
        {
            "now": row["now"] if isinstance(row["now"], int) else None,
            "action": row["action"],
            "contexts": json.dumps({name: row[name] for name in row if name not in ("now", "action")}),
            "effect": "allow",
            "rule": None,
            "status": 200,
            "code": None,
        }
        for row in rows
    ]
    for row in columns[::11]:
        row["contexts"] = None
    pl.DataFrame(columns, infer_schema_length=None).write_parquet(path)
    return path


def lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A log of packed lines, with nonsense between them."""
    texts = [json.dumps(row) for row in rows]
    texts[3:3] = ["nonsense", '{"action": "orders.create"}', ""]
    path.write_bytes(gzip.compress("\n".join(texts).encode("ascii")))
    return path


def prepared(folder: Path, log: Path, question: Question) -> Path:
    """A log that was prepared from another one."""
    side = question.programs[0]
    RecordedRequests.open([log], side.reading, side.keys).prepare(
        folder, *(each.side for each in question.programs[1:])
    )
    return folder
