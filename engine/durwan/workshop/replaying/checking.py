"""Examples, decided once more by the reference evaluator before anybody sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from durwan.model.decision import Outcome
from durwan.workshop.replaying.answers import Answer, answer_of
from durwan.workshop.replaying.examples import Example
from durwan.workshop.replaying.question import Question
from durwan.workshop.replaying.sides import ProgramSide, RecordedSide


class DisagreementError(RuntimeError):
    """The reference evaluator decides a request otherwise than the columns do: a fault of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedExample:
    """A request, and its whole outcome before and after; an Answer where only that was recorded."""

    request: Mapping[str, Any]
    before: Outcome | Answer
    after: Outcome | Answer


def checked(example: Example, before: Answer, after: Answer, question: Question) -> CheckedExample:
    """An example with its outcomes.

    Raises:
        DisagreementError: one of them is not what the columns said.
    """
    request = example.request
    return CheckedExample(
        request=request,
        before=_confirmed(question.before, before, request),
        after=_confirmed(question.after, after, request),
    )


def _confirmed(side: ProgramSide | RecordedSide, said: Answer, request: Mapping[str, Any]) -> Outcome | Answer:
    if isinstance(side, RecordedSide):
        return said
    outcome = side.settled(request)
    if answer_of(outcome) != said:
        raise DisagreementError(f"the reference evaluator answers {answer_of(outcome)}, not {said}, to {request}")
    return outcome


__all__ = ["CheckedExample", "DisagreementError", "checked"]
