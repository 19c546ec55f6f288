"""Deciding without a policy that may decide: every request is denied, and is told why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from durwan.backends.bytecode import Evaluator
from durwan.credentials.keys import StaticKeys
from durwan.model.decision import Decision, Outcome
from durwan.model.schema import Schema
from durwan.program.program import Program
from durwan.runtime.policy import Compiled

Refusal = Literal["not_ready", "policy_stale"]

_REASONS: Final[Mapping[Refusal, str]] = {
    "not_ready": "no policy is loaded yet",
    "policy_stale": "the policy is older than it may be",
}


def nothing(revision: str) -> Compiled:
    """A policy without any action, under the revision in whose place it stands."""
    return Compiled(program=_EMPTY, revision=revision, keys=StaticKeys())


class RefusingEvaluator(Evaluator):
    """Gives one answer to everything. There are no functions, so that every request is decided carefully, that is here.

    Args:
        refusal: why, and the code of the answer; the status is 503.
        revision: the digest of the policy in whose place it stands.
        clock: as for other evaluators.
    """

    def __init__(self, refusal: Refusal, *, revision: str, clock: Callable[[], int]) -> None:
        super().__init__(_EMPTY, clock=clock, revision=revision)
        self._refusal = Outcome(
            effect="deny", rule=None, status=503, code=refusal, reason=_REASONS[refusal], revision=revision
        ).until(None)

    def decide_carefully(self, request: Mapping[str, Any]) -> Decision:
        """The refusal, whatever the request."""
        del request
        return self._refusal


_EMPTY: Final = Program(name="", schema=Schema(actions=frozenset()))
