"""Records that are none: counted, told apart by their reason, and kept aside for whoever wants to look."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_MOST_TEXT: Final = 4096
_MOST_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """One of them: the file, its line or row there counted from one, why it cannot be read, and how it begins."""

    file: str
    place: int
    reason: str
    text: str


class BrokenRecords:
    """All broken records of one pass over the logs.

    Args:
        aside: the file into which they are written, one JSON object a line; None to keep only the first few. It comes
            into being with the first broken record, readable by its owner alone.
    """

    def __init__(self, aside: Path | None = None) -> None:
        self._aside = aside
        self._file: IO[str] | None = None
        self.reasons: Counter[str] = Counter()
        self.first: list[BrokenRecord] = []

    @property
    def count(self) -> int:
        """How many there are so far."""
        return self.reasons.total()

    def add(self, file: Path | str, place: int, reason: str, text: bytes | str, first: int = 0) -> None:
        """One more.

        Args:
            file: where it stands.
            place: its line or row there, counted from one.
            reason: why it is no record.
            text: what stands there.
            first: the byte of the file from which its line is counted.

        Raises:
            OSError: it cannot be written.
        """
        shown = text[:_MOST_TEXT].decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text[:_MOST_TEXT]
        record = BrokenRecord(str(file), place, reason, shown)
        self.reasons[reason] += 1
        if len(self.first) < _MOST_KEPT:
            self.first.append(record)
        if self._aside is not None:
            row = {"file": record.file, "place": place, "reason": reason, "text": shown} | (
                {"from": first} if first else {}
            )
            self._opened(self._aside).write(json.dumps(row) + "\n")

    def _opened(self, path: Path) -> IO[str]:
        if self._file is None:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(descriptor, "w", encoding="ascii")
        return self._file

    def close(self) -> None:
        """Nothing more will come."""
        if self._file is not None:
            self._file.close()
            self._file = None
