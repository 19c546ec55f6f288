"""`policy-check test [PATH]`: the test files of a policy set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from durwan.cli import arguments as options
from durwan.cli import coverage_output as covering
from durwan.cli.exits import FINDINGS
from durwan.cli.findings import (
    counted_severities,
    counted_verdicts,
    diagnostic_forms,
    exit_code,
    selected,
    test_fields,
    write_broken,
    write_diagnostics,
    write_failures,
)
from durwan.cli.reading import clock_of, compile_set, pattern_of, root_of
from durwan.diagnostics.terminal import visible
from durwan.workshop.verification import verify

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  policy-check test policies/
  policy-check test policies/ --run 'AS-3[0-9]' -v
  policy-check test policies/ --coverage-html coverage.html --threshold 95
  policy-check test -f json -o results.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    options.add_cache(parser)
    options.add_case_filter(parser)
    options.add_filters(parser)
    options.add_clock(parser)
    covering.add_coverage(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Runs the cases, writes what became of them, and returns the exit code; no case at all is a finding."""
    clock, pattern, root = clock_of(arguments), pattern_of(arguments), root_of(arguments)
    threshold = covering.threshold_of(arguments)
    compilation = compile_set(arguments)
    began = time.perf_counter()
    found = verify(compilation, clock, linted=False, pattern=pattern)
    if found.results is None:
        return write_broken(output, compilation, root, test_fields((), root))
    mistaken = [item for item in selected(arguments, found.diagnostics) if item.code >= "P08"]
    code = exit_code(arguments, compilation, mistaken, found.results) or (FINDINGS if not found.results else 0)
    coverage = covering.coverage_of(found, clock) if covering.is_wanted(arguments) else None
    code = code or covering.coverage_code(coverage, threshold)
    if coverage is not None and arguments.coverage_html is not None:
        covering.write_page(arguments.coverage_html, coverage, found)
    if output.is_json:
        fields = test_fields(found.results, root) | {"diagnostics": diagnostic_forms(mistaken, root)}
        if coverage is not None:
            fields["coverage"] = covering.coverage_fields(coverage, root)
        output.write_json(fields, compilation.revision)
        return code
    write_diagnostics(output, mistaken, root)
    write_failures(output, found.results, root)
    if output.verbose:
        output.write("".join(f"{result.verdict:<7} {visible(result.case.name)}\n" for result in found.results))
    if coverage is not None and not output.quiet:
        covering.write_coverage(output, coverage, root)
    if not output.quiet:
        summary = output.style.paint(counted_verdicts(found.results), "bad" if code else "good")
        mistakes = f"; {counted_severities(mistaken)} in test files" if mistaken else ""
        output.write(f"{summary}{mistakes} in {time.perf_counter() - began:.2f} s\n")
    return code
