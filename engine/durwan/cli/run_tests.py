"""`policy-check test [PATH]`: the test files of a policy set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from durwan.cli import arguments as options
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
    from durwan.workshop.runner import CaseResult

FORMATS = options.FORMATS
EXAMPLES = """\
  policy-check test policies/
  policy-check test policies/ --run 'AS-3[0-9]' -v
  policy-check test policies/ --watch
  policy-check test -f junit -o results.xml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    options.add_cache(parser)
    options.add_case_filter(parser)
    options.add_filters(parser)
    options.add_clock(parser)
    options.add_watch(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Runs the cases, writes what became of them, and returns the exit code; no case at all is a finding."""
    clock, pattern, root = clock_of(arguments), pattern_of(arguments), root_of(arguments)
    with output.progress_bar("compiling") as bar:
        compilation = compile_set(arguments)
        began = time.perf_counter()
        follow = follow_cases(output, bar, root)
        found = verify(compilation, clock, linted=False, pattern=pattern, follow=follow)
    if found.results is None:
        return write_findings(output, _broken(compilation, root))
    results = found.results
    mistaken = [item for item in selected(arguments, found.diagnostics) if item.code >= "P08"]
    code = exit_code(arguments, compilation, mistaken, results) or (FINDINGS if not results else 0)
    seconds = time.perf_counter() - began
    findings = Findings(
        root=root,
        revision=compilation.revision,
        code=code,
        diagnostics=mistaken,
        judgements=[CaseJudgement(result) for result in results],
        strict=arguments.fail_level == "warning",
        complaints=() if results else ("no case was run",),
        document=lambda: test_fields(results, root) | {"diagnostics": diagnostic_forms(mistaken, root)},
        summary=lambda style: _listed(results, output) + _summary(results, mistaken, style, seconds, good=code == 0),
        seconds=seconds,
    )
    return write_findings(output, findings)


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


def _listed(results: Sequence[CaseResult], output: Output) -> str:
    """Each case with its verdict, for those who asked to hear more."""
    if not output.verbose:
        return ""
    return "".join(f"{result.verdict:<7} {visible(result.case.name)}\n" for result in results)


def _summary(
    results: Sequence[CaseResult], mistaken: Sequence[Diagnostic], style: Style, seconds: float, *, good: bool
) -> str:
    counts = style.paint(counted_verdicts(results), "good" if good else "bad")
    mistakes = f"; {counted_severities(mistaken)} in test files" if mistaken else ""
    return f"{counts}{mistakes} in {seconds:.2f} s\n"
