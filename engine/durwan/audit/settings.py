"""How a log is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from durwan.audit.masking import Masking
from durwan.audit.note import check_origin
from durwan.audit.recorder import AuditSetupError

Kind = Literal["files", "sqlite"]
AlarmKind = Literal["unavailable", "recovered", "lost", "torn", "checkpoint"]
_ORIGIN: Final = "durwan"


def _now() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something of which whoever runs the gateway has to hear.

    Attributes:
        kind: `unavailable`, the log cannot be written; `recovered`, it can be again; `lost`, records were given up;
            `torn`, the end of the log was not whole and was cut off; `checkpoint`, a checkpoint could not be exported.
        text: what happened, fit for a log: nothing of any request.
    """

    kind: AlarmKind
    text: str


def _ignore(_alarm: Alarm) -> None:
    """Nobody asked to be told."""


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """How a log is kept.

    Attributes:
        kind: `files`, segments of JSON lines, or `sqlite`, one SQLite file a stream.
        strict: whether an answer waits until its record is on disk, and is a refusal if it cannot be recorded. A
            log that is not strict is relaxed: a process that is killed loses the records of its last milliseconds.
        masking: which attributes are masked.
        origin: what checkpoints call this log; the id of the stream's log is appended.
        signing_key: the Ed25519 private key that signs checkpoints; None leaves them unsigned.
        checkpoints: a directory to which checkpoints are exported, beside those in the log itself.
        checkpoint_records: after how many records there is a checkpoint.
        checkpoint_seconds: after how many seconds, if there were any records.
        segment_bytes: how large a segment becomes, about; opening a log reads its last one.
        segment_seconds: how long one segment is written.
        most_waiting: how many records may wait to be written; beyond, a strict log takes none, and a relaxed one
            loses them and says so.
        deadline: how many seconds an answer waits for its record before it is a refusal.
        retry_seconds: how long an error of the disk is waited out before it is tried again, at first; it doubles.
        clock: milliseconds since the epoch.
        on_alarm: is called with each alarm, from any thread; what it raises is ignored.
    """

    kind: Kind = "files"
    strict: bool = True
    masking: Masking = field(default_factory=Masking)
    origin: str = _ORIGIN
    signing_key: Any = None
    checkpoints: Path | None = None
    checkpoint_records: int = 10_000
    checkpoint_seconds: float = 60
    segment_bytes: int = 64 << 20
    segment_seconds: float = 86_400
    most_waiting: int = 10_000
    deadline: float = 5.0
    retry_seconds: float = 0.25
    clock: Callable[[], int] = _now
    on_alarm: Callable[[Alarm], object] = _ignore

    def __post_init__(self) -> None:
        check_origin(self.origin)
        numbers = {
            "checkpoint_records": self.checkpoint_records, "checkpoint_seconds": self.checkpoint_seconds,
            "segment_bytes": self.segment_bytes, "segment_seconds": self.segment_seconds,
            "most_waiting": self.most_waiting, "deadline": self.deadline, "retry_seconds": self.retry_seconds,
        }  # fmt: skip
        for name, number in numbers.items():
            if not number > 0:
                raise AuditSetupError(f"{name} of the audit log has to be more than 0")
        if self.kind not in ("files", "sqlite"):
            raise AuditSetupError(f"an audit log is kept in files or in sqlite, not in {self.kind!r:.40}")


__all__ = ["Alarm", "AlarmKind", "Kind", "LogSettings"]
