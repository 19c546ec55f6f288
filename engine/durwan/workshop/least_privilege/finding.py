"""Least privilege: reads a log, and says what of the keys, rules, limits and scopes of a policy set nobody needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from durwan.backends.bytecode import Evaluator
from durwan.backends.columns.evaluator import ColumnsEvaluator
from durwan.program import nodes
from durwan.program.explanation import parts_through
from durwan.program.program import Program, Rule
from durwan.workshop.least_privilege.checking import check
from durwan.workshop.least_privilege.findings import KeyUse, LeastPrivilege, RuleUse
from durwan.workshop.least_privilege.holders import Grants, Holders
from durwan.workshop.least_privilege.judging import Demands, Judge
from durwan.workshop.least_privilege.measuring import Measures
from durwan.workshop.least_privilege.overlay import Setting
from durwan.workshop.least_privilege.tally import NEVER, Use
from durwan.workshop.replaying.logs import RecordedBatch, RecordedRequests

_Each = Callable[[RecordedBatch], None]


class Progress(Protocol):
    """Hears how far the work has come."""

    def begin(self, stage: str, total: int | None = None, *, share: Callable[[], float] | None = None) -> None:
        """A reading of the log begins; `share` tells how much of it is done, from 0 to 1."""
        ...

    def advance(self, by: int = 1) -> None:
        """So many requests more were read."""
        ...


def least_privilege(
    program: Program,
    keys: Mapping[str, Mapping[str, object]],
    log: RecordedRequests,
    demands: Demands,
    progress: Progress,
) -> LeastPrivilege:
    """What a log says of a policy set.

    Args:
        program: the program.
        keys: the attributes of each key of the policy set, by its id.
        log: the recorded requests, opened by `watched(program)`; they are read at least once, and at most four times.
        demands: what the log has to have before anything is said of a key.
        progress: hears how far it has come.

    Raises:
        DurwanError: the log cannot be read.
    """
    setting = Setting(
        evaluator=ColumnsEvaluator(program),
        generated=Evaluator(program, clock=lambda: 0, keys=keys.get),
        holders=Holders(program.schema, keys.items()),
        grants=Grants(),
        keeps_refusals=demands.keeps_refusals,
    )

    def reading(stage: str) -> Callable[[_Each], None]:
        def read(each: _Each) -> None:
            progress.begin(stage, log.rows, share=lambda: log.share)
            for recorded in log.batches():
                each(recorded)
                progress.advance(recorded.rows)

        return read

    measures = Measures(program, setting)
    reading("looking for what was needed")(measures.read)
    broken = dict(log.broken.reasons)
    judge = Judge(setting.holders, measures, demands, _scopes_of_limits(program))
    checked = check(setting, measures.today, judge.proposals(), reading("checking what would be enough"))
    found = tuple(judge.keys(checked))
    return LeastPrivilege(
        totals=measures.totals,
        broken=broken,
        keys=found,
        rules=tuple(_rules(program, measures, setting)),
        unused_limits=tuple(each.name for each in program.limits if each.name in measures.sightings.unused_limits),
        unused_scopes=_unused_scopes(program, setting.holders, measures, found),
    )


def _scopes_of_limits(program: Program) -> frozenset[str]:
    """The scopes by which limits tell requests apart."""
    found: set[str] = set()
    seen: set[str] = set()
    for limit in program.limits:
        for expression in (limit.body.when, limit.body.unless, limit.cost):
            for node in parts_through(expression, program, seen):
                match node:
                    case nodes.ScopeLiteral(value=value):
                        found.add(value)
                    case nodes.LiteralSet(members=members):
                        found |= program.schema.scopes.keys() & {str(each) for each in members}
                    case _:
                        pass
    return frozenset(found)


def _rules(program: Program, measures: Measures, setting: Setting) -> Iterator[RuleUse]:
    decided: dict[str | None, Use] = {}
    for (code,), use in measures.decided.items():
        decided[setting.rule_of(code)] = use
    for rule in program.rules:
        use = decided.get(rule.name, NEVER)
        yield RuleUse(
            name=rule.name,
            effect=rule.effect,
            is_shadow=rule.shadow,
            decided=use,
            never="" if use.count else _never(rule, measures),
        )


def _never(rule: Rule, measures: Measures) -> str:
    if not measures.totals.actions.intersection(rule.actions):
        return "nobody asked for its actions"
    if rule.name in measures.sightings.unseen:
        return "it never applied"
    # What a shadow rule is for.
    return "" if rule.shadow else "it applied, and another rule was named first"


def _unused_scopes(program: Program, holders: Holders, measures: Measures, keys: tuple[KeyUse, ...]) -> dict[str, int]:
    """The declared scopes that nobody needed, nor may have needed."""
    used = set(measures.tokens)
    for holder, key in zip(holders.all, keys, strict=True):
        if holder.removals is None or key.state == "unused":
            continue
        enough = holder.removals.given if key.enough_scopes is None else key.enough_scopes
        used |= program.schema.held(enough)
    held = [holder.held for holder in holders.all]
    return {
        scope: sum(scope in each for each in held if each is not None)
        for scope in program.schema.scopes
        if scope not in used
    }


__all__ = ["least_privilege"]
