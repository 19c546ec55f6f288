"""Whether there is a solver, without loading it: that takes longer than most commands."""

from __future__ import annotations

from importlib.util import find_spec

from durwan.errors import DurwanError


class SolverNotInstalledError(DurwanError):
    """A proof is asked for, and the extra that brings the solver is not installed."""

    command = "pip install 'durwan[check]'"

    def __init__(self) -> None:
        super().__init__(f"proofs need the solver z3: {self.command}")


def is_solver_installed() -> bool:
    """Whether proofs can be made here."""
    return find_spec("z3") is not None
