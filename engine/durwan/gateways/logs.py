"""What a gateway logs: one JSON object a line, ASCII alone, on standard error.

    {"time":"2026-03-02T09:00:00.123Z","level":"warning","event":"refused","code":"state_unavailable","status":503,...}

The name of an event and the names of its fields stand in the code; what varies is a value, and is never part of
a format. No value can end the line, begin another one, or move a cursor: whatever is not printable ASCII is escaped,
and a text is cut after 1,024 characters of what is written. Secrets, bytes and objects of other kinds are not written;
nor is anything in a text that looks like one of our secrets (R60, R61).

What happened to requests stands in the audit log, under the decision's id. Here only refusals and failures are
noted, without key, address or path unless the operator asks for them, and no more than so many of each event a minute:
the first line of the next minute says how many were left out, so that a flood of bad requests fills no disk.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from math import isfinite
from threading import Lock
from typing import Any, Final, Literal, TextIO, cast

from durwan.credentials.secret_text import LEAK_PATTERN
from durwan.errors import DurwanError
from durwan.forking import start_anew_after_fork
from durwan.gateways.answer import Answer
from durwan.runtime.engine import wall_clock
from durwan.runtime.status import Status

Level = Literal["debug", "info", "warning", "error"]

LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")
MOST_TEXT: Final = 1024
_READ: Final = 4 * MOST_TEXT
_LONGEST_SECRET: Final = 64
_MOST_ITEMS: Final = 16
_MOST_FIELDS: Final = 32
_MOST_EVENTS: Final = 256
_MINUTE: Final = 60.0
_INT64: Final = 1 << 63
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LEAK: Final = re.compile(LEAK_PATTERN, re.ASCII)
_OWN: Final = frozenset({"time", "level", "event", "left_out"})


class Log:
    """Writes events. Safe from any thread and after a fork; never raises, whatever the values are.

    Args:
        stream: where to; standard error if left out.
        level: the least level that is written.
        a_minute: how many lines of each event and level are written in a minute.
        identities: whether refusals tell the id of the key and the address.
        clock: milliseconds since the epoch.
        monotonic: seconds that only go up.
    """

    def __init__(  # noqa: PLR0913 - keywords, each with a default that is right
        self,
        stream: TextIO | None = None,
        *,
        level: Level = "info",
        a_minute: int = 60,
        identities: bool = False,
        clock: Callable[[], int] = wall_clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._least = LEVELS.index(level)
        self._a_minute = a_minute
        self._identities = identities
        self._clock = clock
        self._monotonic = monotonic
        # By event and level: when its minute began, how many lines it had, how many were left out.
        self._minutes: dict[tuple[str, str], tuple[float, int, int]] = {}
        self.start_anew()
        start_anew_after_fork(self)

    def start_anew(self) -> None:
        """Takes a new lock, in a child process."""
        self._lock = Lock()

    def event(self, name: str, /, *, level: Level = "info", **fields: object) -> None:
        """Something happened.

        Args:
            name: what, in a word or two; a constant of the code.
            level: how bad that is.
            fields: what there is to say of it.
        """
        try:
            known = level if level in LEVELS else "error"
            if LEVELS.index(known) >= self._least:
                self._write(name, known, fields)
        except Exception:  # noqa: BLE001, S110 - a log that cannot be written stops nobody
            pass

    def answered(self, answer: Answer, seconds: float) -> None:
        """An answer was given: what was allowed is worth no line, what failed on our side is a warning."""
        try:
            if not answer.allowed or not self._least:
                self.event(
                    "allowed" if answer.allowed else "refused", level=_gravity(answer), **self._told(answer, seconds)
                )
        except Exception:  # noqa: BLE001, S110 - a log that cannot be written stops nobody
            pass

    def reloaded(self, status: Status) -> None:
        """A policy was reloaded, or could not be: `Engine.load(..., on_reload=log.reloaded)`."""
        if status.last_error is None:
            self.event("policy_reloaded", revision=status.revision, version=status.version, commit=status.commit)
            return
        mistakes = tuple(f"{each.code} {each.message}" for each in status.diagnostics)
        self.event(
            "policy_reload_failed", level="error", problem=status.last_error, mistakes=mistakes, kept=status.revision
        )

    def alarm(self, kind: str, text: str) -> None:
        """Something that somebody has to look at, such as an audit log that cannot be written."""
        self.event("alarm", level="error", kind=kind, problem=text)

    def handler(self) -> logging.Handler:
        """What takes the lines of other libraries, such as a server's, that log by Python's own `logging`."""
        return _Handler(self)

    def _told(self, answer: Answer, seconds: float) -> dict[str, Any]:
        fields: dict[str, Any] = {"code": answer.code, "status": _status(answer), "action": answer.action}
        fields |= {"decision_id": answer.decision_id, "seconds": round(seconds, 6)}
        if answer.decision is not None:
            fields |= {"rule": answer.decision.rule, "unknowns": answer.decision.unknowns}
        if self._identities:
            fields["key"] = None if answer.identity is None else answer.identity.key
            fields["address"] = None if answer.routed is None else answer.routed.address
        return fields

    def _write(self, name: str, level: str, fields: dict[str, Any]) -> None:
        with self._lock:
            left_out = self._counted(name, level)
            if left_out is None:
                return
            line = _line(self._clock(), level, name, fields, left_out)
            stream = sys.stderr if self._stream is None else self._stream
            stream.write(line)
            stream.flush()

    def _counted(self, name: str, level: str) -> int | None:
        """How many lines like this one were left out before it; None where this one is, too."""
        minutes, now = self._minutes, self._monotonic()
        if len(minutes) >= _MOST_EVENTS and (name, level) not in minutes:
            minutes.clear()
        began, lines, left_out = minutes.get((name, level), (now, 0, 0))
        if now - began >= _MINUTE:
            began, lines = now, 0
        elif lines >= self._a_minute:
            minutes[name, level] = (began, lines, left_out + 1)
            return None
        minutes[name, level] = (began, lines + 1, 0)
        return left_out


class _Handler(logging.Handler):
    """Writes the lines of other libraries as events `log`. Their formats are theirs; what they fill in is a value."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line; never raises."""
        try:
            fields: dict[str, object] = {"logger": record.name, "message": record.getMessage()}
        except Exception as error:  # noqa: BLE001 - a format that does not fit
            fields = {"logger": record.name, "message": type(error).__name__}
        if record.exc_info is not None and record.exc_info[1] is not None:
            fields["error"] = record.exc_info[1]
        self._log.event("log", level=_level_of(record.levelno), **fields)


