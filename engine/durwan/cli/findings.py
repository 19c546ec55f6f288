"""Diagnostics and test results as output: which of them count, how they are written, what they mean for the exit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from durwan.cli.exits import BROKEN, FINDINGS, GOOD, UsageError
from durwan.diagnostics.codes import CODES
from durwan.diagnostics.json_form import diagnostic_form
from durwan.diagnostics.terminal import draw_all, located
from durwan.workshop.failures import draw_failure, reasons

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output
    from durwan.compilation import Compilation
    from durwan.diagnostics import Diagnostic
    from durwan.workshop.runner import CaseResult


def selected(arguments: argparse.Namespace, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Every error, and the warnings that `--select` and `--ignore` leave.

    Raises:
        UsageError: one of the two names no code.
    """
    chosen, ignored = _codes(arguments.select), _codes(arguments.ignore)
    return [
        item
        for item in diagnostics
        if item.severity == "error"
        or ((not chosen or item.code.startswith(chosen)) and not (ignored and item.code.startswith(ignored)))
    ]


def _codes(given: Sequence[str] | None) -> tuple[str, ...]:
    codes = tuple(code.strip().upper() for each in given or () for code in each.split(","))
    for code in codes:
        if not code or not any(known.startswith(code) for known in CODES):
            raise UsageError(f"{code or 'an empty word'} is no code; policy-check explain lists all codes")
    return codes


def exit_code(
    arguments: argparse.Namespace,
    compilation: Compilation,
    diagnostics: Iterable[Diagnostic],
    results: Iterable[CaseResult],
) -> int:
    """What the findings mean for whoever called: broken, findings, or good."""
    if compilation.program is None:
        return BROKEN
    if any(item.severity == "error" or arguments.fail_level == "warning" for item in diagnostics):
        return FINDINGS
    return FINDINGS if any(result.verdict == "failed" for result in results) else GOOD


def write_diagnostics(output: Output, diagnostics: Iterable[Diagnostic], root: str) -> None:
    """Draws them for people."""
    for drawn in draw_all(diagnostics, output.style, root=root):
        output.write(drawn)


def write_failures(output: Output, results: Iterable[CaseResult], root: str) -> None:
    """Draws the failed cases for people."""
    for result in results:
        if result.verdict == "failed":
            output.write(draw_failure(result, output.style, root=root) + "\n")


def write_broken(
    output: Output, compilation: Compilation, root: str, fields: Mapping[str, Any] = MappingProxyType({})
) -> int:
    """What a command says that needs a policy set which compiles, and has none. `fields` are its own of the JSON."""
    if output.is_json:
        output.write_json({**fields, "diagnostics": diagnostic_forms(compilation.diagnostics, root)}, None)
    else:
        write_diagnostics(output, [item for item in compilation.diagnostics if item.severity == "error"], root)
        output.write(f"does not compile: {counted_severities(compilation.diagnostics)}\n")
    return BROKEN


def write_mistakes(output: Output, mistakes: Sequence[Diagnostic]) -> int:
    """What a command says that was given files, such as key files, with mistakes in them."""
    if output.is_json:
        output.write_json({"diagnostics": diagnostic_forms(mistakes, "")}, None)
    else:
        write_diagnostics(output, mistakes, "")
    return BROKEN


def diagnostic_forms(diagnostics: Iterable[Diagnostic], root: str) -> list[dict[str, Any]]:
    """The diagnostics as JSON."""
    return [diagnostic_form(item, root=root) for item in diagnostics]


def test_fields(results: Iterable[CaseResult], root: str) -> dict[str, Any]:
    """The results of a test run as JSON: how many of each verdict, and each case."""
    cases = [case_form(result, root) for result in results]
    counts = Counter(case["result"] for case in cases)
    return {**{verdict: counts[verdict] for verdict in ("passed", "failed", "skipped")}, "cases": cases}


def counted(number: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def counted_severities(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`; `no warnings` where there is nothing."""
    counts = Counter(item.severity for item in diagnostics)
    words = [counted(counts[severity], severity) for severity in ("error", "warning") if counts[severity]]
    return ", ".join(words) or "no warnings"


def counted_verdicts(results: Iterable[CaseResult]) -> str:
    """`12 passed, 1 failed`."""
    counts = Counter(result.verdict for result in results)
    words = [f"{counts[verdict]:,} {verdict}" for verdict in ("passed", "failed", "skipped") if counts[verdict]]
    return ", ".join(words) or "no cases"


def case_form(result: CaseResult, root: str) -> dict[str, Any]:
    """One case as JSON; `because` says line by line why it failed."""
    case = result.case
    line, _ = case.span.source.position(case.span.start)
    expected: Mapping[str, Any] = case.expected
    return {
        "name": case.name,
        "file": located(case.span.source.path, root),
        "line": line,
        "result": result.verdict,
        "expected": expected,
        "got": None if result.decision is None else result.decision.as_dict(),
        "request": case.request,
        "skip": case.skip,
        "because": list(reasons(result)) if result.verdict == "failed" else [],
    }
