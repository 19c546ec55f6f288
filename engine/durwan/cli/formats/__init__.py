"""How findings are written: one file a format, each with a function `render`. A command names those it has."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from durwan.cli.judgements import Findings, Judgement
    from durwan.cli.output import Output

# Each format and its module: only the one that is asked for is imported.
_MODULES: Final = {
    "pretty": "pretty",
    "json": "json_document",
    "jsonl": "json_lines",
    "junit": "junit",
    "sarif": "sarif",
    "github": "github",
    "tap": "tap",
}


class _Format(Protocol):
    def render(self, findings: Findings, output: Output) -> Iterator[str]: ...


def write_findings(output: Output, findings: Findings) -> int:
    """Writes the findings in the format that was asked for, and returns their exit code."""
    module = cast("_Format", import_module(f"durwan.cli.formats.{_MODULES[output.format]}"))
    for text in module.render(findings, output):
        output.write(text)
    return findings.code


def tell_early(output: Output, judgement: Judgement, root: str) -> None:
    """Writes one judgement at once where the format is one of lines; else it is written with all the others.

    What is told so has to come first among the `judgements` of the findings, in the same order.
    """
    if output.format == "jsonl":
        from durwan.cli.formats.json_lines import write_early  # noqa: PLC0415 - the other formats do without

        write_early(output, judgement, root)