def _status(answer: Answer) -> int:
    """The exact status: the client may see another one."""
    if answer.decision is not None:
        return answer.decision.status
    return answer.status if answer.refusal is None else answer.refusal.status


def _gravity(answer: Answer) -> Level:
    if answer.allowed:
        return "debug"
    return "warning" if _status(answer) >= 500 else "info"


def _level_of(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"


def _line(now: int, level: str, name: str, fields: dict[str, Any], left_out: int) -> str:
    instant = (_EPOCH + timedelta(milliseconds=now)).isoformat(timespec="milliseconds")
    said: dict[str, Any] = {"time": instant.replace("+00:00", "Z"), "level": level, "event": _text(name)}
    for field, value in list(fields.items())[:_MOST_FIELDS]:
        said[f"{field}_" if field in _OWN else _text(field)] = _plain(value, 2)
    if left_out:
        said["left_out"] = left_out
    return _dumped(said) + "\n"


def _plain(value: object, depth: int) -> Any:
    """What is written of a value."""
    match value:
        case None | bool():
            return value
        case int():
            return value if -_INT64 <= value < _INT64 else "<int>"
        case float():
            return value if isfinite(value) else str(value)
        case str():
            return _text(value)
        case BaseException():
            # What others raise may hold what a client sent; what we raise is written for operators.
            return _text(f"{type(value).__name__}: {value}") if isinstance(value, DurwanError) else type(value).__name__
        case tuple() | list() if depth:
            items = cast("Iterable[object]", value)
            return [_plain(each, depth - 1) for each in tuple(items)[:_MOST_ITEMS]]
        case dict() if depth:
            pairs = tuple(cast("dict[object, object]", value).items())[:_MOST_ITEMS]
            return {_text(each) if isinstance(each, str) else "?": _plain(held, depth - 1) for each, held in pairs}
        case _:
            return f"<{type(value).__name__}>"


def _text(text: str) -> str:
    """A text without secrets and lone surrogates, cut so that `MOST_TEXT` characters are written of it at most."""
    found = text[:_READ].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    found = _LEAK.sub("<Secret>", found)
    if len(text) > _READ:
        # A secret that was cut in two here is not known as one.
        found = found[:-_LONGEST_SECRET]
    cut = found[:MOST_TEXT]
    while len(_dumped(cut)) > MOST_TEXT:
        cut = cut[: len(cut) * 3 // 4]
    return cut if len(cut) == len(found) and len(text) <= _READ else f"{cut}..."


def _dumped(value: object) -> str:
    # DEL is ASCII, and the one character that JSON leaves and a terminal does not.
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("\x7f", "\\u007f")


__all__ = ["LEVELS", "MOST_TEXT", "Level", "Log"]
