"""Where text is: a source file's text, and spans of it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property


class Source:
    """One text of a policy set, with the path it is known by inside the set.

    `path` is relative to the set's root, with forward slashes; `text` is the whole decoded file.
    """

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    def __repr__(self) -> str:
        return f"Source({self.path!r})"

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        position = self.text.find("\n")
        while position >= 0:
            starts.append(position + 1)
            position = self.text.find("\n", position + 1)
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """The one-based (line, column) of a code-point offset."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line_start(self, line: int) -> int:
        """The offset at which the one-based `line` begins; for a line past the end, the length of the text."""
        return self._line_starts[line - 1] if line <= len(self._line_starts) else len(self.text)

    def line(self, number: int) -> str:
        """The text of the one-based line `number`, without its line break."""
        start = self.line_start(number)
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """The half-open range `[start, end)` of code points in one source."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """What is underlined."""
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`, in the same source."""
        return Span(self.source, self.start, other.end)

    def __repr__(self) -> str:
        line, column = self.source.position(self.start)
        return f"<{self.source.path}:{line}:{column} {self.text!r:.40}>"
