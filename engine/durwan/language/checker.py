"""Expressions: every name looked up, every type checked, every node of the program made.

An expression with a mistake in it checks to None, which silences whatever it is part of: one mistake, one diagnostic.
"""

from __future__ import annotations

from durwan.diagnostics import Diagnostic, Span
from durwan.language.arithmetic import calculate
from durwan.language.comparisons import compare, quotes_advice
from durwan.language.members import literal, outside_type
from durwan.language.membership import Membership
from durwan.language.mistakes import kinds, names
from durwan.language.syntax import (
    Address,
    And,
    Arithmetic,
    Bool,
    Braces,
    Comparison,
    Default,
    Duration,
    Expression,
    Group,
    Has,
    In,
    Instant,
    Int,
    Known,
    Like,
    Name,
    Network,
    Not,
    Number,
    Or,
    String,
)
from durwan.language.typed import Typed
from durwan.language.vocabulary import DeclaredSet, Vocabulary
from durwan.model import types
from durwan.program import nodes

_BOOL = types.Bool()
_SCOPE = types.Scope()
_MOST_OPEN_LETS = 16


class Checker:
    """Checks expressions against a vocabulary; every mistake goes to `report`.

    `lets` holds the lets that were checked; those that are wrong are None. They are to be checked before what uses
    them (see `durwan.language.lets`).
    """

    def __init__(self, vocabulary: Vocabulary, report: list[Diagnostic]) -> None:
        self._vocabulary = vocabulary
        self._report = report
        self._membership = Membership(vocabulary, report)
        self.lets: dict[str, Typed | None] = {}
        self._open_lets: list[str] = []

    def condition(self, written: Expression) -> nodes.Expression | None:
        """A bool, or None where it is a mistake."""
        found = self.value(written)
        if found is None:
            return None
        if not isinstance(found.type, types.Bool):
            self._report.append(kinds.not_a_condition(found.span, found.type, _condition_advice(found)))
            return None
        return found.node

    def value(  # noqa: C901, PLR0911 - one line for each kind of expression
        self, written: Expression, *, scope: bool | None = False
    ) -> Typed | None:
        """An expression of any type. Where a `scope` is asked for, or may be (None), a name that is one is a scope."""
        match written:
            case Group(inner=inner):
                return self.value(inner, scope=scope)
            case Name():
                return self._name(written, scope=scope)
            case And(operands=operands):
                return self._junction(written, operands, nodes.And)
            case Or(operands=operands):
                return self._junction(written, operands, nodes.Or)
            case Not(operand=operand):
                inner_node = self.condition(operand)
                return (
                    None
                    if inner_node is None
                    else Typed(nodes.Not(operand=inner_node, span=written.span), _BOOL, written.span)
                )
            case Comparison():
                return self._comparison(written)
            case Arithmetic():
                left, right = self.value(written.left), self.value(written.right)
                return None if left is None or right is None else calculate(written, left, right, self._report)
            case In():
                return self._in(written)
            case Has():
                return self._has(written)
            case Like():
                operand_value = self.value(written.operand)
                return None if operand_value is None else self._membership.like(written, operand_value)
            case Known():
                return self._known(written)
            case Default():
                return self._default(written)
            case Bool() | Int() | Number() | String() | Duration() | Instant() | Address():
                return literal(written)
            case Network():
                self._report.append(kinds.bare_network(written.span))
                return None

    def named_set(self, name: Name) -> DeclaredSet | None:
        """A declared set, or None: then it is a mistake."""
        return self._membership.named_set(name, None)

    # ------------------------------------------------------------------------------------------ names

    def _name(self, name: Name, *, scope: bool | None) -> Typed | None:
        """`now`, a scope where one is asked for, a let, or an attribute."""
        text = name.text
        if text == "now":
            return Typed(nodes.Now(span=name.span), types.Time(), name.span)
        if scope is not False and text in self._vocabulary.scopes:
            return Typed(nodes.ScopeLiteral(value=text, span=name.span), _SCOPE, name.span)
        attribute = self._vocabulary.attributes.get(text)
        if attribute is not None:
            if attribute.type is None:
                return None
            return Typed(nodes.Attribute(path=text, type=attribute.type, span=name.span), attribute.type, name.span)
        if text in self._vocabulary.lets:
            return self._let(name)
        self._unknown(name, scope=scope)
        return None

    def check_let(self, name: str) -> Typed | None:
        """What a let stands for, or None where it is a mistake; it is checked now if it has not been before."""
        if name in self.lets:
            return self.lets[name]
        declaration = self._vocabulary.lets[name]
        # Those that use each other were told of before, but for names that are scopes as well: see `Lets`.
        if name in self._open_lets:
            cycle = self._open_lets[self._open_lets.index(name) :]
            self._report.append(names.let_cycle([self._vocabulary.lets[each].name for each in cycle]))
            return None
        if len(self._open_lets) > _MOST_OPEN_LETS:
            self._report.append(names.too_deep(declaration.value.span, _MOST_OPEN_LETS))
            return None
        self._open_lets.append(name)
        found = self.value(declaration.value)
        self._open_lets.pop()
        return self.lets.setdefault(name, found)

    def _let(self, name: Name) -> Typed | None:
        found = self.check_let(name.text)
        if found is None:
            return None
        node = nodes.LetReference(name=name.text, type=nodes.type_of(found.node), span=name.span)
        return Typed(node, found.type, name.span)

    def _unknown(self, name: Name, *, scope: bool | None) -> None:
        text, vocabulary = name.text, self._vocabulary
        if vocabulary.silent(text):
            return
        found = vocabulary.declared(text, but="")
        if scope and found is None:
            vocabulary.report_unknown_scope(name, self._report)
        elif found is not None:
            self._report.append(self._misplaced(name, *found))
        elif text in vocabulary.contexts:
            example = next((path for path in vocabulary.attributes if path.startswith(f"{text}.")), f"{text}.…")
            self._report.append(names.context_as_value(name, example))
        elif "." in text:
            self._report.append(names.unknown_attribute(name, vocabulary.nearest(text, vocabulary.attributes)))
        else:
            self._report.append(names.unknown_name(name, vocabulary.nearest(text, vocabulary.lets)))

    def _misplaced(self, name: Name, kind: str, declared: Span | None) -> Diagnostic:
        """A name that is declared, as something that has no value."""
        if kind == "scope":
            holders = (path for path, each in self._vocabulary.attributes.items() if each.type == types.SetOf(_SCOPE))
            holder = next(holders, "key.scopes")
            return kinds.bare_scope(name, f"test whether it is held: `{holder} has {name.text}`")
        if kind == "action":
            near = self._vocabulary.nearest(name.text, self._vocabulary.attributes)
            return names.wrong_kind(name.span, "action", "attribute", declared, near=near)
        return kinds.bare_collection(name, kind, declared)

    # ------------------------------------------------------------------------------------------ conditions

    def _junction(
        self, written: And | Or, operands: tuple[Expression, ...], make: type[nodes.And | nodes.Or]
    ) -> Typed | None:
        flat: list[nodes.Expression] = []
        wrong = False
        for operand in operands:
            found = self.condition(operand)
            wrong = wrong or found is None
            if isinstance(found, make):
                flat.extend(found.operands)
            elif found is not None:
                flat.append(found)
        return None if wrong else Typed(make(operands=tuple(flat), span=written.span), _BOOL, written.span)

    def _comparison(self, written: Comparison) -> Typed | None:
        left, right = written.left, written.right
        if self._is_only_scope(left):
            right_value = self.value(right)
            left_value = self.value(left, scope=_scope_beside(right_value))
        else:
            left_value = self.value(left)
            right_value = self.value(right, scope=_scope_beside(left_value))
        if left_value is None or right_value is None:
            return None
        return compare(written, left_value, right_value, self._report)

    def _is_only_scope(self, written: Expression) -> bool:
        if not isinstance(written, Name) or written.text not in self._vocabulary.scopes:
            return False
        return written.text not in self._vocabulary.attributes and written.text not in self._vocabulary.lets

    # ------------------------------------------------------------------------------------------ tests

    def _in(self, written: In) -> Typed | None:
        operand = self.value(written.operand)
        right = written.collection
        attribute: Typed | None = None
        if isinstance(right, Name) and (
            right.text in self._vocabulary.attributes or right.text in self._vocabulary.lets
        ):
            attribute = self._name(right, scope=False)
            if attribute is None:
                return None
        return None if operand is None else self._membership.inside(written, operand, attribute)

    def _has(self, written: Has) -> Typed | None:
        operand = self._holder(written)
        if operand is None:
            return None
        if not isinstance(operand.type, types.SetOf):
            self._report.append(kinds.has_without_set(operand.span, operand.type, _has_advice(operand, written)))
            return None
        held = operand.type
        if written.quantifier != "one":
            return self._membership.has_several(written, operand, held)
        target = written.target
        if isinstance(target, Braces):
            advice = f"write `{operand.span.text} has any of {target.span.text}`"
            self._report.append(kinds.wrong_member(target.span, "a literal set", held.element, advice))
            return None
        found = self.value(target, scope=isinstance(held.element, types.Scope))
        return None if found is None else self._membership.has(written, operand, held, found)

    def _holder(self, written: Has) -> Typed | None:
        """The left side of `has`. A declared set is on the wrong side there."""
        name = written.operand
        if not isinstance(name, Name) or name.text not in self._vocabulary.sets:
            return self.value(name)
        advice = f"write `{written.target.span.text} in {name.text}`" if written.quantifier == "one" else None
        declared = self._vocabulary.sets[name.text].name.span
        self._report.append(names.wrong_kind(name.span, "set", "attribute", declared, advice=advice))
        return None

    def _known(self, written: Known) -> Typed | None:
        operand = self.value(written.operand)
        if operand is None:
            return None
        if not isinstance(operand.node, nodes.Attribute):
            self._report.append(kinds.known_without_attribute(operand.span, *_what(operand)))
            return None
        known: nodes.Expression = nodes.IsKnown(operand=operand.node, span=written.span)
        if written.negated:
            known = nodes.Not(operand=known, span=written.span)
        return Typed(known, _BOOL, written.span)

    def _default(self, written: Default) -> Typed | None:
        operand = self.value(written.operand)
        if operand is None:
            return None
        if isinstance(written.fallback, Name):
            found = self.value(written.fallback, scope=isinstance(operand.type, types.Scope))
            if found is None:
                return None
        else:
            found = literal(written.fallback)
        whole = found is not None and isinstance(found.type, types.Int) and isinstance(operand.type, types.Number)
        if (
            found is None
            or not (whole or type(found.type) is type(operand.type))
            or not isinstance(found.node, nodes.Literal)
        ):
            advice = _default_advice(found, operand)
            self._report.append(kinds.wrong_default(written.fallback.span, (operand.span, operand.type), advice))
            return None
        outside = outside_type(found, operand.type)
        if outside is not None:
            self._report.append(kinds.default_outside_type(found.span, (operand.span, operand.type), outside))
            return None
        return Typed(
            nodes.Default(operand=operand.node, fallback=found.node, span=written.span), operand.type, written.span
        )


