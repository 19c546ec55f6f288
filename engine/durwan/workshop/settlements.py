"""How one program settles all requests about an action, as formulas that can be held against another program's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from durwan.backends.solver.decisions import Decisions, LimitTerms, decisions, first_of
from durwan.backends.solver.encoding import Encoding
from durwan.backends.solver.values import Number
from durwan.backends.solver.z3_interface import FALSE, TRUE, Term, both, either, negated, z3
from durwan.program.program import Rule
from durwan.workshop.renames import Renames

_Answer = tuple[object, ...]
_Rule = tuple[str, str | None]
_Part = tuple[_Answer, list[Term]]

_NO_RENAMES: Final = Renames({})


class Settlements:
    """Every answer that a program has for an action, with the condition under which it is the one given.

    Args:
        encoding: the program.
        action: the action.
        renames: of which rules the names count as others.
        found: the rules about the action, where these are not all that the program has.
        reasons: whether the text for the client is part of an answer.
    """

    def __init__(
        self,
        encoding: Encoding,
        action: str,
        renames: Renames = _NO_RENAMES,
        *,
        found: Decisions | None = None,
        reasons: bool = False,
    ) -> None:
        self._renames = renames
        self._reasons = reasons
        self._answers: dict[_Answer, Term] = {}
        self._rules: dict[_Rule, Term] = {}
        self._decisions = found = decisions(encoding, action) if found is None else found
        self._is_declared = action in encoding.program.schema.actions
        if not self._is_declared:
            self._add(("deny", None), ("deny", 403, "unknown_action"), TRUE)
            self.challenged = self.passes = FALSE
            return
        for rule, first in first_of(found.denies):
            self._add(("deny", rule.name), ("deny", rule.status, rule.code, *self._told(rule)), first)
        open_ = negated(found.denied)
        self._add(("deny", None), ("deny", 403, "no_rule_allows"), both(open_, negated(found.grantable)))
        self.challenged = both(open_, found.grantable, found.challenged)
        for rule, first in first_of(found.challenges):
            answer = ("challenge", rule.status, rule.code, *self._told(rule))
            self._add(("challenge", rule.name), answer, both(open_, found.grantable, first))
        self._add_doubts()
        self.passes = found.passes
        for rule, first in first_of(found.allows):
            self._add(("allow", rule.name), ("allow", rule.obligations), both(found.passes, first))

    def decided_by(self, rule: _Rule) -> Term:
        """Whether this rule decides, with this effect."""
        return self._rules.get(rule, FALSE)

    def differs_from(self, other: Settlements) -> Term:
        """Whether the two answer otherwise."""
        changed = self._changed(other)
        if z3.is_false(changed):
            # Most actions of most changes: there is no need to write down how they are settled.
            return FALSE
        kinds = [both(term, negated(other._answers.get(answer, FALSE))) for answer, term in self._answers.items()]
        return both(changed, either(*kinds, self._other_remedies(other), self._other_charges(other)))

    def _changed(self, other: Settlements) -> Term:
        """Whether some rule or limit does otherwise: implied by every difference, and much smaller to say."""
        if self._is_declared is not other._is_declared:
            return TRUE
        ours, theirs = self._parts(), other._parts()
        common = [name for name in ours if name in theirs]
        if common != [name for name in theirs if name in ours]:
            return TRUE
        return either(*(_differing(ours.get(name), theirs.get(name)) for name in {**ours, **theirs}))

    def _parts(self) -> dict[str, _Part]:
        """Each rule and limit by its old name: what it answers, and its conditions, first that it applies."""
        found = self._decisions
        parts: dict[str, _Part] = {}
        for rule, applies in (*found.denies, *found.challenges, *found.allows):
            code = self._renames.code(rule.code)
            parts[self._renames.code(rule.name)] = (
                (rule.effect, rule.status, code, rule.obligations, rule.remedy),
                [applies],
            )
        for each in found.limits:
            limit = each.limit
            said = limit.count, limit.period, limit.per, limit.status, self._renames.code(limit.code)
            cost = [each.cost.in_units()] if isinstance(each.cost, Number) else []
            parts[self._renames.code(limit.name)] = (said, [each.applies, each.known, *cost])
        return parts

    def _told(self, rule: Rule) -> tuple[object, ...]:
        return ((rule.reason,),) if self._reasons else ()

    def _add(self, rule: _Rule, answer: _Answer, term: Term) -> None:
        named = tuple(self._renames.code(each) if isinstance(each, str) else each for each in answer)
        self._answers[named] = either(self._answers.get(named, FALSE), term)
        self._rules[rule] = either(self._rules.get(rule, FALSE), term)

    def _add_doubts(self) -> None:
        """A limit that is asked and cannot count refuses; the first one is named."""
        earlier: Term = FALSE
        for limit in self._decisions.limits:
            doubted = both(limit.applies, negated(limit.known))
            first = both(self._decisions.allowed, doubted, negated(earlier))
            self._add(("deny", limit.limit.name), ("deny", 400, "limit_unknown"), first)
            earlier = either(earlier, doubted)

    # ------------------------------------------------------------------------------------- remedies and limits

    def _remedies(self) -> dict[object, Term]:
        found: dict[object, Term] = {}
        for rule, applies in self._decisions.challenges:
            found[rule.remedy] = either(found.get(rule.remedy, FALSE), applies)
        return found

    def _other_remedies(self, other: Settlements) -> Term:
        ours, theirs = self._remedies(), other._remedies()
        differing = [_unlike(ours.get(each, FALSE), theirs.get(each, FALSE)) for each in {**ours, **theirs}]
        return both(self.challenged, other.challenged, either(*differing))

    def _charges(self) -> dict[object, list[LimitTerms]]:
        """The limits by what a client can notice of them, their cost apart."""
        found: dict[object, list[LimitTerms]] = {}
        for each in self._decisions.limits:
            limit = each.limit
            key = limit.count, limit.period, limit.per, limit.status, self._renames.code(limit.code)
            found.setdefault(key, []).append(each)
        return found

    def _other_charges(self, other: Settlements) -> Term:
        ours, theirs = self._charges(), other._charges()
        differing = [each for key in {**ours, **theirs} for each in _unpaired(ours.get(key, []), theirs.get(key, []))]
        return both(self.passes, other.passes, either(*differing))


def _differing(ours: _Part | None, theirs: _Part | None) -> Term:
    """Whether a rule does otherwise on the one side than on the other, where it may not exist."""
    if ours is None or theirs is None:
        return (ours or theirs or ((), [FALSE]))[1][0]
    if ours[0] == theirs[0] and len(ours[1]) == len(theirs[1]):
        pairs = list(zip(ours[1], theirs[1], strict=True))
        if all(first.eq(second) for first, second in pairs):
            return FALSE
        if len(pairs) == 1:
            return _unlike(*pairs[0])
    return either(ours[1][0], theirs[1][0])


def _unpaired(ours: list[LimitTerms], theirs: list[LimitTerms]) -> Iterator[Term]:
    """That a limit of one side is charged and none of the other side is charged the same."""
    for first, second in ((ours, theirs), (theirs, ours)):
        for limit in first:
            yield both(limit.applies, *(negated(both(each.applies, _same_cost(limit, each))) for each in second))


def _same_cost(limit: LimitTerms, other: LimitTerms) -> Term:
    if not (isinstance(limit.cost, Number) and isinstance(other.cost, Number)):
        # What has no cost refuses, so it never comes to this.
        return FALSE
    return limit.cost.in_units() == other.cost.in_units()


def _unlike(first: Term, second: Term) -> Term:
    return either(both(first, negated(second)), both(second, negated(first)))
