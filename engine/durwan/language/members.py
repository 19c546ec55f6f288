"""The members of `{ … }`, and what a closed set or a range makes of a test for them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal

from durwan.diagnostics import Diagnostic, Span
from durwan.language.comparisons import outside_choices, quotes_advice
from durwan.language.mistakes import kinds
from durwan.language.syntax import (
    Address,
    Bool,
    Braces,
    Duration,
    Instant,
    Int,
    Literal_,
    Name,
    Network,
    Number,
    String,
)
from durwan.language.typed import Typed, range_of
from durwan.language.vocabulary import Vocabulary
from durwan.model import types
from durwan.model.address import AddressRange, NetworkSet
from durwan.model.types import Type, base_of
from durwan.program import nodes

Member = bool | int | Decimal | str | bytes


def literal(written: Literal_) -> Typed | None:
    """The node of a literal; None for a network, which is no value."""
    span = written.span
    match written:
        case Bool(value=truth):
            return Typed(nodes.BoolLiteral(value=truth, span=span), types.Bool(), span)
        case Int(value=number):
            return Typed(nodes.IntLiteral(value=number, span=span), types.Int(), span)
        case Number(value=exact):
            return Typed(nodes.DecimalLiteral(value=exact, span=span), types.Number(), span)
        case String(value=text):
            return Typed(nodes.StringLiteral(value=text, span=span), types.String(), span)
        case Duration(value=milliseconds):
            return Typed(nodes.DurationLiteral(value=milliseconds, span=span), types.Duration(), span)
        case Instant(value=milliseconds):
            return Typed(nodes.InstantLiteral(value=milliseconds, span=span), types.Time(), span)
        case Address(value=packed):
            return Typed(nodes.AddressLiteral(value=packed, span=span), types.Address(), span)
        case Network():
            return None


def networks(braces: Braces, report: list[Diagnostic]) -> nodes.LiteralNetwork | None:
    """`{ 10.0.0.0/8, 203.0.113.7 }` where addresses are asked for."""
    ranges: list[AddressRange] = []
    for item in braces.items:
        match item:
            case Address(value=packed):
                ranges.append(AddressRange(packed, packed))
            case Network(value=found):
                ranges.append(found)
            case _:
                report.append(kinds.wrong_member(item.span, _kind(item), types.Address()))
    if len(ranges) < len(braces.items):
        return None
    return nodes.LiteralNetwork(value=NetworkSet(ranges), span=braces.span)


def members(braces: Braces, wanted: Type, vocabulary: Vocabulary, report: list[Diagnostic]) -> nodes.LiteralSet | None:
    """`{ a, b }` as literals of the type `wanted`, each within its range or closed set."""
    before = len(report)
    values = [_member(item, wanted, vocabulary, report) for item in braces.items]
    if len(report) > before or None in values:
        return None
    return nodes.LiteralSet(members=frozenset(values), element=base_of(wanted), span=braces.span)  # type: ignore[arg-type]


def _member(item: Literal_ | Name, wanted: Type, vocabulary: Vocabulary, report: list[Diagnostic]) -> Member | None:
    if isinstance(wanted, types.Scope):
        return _scope(item, vocabulary, report)
    found = None if isinstance(item, Name) else literal(item)
    if found is None or not (type(found.type) is type(wanted) or _is_whole_decimal(found, wanted)):
        report.append(kinds.wrong_member(item.span, _kind(item), wanted, member_advice(item, wanted)))
        return None
    outside = outside_type(found, wanted)
    if outside is not None:
        report.append(outside)
        return None
    return found.node.value  # type: ignore[union-attr,return-value]


def _scope(item: Literal_ | Name, vocabulary: Vocabulary, report: list[Diagnostic]) -> str | None:
    if not isinstance(item, Name):
        report.append(kinds.wrong_member(item.span, _kind(item), types.Scope(), member_advice(item, types.Scope())))
        return None
    if item.text not in vocabulary.scopes:
        vocabulary.report_unknown_scope(item, report)
        return None
    return item.text


def outside_type(found: Typed, wanted: Type) -> Diagnostic | None:
    """The mistake of a literal that lies outside the range or closed set of the type it has."""
    match found.node, wanted:
        case nodes.StringLiteral(value=text), types.String():
            return outside_choices(found, text, wanted)
        case ((nodes.IntLiteral(value=number) | nodes.DecimalLiteral(value=number)), (types.Int() | types.Number())):
            low, high = range_of(wanted)
            if (low is not None and number < low) or (high is not None and number > high):
                return kinds.outside_type(found.span, wanted, None)
            return None
        case _:
            return None


def _is_whole_decimal(found: Typed, wanted: Type) -> bool:
    return isinstance(found.type, types.Int) and isinstance(wanted, types.Number)


def _kind(item: Literal_ | Name) -> str:
    """What a member is, in words, for a message."""
    match item:
        case Name():
            return "a name"
        case Network():
            return "a network"
        case _:
            found = literal(item)
            return "a literal" if found is None else kinds.shown(found.type)


def member_advice(item: Literal_ | Name, wanted: Type) -> str | None:
    """What to do with a member of the wrong type."""
    if isinstance(item, Name):
        return f'did you mean `"{item.text}"`?' if isinstance(wanted, types.String) else "only literals stand here"
    found = literal(item)
    return None if found is None else quotes_advice(found, wanted)


# ---------------------------------------------------------------- verdicts


def judge(operand: Type, matches: Callable[[str], bool]) -> bool | None:
    """True where every string of a closed set matches, False where none does, else None."""
    if not isinstance(operand, types.String) or operand.choices is None:
        return None
    matching = [matches(choice) for choice in operand.choices]
    if all(matching):
        return True
    return None if any(matching) else False


def judge_members(operand: Type, within: Collection[object]) -> bool | None:
    """The same for being one of `within`; a range of ints is a closed set too."""
    match operand:
        case types.Int(int(low), int(high)) if high - low < len(within):
            return all(number in within for number in range(low, high + 1)) or None
        case _:
            return judge(operand, lambda choice: choice in within)


def pointless(verdict: bool, span: Span, operand: Typed) -> Diagnostic:
    """The mistake of a test that the operand's declared type decides."""
    why, advice = kinds.is_type(operand.span, operand.type), "correct the test, or the declared type"
    return kinds.always_true(span, why, advice) if verdict else kinds.never_true(span, why, advice)
