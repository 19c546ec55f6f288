"""P03: types that do not go together, and tests that a declared type makes pointless."""

from __future__ import annotations

from durwan.diagnostics import Diagnostic, Fix, Note, Span
from durwan.diagnostics.codes import mistake, quoted
from durwan.language.syntax import Name, String
from durwan.model.types import Int, Number, Type

_LONGEST_CHOICES = 60


def shown(declared: Type) -> str:
    """The type in back-ticks, a long closed set shortened."""
    text = str(declared)
    return f"`{text}`" if len(text) <= _LONGEST_CHOICES else f"`{text[:_LONGEST_CHOICES].rpartition(' | ')[0]} | …`"


def is_type(span: Span, found: Type) -> str:
    """`risk.score` is `int 0..100`."""
    return f"{quoted(span.text)} is {shown(found)}"


def not_a_condition(span: Span, found: Type, advice: str | None) -> Diagnostic:
    """P0301."""
    return mistake(
        "P0301", span, f"{is_type(span, found)}, not a condition", help=advice or "compare it with something"
    )


def not_comparable(span: Span, left: tuple[Span, Type], right: tuple[Span, Type], advice: str | None) -> Diagnostic:
    """P0302."""
    return mistake("P0302", span, f"{is_type(*left)} and {is_type(*right)}: these do not compare", help=advice)


def not_ordered(span: Span, operator: str, operand: Span, found: Type) -> Diagnostic:
    """P0303."""
    return mistake(
        "P0303",
        span,
        f"{is_type(operand, found)}, which has no order for `{operator}`",
        help="int, decimal, time and duration have an order; for others there are `==`, `!=` and `in`",
    )


_ARITHMETIC_HELP = {
    "+": "numbers, durations, and a time with a duration can be added",
    "-": "numbers, times and durations can be subtracted, and a duration from a time",
    "*": "an int or decimal can be multiplied by a number, a duration by a whole number",
}


def bad_arithmetic(span: Span, operator: str, left: tuple[Span, Type], right: tuple[Span, Type]) -> Diagnostic:
    """P0304."""
    return mistake(
        "P0304",
        span,
        f"{is_type(*left)} and {is_type(*right)}: these have no `{operator}`",
        help=_ARITHMETIC_HELP[operator],
    )


def product_without_literal(span: Span) -> Diagnostic:
    """P0305."""
    return mistake(
        "P0305",
        span,
        "one side of `*` has to be a number written out",
        help="conditions stay linear, so that they can be proved: let the gateway send the product as an attribute",
    )


def never_true(span: Span, why: str, advice: str | None = None) -> Diagnostic:
    """P0306."""
    return mistake("P0306", span, f"{quoted(span.text)} is never true: {why}", help=advice)


def always_true(span: Span, why: str, advice: str | None = None) -> Diagnostic:
    """P0307."""
    return mistake("P0307", span, f"{quoted(span.text)} is always true: {why}", help=advice)


def outside_type(span: Span, found: Type, near: str | None) -> Diagnostic:
    """P0308."""
    word = "outside" if isinstance(found, Int | Number) else "not one of"
    if near is None:
        return mistake("P0308", span, f"{quoted(span.text)} is {word} {shown(found)}")
    return mistake(
        "P0308",
        span,
        f"{quoted(span.text)} is {word} {shown(found)}",
        help=f"did you mean `{near}`?",
        fix=Fix(span=span, replacement=near),
    )


def wrong_member(span: Span, found: str, wanted: Type, advice: str | None = None) -> Diagnostic:
    """P0309. `found` is the member's type or kind."""
    return mistake("P0309", span, f"{quoted(span.text)} is {found}, not {shown(wanted)}", help=advice)


def wrong_collection(span: Span, operand: tuple[Span, Type], collection: str, advice: str | None) -> Diagnostic:
    """P0310. `collection` says what the right side is."""
    return mistake("P0310", span, f"{is_type(*operand)}, and {collection}", help=advice)


def has_without_set(span: Span, found: Type, advice: str | None) -> Diagnostic:
    """P0311."""
    return mistake("P0311", span, f"{is_type(span, found)}, and only a `set of …` has members", help=advice)


