"""Proofs that need not be made twice: kept by the revision of the program that they are about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, cast

from durwan.backends.solver.installed import SolverNotInstalledError, is_solver_installed
from durwan.compilation import Compilation
from durwan.language.stored.store import Store
from durwan.program.program import Invariant, Program
from durwan.workshop.proofs import Proof, breaks, decision_of

_KIND: Final = "proofs 1"


def prove_kept(  # noqa: PLR0913 - what to prove, and how; all but two by name
    compilation: Compilation,
    deadline: float,
    *,
    near: int,
    store: Store | None,
    invariants: Sequence[Invariant] | None = None,
    settled: Callable[[Proof], object] = lambda _: None,
) -> list[Proof]:
    """The proofs of a policy set that compiles, with those that were made before.

    Whether a refutation that was kept still refutes is asked of the evaluator; what was undecided is tried again.

    Args:
        compilation: the policy set.
        deadline: seconds for each invariant.
        near: the instant that refuting requests should have if they can, in milliseconds.
        store: where proofs are kept; None keeps none.
        invariants: those of interest; all where None is said.
        settled: is told of each proof as soon as it is known.

    Raises:
        SolverNotInstalledError: something is to be proved, and the solver is not installed.
    """
    program = compilation.finished().program
    wanted = list(program.invariants if invariants is None else invariants)
    key = _KIND, compilation.revision or "", _solver()
    document: dict[str, Any] = {} if store is None else _document(store.read(*key))
    known = {each.name: proof for each in wanted if (proof := _kept(program, each, document.get(each.name), near))}
    for proof in known.values():
        settled(proof)
    missing = [each for each in wanted if each.name not in known]
    if missing:
        # The solver takes a while to load, and is not needed where nothing changed.
        from durwan.workshop.proving import prove  # noqa: PLC0415

        found = prove(program, deadline, invariants=missing, near=near, settled=settled)
        known |= {proof.invariant.name: proof for proof in found}
        if store is not None:
            document |= {proof.invariant.name: _form(proof) for proof in found if proof.verdict != "undecided"}
            store.write(document, *key)
    return [known[each.name] for each in wanted]


def _solver() -> str:
    try:
        return version("z3-solver")
    except PackageNotFoundError:
        return "none"


def _document(found: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _form(proof: Proof) -> dict[str, Any]:
    return {"verdict": proof.verdict, "request": proof.request, "seconds": proof.seconds}


def _kept(program: Program, invariant: Invariant, form: Any, near: int) -> Proof | None:
    kept = _document(form)
    seconds, request = kept.get("seconds"), _document(kept.get("request"))
    if not isinstance(seconds, float):
        return None
    if kept.get("verdict") == "proved":
        return Proof(invariant=invariant, verdict="proved", seconds=seconds)
    if not breaks(program, invariant, request, near):
        return None
    decision = decision_of(program, request, near)
    return Proof(invariant=invariant, verdict="refuted", request=request, decision=decision, seconds=seconds)


__all__ = ["SolverNotInstalledError", "is_solver_installed", "prove_kept"]
