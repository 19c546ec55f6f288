"""Invariants, proved for all requests, or refuted by one that the reference evaluator confirms."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from durwan.backends.solver.question import Question, UndecidedError
from durwan.backends.solver.z3_interface import both, negated
from durwan.model.decision import Decision
from durwan.model.request import Attributes, instant_of, no_keys
from durwan.program import reference
from durwan.program.program import Invariant, Program
from durwan.workshop.instants import midweek
from durwan.workshop.isolation import answers
from durwan.workshop.shrinking import Request, shrink

Verdict = Literal["proved", "refuted", "undecided"]

DEADLINE: Final = 30.0


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


# What a child answers: the verdict, the request that refutes, why nothing was found out, and the seconds it took.
_Found = tuple[Verdict, Request | None, str, float]


def prove(
    program: Program,
    deadline: float = DEADLINE,
    *,
    invariants: Sequence[Invariant] | None = None,
    near: int | None = None,
    settled: Callable[[Proof], object] = lambda _: None,
) -> list[Proof]:
    """Proves or refutes each invariant, in source order.

    Args:
        program: the checked program.
        deadline: seconds for each invariant; one that takes longer is undecided.
        invariants: those of interest; all of the program's where None is said.
        near: the instant that refuting requests should have if they can, in milliseconds; the present by default.
        settled: is told of each one as soon as it is known, in any order.
    """
    wanted = list(program.invariants if invariants is None else invariants)
    instant = midweek() if near is None else near
    proofs: dict[int, Proof] = {}
    for place, found in answers(partial(_prover, program, wanted, instant), range(len(wanted)), deadline):
        proofs[place] = _proof(program, wanted[place], found, deadline, instant)
        settled(proofs[place])
    return [proofs[place] for place in range(len(wanted))]


def breaks(program: Program, invariant: Invariant, request: Request, near: int) -> bool:
    """Whether a request breaks the invariant, as the reference evaluator sees it."""
    now = instant_of(request, lambda: near)
    if now is None or request.get("action") not in invariant.actions:
        return False
    evaluation = reference.Evaluation(program, Attributes(program.schema, request, no_keys), now)
    if evaluation.read(invariant.condition).value is not True:
        return False
    return _decision(program, request, near).allowed is (invariant.holds == "never")


def _decision(program: Program, request: Request, near: int) -> Decision:
    return reference.decide(program, request, clock=lambda: near)


def _proof(program: Program, invariant: Invariant, found: _Found | None, deadline: float, near: int) -> Proof:
    if found is None:
        because = f"not decided within {deadline:g} s"
        return Proof(invariant=invariant, verdict="undecided", because=because, seconds=deadline)
    verdict, request, because, seconds = found
    return Proof(
        invariant=invariant,
        verdict=verdict,
        request=request,
        decision=None if request is None else _decision(program, request, near),
        because=because,
        seconds=seconds,
    )


def _prover(program: Program, invariants: Sequence[Invariant], near: int) -> Callable[[int], _Found]:
    """What proves the invariants of a program by their position; made in a child process."""
    question = Question([program], near=near)

    def answer(place: int) -> _Found:
        began = time.perf_counter()
        try:
            request = next(_refutations(question, program, invariants[place], near), None)
        except UndecidedError as error:
            return "undecided", None, str(error), time.perf_counter() - began
        return "proved" if request is None else "refuted", request, "", time.perf_counter() - began

    return answer


def _refutations(question: Question, program: Program, invariant: Invariant, near: int) -> Iterator[Request]:
    def accept(request: Request) -> Request | None:
        return request if breaks(program, invariant, request, near) else None

    condition = question.encodings[0].truth(invariant.condition).true
    undecided: UndecidedError | None = None
    for action in invariant.actions:
        allowed = question.decisions(action).allowed
        try:
            found = question.find(
                action, both(condition, allowed if invariant.holds == "never" else negated(allowed)), accept
            )
        except UndecidedError as error:
            # Another action may still refute it.
            undecided = error
            continue
        if found is not None:
            yield shrink(found, program.schema, lambda request: breaks(program, invariant, request, near))
    if undecided is not None:
        raise undecided


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
