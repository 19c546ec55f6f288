"""What a program decides about an action, as formulas: section 6 of the language page, for all requests at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from durwan.backends.solver.encoding import Encoding
from durwan.backends.solver.values import Missing, Value
from durwan.backends.solver.z3_interface import FALSE, Term, both, either, negated
from durwan.program.program import Limit, Rule

Applying = tuple[Rule, Term]


@dataclass(frozen=True, slots=True)
class LimitTerms:
    """A limit: whether it is asked, and whether what it counts by is known."""

    limit: Limit
    applies: Term
    known: Term
    cost: Value


@dataclass(frozen=True, slots=True)
class Decisions:
    """The rules about one action, in source order, each with the condition under which it applies.

    `allowed` is what the rules allow. `passes` is what they allow and no limit refuses for doubt.
    """

    action: str
    denies: tuple[Applying, ...]
    allows: tuple[Applying, ...]
    challenges: tuple[Applying, ...]
    shadows: tuple[Applying, ...]
    limits: tuple[LimitTerms, ...]

    def by_identity(self) -> tuple[dict[int, Term], dict[int, LimitTerms]]:
        """The formulas of rules and of limits by the `id` of these."""
        rules = (*self.denies, *self.allows, *self.challenges, *self.shadows)
        return {id(rule): applies for rule, applies in rules}, {id(each.limit): each for each in self.limits}

    @property
    def denied(self) -> Term:
        """Some deny applies."""
        return either(*(applies for _, applies in self.denies))

    @property
    def grantable(self) -> Term:
        """Some allow applies."""
        return either(*(applies for _, applies in self.allows))

    @property
    def challenged(self) -> Term:
        """Some challenge applies."""
        return either(*(applies for _, applies in self.challenges))

    @property
    def allowed(self) -> Term:
        """The rules allow it."""
        return both(self.grantable, negated(self.denied), negated(self.challenged))

    @property
    def doubted(self) -> Term:
        """Some limit that is asked cannot count."""
        return either(*(both(each.applies, negated(each.known)) for each in self.limits))

    @property
    def passes(self) -> Term:
        """The rules allow it, and limits, if they are not used up, let it pass."""
        return both(self.allowed, negated(self.doubted))


def decisions(encoding: Encoding, action: str, known: Decisions | None = None) -> Decisions:
    """The formulas of a program for one action; without any rule where the program does not declare it.

    `known` are those of another program over the same variables: what the two share, as objects, is not made again.
    """
    program = encoding.program
    rules, limits = ({}, {}) if known is None else known.by_identity()
    about = [
        (rule, rules[id(rule)] if id(rule) in rules else _applies(encoding, rule))
        for rule in program.rules
        if action in rule.actions
    ]
    live = [pair for pair in about if not pair[0].shadow]
    return Decisions(
        action=action,
        denies=tuple(pair for pair in live if pair[0].effect == "deny"),
        allows=tuple(pair for pair in live if pair[0].effect == "allow"),
        challenges=tuple(pair for pair in live if pair[0].effect == "challenge"),
        shadows=tuple(pair for pair in about if pair[0].shadow),
        limits=tuple(
            limits[id(limit)] if id(limit) in limits else _limit(encoding, limit)
            for limit in program.limits
            if action in limit.actions
        ),
    )


def first_of(rules: Sequence[Applying]) -> list[Applying]:
    """Each rule with the condition under which it is the first of them that applies."""
    found: list[Applying] = []
    earlier: Term = FALSE
    for rule, applies in rules:
        found.append((rule, both(applies, negated(earlier))))
        earlier = either(earlier, applies)
    return found


def _applies(encoding: Encoding, rule: Rule) -> Term:
    body = encoding.body(rule.body)
    return body.true if rule.effect == "allow" else negated(body.false)


def _limit(encoding: Encoding, limit: Limit) -> LimitTerms:
    applies = negated(encoding.body(limit.body).false)
    cost = encoding.value(limit.cost)
    per = [encoding.value_of(path).known for path in limit.per]
    known = FALSE if isinstance(cost, Missing) else both(cost.known, *per)
    return LimitTerms(limit, applies, known, cost)
