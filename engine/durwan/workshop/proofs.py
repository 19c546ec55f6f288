"""What became of invariants, and whether a request breaks one, as the reference evaluator sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from durwan.model.decision import Decision
from durwan.model.request import Attributes, instant_of, no_keys
from durwan.program import reference
from durwan.program.program import Invariant, Program

# Seconds that an invariant may take where nobody says otherwise.
DEADLINE: Final = 30.0

Request = dict[str, Any]
Verdict = Literal["proved", "refuted", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What became of an invariant.

    `request` and `decision` are those that refute it. `because` says why it is undecided. `seconds` is how long it
    took.
    """

    invariant: Invariant
    verdict: Verdict
    request: Request | None = None
    decision: Decision | None = None
    because: str = ""
    seconds: float = 0.0


def breaks(program: Program, invariant: Invariant, request: Request, near: int) -> bool:
    """Whether a request breaks the invariant, as the reference evaluator sees it."""
    now = instant_of(request, lambda: near)
    if now is None or request.get("action") not in invariant.actions:
        return False
    evaluation = reference.Evaluation(program, Attributes(program.schema, request, no_keys), now)
    if evaluation.read(invariant.condition).value is not True:
        return False
    return decision_of(program, request, near).allowed is (invariant.holds == "never")


def decision_of(program: Program, request: Request, near: int) -> Decision:
    """What the program decides; `near` is the instant of a request that brings none."""
    return reference.decide(program, request, clock=lambda: near)


def proof_form(proof: Proof) -> dict[str, Any]:
    """A proof as JSON."""
    return {
        "name": proof.invariant.name,
        "verdict": proof.verdict,
        "request": proof.request,
        "decision": None if proof.decision is None else proof.decision.as_dict(),
        "because": proof.because or None,
        "seconds": round(proof.seconds, 3),
    }
