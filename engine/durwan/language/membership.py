"""The tests `in`, `has` and `like`."""

from __future__ import annotations

from collections.abc import Iterable

from durwan.diagnostics import Diagnostic
from durwan.language.comparisons import quotes_advice
from durwan.language.members import judge, judge_members, members, networks, outside_type, pointless
from durwan.language.mistakes import kinds, names
from durwan.language.syntax import Braces, Has, In, Like, Name
from durwan.language.typed import Typed, same_kind
from durwan.language.vocabulary import DeclaredSet, Vocabulary
from durwan.model import types
from durwan.model.types import Type
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.operators import like

_BOOL = types.Bool()


class Membership:
    """Checks tests whose left side is already checked."""

    def __init__(self, vocabulary: Vocabulary, report: list[Diagnostic]) -> None:
        self._vocabulary = vocabulary
        self._report = report

    # ------------------------------------------------------------------------------------------ in

    def inside(self, written: In, operand: Typed, attribute: Typed | None) -> Typed | None:
        """`A in X`. `attribute` is the right side where that is an attribute or a let."""
        if isinstance(written.collection, Braces):
            found = self._in_braces(written, written.collection, operand)
        elif attribute is not None:
            found = self._in_attribute(written, operand, attribute)
        else:
            found = self._in_name(written, written.collection, operand)
        if found is None or not written.negated:
            return found
        return Typed(nodes.Not(operand=found.node, span=written.span), _BOOL, written.span)

    def _in_braces(self, written: In, braces: Braces, operand: Typed) -> Typed | None:
        if isinstance(operand.type, types.Address):
            ranges = networks(braces, self._report)
            return None if ranges is None else self._test("in_network", written, operand.node, ranges)
        if isinstance(operand.type, types.SetOf | types.Network):
            advice = _has_advice(operand, written)
            self._report.append(
                kinds.wrong_collection(
                    written.span, (operand.span, operand.type), "a literal set holds single values", advice
                )
            )
            return None
        literals = members(braces, operand.type, self._vocabulary, self._report)
        if literals is None or not self._is_open(written, operand, literals.members):
            return None
        return self._test("in_set", written, operand.node, literals)

    def _in_attribute(self, written: In, operand: Typed, attribute: Typed) -> Typed | None:
        if isinstance(attribute.type, types.Network) and isinstance(operand.type, types.Address):
            return self._test("in_network", written, operand.node, attribute.node)
        advice = None
        if isinstance(attribute.type, types.SetOf):
            advice = f"write `{attribute.span.text} has {operand.span.text}`"
        collection = f"{kinds.is_type(attribute.span, attribute.type)}"
        self._report.append(kinds.wrong_collection(written.span, (operand.span, operand.type), collection, advice))
        return None

    def _in_name(self, written: In, name: Name, operand: Typed) -> Typed | None:
        match operand.type:
            case types.Address():
                network = self._vocabulary.networks.get(name.text)
                if network is None:
                    self._unknown(name, "network", operand)
                    return None
                node: Expression = nodes.NamedNetwork(name=name.text, span=name.span)
                return self._test("in_network", written, operand.node, node)
            case types.Time():
                if name.text not in self._vocabulary.windows:
                    self._unknown(name, "window", operand)
                    return None
                node = nodes.NamedWindow(name=name.text, span=name.span)
                return self._test("in_window", written, operand.node, node)
            case types.SetOf() | types.Network():
                advice = _has_advice(operand, written)
                self._report.append(
                    kinds.wrong_collection(
                        written.span, (operand.span, operand.type), "only single values are in something", advice
                    )
                )
                return None
            case _:
                return self._in_set(written, name, operand)

    def _in_set(self, written: In, name: Name, operand: Typed) -> Typed | None:
        named = self.named_set(name, operand)
        if named is None:
            return None
        node = self._matching(named, operand.type, name)
        if node is None:
            collection = f"`{name.text}` is a set of {named.element}s"
            self._report.append(kinds.wrong_collection(written.span, (operand.span, operand.type), collection, None))
            return None
        if not named.listed and not self._is_open(written, operand, named.members or frozenset()):
            return None
        return self._test("in_set", written, operand.node, node)

    def _is_open(self, written: In, operand: Typed, within: frozenset[object]) -> bool:
        """Whether the declared type leaves the test both ways; an empty set is for lint to mention."""
        verdict = judge_members(operand.type, within) if within else None
        if verdict is None:
            return True
        self._report.append(pointless(verdict is not written.negated, written.span, operand))
        return False

    # ------------------------------------------------------------------------------------------ has

    def has(self, written: Has, operand: Typed, held: types.SetOf, target: Typed) -> Typed | None:
        """`S has a`, both checked; `held` is the type of S."""
        if not same_kind(held.element, target.type):
            advice = quotes_advice(target, held.element)
            self._report.append(kinds.wrong_member(target.span, kinds.shown(target.type), held.element, advice))
            return None
        outside = outside_type(target, held.element)
        if outside is not None:
            self._report.append(outside)
            return None
        return self._test("has", written, operand.node, target.node)

    def has_several(self, written: Has, operand: Typed, held: types.SetOf) -> Typed | None:
        """`S has any of X`, `S has all of X`, `S has at least N of X`."""
        found = self._several(written, held.element)
        if found is None:
            return None
        wanted, size = found
        if written.quantifier != "at_least" or written.count is None:
            return self._test(f"has_{written.quantifier}", written, operand.node, wanted)
        if size is not None and not 1 <= written.count.value <= size:
            self._report.append(kinds.count_out_of_reach(written.count.span, written.count.value, size))
            return None
        count = nodes.IntLiteral(value=written.count.value, span=written.count.span)
        return self._test("has_at_least", written, operand.node, wanted, count)

    def _several(self, written: Has, element: Type) -> tuple[Expression, int | None] | None:
        """The right side and how many members it has (None where that could not be read)."""
        if isinstance(written.target, Braces):
            literals = members(written.target, element, self._vocabulary, self._report)
            return None if literals is None else (literals, len(literals.members))
        name = written.target
        if not isinstance(name, Name):
            self._report.append(
                kinds.wrong_member(
                    name.span,
                    "an expression",
                    types.SetOf(_element(element)),
                    "write a literal set `{ … }` or the name of a declared set",
                )
            )
            return None
        named = self.named_set(name, None)
        if named is None:
            return None
        node = self._matching(named, element, name)
        if node is None:
            self._report.append(
                kinds.wrong_member(name.span, f"a set of {named.element}s", types.SetOf(_element(element)))
            )
            return None
        return node, None if named.members is None else len(named.members)

    # ------------------------------------------------------------------------------------------ like

    def like(self, written: Like, operand: Typed) -> Typed | None:
        """`s like "BTC-*"`."""
        if not isinstance(operand.type, types.String):
            self._report.append(kinds.like_without_string(operand.span, operand.type))
            return None
        verdict = judge(operand.type, lambda choice: like(choice, written.pattern.value))
        if verdict is not None:
            self._report.append(pointless(verdict, written.span, operand))
            return None
        pattern = nodes.StringLiteral(value=written.pattern.value, span=written.pattern.span)
        return self._test("like", written, operand.node, pattern)

    # ------------------------------------------------------------------------------------------ named sets

    def named_set(self, name: Name, operand: Typed | None) -> DeclaredSet | None:
        """The declared set, or None: then it is reported, or was before."""
        found = self._vocabulary.sets.get(name.text)
        if found is None:
            self._unknown(name, "set", operand)
            return None
        return found if found.members is not None else None

    def _matching(self, named: DeclaredSet, wanted: Type, name: Name) -> nodes.NamedSet | None:
        element = _element(wanted) if isinstance(wanted, types.String | types.Scope | types.Int) else None
        if element is None or (named.element is not None and not same_kind(named.element, element)):
            return None
        return nodes.NamedSet(name=name.text, element=element, span=name.span)

    def _unknown(self, name: Name, wanted: str, operand: Typed | None) -> None:
        if self._vocabulary.silent(name.text):
            return
        tables: dict[str, Iterable[str]] = {
            "set": self._vocabulary.sets,
            "network": self._vocabulary.networks,
            "window": self._vocabulary.windows,
        }
        near = self._vocabulary.nearest(name.text, tables[wanted])
        found = self._vocabulary.declared(name.text, but=wanted)
        if found is None:
            self._report.append(names.unknown_collection(name, wanted, near=near))
            return
        advice = (
            None if operand is None else f"{kinds.is_type(operand.span, operand.type)}, which only a {wanted} can hold"
        )
        self._report.append(names.wrong_kind(name.span, found[0], wanted, found[1], near=near, advice=advice))

    def _test(self, operator: str, written: In | Has | Like, *operands: Expression) -> Typed:
        operation = nodes.Operation(operator=operator, operands=operands, type=_BOOL, span=written.span)
        return Typed(operation, _BOOL, written.span)


def _element(wanted: Type) -> types.String | types.Scope | types.Int:
    match wanted:
        case types.Scope():
            return types.Scope()
        case types.Int():
            return types.Int()
        case _:
            return types.String()


def _has_advice(operand: Typed, written: In) -> str | None:
    if isinstance(operand.type, types.SetOf):
        return f"write `{operand.span.text} has any of {written.collection.span.text}`"
    return None
