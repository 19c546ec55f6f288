"""What test cases have shown of a plan, by the reference evaluator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from durwan.model.request import Attributes, KeyLookup, instant_of
from durwan.program.nodes import Expression
from durwan.program.reference import Evaluation
from durwan.workshop.coverage.planning import Plan
from durwan.workshop.coverage.target import Coverage, Outcome
from durwan.workshop.test_files import Case


def measure(plan: Plan, cases: Iterable[Case], clock: Callable[[], int], keys: KeyLookup) -> Coverage:
    """Measures what some cases show.

    Args:
        plan: what there is to show.
        cases: those whose requests count; one that is skipped does not.
        clock: the instant of cases that bring none, in milliseconds since the epoch.
        keys: the keys that cases name by id.
    """
    probes = _probes(plan)
    open_ = {action: [each for each in probes if action in each.actions] for action in plan.program.schema.actions}
    for case in cases:
        action = case.request.get("action")
        now = instant_of(case.request, clock)
        if case.skip is not None or not isinstance(action, str) or not open_.get(action) or now is None:
            continue
        evaluation = Evaluation(plan.program, Attributes(plan.program.schema, case.request, keys), now)
        for probe in open_[action]:
            probe.see(evaluation.read(probe.expression).value, case)
        open_[action] = [probe for probe in open_[action] if probe.missing]
    reached = {number: name for probe in probes for number, name in probe.reached.items()}
    targets = (replace(each, reached_by=reached.get(number)) for number, each in enumerate(plan.targets))
    return Coverage(program=plan.program, targets=tuple(targets))


@dataclass(slots=True)
class _Probe:
    """One expression, which is read once for a case, and the targets, by number, that wait for its outcomes."""

    actions: frozenset[str]
    expression: Expression
    missing: list[tuple[frozenset[Outcome], int]] = field(default_factory=list[tuple[frozenset[Outcome], int]])
    reached: dict[int, str] = field(default_factory=dict[int, str])

    def see(self, outcome: Outcome, case: Case) -> None:
        """Notes what a case has shown."""
        if any(outcome in wanted for wanted, _ in self.missing):
            self.reached |= {number: case.name for wanted, number in self.missing if outcome in wanted}
            self.missing = [each for each in self.missing if outcome not in each[0]]


def _probes(plan: Plan) -> list[_Probe]:
    probes: dict[tuple[int, frozenset[str]], _Probe] = {}
    for number, target in enumerate(plan.targets):
        goal = target.goal
        # One object for all outcomes of a condition; comparing what expressions mean would cost more than it saves.
        probe = probes.setdefault((id(goal.expression), goal.actions), _Probe(goal.actions, goal.expression))
        probe.missing.append((goal.outcomes, number))
    return list(probes.values())
