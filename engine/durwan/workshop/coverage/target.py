"""What a test may show about a policy set, and whether one did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from durwan.diagnostics import Span
from durwan.program.nodes import Expression
from durwan.program.program import Program

Kind = Literal["rule", "condition", "threshold", "window", "network"]
KINDS: Final[tuple[Kind, ...]] = ("rule", "condition", "threshold", "window", "network")
Outcome = bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A recurring edge of a window: `moments` names the window of all instants at which the edge recurs.

    The goal is such an instant, or with `before` the millisecond before one, at which membership of `window` really
    changes: no other span covers it, and no exception takes it away.
    """

    operand: Expression
    window: str
    moments: str
    before: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Some request about one of `actions` for which `expression` evaluates to one of `outcomes` (None is unknown).

    The expression is one of `Coverage.program`. `edge` is there where it is about a window's recurring edge.
    """

    actions: frozenset[str]
    expression: Expression
    outcomes: frozenset[Outcome]
    edge: Edge | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing to be shown by a test case.

    `owner` is the declaration that it belongs to, as `deny risky`; `span` what it is about. `wanted` says in plain
    words which case would do, and stands after "a case" or "no case". `reached_by` names the first case that did.
    """

    kind: Kind
    owner: str
    span: Span
    wanted: str
    goal: Goal
    reached_by: str | None = None

    @property
    def reached(self) -> bool:
        """Whether some case has shown it."""
        return self.reached_by is not None


class Figure(NamedTuple):
    """How many targets of a kind, a file or a whole set were reached."""

    reached: int
    total: int

    @property
    def percent(self) -> float:
        """To one decimal, rounded down: 100 is all of them. Of no targets at all, all are reached."""
        return self.reached * 1000 // self.total / 10 if self.total else 100.0

    def is_under(self, threshold: float) -> bool:
        """Whether it is less than so many percent."""
        return self.reached * 100 < threshold * self.total


def figure_of(targets: Iterable[Target]) -> Figure:
    """How many of the targets were reached."""
    reached = [target.reached for target in targets]
    return Figure(sum(reached), len(reached))


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What tests have shown of a policy set.

    `program` is the set's, and the windows that the goals name beside its own. `targets` are in source order.
    """

    program: Program
    targets: tuple[Target, ...]

    @property
    def figure(self) -> Figure:
        """How much of all was reached."""
        return figure_of(self.targets)

    @property
    def missing(self) -> tuple[Target, ...]:
        """The targets that no case has reached."""
        return tuple(target for target in self.targets if not target.reached)

    def by_kind(self) -> dict[Kind, Figure]:
        """How much of each kind was reached."""
        return {kind: figure_of(target for target in self.targets if target.kind == kind) for kind in KINDS}

    def by_file(self) -> dict[str, tuple[Target, ...]]:
        """The targets of each file that has some, by its path."""
        files: dict[str, list[Target]] = {}
        for target in self.targets:
            files.setdefault(target.span.source.path, []).append(target)
        return {path: tuple(found) for path, found in files.items()}

    def file_figures(self) -> dict[str, Figure]:
        """How much of each such file was reached."""
        return {path: figure_of(targets) for path, targets in self.by_file().items()}
