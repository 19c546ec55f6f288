"""What a request may say, as variables of the solver: each attribute known or not, with any value of its type.

Two programs that are compared read the same request, so they share these; what a declared type adds, a range or a
closed set, belongs to each program.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Final

from durwan.backends.solver.pieces import Application, Pieces
from durwan.backends.solver.texts import Texts
from durwan.backends.solver.values import (
    DECIMAL_BOUND,
    UNITS,
    FixedMembers,
    FixedNetwork,
    Held,
    Missing,
    Number,
    Place,
    Range,
    Text,
    Truth,
    Value,
    address_number,
    constant,
    is_64_bit,
)
from durwan.backends.solver.z3_interface import FALSE, TRUE, Term, both, either, negated, within, z3
from durwan.model import types
from durwan.model.types import TIME_MAX, TIME_MIN, Type
from durwan.model.values import EXACT
from durwan.model.values import Value as Known

_FAMILIES: Final = (1 << 32) + (1 << 128)
# IPv4-mapped addresses are IPv4 addresses: as IPv6 they do not exist.
_MAPPED: Final = ((1 << 32) + (0xFFFF << 32), (1 << 32) + (0x10000 << 32) - 1)


class Variables:
    """The attributes of one request, and its instant.

    `fixed` holds the attributes whose values are settled, None for those that are unknown; what is not in it may be
    anything, but for the sets and networks in `empty`, which are unknown or have no members. `facts` is what is true of
    any request, and of the terms that were made. `applications` are the facts that are told piece by piece. `asked`
    are, for each set and network, the members that were asked for.
    """

    def __init__(self, texts: Texts, fixed: Mapping[str, Known | None], empty: Collection[str] = ()) -> None:
        self.texts = texts
        self.fixed = fixed
        self._empty = frozenset(empty)
        self.now: Term = z3.Int("now")
        self.facts: list[Term] = [self.now >= TIME_MIN, self.now <= TIME_MAX]
        self.attributes: dict[tuple[str, str], Value] = {}
        self.applications: list[Application] = []
        self.asked: dict[str, dict[int, Term]] = {}
        self._applied: dict[tuple[Pieces, int], Truth] = {}
        self._likenesses: dict[tuple[int, str], tuple[Term, str, Term]] = {}
        self._counts: dict[str, Term] = {}
        self._quotients: dict[tuple[int, int], tuple[Term, Term]] = {}

    def attribute(self, path: str, declared: Type, held: Mapping[str, frozenset[str]]) -> Value:
        """What an attribute says to a program that declares this type; `held` is what each scope includes there."""
        if path in self.fixed:
            return self.settled(self.fixed[path], declared)
        kind = _kind(declared)
        if (path, kind) not in self.attributes:
            self.attributes[path, kind] = self._made(path, kind)
        raw = self.attributes[path, kind]
        match raw, declared:
            case Number(known, term), types.Int(low, high) if low is not None and high is not None:
                return Number(both(known, term >= low, term <= high), term)
            case Number(known, term), types.Number(low, high) if low is not None and high is not None:
                return Number(both(known, term >= in_units(low), term <= in_units(high)), term, is_decimal=True)
            case Text(known, term), types.String(choices) if choices is not None:
                return Text(both(known, within(term, self.texts.numbers(choices))), term)
            case Held(known, _, holds, is_text), types.SetOf(types.Scope()):
                return Held(known, path, holds, is_text, tuple(held.items()))
            case _:
                return raw

    def settled(self, value: Known | None, declared: Type) -> Value:
        """A value that is given beforehand; None for one that is unknown."""
        return _settled(value, self.texts, declared)

    def like(self, term: Term, pattern: str) -> Term:
        """Whether a string that the policy does not name is like a pattern: a function of its number."""
        key = (term.get_id(), pattern)
        if key not in self._likenesses:
            self._likenesses[key] = term, pattern, likeness(term, pattern)
        return self._likenesses[key][2]

    @property
    def likenesses(self) -> Collection[tuple[Term, str, Term]]:
        """The strings of which a pattern was asked, the pattern, and the answer."""
        return self._likenesses.values()

    def holds(self, collection: Held | Range, member: Term) -> Term:
        """Whether a set was given this member, or a network holds this address."""
        self.asked.setdefault(collection.path, {})[member.get_id()] = member
        return collection.holds(member)

    def apply(self, pieces: Pieces, term: Term, *, total: bool) -> Truth:
        """What the solver assumes of a term until it is told; `total` where the pieces always have an answer."""
        key = (pieces, term.get_id())
        if key not in self._applied:
            name = f"piece {len(self.applications)}"
            true, false = z3.Bool(f"{name} true"), z3.Bool(f"{name} false")
            found = Truth(true, negated(true)) if total else Truth(true, both(false, negated(true)))
            self._applied[key] = found
            self.applications.append(Application(pieces, term, found))
        return self._applied[key]

    def quotient(self, term: Term, divisor: int) -> tuple[Term, Term]:
        """What remains of a division, and its result rounded down: `(result, remainder)`."""
        key = (term.get_id(), divisor)
        if key not in self._quotients:
            name = f"of {len(self._quotients)}"
            found = z3.Int(f"quotient {name}"), z3.Int(f"remainder {name}")
            self.facts += [term == found[0] * divisor + found[1], found[1] >= 0, found[1] < divisor]
            self._quotients[key] = found
        return self._quotients[key]

    def class_count(self, held: Held, first: int, last: int) -> Term:
        """How many words of a class a set holds."""
        if held.path in self._empty:
            return constant(0)
        name = f"{held.path} holds of {first}..{last}"
        if name not in self._counts:
            self._counts[name] = count = z3.Int(name)
            self.facts.append(both(count >= 0, count <= last - first + 1))
        return self._counts[name]

    @property
    def counts(self) -> Mapping[str, Term]:
        """How many words of each class each set holds, by `PATH holds of FIRST..LAST`."""
        return self._counts

    def _made(self, path: str, kind: str) -> Value:
        name = f"{path} {kind}"
        known = z3.Bool(f"{name} known")
        match kind:
            case "bool":
                value = z3.Bool(name)
                return Truth(both(known, value), both(known, negated(value)))
            case "set of string" | "set of int":
                return Held(known, path, self._members(path, name), kind == "set of string")
            case "network":
                return Range(known, path, self._members(path, name))
            case _:
                return self._single(z3.Int(name), known, kind)

    def _members(self, path: str, name: str) -> Term:
        return _nothing if path in self._empty else z3.Function(name, z3.IntSort(), z3.BoolSort())

    def _single(self, term: Term, known: Term, kind: str) -> Value:
        match kind:
            case "string":
                self.facts.append(term >= 0)
                return Text(known, term)
            case "ip":
                self.facts += [term >= 0, term < _FAMILIES, either(term < _MAPPED[0], term > _MAPPED[1])]
                return Place(known, term)
            case "decimal":
                self.facts += [term > -DECIMAL_BOUND, term < DECIMAL_BOUND]
                return Number(known, term, is_decimal=True)
            case "time":
                self.facts += [term >= TIME_MIN, term <= TIME_MAX]
                return Number(known, term)
            case _:
                self.facts.append(is_64_bit(term))
                return Number(known, term)


def _nothing(_: Term) -> Term:
    return FALSE


def in_units(number: Decimal | int) -> int:
    """A decimal of at most 18 digits after the point in `UNITS`."""
    return int(number.scaleb(18, context=EXACT)) if isinstance(number, Decimal) else number * UNITS


def _kind(declared: Type) -> str:
    """What values look like, whatever the range."""
    match declared:
        case types.Int():
            return "int"
        case types.Number():
            return "decimal"
        case types.String() | types.Scope():
            return "string"
        case types.SetOf(types.Int()):
            return "set of int"
        case types.SetOf():
            return "set of string"
        case _:
            return str(declared)


def _settled(value: Known | None, texts: Texts, declared: Type) -> Value:
    if value is None:
        return Truth(FALSE, FALSE) if isinstance(declared, types.Bool) else Missing()
    known: Any = value
    match declared:
        case types.Bool():
            return Truth(TRUE, FALSE) if known else Truth(FALSE, TRUE)
        case types.String() | types.Scope():
            return Text(TRUE, constant(texts.number(known)))
        case types.Address():
            return Place(TRUE, constant(address_number(known)))
        case types.Number():
            return Number(TRUE, constant(in_units(known)), is_decimal=True)
        case types.SetOf():
            return FixedMembers(known)
        case types.Network():
            return FixedNetwork(known)
        case _:
            return Number(TRUE, constant(known))


def likeness(term: Term, pattern: str) -> Term:
    """Whether the string of a number is like a pattern; the same number has the same answer wherever it is asked."""
    return z3.Function(f"like {pattern}", z3.IntSort(), z3.BoolSort())(term)
