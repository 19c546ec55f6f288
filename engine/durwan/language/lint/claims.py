"""The body of a rule as claims: what has to hold of each subject for the body to be true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from durwan.language.lint.regions import Claim, Region, claim_of, is_within, meet
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Body

# Written out, lets can be large; a body with more operands than this is not looked at as a whole.
MOST_OPERANDS = 200


@dataclass(frozen=True, slots=True)
class Claims:
    """A conjunction: each subject lies in its region. No subject stands twice."""

    regions: Mapping[Expression, Region]

    def is_contradiction(self) -> bool:
        """Whether no value of some subject fits."""
        return any(region.is_empty() for region in self.regions.values())

    def implies(self, other: Claims) -> bool:
        """Whether this cannot hold where `other` does not. Then, too, it is not false only where `other` is not."""
        for subject, wider in other.regions.items():
            region = self.regions.get(subject)
            if region is None or not is_within(region, wider):
                return False
        return True


def conjuncts(condition: Expression, lets: Mapping[str, Expression]) -> Iterator[Expression]:
    """The operands of a conjunction, seen through lets, through `not (A or B)` and through double negation."""
    pending = [(condition, False)]
    while pending:
        part, negated = pending.pop()
        match part:
            case nodes.Not(operand=operand):
                pending.append((operand, not negated))
            case nodes.And(operands=operands) if not negated:
                pending.extend((operand, False) for operand in reversed(operands))
            case nodes.Or(operands=operands) if negated:
                pending.extend((operand, True) for operand in reversed(operands))
            case nodes.LetReference(name=name):
                pending.append((lets[name], negated))
            case _:
                yield nodes.Not(operand=part) if negated else part


def claims_of(body: Body, lets: Mapping[str, Expression]) -> Claims | None:
    """What has to hold for a body to be true; None where it is too large to say."""
    regions: dict[Expression, Region] = {}
    whole = nodes.And(operands=(body.when, nodes.Not(operand=body.unless)))
    for count, operand in enumerate(conjuncts(whole, lets)):
        if count >= MOST_OPERANDS:
            return None
        add_claim(regions, claim_of(operand))
    return Claims(regions)


def add_claim(regions: dict[Expression, Region], claim: Claim) -> None:
    """One more claim of a conjunction; one that is always true says nothing."""
    if claim.subject == nodes.TRUE:
        if claim.region.is_empty():
            regions[nodes.TRUE] = claim.region
        return
    known = regions.get(claim.subject)
    regions[claim.subject] = claim.region if known is None else meet(known, claim.region)
