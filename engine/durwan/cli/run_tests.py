"""`policy-check test [PATH]`: the test files of a policy set."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durwan.cli import arguments as options
from durwan.cli import coverage_output as covering
from durwan.cli import suggestion_output as suggesting
from durwan.cli.exits import BROKEN, FINDINGS
from durwan.cli.findings import (
    counted_severities,
    counted_verdicts,
    diagnostic_forms,
    exit_code,
    selected,
    test_fields,
)
from durwan.cli.following import follow_cases
from durwan.cli.formats import write_findings
from durwan.cli.judgements import CaseJudgement, Findings
from durwan.cli.reading import clock_of, compile_set, pattern_of, root_of
from durwan.diagnostics.terminal import visible
from durwan.workshop.verification import verify

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from durwan.cli.output import Output
    from durwan.compilation import Compilation
    from durwan.diagnostics import Diagnostic
    from durwan.diagnostics.terminal import Style
    from durwan.workshop.coverage.target import Coverage
    from durwan.workshop.runner import CaseResult

FORMATS = options.FORMATS
EXAMPLES = """\
  policy-check test policies/
  policy-check test policies/ --run 'AS-3[0-9]' -v
  policy-check test policies/ --watch
  policy-check test -f junit -o results.xml
  policy-check test policies/ --coverage-html coverage.html --threshold 95
  policy-check test policies/ --suggest -o policies/tests/suggested.yaml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    options.add_cache(parser)
    options.add_case_filter(parser)
    options.add_filters(parser)
    options.add_clock(parser)
    options.add_watch(parser)
    covering.add_coverage(parser)
    suggesting.add_suggest(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Runs the cases, writes what became of them, and returns the exit code; no case at all is a finding."""
    clock, pattern, root = clock_of(arguments), pattern_of(arguments), root_of(arguments)
    threshold = covering.threshold_of(arguments)
    with output.progress_bar("compiling") as bar:
        compilation = compile_set(arguments)
        began = time.perf_counter()
        follow = follow_cases(output, bar, root)
        found = verify(compilation, clock, linted=False, pattern=pattern, follow=follow)
        bar.begin("measuring coverage")
        wanted = covering.is_wanted(arguments) or arguments.suggest
        coverage = covering.coverage_of(found, clock) if wanted else None
    if found.results is None:
        return write_findings(output, _broken(compilation, root))
    if arguments.suggest and coverage is not None:
        return suggesting.write_suggestions(arguments, output, found, coverage)
    results = found.results
    mistaken = [item for item in selected(arguments, found.diagnostics) if item.code >= "P08"]
    code = exit_code(arguments, compilation, mistaken, results) or (FINDINGS if not results else 0)
    code = code or covering.coverage_code(coverage, threshold)
    if coverage is not None and arguments.coverage_html is not None:
        covering.write_page(arguments.coverage_html, coverage, found)
    measured = _Measured(results, mistaken, coverage, time.perf_counter() - began)
    findings = Findings(
        root=root,
        revision=compilation.revision,
        code=code,
        diagnostics=mistaken,
        judgements=[CaseJudgement(result) for result in results],
        strict=arguments.fail_level == "warning",
        complaints=[*_no_case(results), *covering.coverage_complaints(coverage, threshold)],
        totals=lambda: covering.coverage_totals(coverage),
        document=lambda: measured.document(root),
        summary=lambda style: measured.summary(style, root, verbose=output.verbose, good=code == 0),
        seconds=measured.seconds,
    )
    return write_findings(output, findings)


@dataclass(frozen=True, slots=True)
class _Measured:
    """What a run of the tests has to say, in the two forms that are this command's own."""

    results: Sequence[CaseResult]
    mistaken: Sequence[Diagnostic]
    coverage: Coverage | None
    seconds: float

    def document(self, root: str) -> dict[str, Any]:
        """The fields of the JSON document."""
        fields = test_fields(self.results, root) | {"diagnostics": diagnostic_forms(self.mistaken, root)}
        covered = {} if self.coverage is None else {"coverage": covering.coverage_fields(self.coverage, root)}
        return fields | covered

    def summary(self, style: Style, root: str, *, verbose: bool, good: bool) -> str:
        """For those who asked to hear more each case with its verdict; coverage, where asked for; the counts."""
        lines = [f"{result.verdict:<7} {visible(result.case.name)}\n" for result in self.results if verbose]
        if self.coverage is not None:
            lines.append(covering.draw_coverage(self.coverage, style, root, every=verbose))
        counts = style.paint(counted_verdicts(self.results), "good" if good else "bad")
        mistakes = f"; {counted_severities(self.mistaken)} in test files" if self.mistaken else ""
        return f"{''.join(lines)}{counts}{mistakes} in {self.seconds:.2f} s\n"


def _no_case(results: Sequence[CaseResult]) -> Sequence[str]:
    return () if results else ("no case was run",)


def _broken(compilation: Compilation, root: str) -> Findings:
    errors = [item for item in compilation.diagnostics if item.severity == "error"]
    return Findings(
        root=root,
        revision=None,
        code=BROKEN,
        diagnostics=errors,
        document=lambda: {**test_fields((), root), "diagnostics": diagnostic_forms(errors, root)},
        summary=lambda _: f"does not compile: {counted_severities(compilation.diagnostics)}\n",
    )
