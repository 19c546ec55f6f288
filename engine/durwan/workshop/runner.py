"""Running test cases: each by the generated evaluator, and by the reference evaluator beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from durwan.model.decision import Decision
from durwan.model.request import KeyLookup
from durwan.program import reference
from durwan.program.explanation import Explanation
from durwan.runtime.engine import Engine
from durwan.runtime.expectation import differing_fields
from durwan.runtime.policy import Compiled
from durwan.workshop.test_files import Case

Verdict = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What became of a case.

    `differing` are the expected fields that the decision does not fulfil. `reference` is what the reference evaluator
    decides, where it decides otherwise than the generated one; then the case fails whatever it expects, and the
    mistake is ours. `explanation` is there for a case that failed.
    """

    case: Case
    verdict: Verdict
    decision: Decision | None = None
    differing: tuple[str, ...] = ()
    reference: Decision | None = None
    explanation: Explanation | None = None


def run_cases(compiled: Compiled, cases: Iterable[Case], clock: Callable[[], int]) -> Iterator[CaseResult]:
    """Runs the cases in their order, each when it is asked for.

    Args:
        compiled: the policy set that decides.
        cases: what to run; one that is skipped is passed on undecided.
        clock: the instant of cases that bring none, in milliseconds since the epoch.
    """
    return map(CaseRunner(compiled, clock).run, cases)


class CaseRunner:
    """Runs cases one by one.

    Args:
        compiled: the policy set that decides.
        clock: the instant of cases that bring none, in milliseconds since the epoch.
    """

    def __init__(self, compiled: Compiled, clock: Callable[[], int]) -> None:
        # Each case is decided once: nothing would ever be answered from a cache.
        self._engine = Engine(lambda: compiled, clock=clock, cache=None)
        self._checker = ReferenceCheck(compiled, clock)

    def run(self, case: Case) -> CaseResult:
        """What becomes of the case; one that is skipped is not decided."""
        if case.skip is not None:
            return CaseResult(case=case, verdict="skipped")
        decision = self._engine.decide(case.request)
        differing = differing_fields(case.expected, decision)
        otherwise = self._checker.otherwise(case, decision)
        if not differing and otherwise is None:
            return CaseResult(case=case, verdict="passed", decision=decision)
        return CaseResult(
            case=case,
            verdict="failed",
            decision=decision,
            differing=differing,
            reference=otherwise,
            explanation=self._engine.explain(case.request, nearest=False),
        )


class ReferenceCheck:
    """The reference evaluator, asked about what the generated one decided."""

    def __init__(self, compiled: Compiled, clock: Callable[[], int]) -> None:
        self._compiled = compiled
        self._clock = clock
        # Keys as they are written: that the engine prepares them is part of what is checked.
        self._keys: Final[KeyLookup] = compiled.keys.get
        self._limits = frozenset(limit.name for limit in compiled.program.limits)

    def otherwise(self, case: Case, decision: Decision) -> Decision | None:
        """The reference evaluator's decision, if it is another one; None where they agree.

        A deadline may differ, since either may be early; but until it the decision has to stay the same. Up to the
        reference's own deadline it does.
        """
        expected = self._decide(case.request)
        if decision.rule in self._limits:
            # Limits count on top of what the rules allow, and only the engine counts.
            return None if expected.allowed else expected
        if expected.outcome != decision.outcome:
            return expected
        if decision.valid_until is not None and _is_later(decision.valid_until, expected.valid_until):
            last = self._decide({**case.request, "now": decision.valid_until - 1})
            if last.outcome != decision.outcome:
                return last
        return None

    def _decide(self, request: Mapping[str, Any]) -> Decision:
        return reference.decide(
            self._compiled.program,
            request,
            clock=self._clock,
            keys=self._keys,
            revision=self._compiled.revision,
        )


def _is_later(deadline: int, other: int | None) -> bool:
    return other is not None and deadline > other
