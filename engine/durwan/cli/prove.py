"""`policy-check prove [PATH]`: the invariants of a policy set, proved for all requests or refuted by one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from durwan.cli import arguments as options
from durwan.cli.exits import FINDINGS
from durwan.cli.findings import counted, write_broken
from durwan.cli.formats import tell_early, write_findings
from durwan.cli.judgements import Findings
from durwan.cli.proof_output import ProofJudgement, add_deadline, deadline_of, painted_proofs, proofs_code
from durwan.cli.reading import clock_of, compile_set, pattern_of, root_of, store_of
from durwan.workshop.instants import midweek
from durwan.workshop.kept_proofs import prove_kept
from durwan.workshop.proofs import DEADLINE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from durwan.cli.output import Output
    from durwan.diagnostics.terminal import Style
    from durwan.workshop.proofs import Proof

FORMATS = options.FORMATS
EXAMPLES = """\
  policy-check prove policies/
  policy-check prove policies/ --run withdrawal -v
  policy-check prove policies/ --ref v1.4.0 --timeout 120 -f json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    options.add_cache(parser)
    parser.add_argument("--run", metavar="REGEX", help="only invariants whose name matches somewhere")
    add_deadline(parser, DEADLINE, "invariant")
    options.add_clock(parser)
    options.add_watch(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Proves the invariants, writes what became of them, and returns the exit code; none at all is a finding."""
    deadline, pattern, root = deadline_of(arguments), pattern_of(arguments), root_of(arguments)
    near = midweek() if arguments.now is None else clock_of(arguments)()
    began = time.perf_counter()
    compilation = compile_set(arguments)
    program = compilation.program
    if program is None:
        return write_broken(output, compilation, root, {"invariants": []})
    wanted = [each for each in program.invariants if pattern is None or pattern.search(each.name)]
    with output.progress_bar("proving", len(wanted)) as bar:

        def settled(proof: Proof) -> None:
            bar.advance()
            tell_early(output, ProofJudgement(proof), root)

        proofs = prove_kept(
            compilation, deadline, near=near, store=store_of(arguments), invariants=wanted, settled=settled
        )
    findings = Findings(
        root=root,
        revision=compilation.revision,
        code=proofs_code(proofs) if proofs else FINDINGS,
        judgements=[ProofJudgement(proof) for proof in proofs],
        complaints=() if proofs else ("there is no such invariant: nothing is promised, so nothing was proved",),
        document=lambda: {"invariants": [ProofJudgement(proof).form(root) for proof in proofs]},
        summary=lambda style: _summary(proofs, style, time.perf_counter() - began, verbose=output.verbose),
        seconds=time.perf_counter() - began,
    )
    return write_findings(output, findings)


def _summary(proofs: Sequence[Proof], style: Style, seconds: float, *, verbose: bool) -> str:
    lines = [f"{proof.verdict:<9} {proof.invariant.name}  {proof.seconds:.2f} s\n" for proof in proofs if verbose]
    return (
        "".join(lines) + f"{counted(len(proofs), 'invariant')}: {painted_proofs(proofs, style)}, in {seconds:.2f} s\n"
    )
