"""Where broken records stand in whole files, of which tasks read pieces: nobody counts the lines before a piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from durwan.workshop.replaying.logs import BrokenRecords

# A file, from which byte on a piece of it was read, and how many lines that piece has.
Lines = tuple[str, int, int]


class Places:
    """Keeps the broken records of tasks, in the order of the log, with their lines counted from the file's first.

    Args:
        paths: how files are named in the log, where tasks name them otherwise.
    """

    def __init__(self, paths: Mapping[str, Path] | None = None) -> None:
        self._paths = paths or {}
        self._before: dict[tuple[str, int], int] = {}
        self._lines: Counter[str] = Counter()

    def count(self, lines: Iterable[Lines]) -> None:
        """The pieces of one more task."""
        for file, first, count in lines:
            # A file may be named twice.
            before = self._before[file, first] = self._lines[file] if first else 0
            self._lines[file] = before + count

    def keep(self, row: Mapping[str, Any], broken: BrokenRecords) -> None:
        """A record as a task has kept it aside."""
        file: str = row["file"]
        before = self._before.get((file, row.get("from", 0)), 0)
        broken.add(self._paths.get(file, file), before + row["place"], row["reason"], row["text"])


__all__ = ["Lines", "Places"]
