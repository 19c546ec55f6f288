"""What is wrong: a diagnostic is data; renderers are siblings of this file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from durwan.diagnostics.source import Span

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A repair that a tool may apply: replace the text of `span` by `replacement`."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A second place that explains the mistake, such as the first of two declarations."""

    message: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One mistake in a policy set.

    `code` is stable (`P0101`) and has a page; `message` is one sentence in lower case without a final period, with
    the user's own text in back-ticks; `span` is what gets underlined; `help` says what to do, where that is known.
    """

    code: str
    severity: Severity
    message: str
    span: Span
    help: str | None = None
    fix: Fix | None = None
    notes: tuple[Note, ...] = ()

    @property
    def order(self) -> tuple[str, int, int, str]:
        """The sort key of source order."""
        return (self.span.source.path, self.span.start, self.span.end, self.code)
