"""Why nothing that may change would help: the rules that stop the request whatever it says."""

from __future__ import annotations

from collections.abc import Sequence

from durwan.backends.solver.nearest.situation import Situation
from durwan.backends.solver.question import Question
from durwan.backends.solver.z3_interface import Term, both, negated
from durwan.program.explanation import parts_of, text_of
from durwan.program.program import Rule

NO_RULE_ALLOWS = "no_rule_allows"


def stopping_rules(situation: Situation, question: Question) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The rules that each stop it by themselves, or else a fewest of rules that do together; and conditions.

    Where it is that no rule allows it, `no_rule_allows` stands for a rule, and the conditions are those of the allow
    rule that comes nearest which cannot be met.
    """
    decisions = question.decisions(situation.action)
    hurdles = [(rule.name, negated(applies)) for rule, applies in (*decisions.denies, *decisions.challenges)]
    hurdles += [(each.limit.name, negated(both(each.applies, negated(each.known)))) for each in decisions.limits]
    hurdles.append((NO_RULE_ALLOWS, decisions.grantable))
    alone = [name for name, cleared in hurdles if not question.is_possible(cleared)]
    core = [] if alone else _fewest(question, [cleared for _, cleared in hurdles])
    names = alone or [hurdles[place][0] for place in core]
    conditions = _unmet(question, [rule for rule, _ in decisions.allows]) if NO_RULE_ALLOWS in names else ()
    return tuple(names), conditions


def _unmet(question: Question, allows: Sequence[Rule]) -> tuple[str, ...]:
    """The conditions of the allow rule of which the fewest cannot be met."""
    found = [conditions for rule in allows if (conditions := _conditions(question, rule))]
    return min(found, key=len, default=())


def _conditions(question: Question, rule: Rule) -> tuple[str, ...]:
    encoding = question.encodings[0]
    parts = [(text_of(part), encoding.truth(part).true) for part in parts_of(rule.body.when, "when")]
    parts += [(f"not {text_of(part)}", encoding.truth(part).false) for part in parts_of(rule.body.unless, "unless")]
    alone = [text for text, met in parts if not question.is_possible(met)]
    return tuple(alone or [parts[place][0] for place in _fewest(question, [met for _, met in parts])])


def _fewest(question: Question, terms: Sequence[Term]) -> list[int]:
    """The places of some that cannot be true together, of which each is needed; none where all can."""
    places = question.core([], terms) or []
    for place in list(places):
        rest = [each for each in places if each != place]
        core = question.core([], [terms[each] for each in rest])
        if core is not None:
            places = [rest[each] for each in core]
    return places
