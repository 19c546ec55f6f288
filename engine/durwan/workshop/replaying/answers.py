"""What was answered to a request, as a client sees it, and how two answers differ."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from durwan.model.decision import Outcome
from durwan.program.wording import worded_remedy
from durwan.workshop.renames import Renames

Kind = Literal["newly-allowed", "newly-denied", "newly-challenged", "answered-otherwise"]
# In the order in which they are told.
KINDS: Final[tuple[Kind, ...]] = ("newly-allowed", "newly-denied", "newly-challenged", "answered-otherwise")
_BY_EFFECT: Final[dict[str, Kind]] = {
    "allow": "newly-allowed", "deny": "newly-denied", "challenge": "newly-challenged"
}  # fmt: skip


class Answer(NamedTuple):
    """An answer, and who gave it.

    `terms` are the obligations, or the remedies, in words. What was not recorded is None, and is compared with nothing.
    `counted_out` says that a limit had refused for it was used up, which depends on what came before.
    """

    effect: str
    rule: str | None
    status: int | None
    code: str | None
    terms: str | None = None
    counted_out: bool = False


def answer_of(outcome: Outcome) -> Answer:
    """The answer that an outcome is."""
    granted = [f"{name} {_written(value)}" for name, value in sorted(outcome.obligations.items())]
    asked = sorted({worded_remedy(remedy) for remedy in outcome.remedies})
    terms = f"with {', '.join(granted)}" if granted else f"for {' and '.join(asked)}" if asked else ""
    return Answer(outcome.effect, outcome.rule, outcome.status, outcome.code, terms)


def _written(value: bool | int | Decimal | str) -> str:
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


class Answers:
    """Answers by numbers, which columns hold; the numbers count up from zero."""

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self._numbers = {answer: number for number, answer in enumerate(answers)}

    def number(self, answer: Answer) -> int:
        """The number of an answer; a new one where it has none yet."""
        return self._numbers.setdefault(answer, len(self._numbers))

    @property
    def listed(self) -> list[Answer]:
        """All of them, each at the place of its number."""
        return list(self._numbers)


def kind_of(before: Answer, after: Answer, renames: Renames) -> Kind | None:
    """How the answer after differs from the one before; None where a client could not tell them apart.

    What a limit refused that was used up cannot be told from what the rules allow: nobody counts here.
    """
    if before.effect != after.effect:
        counted = (before.counted_out and after.effect == "allow") or (after.counted_out and before.effect == "allow")
        return None if counted else _BY_EFFECT[after.effect]
    code = after.code if after.code is None else renames.code(after.code)
    pairs = ((before.status, after.status), (before.code, code), (before.terms, after.terms))
    differ = any(None not in pair and pair[0] != pair[1] for pair in pairs)
    return "answered-otherwise" if differ else None


__all__ = ["KINDS", "Answer", "Answers", "Kind", "answer_of", "kind_of"]
