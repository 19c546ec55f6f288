"""P0702 and P0703: rules that can never apply, and rules that never matter because another always decides first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from durwan.diagnostics import Diagnostic, Span
from durwan.language.lint.claims import Claims, claims_of
from durwan.language.lint.conditions import Place, Truths, place_of
from durwan.language.lint.program_walk import parts_of
from durwan.language.mistakes import warnings
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Program, Rule

# How many rules that share a condition a rule is compared with, so that thousands of alike rules stay linear.
_MOST_CANDIDATES = 50


@dataclass(frozen=True, slots=True)
class _Judged:
    rule: Rule
    name: Span
    claims: Claims
    actions: frozenset[str]


def lint_dominance(program: Program, truths: Truths, told: Container[Place]) -> Iterator[Diagnostic]:
    """The rules of a program that contradict themselves or stand in another one's shadow.

    `told` are the places of conditions that are constant: rules that never apply because of one of them are not told
    of again.
    """
    judged: list[_Judged] = []
    for rule in program.rules:
        claims = claims_of(rule.body, program.lets)
        if claims is None or rule.span is None:
            continue
        if claims.is_contradiction() or truths.of(rule.body.when) is False or truths.of(rule.body.unless) is True:
            if not _is_told(rule, program.lets, told):
                yield warnings.rule_never_applies(rule.span)
        elif not rule.shadow:
            judged.append(_Judged(rule, rule.span, claims, frozenset(rule.actions)))
    index = _Index(judged)
    for each in judged:
        found = next((other for other in index.candidates(each) if _decides_before(other, each)), None)
        if found is not None:
            yield warnings.rule_never_matters(each.name, found.name, _REASONS[found.rule.effect])


def _is_told(rule: Rule, lets: Mapping[str, Expression], told: Container[Place]) -> bool:
    """Whether a condition of the rule, or of a let that it uses, was told of."""
    seen: set[str] = set()
    pending = [rule.body.when, rule.body.unless]
    while pending:
        for part in parts_of(pending.pop()):
            if part.span is not None and place_of(part.span) in told:
                return True
            if isinstance(part, nodes.LetReference) and part.name not in seen:
                seen.add(part.name)
                pending.append(lets[part.name])
    return False


_REASONS = {
    "deny": "always denies first",
    "allow": "always allows first",
    "challenge": "always asks for the same first",
}


def _decides_before(other: _Judged, rule: _Judged) -> bool:
    """Whether `other` settles every request that `rule` could settle.

    A deny that applies comes before whatever allows and challenges say, wherever it stands. Among rules of one
    effect the first in source order is named; challenges are asked together, so only the same remedy is the same.
    """
    if other.rule is rule.rule or not rule.actions <= other.actions or not rule.claims.implies(other.claims):
        return False
    if other.rule.effect != rule.rule.effect:
        return other.rule.effect == "deny"
    if other.rule.order > rule.rule.order:
        return False
    return rule.rule.effect != "challenge" or other.rule.remedy == rule.rule.remedy


class _Index:
    """Finds the rules that may decide before another: those whose rarest subject is one of its subjects.

    A rule can only stand in the shadow of one that tests nothing it does not test itself.
    """

    def __init__(self, rules: list[_Judged]) -> None:
        frequency = Counter(subject for each in rules for subject in each.claims.regions)
        self._unconditional = [each for each in rules if not each.claims.regions][:_MOST_CANDIDATES]
        self._by_subject: dict[Expression, list[_Judged]] = {}
        for each in rules:
            if each.claims.regions:
                rarest = min(each.claims.regions, key=lambda subject: frequency[subject])
                found = self._by_subject.setdefault(rarest, [])
                if len(found) < _MOST_CANDIDATES:
                    found.append(each)

    def candidates(self, rule: _Judged) -> Iterator[_Judged]:
        yield from self._unconditional
        for subject in rule.claims.regions:
            yield from self._by_subject.get(subject, ())
