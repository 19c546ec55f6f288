"""The tests `in`, `has` and `like` as formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from durwan.backends.solver.pieces import NetworkPieces
from durwan.backends.solver.texts import ranges_of
from durwan.backends.solver.values import (
    UNKNOWN,
    FixedMembers,
    FixedNetwork,
    Held,
    Number,
    Place,
    Range,
    Text,
    Truth,
    Value,
    address_number,
    address_ranges,
    constant,
    decided,
    disjunction,
    opposite,
)
from durwan.backends.solver.variables import Variables, in_units
from durwan.backends.solver.z3_interface import FALSE, TRUE, Term, both, either, negated, truth, within, z3
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import like_parts
from durwan.program.program import Program

# Networks of more ranges are told piece by piece.
_MOST_RANGES: Final = 128


class Memberships:
    """Tests of membership in one program, of operands that are formulas already."""

    def __init__(self, program: Program, variables: Variables) -> None:
        self._program = program
        self._variables = variables

    def in_set(self, value: Value, right: Expression) -> Truth:
        """`x in SET`."""
        members = self._members(right)
        match value:
            case Text(known, term):
                return decided(known, within(term, self._variables.texts.numbers(str(each) for each in members)))
            case Number(known) if value.is_decimal or any(isinstance(each, Decimal) for each in members):
                units = [in_units(each) for each in members if isinstance(each, int | Decimal)]
                return decided(known, within(value.in_units(), [(each, each) for each in sorted(units)]))
            case Number(known, term):
                return decided(known, within(term, _whole_ranges(members)))
            case Place(known, term):
                return decided(known, within(term, ranges_of(address_number(each) for each in _addresses(right))))
            case Truth():
                return disjunction([value if each else opposite(value) for each in members])
            case _:
                return UNKNOWN

    def _members(self, right: Expression) -> frozenset[str] | frozenset[int]:
        match right:
            case nodes.LiteralSet(members=members):
                return members  # type: ignore[return-value]  # told apart by what they are compared with
            case nodes.NamedSet(name=name):
                return self._program.sets[name]
            case _:
                msg = f"{right} is no set of literals"
                raise TypeError(msg)

    def in_network(self, value: Value, network: Value) -> Truth:
        """`ip in NETWORK`."""
        if not isinstance(value, Place):
            return UNKNOWN
        match network:
            case Range():
                return decided(both(value.known, network.known), self._variables.holds(network, value.term))
            case FixedNetwork(ranges) if len(address_ranges(ranges)) <= _MOST_RANGES:
                return decided(value.known, within(value.term, address_ranges(ranges)))
            case FixedNetwork(ranges):
                inside = self._variables.apply(NetworkPieces.of(ranges), value.term, total=True)
                return decided(value.known, inside.true)
            case _:
                return UNKNOWN

    def like(self, value: Value, right: Expression) -> Truth:
        """`s like PATTERN`."""
        assert isinstance(right, nodes.StringLiteral)  # noqa: S101 - so the grammar says
        if not isinstance(value, Text):
            return UNKNOWN
        texts = self._variables.texts
        parts = like_parts(right.value)
        if len(parts) == 1:
            return decided(value.known, value.term == texts.number(parts[0]))
        named = within(value.term, texts.matching(right.value))
        other = both(value.term >= texts.others, self._variables.like(value.term, right.value))
        return decided(value.known, either(named, other))

    def has(self, held: Value, member: Value) -> Truth:
        """`S has a`."""
        if not isinstance(member, Text | Number):
            return UNKNOWN
        known = both(held.known, member.known)
        match held:
            case Held():
                return decided(known, self._holds(held, member.term))
            case FixedMembers(members) if isinstance(member, Text):
                numbers = self._variables.texts.numbers(str(each) for each in members)
                return decided(known, within(member.term, numbers))
            case FixedMembers(members):
                return decided(known, within(member.term, _whole_ranges(members)))
            case _:
                return UNKNOWN

    def _holds(self, held: Held, term: Term) -> Term:
        """Whether a member is held: itself, or by another that includes it."""
        texts = self._variables.texts
        others = [
            both(
                self._variables.holds(held, constant(texts.number(scope))),
                within(term, texts.numbers(included - {scope})),
            )
            for scope, included in held.includes
            if len(included) > 1
        ]
        self._link_classes(held, term)
        return either(self._variables.holds(held, term), *others)

    def _link_classes(self, held: Held, term: Term) -> None:
        """A member of a long list that is held is one of those of its class that are."""
        if not held.is_text or z3.is_int_value(term):
            return
        for first, last in self._variables.texts.classes:
            count = self._variables.class_count(held, first, last)
            inside = both(term >= first, term <= last)
            self._variables.facts.append(z3.Implies(both(inside, held.holds(term)), count >= 1))
            self._variables.facts.append(z3.Implies(both(inside, negated(held.holds(term))), count <= last - first))

    def has_count(self, held: Value, right: Expression, least: int | None) -> Truth:
        """At least so many members, or all of them where None is said."""
        members = self._members(right)
        least = len(members) if least is None else least
        match held:
            case FixedMembers(given):
                return decided(TRUE, truth(len(given & members) >= least))
            case Held(known) if held.is_text:
                return decided(known, self._counted(held, frozenset(str(each) for each in members), least))
            case Held(known):
                return decided(known, self._numbered(held, members, least))
            case _:
                return UNKNOWN

    def _numbered(self, held: Held, members: frozenset[str] | frozenset[int], least: int) -> Term:
        return _at_least(
            [self._variables.holds(held, constant(each)) for each in sorted(_whole_numbers(members))], [], least
        )

    def _counted(self, held: Held, members: frozenset[str], least: int) -> Term:
        singles, classes = self._variables.texts.split(members)
        bits = [self._holds(held, constant(number)) for number in singles]
        return _at_least(bits, [self._variables.class_count(held, first, last) for first, last in classes], least)


def _addresses(right: Expression) -> Iterator[bytes]:
    """The members of a set of addresses."""
    if isinstance(right, nodes.LiteralSet):
        yield from (each for each in right.members if isinstance(each, bytes))


def _whole_numbers(members: Iterable[object]) -> list[int]:
    """The members of a set of whole numbers."""
    return [each for each in members if isinstance(each, int)]


def _whole_ranges(members: Iterable[object]) -> list[tuple[int, int]]:
    """Whole numbers as ranges."""
    return ranges_of(_whole_numbers(members))


def _at_least(bits: list[Term], counts: list[Term], least: int) -> Term:
    if least <= 0:
        return TRUE
    if not counts:
        if len(bits) < least:
            return FALSE
        return either(*bits) if least == 1 else both(*bits) if least == len(bits) else z3.AtLeast(*bits, least)
    return z3.Sum([*(z3.If(bit, 1, 0) for bit in bits), *counts]) >= least
