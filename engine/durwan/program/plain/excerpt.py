"""What is kept of the text of a policy set where the text itself is not at hand."""

from __future__ import annotations

from durwan.diagnostics import Source


class Excerpt(Source):
    """A few pieces of a source, all of which are said to stand where the declaration that they belong to begins."""

    def __init__(self, path: str, line: int, text: str) -> None:
        super().__init__(path, text)
        self._line = line

    def position(self, offset: int) -> tuple[int, int]:  # noqa: ARG002 - it is the same for all of them
        """The one-based line of the declaration, and column 1."""
        return self._line, 1
