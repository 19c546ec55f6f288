"""`policy-check [check] [PATH]`: compile, lint, test, prove; five lines on what was found."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

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
)
from durwan.cli.following import follow_cases
from durwan.cli.formats import write_findings
from durwan.cli.judgements import CaseJudgement, Findings
from durwan.cli.proof_output import ProofJudgement, add_deadline, deadline_of, painted_proofs, proofs_code
from durwan.cli.reading import clock_of, compile_set, pattern_of, root_of, store_of
from durwan.workshop.instants import midweek
from durwan.workshop.kept_proofs import SolverNotInstalledError, is_solver_installed, prove_kept
from durwan.workshop.proof_lint import prove_lint
from durwan.workshop.proofs import DEADLINE, Proof
from durwan.workshop.verification import Verification, verify

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from durwan.cli.output import Output
    from durwan.cli.progress import ProgressBar
    from durwan.compilation import Compilation
    from durwan.diagnostics import Diagnostic
    from durwan.diagnostics.terminal import Style
    from durwan.program.program import Program
    from durwan.workshop.coverage.target import Coverage
    from durwan.workshop.proof_lint import ProofLint

FORMATS = options.FORMATS
EXAMPLES = """\
  policy-check policies/
  policy-check policies/ --ref origin/main --fail-level warning
  policy-check --ignore P0706 -f sarif -o findings.sarif
  policy-check policies/ --watch
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    options.add_cache(parser)
    options.add_filters(parser)
    options.add_case_filter(parser)
    options.add_clock(parser)
    options.add_watch(parser)
    covering.add_threshold(parser)
    add_deadline(parser, DEADLINE, "invariant")
    parser.add_argument("--no-prove", action="store_true", help="leave the invariants unproved")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Checks the policy set, writes what was found, and returns the exit code."""
    clock, pattern, root = clock_of(arguments), pattern_of(arguments), root_of(arguments)
    threshold, deadline = covering.threshold_of(arguments), deadline_of(arguments)
    began = time.perf_counter()
    with output.progress_bar("compiling") as bar:
        compilation = compile_set(arguments)
        output.progress(f"compiled in {time.perf_counter() - began:.2f} s")
        follow = follow_cases(output, bar, root)
        near = midweek() if arguments.now is None else clock()
        proving = not arguments.no_prove
        lint = _lint(arguments, compilation, near, bar) if proving and is_solver_installed() else None
        found = verify(compilation, clock, linted=True, pattern=pattern, follow=follow, prove=lint)
        bar.begin("measuring coverage")
        coverage = covering.coverage_of(found, clock)
        proofs = _prove(arguments, compilation, deadline, near, bar) if proving else None
    seconds = time.perf_counter() - began
    output.progress(f"checked in {seconds:.2f} s")
    diagnostics = selected(arguments, found.diagnostics)
    results = found.results or ()
    findings = Findings(
        root=root,
        revision=compilation.revision,
        code=exit_code(arguments, compilation, diagnostics, results)
        or proofs_code(proofs or ())
        or covering.coverage_code(coverage, threshold),
        diagnostics=diagnostics,
        judgements=[*map(CaseJudgement, results), *map(ProofJudgement, proofs or ())],
        strict=arguments.fail_level == "warning",
        complaints=covering.coverage_complaints(coverage, threshold),
        totals=lambda: covering.coverage_totals(coverage),
        document=lambda: _document(found, diagnostics, coverage, root) | _proved_fields(proofs, root),
        summary=lambda style: "".join(
            [
                _summary(found, diagnostics, style),
                _covered(coverage, threshold, style),
                "" if proofs is None else f"proved    {painted_proofs(proofs, style)}\n",
            ]
        ),
        seconds=seconds,
    )
    return write_findings(output, findings)


def _lint(
    arguments: argparse.Namespace, compilation: Compilation, near: int, bar: ProgressBar
) -> Callable[[Program], ProofLint]:
    """What looks for the warnings that need a proof."""

    def prove(program: Program) -> ProofLint:
        bar.begin("linting by proof")
        return prove_lint(
            program,
            near=near,
            store=store_of(arguments),
            revision=compilation.revision,
            settled=lambda _: bar.advance(),
        )

    return prove


def _prove(
    arguments: argparse.Namespace, compilation: Compilation, deadline: float, near: int, bar: ProgressBar
) -> list[Proof] | None:
    """The proofs of the invariants; None where the set does not compile."""
    if compilation.program is None:
        return None
    bar.begin("proving", len(compilation.program.invariants))
    try:
        return prove_kept(compilation, deadline, near=near, store=store_of(arguments), settled=lambda _: bar.advance())
    except SolverNotInstalledError as error:
        # Not proved is never as good as proved, whatever the reason.
        because = str(error)
        invariants = compilation.program.invariants
        return [Proof(invariant=each, verdict="undecided", because=because) for each in invariants]


def _proved_fields(proofs: Sequence[Proof] | None, root: str) -> dict[str, Any]:
    return {"invariants": None if proofs is None else [ProofJudgement(proof).form(root) for proof in proofs]}


def _document(
    found: Verification, diagnostics: Sequence[Diagnostic], coverage: Coverage | None, root: str
) -> dict[str, Any]:
    return {
        "compiled": found.compilation.program is not None,
        "diagnostics": diagnostic_forms(diagnostics, root),
        "tests": None if found.results is None else test_fields(found.results, root),
        "coverage": None if coverage is None else covering.coverage_fields(coverage, root),
    }


def _summary(found: Verification, diagnostics: Sequence[Diagnostic], style: Style) -> str:
    compilation = found.compilation
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


def _covered(coverage: Coverage | None, threshold: float, style: Style) -> str:
    if coverage is None:
        return ""
    role = "bad" if coverage.figure.is_under(threshold) else "good"
    return f"covered   {style.paint(covering.coverage_line(coverage), role)}\n"


def _color(found: Verification, about_tests: Sequence[Diagnostic]) -> str:
    failed = any(result.verdict == "failed" for result in found.results or ())
    return "bad" if failed or any(item.severity == "error" for item in about_tests) else "good"