def like_without_string(span: Span, found: Type) -> Diagnostic:
    """P0312."""
    return mistake("P0312", span, f"{is_type(span, found)}, and `like` needs a `string`")


def known_without_attribute(span: Span, what: str, advice: str | None) -> Diagnostic:
    """P0313. `what` is what stands there instead."""
    return mistake(
        "P0313", span, f"{quoted(span.text)} is {what}, and only an attribute can be known or unknown", help=advice
    )


def wrong_default(span: Span, operand: tuple[Span, Type], advice: str | None) -> Diagnostic:
    """P0314."""
    return mistake(
        "P0314",
        span,
        f"{quoted(span.text)} cannot stand for {quoted(operand[0].text)}, which is {shown(operand[1])}",
        help=advice,
    )


def default_outside_type(span: Span, operand: tuple[Span, Type], outside: Diagnostic) -> Diagnostic:
    """P0315. `outside` is what a comparison with the literal would say."""
    return mistake(
        "P0315",
        span,
        f"{quoted(span.text)} cannot stand for {quoted(operand[0].text)}, which is {shown(operand[1])}",
        help=outside.help or "give a value of that type",
        fix=outside.fix,
    )


def bare_collection(name: Name, kind: str, declared: Span | None) -> Diagnostic:
    """P0316."""
    return mistake(
        "P0316",
        name.span,
        f"{quoted(name.text)} is a {kind}, not a value",
        help=f"test something for being in it: `… in {name.text}`",
        notes=() if declared is None else (Note(message="it is declared here", span=declared),),
    )


def bare_network(span: Span) -> Diagnostic:
    """P0317."""
    return mistake(
        "P0317",
        span,
        f"{quoted(span.text)} is a network, not a value",
        help=f"test an address for being in it: `… in {{ {span.text} }}`",
    )


def bare_scope(name: Name, advice: str | None) -> Diagnostic:
    """P0318."""
    return mistake("P0318", name.span, f"{quoted(name.text)} is a scope, not a value", help=advice)


def empty_range(span: Span) -> Diagnostic:
    """P0319."""
    low, _, high = span.text.rpartition("..")
    return mistake(
        "P0319",
        span,
        f"{quoted(span.text)} holds no value: its low end is above its high end",
        help=f"did you mean `{high.strip()}..{low.split()[-1]}`?" if low.split() else None,
    )


def wrong_bound(span: Span, kind: str) -> Diagnostic:
    """P0320."""
    return mistake("P0320", span, f"{quoted(span.text)} is not a bound of `{kind}`", help="write a whole number")


def duplicate_choice(choice: String, first: String) -> Diagnostic:
    """P0321."""
    return mistake(
        "P0321",
        choice.span,
        f"{quoted(choice.span.text)} is already one of the choices",
        help="remove one of the two",
        notes=(Note(message="it first stands here", span=first.span),),
    )


def wrong_element(span: Span) -> Diagnostic:
    """P0322."""
    return mistake(
        "P0322",
        span,
        f"a set cannot hold {quoted(span.text)}",
        help="a set holds `string`, `scope` or `int`; several address ranges are one `network`",
    )


def _a(kind: str) -> str:
    return f"{'an' if kind == 'int' else 'a'} {kind}"


def mixed_members(span: Span, found: str, first: Span, wanted: str) -> Diagnostic:
    """P0323."""
    return mistake(
        "P0323",
        span,
        f"{quoted(span.text)} is {_a(found)} in a set of {wanted}s",
        help="make two sets of it",
        notes=(Note(message=f"the first member is {_a(wanted)}", span=first),),
    )


def count_out_of_reach(span: Span, count: int, size: int) -> Diagnostic:
    """P0324."""
    if count < 1:
        return mistake("P0324", span, f"{quoted(span.text)} is no count of members", help="write 1 or more")
    members = "member" if size == 1 else "members"
    return mistake(
        "P0324",
        span,
        f"the set has {size} {members}, so `at least {count}` of them is never true",
        help=f"write {size} or less" if size else None,
    )
