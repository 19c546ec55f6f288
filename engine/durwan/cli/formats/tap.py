"""TAP version 14, the Test Anything Protocol: a test point for the compilation, each finding, and each judgement."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from durwan.diagnostics.terminal import Style, located, visible

if TYPE_CHECKING:
    from durwan.cli.judgements import Findings, Judgement
    from durwan.cli.output import Output
    from durwan.diagnostics import Diagnostic, Span


def render(findings: Findings, output: Output) -> Iterator[str]:
    """The plan stands at the end, and notes in comments."""
    yield "TAP version 14\n"
    number = 0
    for number, point in enumerate(_points(findings), 1):
        yield point.replace("ok", f"ok {number}", 1)
    for item in findings.diagnostics:
        if not findings.counts(item):
            yield f"# {item.severity}[{item.code}] {_at(item.span, findings.root)}: {visible(item.message)}\n"
    yield f"1..{number}\n"
    if not output.quiet:
        yield "".join(f"# {visible(line)}\n" for line in findings.summary(Style()).splitlines())


def _points(findings: Findings) -> Iterator[str]:
    """The test points, still without their numbers."""
    yield _point("the policy set compiles", good=findings.compiled)
    for item in findings.diagnostics:
        if findings.counts(item):
            yield _diagnostic(item, findings.root)
    for judgement in findings.judgements:
        yield _judgement(judgement, findings.root)
    for complaint in findings.complaints:
        yield _point(complaint, good=False)


def _diagnostic(item: Diagnostic, root: str) -> str:
    name = f"{item.code} {_at(item.span, root)}: {item.message}"
    return _point(name, good=False) + _block({"severity": item.severity, "help": item.help, **_place(item.span, root)})


def _judgement(judgement: Judgement, root: str) -> str:
    if judgement.verdict == "skipped":
        return _point(judgement.name, good=True, skip=judgement.reason)
    if judgement.verdict == "passed":
        return _point(judgement.name, good=True)
    place = {} if judgement.span is None else _place(judgement.span, root)
    fields = {"message": judgement.reason, "verdict": judgement.verdict, **place}
    return _point(judgement.name, good=False) + _block(fields, judgement.draw(Style(), root))


def _point(name: str, *, good: bool, skip: str | None = None) -> str:
    directive = "" if skip is None else f" # SKIP {_escape(skip)}"
    return f"{'ok' if good else 'not ok'} - {_escape(name)}{directive}\n"


def _escape(text: str) -> str:
    r"""A `#` would begin a directive, and a `\` an escape."""
    return visible(" ".join(text.split())).replace("\\", "\\\\").replace("#", "\\#")


def _block(fields: Mapping[str, Any], details: str = "") -> str:
    """A block of YAML below a test point: every value is written as JSON, which is YAML too."""
    lines = [f"{name}: {_scalar(value)}" for name, value in fields.items() if value is not None]
    if details:
        lines += ["details: |2", *(f"  {line}" for line in details.splitlines())]
    return "".join(f"  {line}\n" for line in ["---", *lines, "..."])


def _scalar(value: object) -> str:
    # YAML reads the pairs of escapes that JSON has for rarer characters as two characters.
    return json.dumps(visible(value) if isinstance(value, str) else value, ensure_ascii=False)


def _at(span: Span, root: str) -> str:
    place = _place(span, root)
    return f"{visible(place['file'])}:{place['line']}:{place['column']}"


def _place(span: Span, root: str) -> dict[str, Any]:
    line, column = span.source.position(span.start)
    return {"file": located(span.source.path, root), "line": line, "column": column}
