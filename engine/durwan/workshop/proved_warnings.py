"""What the linter found out by proof; see `durwan.workshop.proof_lint`, which needs the solver."""

from __future__ import annotations

from dataclasses import dataclass

from durwan.diagnostics import Diagnostic
from durwan.language.mistakes.proved import PROVED


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofLint:
    """What was found, in source order, and the names of the rules, limits and lets about which not all is known."""

    diagnostics: tuple[Diagnostic, ...]
    undecided: tuple[str, ...]

    @property
    def unjudged(self) -> frozenset[str]:
        """The codes of which it is not known everywhere whether they apply."""
        return PROVED if self.undecided else frozenset()
