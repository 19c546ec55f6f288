"""Rules that got another name and nothing else, and whether two outcomes differ apart from that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from durwan.model.decision import Outcome
from durwan.program.charges import Settled
from durwan.program.program import Limit, Program, Rule


@dataclass(frozen=True, slots=True)
class Renames:
    """The old names of rules and limits by their new ones."""

    old_names: Mapping[str, str]

    @classmethod
    def between(cls, old: Program, new: Program) -> Renames:
        """What was renamed: rules of one set alone that are equal to one of the other set alone, but for the name."""
        before, after = _by_name((*old.rules, *old.limits)), _by_name((*new.rules, *new.limits))
        gone = {_nameless(rule): name for name, rule in before.items() if name not in after}
        pairs = {name: gone.get(_nameless(rule)) for name, rule in after.items() if name not in before}
        return cls({name: found for name, found in pairs.items() if found is not None})

    def code(self, code: str) -> str:
        """A code of the new set in the old one's words: where it is a rule's name, the name it had."""
        return self.old_names.get(code, code)

    def differ(self, before: Settled, after: Settled) -> bool:
        """Whether a client could tell the two apart."""
        if _answer(before.outcome) != _answer(after.outcome, self):
            return True
        charged = {(*charge.terms, charge.limit.code) for charge in before.charges}
        return charged != {(*charge.terms, self.code(charge.limit.code)) for charge in after.charges}


def undecisive(old: Program, new: Program, renames: Renames) -> Iterator[str]:
    """What changed and decides nothing, a line each: the texts of refusals, and rules that are only on trial."""
    before, after = _by_name((*old.rules, *old.limits)), _by_name((*new.rules, *new.limits))
    for name, rule in after.items():
        earlier = before.get(renames.code(name))
        if earlier is not None and earlier.reason != rule.reason:
            yield f"`{name}` says otherwise why it refuses"
    trials = [{name: rule for name, rule in rules.items() if _is_on_trial(rule)} for rules in (before, after)]
    for name in sorted({**trials[0], **trials[1]}):
        if trials[0].get(name) != trials[1].get(name):
            verbs = {(True, False): "is no longer on trial", (False, True): "is on trial now"}
            yield f"the shadow rule `{name}` {verbs.get((name in trials[0], name in trials[1]), 'was changed')}"


def _is_on_trial(rule: Rule | Limit) -> bool:
    return isinstance(rule, Rule) and rule.shadow


def _answer(outcome: Outcome, renames: Renames | None = None) -> tuple[object, ...]:
    code = outcome.code if renames is None else renames.code(outcome.code)
    return outcome.effect, outcome.status, code, dict(outcome.obligations), set(outcome.remedies)


def _by_name(rules: Iterable[Rule | Limit]) -> dict[str, Rule | Limit]:
    return {rule.name: rule for rule in rules}


def _nameless(rule: Rule | Limit) -> Rule | Limit:
    code = "" if rule.code == rule.name else rule.code
    return replace(rule, name="", order=0, code=code, documentation="")
