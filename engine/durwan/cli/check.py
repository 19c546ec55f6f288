"""`policy-check [check] [PATH]`: compile, lint, test; four lines on what was found."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from durwan.cli import arguments as options
from durwan.cli import coverage_output as covering
from durwan.cli.findings import (
    counted,
    counted_severities,
    counted_verdicts,
    diagnostic_forms,
    exit_code,
    selected,
    test_fields,
    write_diagnostics,
    write_failures,
)
from durwan.cli.reading import clock_of, compile_set, pattern_of, root_of
from durwan.workshop.verification import Verification, verify

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from durwan.cli.output import Output
    from durwan.diagnostics import Diagnostic

EXAMPLES = """\
  policy-check policies/
  policy-check policies/ --ref origin/main --fail-level warning
  policy-check --ignore P0706 -f json -o findings.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    options.add_cache(parser)
    options.add_filters(parser)
    options.add_case_filter(parser)
    options.add_clock(parser)
    covering.add_threshold(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Checks the policy set, writes what was found, and returns the exit code."""
    clock, pattern, root = clock_of(arguments), pattern_of(arguments), root_of(arguments)
    threshold = covering.threshold_of(arguments)
    began = time.perf_counter()
    compilation = compile_set(arguments)
    output.progress(f"compiled in {time.perf_counter() - began:.2f} s")
    found = verify(compilation, clock, linted=True, pattern=pattern)
    output.progress(f"checked in {time.perf_counter() - began:.2f} s")
    diagnostics = selected(arguments, found.diagnostics)
    code = exit_code(arguments, compilation, diagnostics, found.results or ())
    coverage = covering.coverage_of(found, clock)
    code = code or covering.coverage_code(coverage, threshold)
    if output.is_json:
        tests = None if found.results is None else test_fields(found.results, root)
        fields = {"compiled": compilation.program is not None, "diagnostics": diagnostic_forms(diagnostics, root)}
        covered = None if coverage is None else covering.coverage_fields(coverage, root)
        output.write_json(fields | {"tests": tests, "coverage": covered}, compilation.revision)
        return code
    write_diagnostics(output, diagnostics, root)
    write_failures(output, found.results or (), root)
    if not output.quiet:
        output.write(_summary(found, diagnostics, output))
        if coverage is not None:
            line = covering.coverage_line(coverage)
            output.write(
                f"covered   {output.style.paint(line, 'bad' if coverage.figure.is_under(threshold) else 'good')}\n"
            )
    return code


def _summary(found: Verification, diagnostics: Sequence[Diagnostic], output: Output) -> str:
    compilation, style = found.compilation, output.style
    program, results = compilation.program, found.results
    name = compilation.manifest.name
    about_tests = [item for item in diagnostics if item.code.startswith("P08")]
    others = [item for item in diagnostics if not item.code.startswith("P08")]
    if program is None:
        errors = counted_severities(others)
        return f"compiled  {style.paint('no', 'bad')}: {errors}\nlinted    not yet\ntested    not yet\n"
    shape = ", ".join(
        counted(len(each), noun)
        for each, noun in ((program.rules, "rule"), (program.limits, "limit"), (program.schema.actions, "action"))
    )
    tested = counted_verdicts(results or ())
    if about_tests:
        tested += f"; {counted_severities(about_tests)} in test files"
    return (
        f"compiled  {name}: {shape}; revision {(compilation.revision or '')[:12]}\n"
        f"linted    {counted_severities(others)}\n"
        f"tested    {style.paint(tested, _color(found, about_tests))}\n"
    )


def _color(found: Verification, about_tests: Sequence[Diagnostic]) -> str:
    failed = any(result.verdict == "failed" for result in found.results or ())
    return "bad" if failed or any(item.severity == "error" for item in about_tests) else "good"
