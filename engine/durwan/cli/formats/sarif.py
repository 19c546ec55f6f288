"""SARIF 2.1.0 (OASIS), as code scanning reads it: one run, its rules with their pages, its results with repairs."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from durwan import __version__
from durwan.diagnostics.codes import CODES, Code
from durwan.diagnostics.terminal import Style, located, visible

if TYPE_CHECKING:
    from durwan.cli.judgements import Findings, Judgement
    from durwan.cli.output import Output
    from durwan.diagnostics import Diagnostic, Span

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {"failed": "error", "undecided": "warning"}
_RUN: Final = "run-failed"


def render(findings: Findings, output: Output) -> Iterator[str]:
    """The whole log. What passed, and what was skipped, is no result."""
    results = _results(findings)
    run = {
        "tool": {"driver": {"name": "policy-check", "version": __version__, "rules": _rules(results, findings)}},
        "invocations": [{"executionSuccessful": True, "exitCode": findings.code}],
        "columnKind": "unicodeCodePoints",
        "automationDetails": {"id": f"policy-check/{output.command}/"},
        "results": results,
    }
    yield json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False) + "\n"


def _results(findings: Findings) -> list[dict[str, Any]]:
    """Every result, with the fingerprint by which it is known again after lines were moved."""
    found: list[dict[str, Any]] = []
    seen: Counter[str] = Counter()
    for result, identity in _identified(findings):
        seen[identity] += 1
        digest = hashlib.sha256(f"{identity}\0{seen[identity]}".encode("utf-8", "replace")).hexdigest()
        found.append(result | {"partialFingerprints": {"policyCheck/v1": digest}})
    return found


def _identified(findings: Findings) -> Iterator[tuple[dict[str, Any], str]]:
    """Each result, and what makes it the same as one of another run: neither its place nor its wording in full."""
    root = findings.root
    for item in findings.diagnostics:
        yield _diagnostic(item, findings), f"{item.code}\0{item.span.source.path}\0{item.span.text}"
    for judgement in findings.bad():
        path = "" if judgement.span is None else judgement.span.source.path
        yield _judgement(judgement, root), f"{judgement.kind}\0{path}\0{judgement.name}"
    for complaint in findings.complaints:
        yield {"ruleId": _RUN, "level": "error", "message": {"text": visible(complaint)}}, complaint


def _diagnostic(item: Diagnostic, findings: Findings) -> dict[str, Any]:
    text = item.message if item.help is None else f"{item.message}\n{item.help}"
    result: dict[str, Any] = {
        "ruleId": item.code,
        "level": "error" if findings.counts(item) else item.severity,
        "message": {"text": _visible_lines(text)},
        "locations": [_location(item.span, findings.root)],
    }
    if item.notes:
        result["relatedLocations"] = [
            {**_location(note.span, findings.root), "id": number, "message": {"text": visible(note.message)}}
            for number, note in enumerate(item.notes)
        ]
    if item.fix is not None:
        replacement = {"deletedRegion": _region(item.fix.span), "insertedContent": {"text": item.fix.replacement}}
        change = {"artifactLocation": _artifact(item.fix.span, findings.root), "replacements": [replacement]}
        result["fixes"] = [{"description": {"text": "apply the repair"}, "artifactChanges": [change]}]
    return result


def _judgement(judgement: Judgement, root: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": _rule_id(judgement.kind, judgement.verdict),
        "level": _LEVELS[judgement.verdict],
        "message": {"text": judgement.draw(Style(), root).rstrip("\n")},
    }
    if judgement.span is not None:
        result["locations"] = [_location(judgement.span, root)]
    return result


def _rule_id(kind: str, verdict: str) -> str:
    return f"{kind}-{verdict}"


def _rules(results: Iterable[dict[str, Any]], findings: Findings) -> list[dict[str, Any]]:
    """The rules that the results name, each once, sorted."""
    others = {
        _rule_id(each.kind, each.verdict): f"A {each.kind} that {_fared(each.verdict)}." for each in findings.bad()
    }
    others[_RUN] = "The run as a whole falls short."
    named = sorted({result["ruleId"] for result in results})
    return [_rule(CODES[name]) if name in CODES else _plain_rule(name, others[name]) for name in named]


def _fared(verdict: str) -> str:
    return "failed" if verdict == "failed" else "could not be decided"


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.code,
        "name": "".join(word.capitalize() for word in code.name.split("-")),
        "shortDescription": {"text": code.summary},
        "fullDescription": {"text": code.summary},
        "help": {"text": code.page, "markdown": code.page},
        "defaultConfiguration": {"level": code.severity},
        "properties": {"tags": ["policy"]},
    }


def _plain_rule(name: str, summary: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": "".join(word.capitalize() for word in name.split("-")),
        "shortDescription": {"text": summary},
        "fullDescription": {"text": summary},
        "help": {"text": summary},
        "defaultConfiguration": {"level": "warning" if name.endswith("-undecided") else "error"},
    }


def _location(span: Span, root: str) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": _artifact(span, root), "region": _region(span)}}


def _artifact(span: Span, root: str) -> dict[str, Any]:
    return {"uri": _uri(located(span.source.path, root))}


def _uri(path: str) -> str:
    """A path as a reference: relative to where the command is called, or of a file where it is absolute."""
    return f"file://{quote(path)}" if path.startswith("/") else quote(path.removeprefix("./"))


def _region(span: Span) -> dict[str, Any]:
    """Lines and columns from one; the end column is the one after the last character."""
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _visible_lines(text: str) -> str:
    return "\n".join(visible(line) for line in text.split("\n"))
