"""What a log is written to, as far as the log has to know."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from durwan.audit.entry import SEGMENT, Chain, Entry, chain_of, follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What was cut off the end of a log because it was not whole.

    Attributes:
        bytes: how many bytes.
        sha256: their hash, in hexadecimal digits.
        file: where they were put aside; empty if they were not.
    """

    bytes: int
    sha256: str
    file: str

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {"bytes": self.bytes, "sha256": self.sha256, "file": self.file}


class Durable:
    """What a log is found to hold, as its lines are read from the first one of its newest segment on.

    Args:
        first: the number of that line.
        watched: at which sizes the root is wanted.

    Attributes:
        chain: up to where it is good.
        segment: what the first line of the newest segment records; empty in an empty log.
        roots: the root at each of the watched sizes that was passed.
        cut: what was cut off; None if nothing was.
    """

    def __init__(self, first: int = 0, watched: Collection[int] = ()) -> None:
        self.chain = Chain(first)
        self.segment: Mapping[str, Any] = {}
        self.roots: dict[int, bytes] = {}
        self.cut: Cut | None = None
        self._watched = watched

    def take(self, entry: Entry | None) -> bool:
        """Whether this is the next line; if so it has been taken."""
        if entry is None or not (follows(entry, self.chain) if self.segment else self._begin(entry)):
            return False
        self.chain.add(entry.leaf)
        if self.chain.size in self._watched:
            self.roots[self.chain.size] = self.chain.root
        return True

    def _begin(self, entry: Entry) -> bool:
        """A segment begins by what has to be known of all the lines before it."""
        if entry.kind != SEGMENT or entry.seq != self.chain.size:
            return False
        found = chain_of(entry)
        if found is None:
            return False
        self.chain, self.segment = found, entry.record
        return True


class Medium(Protocol):
    """Keeps lines, in order, for good. One thread uses it; after any error it is recovered before it is used again."""

    @property
    def is_full(self) -> bool:
        """Whether it is time for another segment."""
        ...

    def recover(self, synced: int | None, watched: Collection[int]) -> Durable:
        """Opens it anew, reads what is there, and cuts off what a crash left at its end.

        Args:
            synced: how many lines are known to be on disk, after an error; whatever is behind them is given up.
            watched: at which sizes the root is wanted.

        Raises:
            AuditDamagedError: something is wrong with it that no crash explains, or lines are missing.
            OSError, sqlite3.Error: it cannot be opened, read or cut.
        """
        ...

    def begin(self, first: int, line: bytes) -> None:
        """Begins a segment by its first line, the log's line `first`, and returns when that is on disk."""
        ...

    def write(self, first: int, lines: Sequence[bytes]) -> None:
        """Adds lines to the segment, and returns when they are on disk."""
        ...

    def close(self) -> None:
        """Gives it back. Never raises."""
        ...

    def leave(self) -> None:
        """In a child process: lets go of what belongs to the parent, which goes on with it."""
        ...


__all__ = ["Cut", "Durable", "Medium"]
