"""One JSON document, with the fields of the interface page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durwan.cli.judgements import Findings
    from durwan.cli.output import Output


def render(findings: Findings, output: Output) -> Iterator[str]:
    """`version`, `command`, `revision`, and the command's own fields."""
    yield output.json_document(findings.document(), findings.revision)
