"""GitHub Actions: each finding as a workflow command, which the run shows and the change is annotated with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from durwan.diagnostics.codes import CODES
from durwan.diagnostics.terminal import Style, located, visible

if TYPE_CHECKING:
    from durwan.cli.judgements import Findings, Judgement
    from durwan.cli.output import Output
    from durwan.diagnostics import Diagnostic, Span

_LEVELS: Final = {"failed": "error", "undecided": "warning"}


def render(findings: Findings, output: Output) -> Iterator[str]:
    """One command a line, and the summary below them as the log's last lines."""
    for item in findings.diagnostics:
        yield _diagnostic(item, findings)
    for judgement in findings.bad():
        yield _judgement(judgement, findings.root)
    for complaint in findings.complaints:
        yield _command("error", {"title": f"policy-check {output.command}"}, complaint)
    if not output.quiet:
        yield "".join(_plain(line) for line in findings.summary(Style()).splitlines())


def _diagnostic(item: Diagnostic, findings: Findings) -> str:
    level = "error" if findings.counts(item) else "warning"
    text = item.message if item.help is None else f"{item.message}\n{item.help}"
    title = f"{item.code} {CODES[item.code].name}"
    return _command(level, {**_place(item.span, findings.root), "title": title}, text)


def _judgement(judgement: Judgement, root: str) -> str:
    place = {} if judgement.span is None else _place(judgement.span, root)
    title = f"{judgement.kind} {judgement.verdict}: {judgement.name}"
    return _command(_LEVELS[judgement.verdict], {**place, "title": title}, judgement.draw(Style(), root).rstrip("\n"))


def _place(span: Span, root: str) -> dict[str, str]:
    """Columns only for what begins and ends on one line: with others, GitHub drops the whole annotation."""
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    place = {"file": located(span.source.path, root), "line": str(line), "endLine": str(end_line)}
    return place | ({"col": str(column), "endColumn": str(end_column)} if line == end_line else {})


def _command(level: str, properties: dict[str, str], text: str) -> str:
    shown = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    return f"::{level} {shown}::{_escape(text)}\n"


def _escape(text: str) -> str:
    """The text as the data of a command: a line break that was written as such would end it."""
    seen = "\n".join(visible(line) for line in text.split("\n"))
    return seen.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


def _plain(line: str) -> str:
    """A line that the runner does not take for a command, in either of the two forms that it knows."""
    return visible(line).replace("##[", "# #[").replace("::", ": :") + "\n"
