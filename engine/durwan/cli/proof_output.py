"""Proofs as output: a judgement each, and a line on all of them."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durwan.cli.exits import FINDINGS, GOOD, UNDECIDED, UsageError
from durwan.diagnostics.terminal import located, visible
from durwan.workshop.request_drawing import draw_request

if TYPE_CHECKING:
    from durwan.cli.judgements import Verdict
    from durwan.diagnostics import Span
    from durwan.diagnostics.terminal import Style
    from durwan.workshop.proofs import Proof


def add_deadline(parser: argparse.ArgumentParser, default: float, what: str) -> None:
    """How long the solver may take."""
    help_ = f"how long each {what} may take, after which it is undecided (default: {default:g})"
    parser.add_argument("--timeout", metavar="SECONDS", default=str(default), help=help_)


def deadline_of(arguments: argparse.Namespace) -> float:
    """The seconds of `--timeout`.

    Raises:
        UsageError: they are no number above zero.
    """
    try:
        seconds = float(arguments.timeout)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise UsageError(f"--timeout {arguments.timeout} is no number of seconds: write it as 30 or 0.5")
    return seconds


@dataclass(frozen=True, slots=True)
class ProofJudgement:
    """An invariant, judged by its proof."""

    proof: Proof
    kind: str = "invariant"

    @property
    def name(self) -> str:
        """The name of the invariant."""
        return self.proof.invariant.name

    @property
    def verdict(self) -> Verdict:
        """Whether it holds for all requests."""
        return {"proved": "passed", "refuted": "failed", "undecided": "undecided"}[self.proof.verdict]  # type: ignore[return-value]

    @property
    def span(self) -> Span | None:
        """Where its name stands."""
        return self.proof.invariant.span

    @property
    def reason(self) -> str:
        """What breaks it, or why that is not known."""
        decision, request = self.proof.decision, self.proof.request
        if decision is None or request is None:
            return self.proof.because
        by = "" if decision.rule is None else f" by {decision.rule}"
        return f"{request['action']} can be {_DECIDED[decision.effect]}{by}"

    def draw(self, style: Style, root: str) -> str:
        """What was promised, and the request that breaks it."""
        head = f"{_place(self.span, root)}{visible(self.name)}"
        verdict = {"failed": "REFUTED", "undecided": "UNDECIDED"}.get(self.verdict, "PROVED")
        lines = [f"{style.paint(verdict, 'good' if self.verdict == 'passed' else 'bad')} {style.paint(head, 'bold')}"]
        if self.proof.invariant.documentation:
            lines += [f"  # {visible(line)}" for line in self.proof.invariant.documentation.splitlines()]
        if self.reason:
            lines.append(f"  {visible(self.reason)}{':' if self.proof.request is not None else ''}")
        if self.proof.request is not None:
            lines += [f"    {line}" for line in draw_request(self.proof.request)]
        return "\n".join(lines) + "\n"

    def form(self, root: str) -> dict[str, Any]:
        """The fields of the interface page, and where the invariant stands."""
        from durwan.workshop.proofs import proof_form  # noqa: PLC0415 - only JSON needs it

        span = self.span
        place = {} if span is None else {
            "file": located(span.source.path, root), "line": span.source.position(span.start)[0]
        }  # fmt: skip
        return proof_form(self.proof) | place


_DECIDED = {"allow": "allowed", "deny": "refused", "challenge": "challenged"}


def _place(span: Span | None, root: str) -> str:
    if span is None:
        return ""
    line, column = span.source.position(span.start)
    return f"{visible(located(span.source.path, root))}:{line}:{column} "


def proofs_code(proofs: Sequence[Proof]) -> int:
    """The exit code: a refutation is a finding, and what is undecided is not proved."""
    verdicts = {proof.verdict for proof in proofs}
    return FINDINGS if "refuted" in verdicts else UNDECIDED if "undecided" in verdicts else GOOD


def counted_proofs(proofs: Sequence[Proof]) -> str:
    """`11 invariants proved`, and how many were not."""
    counts = Counter(proof.verdict for proof in proofs)
    words = [f"{counts[verdict]:,} {verdict}" for verdict in ("proved", "refuted", "undecided") if counts[verdict]]
    return f"{', '.join(words)} for all requests" if set(counts) == {"proved"} else ", ".join(words) or "no invariants"


def painted_proofs(proofs: Sequence[Proof], style: Style) -> str:
    """`counted_proofs` in the colour of what it says."""
    return style.paint(counted_proofs(proofs), "bad" if proofs_code(proofs) else "good")
