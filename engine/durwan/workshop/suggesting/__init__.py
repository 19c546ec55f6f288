"""Test cases that are missing, suggested: for each target that no case shows, a request that does, to be judged.

A request is looked for that starts from what the set's own cases start from, changes little of it, and is decided
otherwise if the condition in question is: then a test of the decision guards the condition. What the policy decides now
is written down as expected; whether that is right only a person can say. Targets that no request can reach are named:
that was proved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from durwan.compilation import Compilation
from durwan.model.decision import Decision
from durwan.runtime.engine import Engine
from durwan.runtime.limits import UntouchedCounter
from durwan.workshop.coverage import Coverage, Target
from durwan.workshop.instants import midweek
from durwan.workshop.isolation import answers
from durwan.workshop.suggesting.searching import Answer, Searcher, Shown
from durwan.workshop.suggesting.starts import Start, common_instant, starts_of
from durwan.workshop.suggesting.variants import DECISIVE, Variants, variants_of
from durwan.workshop.test_files import Suite

DEADLINE: Final = 20.0

# What is looked for first: cases at the edges show the conditions and rules that these belong to as well.
_STAGES: Final = (("threshold", "window", "network"), ("condition",), ("rule",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A case: the request that shows the targets, what it starts from, and what the policy decides on it now.

    `start` is None where it starts from nothing. `decisive` is whether the decision depends on what it shows.
    """

    targets: tuple[Target, ...]
    start: Start | None
    request: Mapping[str, Any]
    decision: Decision
    strength: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """The cases that are missing; the targets that no request can reach, as was proved; those where neither is known.

    `now` is the instant that most test files have, as they have it, or where none has one that of the run.
    """

    cases: tuple[Suggestion, ...]
    unreachable: tuple[Target, ...]
    undecided: tuple[tuple[Target, str], ...]
    now: object


def suggest(  # noqa: PLR0913 - what to look for, and how; all but four by name
    compilation: Compilation,
    coverage: Coverage,
    suite: Suite,
    deadline: float = DEADLINE,
    *,
    near: int | None = None,
    settled: Callable[[], object] = lambda: None,
) -> Suggestions:
    """Suggests a case for every target that no case has reached.

    Args:
        compilation: the policy set, which compiles.
        coverage: what its cases show.
        suite: those cases, from which the suggested ones start.
        deadline: seconds for each target; one that takes longer is undecided.
        near: the instant that requests from nothing should have, in milliseconds; the present by default.
        settled: is called for each target that was looked at or need not be.

    Raises:
        SolverNotInstalledError: the solver is not installed.
    """
    return _Suggesting(compilation, coverage, suite, deadline, midweek() if near is None else near, settled).run()


class _Suggesting:
    def __init__(  # noqa: PLR0913, PLR0917 - those of `suggest`
        self,
        compilation: Compilation,
        coverage: Coverage,
        suite: Suite,
        deadline: float,
        near: int,
        settled: Callable[[], object],
    ) -> None:
        self._compilation = compilation
        self._coverage = coverage
        self._now = common_instant(suite, near)
        self._starts = starts_of(suite, self._now)
        self._deadline = deadline
        self._near = near
        self._settled = settled
        self._keys = compilation.keys.get
        self._cases: list[tuple[list[Target], Shown]] = []
        self._unreachable: list[Target] = []
        self._undecided: list[tuple[Target, str]] = []
        self._variants: dict[int, Variants] = {}

    def run(self) -> Suggestions:
        """Goes through the kinds of targets; what earlier cases show of later ones is not looked for again."""
        for kinds in _STAGES:
            open_: list[Target] = []
            for target in self._coverage.missing:
                if target.kind in kinds:
                    shown = self._shown_by_earlier(target, 0)
                    (open_ if shown is None else shown).append(target)
                    if shown is not None:
                        self._settled()
            self._look_for(open_)
        return Suggestions(
            cases=self._finished(),
            unreachable=tuple(self._unreachable),
            undecided=tuple(self._undecided),
            now=self._now,
        )

    def _look_for(self, targets: Sequence[Target]) -> None:
        if not targets:
            return
        make = partial(Searcher, self._coverage.program, targets, self._starts, self._keys, self._near)
        found: dict[int, Answer | None] = {}
        for place, answer in answers(make, range(len(targets)), self._deadline):
            found[place] = answer
            self._settled()
        for place, target in enumerate(targets):
            late: Answer = (None, f"not decided within {self._deadline:g} s")
            self._take(target, *(found[place] or late))

    def _take(self, target: Target, shown: Shown | None, because: str) -> None:
        if shown is None:
            if because:
                self._undecided.append((target, because))
            else:
                self._unreachable.append(target)
            return
        earlier = self._shown_by_earlier(target, shown.strength)
        if earlier is None:
            self._cases.append(([target], shown))
        else:
            earlier.append(target)

    def _shown_by_earlier(self, target: Target, least: int) -> list[Target] | None:
        """The targets of an earlier case that shows this one too, at least so well; with 0, as well as can be."""
        if id(target) not in self._variants:
            self._variants[id(target)] = variants_of(self._coverage.program, target)
        variants = self._variants[id(target)]
        for targets, shown in self._cases:
            strength = variants.strength(shown.request, target.goal, self._near, self._keys)
            if strength >= (least or DECISIVE):
                return targets
        return None

    def _finished(self) -> tuple[Suggestion, ...]:
        place = {id(target): number for number, target in enumerate(self._coverage.targets)}
        ordered = sorted(self._cases, key=lambda case: place[id(case[0][0])])
        with Engine(
            self._compilation.finished, clock=lambda: self._near, cache=None, limits=UntouchedCounter()
        ) as engine:
            return tuple(
                Suggestion(
                    targets=tuple(targets),
                    start=None if shown.start is None else self._starts[shown.action][shown.start],
                    request=shown.request,
                    decision=engine.decide(shown.request),
                    strength=shown.strength,
                )
                for targets, shown in ordered
            )


__all__ = ["DEADLINE", "Suggestion", "Suggestions", "suggest"]
