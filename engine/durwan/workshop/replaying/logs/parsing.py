"""One JSON object a record: what it says was asked, what was decided, and why it may be no record."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from durwan.model.request import PLAIN
from durwan.workshop.replaying.logs.sources import EFFECTS

_AUDIT: Final = frozenset({"kind", "record", "seq"})
_EXPORT: Final = frozenset({"contexts", "effect", "stream", "now"})
# A request, and what was decided.
Record = tuple[dict[str, Any], Mapping[str, Any] | None]


class NoRecordError(ValueError):
    """Something that records no request; the text says why."""


def read_record(line: bytes) -> Record | None:
    """The request and the outcome that a line records; None for a line that is to be skipped.

    Raises:
        NoRecordError: it records no request.
    """
    return None if line.isspace() else _record_of(read_object(line))


def read_records(lines: Sequence[bytes]) -> list[Record | None] | None:
    """What `read_record` says of each of some lines, read at once; None where it has to be asked about each.

    One call of the parser takes less time than many: above all, the lines then share the names of what they hold.
    """
    rows = _read_objects(lines)
    try:
        return None if rows is None else [_record_of(row) for row in rows]
    except NoRecordError:
        return None


def _record_of(row: dict[str, Any]) -> Record | None:
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


def _of_audit(record: dict[str, Any], now: object) -> Record:
    contexts: Any = record.get("contexts")
    if type(contexts) is not PLAIN or now is None:
        raise NoRecordError("the audit log could not record this request")
    return {**contexts, "action": record.get("action"), "now": now}, record if _is_outcome(record) else None


def _is_outcome(outcome: Any) -> bool:
    return type(outcome) is PLAIN and outcome.get("effect") in EFFECTS


# ---------------------------------------------------------------------------------------------------------------- JSON


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


def _read_objects(lines: Sequence[bytes]) -> list[dict[str, Any]] | None:
    """The JSON objects that some lines write, read as one array; None where not each is known to write just one.

    Between them stands a text that no line knows. Where all of these are members of the array, and every second one,
    what stands between two of them is one value: no line began a value that the next one ended.
    """
    try:
        found: Any = _DECODER.decode((b"[" + _BETWEEN.join(lines) + b"]").decode())
    except (ValueError, RecursionError):
        return None
    between = len(lines) - 1
    if len(found) != len(lines) + between or found[1::2].count(_MARK) != between:
        return None
    objects = found[::2]
    return objects if set(map(type, objects)) == {PLAIN} else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NoRecordError("a name stands twice in one object")
    return found


def _no_number(name: str) -> NoReturn:
    raise NoRecordError(f"{name} is no number of JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_number)
_MARK: Final = secrets.token_hex(16)
_BETWEEN: Final = f',"{_MARK}",'.encode()
