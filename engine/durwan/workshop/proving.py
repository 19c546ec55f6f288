"""Invariants, proved for all requests, or refuted by one that the reference evaluator confirms."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from durwan.backends.solver.question import Question, UndecidedError
from durwan.backends.solver.z3_interface import both, negated
from durwan.program.program import Invariant, Program
from durwan.workshop.instants import midweek
from durwan.workshop.isolation import answers
from durwan.workshop.proofs import DEADLINE, Proof, Request, Verdict, breaks, decision_of
from durwan.workshop.shrinking import shrink

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
    for place, found in answers(partial(_prover, program, wanted, instant), range(len(wanted)), deadline, afresh=True):
        proofs[place] = _proof(program, wanted[place], found, deadline, instant)
        settled(proofs[place])
    return [proofs[place] for place in range(len(wanted))]


def _proof(program: Program, invariant: Invariant, found: _Found | None, deadline: float, near: int) -> Proof:
    if found is None:
        because = f"not decided within {deadline:g} s"
        return Proof(invariant=invariant, verdict="undecided", because=because, seconds=deadline)
    verdict, request, because, seconds = found
    return Proof(
        invariant=invariant,
        verdict=verdict,
        request=request,
        decision=None if request is None else decision_of(program, request, near),
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


__all__ = ["Proof", "prove"]
