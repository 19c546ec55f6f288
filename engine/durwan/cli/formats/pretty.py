"""For people: every diagnostic and failure drawn, then a summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from durwan.diagnostics.terminal import draw_all

if TYPE_CHECKING:
    from durwan.cli.judgements import Findings
    from durwan.cli.output import Output


def render(findings: Findings, output: Output) -> Iterator[str]:
    """An empty line stands after each finding."""
    yield from draw_all(findings.diagnostics, output.style, root=findings.root)
    for judgement in findings.bad():
        yield judgement.draw(output.style, findings.root) + "\n"
    if not output.quiet:
        yield findings.summary(output.style)