def _scope_beside(other: Typed | None) -> bool | None:
    """Whether a scope is asked for on the other side of a comparison with this."""
    if other is None or other.type == types.SetOf(_SCOPE):
        return None
    return isinstance(other.type, types.Scope)


def _has_advice(operand: Typed, written: Has) -> str | None:
    if isinstance(operand.type, types.Network) and written.quantifier == "one":
        return f"write `{written.target.span.text} in {operand.span.text}`"
    return None


def _condition_advice(found: Typed) -> str | None:
    text = found.span.text
    match found.type:
        case types.SetOf():
            return f"test what it holds: `{text} has …`"
        case types.Network():
            return f"test an address for being in it: `… in {text}`"
        case _ if isinstance(found.node, nodes.Attribute):
            return f"compare it with something, or ask whether `{text} is known`"
        case _:
            return None


def _default_advice(found: Typed | None, operand: Typed) -> str | None:
    if isinstance(operand.type, types.SetOf | types.Network):
        return f"a set has no literal: ask whether `{operand.span.text} is known`"
    return None if found is None else quotes_advice(found, operand.type)


def _what(operand: Typed) -> tuple[str, str | None]:
    """What something that is no attribute is, and what to ask instead of whether it is known."""
    match operand.node:
        case nodes.LetReference():
            return "a let", f"name the attributes that `{operand.span.text}` is made of"
        case nodes.Now():
            return "always known", None
        case _:
            return "an expression", "name the attributes that it is made of"
