"""`policy-check report [PATH] -o FILE`: one page for auditors on who can do what, what is proved, what is tested."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durwan import __version__
from durwan.cli import arguments as options
from durwan.cli.assumptions import read_assumptions
from durwan.cli.coverage_output import coverage_of
from durwan.cli.exits import GOOD, UsageError
from durwan.cli.findings import write_broken, write_mistakes
from durwan.cli.following import follow_cases
from durwan.cli.given_keys import given_keys
from durwan.cli.proof_output import add_deadline, deadline_of
from durwan.cli.reading import clock_of, compile_set, root_of, store_of
from durwan.workshop.kept_proofs import prove_kept
from durwan.workshop.proofs import DEADLINE
from durwan.workshop.report import Evidence, Origin, make_report, report_form, report_page
from durwan.workshop.report.keys import exposed_keys
from durwan.workshop.verification import verify

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output
    from durwan.cli.progress import ProgressBar
    from durwan.compilation import Compilation
    from durwan.workshop.proofs import Proof

EXAMPLES = """\
  policy-check report policies/ -o report.html
  policy-check report policies/ --ref v1.4.0 --now 2026-03-31T00:00:00Z -o report.html
  policy-check report policies/ --keys keys.json -f json -o report.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    options.add_cache(parser)
    options.add_clock(parser)
    help_ = "the keys of this file instead of those of the policy set; may be given again"
    parser.add_argument("--keys", action="append", metavar="FILE", help=help_)
    help_ = "what every request says, such as gateway.environment=production; may be given again"
    parser.add_argument("--fix", action="append", metavar="ATTRIBUTE=VALUE", help=help_)
    add_deadline(parser, DEADLINE, "invariant")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the report; the exit code is good whatever it says, since `check` is there to judge."""
    _refuse_terminal(arguments)
    clock, deadline = clock_of(arguments), deadline_of(arguments)
    with output.progress_bar("compiling") as bar:
        compilation = compile_set(arguments)
        if compilation.program is None:
            return write_broken(output, compilation, root_of(arguments))
        keys, mistakes = given_keys(arguments.keys, compilation.keys, compilation.program.schema)
        if mistakes:
            return write_mistakes(output, mistakes)
        assumed = read_assumptions(arguments.fix or (), compilation.program.schema)
        found = verify(compilation, clock, linted=True, follow=follow_cases(output, bar, root_of(arguments)))
        bar.begin("measuring coverage")
        coverage = coverage_of(found, clock)
        assert coverage is not None  # noqa: S101 - it compiles
        evidence = Evidence(
            verification=found,
            coverage=coverage,
            proofs=_prove(arguments, compilation, deadline, clock(), bar),
            keys=keys,
            now=clock(),
            tool=f"policy-check {__version__}",
            assumed=assumed,
            origin=_origin(arguments),
        )
        bar.begin("finding out who can do what")
        exposures = _exposures(evidence, deadline, clock(), bar)
        report = make_report(replace(evidence, exposures=exposures))
    if output.is_json:
        output.write_json(report_form(report), compilation.revision)
    else:
        output.write(report_page(report))
    return GOOD


def _refuse_terminal(arguments: argparse.Namespace) -> None:
    if arguments.output is None and arguments.format != "json" and sys.stdout.isatty():
        raise UsageError("a page is nothing to read on a terminal: name a file with -o report.html")


def _origin(arguments: argparse.Namespace) -> Origin:
    if arguments.ref is None:
        return Origin()
    from durwan.language.git_revision import commit_of  # noqa: PLC0415 - git is an extra

    return Origin(ref=arguments.ref, commit=commit_of(Path(arguments.path), arguments.ref))


def _exposures(evidence: Evidence, deadline: float, near: int, bar: ProgressBar) -> list[dict[str, Any]] | None:
    """What thieves of the keys could do, as JSON; None where there are no keys."""
    keys, program = dict(evidence.keys), evidence.declared.program
    asked = [(key, keys[key]) for key in exposed_keys(evidence.matrix.classes)]
    if not asked:
        return None
    # With the solver, which takes a while to load.
    from durwan.workshop.exposure import exposure_form, exposures  # noqa: PLC0415

    bar.begin("looking for what thieves could do", len(asked) * len(program.schema.actions))
    found = exposures(program, asked, deadline, near=near, settled=lambda _: bar.advance())
    return [exposure_form(each) for each in found]


def _prove(
    arguments: argparse.Namespace, compilation: Compilation, deadline: float, near: int, bar: ProgressBar
) -> list[Proof]:
    bar.begin("proving", len(compilation.finished().program.invariants))
    store = store_of(arguments)
    return prove_kept(compilation, deadline, near=near, store=store, settled=lambda _: bar.advance())
