"""The exceptions of this package. A request never causes one; misuse and a broken environment do."""

from __future__ import annotations

from collections.abc import Sequence

from durwan.diagnostics import Diagnostic


class DurwanError(Exception):
    """The base of every exception that durwan raises on purpose; its text says what to do."""


class PolicyError(DurwanError):
    """A policy set that does not compile.

    Attributes:
        diagnostics: every mistake found, in source order, warnings included.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        errors = [item for item in self.diagnostics if item.severity == "error"]
        lines = [f"the policy set has {len(errors)} error{'s' if len(errors) != 1 else ''}"]
        for item in errors:
            line, column = item.span.source.position(item.span.start)
            lines.append(f"{item.span.source.path}:{line}:{column}: {item.code} {item.message}")
        super().__init__("\n".join(lines))
