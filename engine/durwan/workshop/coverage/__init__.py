"""Coverage of a policy set by its tests: which rules, conditions, thresholds and borders some case has shown.

`plan` says what there is to show, `measure` what the cases have shown of it, by the reference evaluator. What counts:

* each *rule* and limit, applied and not applied to a request about one of its actions;
* each *condition*, a part of a body or a let that `and`, `or` and `not` join, seen true, false and unknown, as far as
  `durwan.workshop.coverage.outcomes` holds that possible. A let is shown once, where it is declared, by requests about
  any action whose rules use it;
* each *threshold*, on both of its sides: see `durwan.workshop.coverage.thresholds`;
* each *window* edge, from both sides: see `durwan.workshop.coverage.windows`;
* each *network* border, from both sides: see `durwan.workshop.coverage.networks`.

Every operand of every request is looked at, whether or not another one had already settled the decision.
"""

from durwan.workshop.coverage.measuring import measure
from durwan.workshop.coverage.planning import Plan, plan
from durwan.workshop.coverage.target import Coverage, Goal, Kind, Target
from durwan.workshop.coverage.windows import anchored

__all__ = ["Coverage", "Goal", "Kind", "Plan", "Target", "anchored", "measure", "plan"]
