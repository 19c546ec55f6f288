"""P07: what is allowed and probably not meant."""

from __future__ import annotations

from collections.abc import Sequence

from durwan.diagnostics import Diagnostic, Note, Span
from durwan.diagnostics.codes import mistake, quoted


def constant_condition(span: Span, truth: bool) -> Diagnostic:
    """P0701."""
    always = "always" if truth else "never"
    advice = "remove the condition" if truth else "remove what it stands in, or correct the condition"
    return mistake("P0701", span, f"{quoted(span.text)} is {always} true", help=advice)


def rule_never_applies(name: Span) -> Diagnostic:
    """P0702."""
    return mistake(
        "P0702",
        name,
        f"{quoted(name.text)} can never apply: its conditions contradict each other",
        help="remove the rule, or correct one of its conditions",
    )


def rule_never_matters(name: Span, other: Span, why: str) -> Diagnostic:
    """P0703. `why` says what the other rule does."""
    return mistake(
        "P0703",
        name,
        f"{quoted(name.text)} never matters: {quoted(other.text)} {why}",
        help="remove one of the two, or narrow the other",
        notes=(Note(message=f"{quoted(other.text)} stands here", span=other),),
    )


def network_inside_network(span: Span, outer: Span) -> Diagnostic:
    """P0704."""
    if span.text == outer.text:
        return mistake(
            "P0704",
            span,
            f"{quoted(span.text)} stands twice in this list",
            help="remove one of the two",
            notes=(Note(message="it first stands here", span=outer),),
        )
    return mistake(
        "P0704",
        span,
        f"{quoted(span.text)} lies inside {quoted(outer.text)} of the same list",
        help="remove it, or narrow the wider one",
        notes=(Note(message="the wider one stands here", span=outer),),
    )


def more_networks_inside(span: Span, count: int) -> Diagnostic:
    """P0704."""
    networks = "network lies" if count == 1 else "networks lie"
    return mistake("P0704", span, f"{count} more {networks} inside another one of this list", help="remove them")


def whole_internet(span: Span, family: str) -> Diagnostic:
    """P0705. `family` is `IPv4` or `IPv6`."""
    return mistake(
        "P0705",
        span,
        f"{quoted(span.text)} holds every {family} address",
        help="a list that everyone is on says nothing: leave the condition out if that is meant",
    )


def unused(name: Span, kind: str, text: str) -> Diagnostic:
    """P0706."""
    return mistake("P0706", name, f"{kind} {quoted(text)} is never used", help="remove it, or use it")


def unused_scope(name: Span) -> Diagnostic:
    """P0706."""
    return mistake(
        "P0706",
        name,
        f"scope {quoted(name.text)} is never asked for",
        help="remove it, or ask for it in a rule: whoever holds it can do nothing with it",
    )


def action_never_allowed(name: Span) -> Diagnostic:
    """P0707."""
    return mistake(
        "P0707",
        name,
        f"no rule allows {quoted(name.text)}",
        help=f"write `allow NAME on {name.text} when …`, or remove the action",
    )


def unconditional_allow(name: Span) -> Diagnostic:
    """P0708."""
    return mistake(
        "P0708",
        name,
        f"{quoted(name.text)} allows without any condition",
        help="say who may: `when …`",
    )


def untested_unknown(span: Span, path: str) -> Diagnostic:
    """P0709."""
    return mistake(
        "P0709",
        span,
        f"no test leaves {quoted(path)} unknown, and nothing here guards it",
        help=f"add a test without it, or say what an unknown means: `{path} is known`, `{path} default …`",
    )


def past_span(span: Span) -> Diagnostic:
    """P0710."""
    return mistake("P0710", span, f"{quoted(span.text)} lies wholly in the past", help="remove it, or move its end")


def past_instant(span: Span, truth: bool) -> Diagnostic:
    """P0710."""
    always = "always true from now on" if truth else "never true any more"
    return mistake(
        "P0710", span, f"{quoted(span.text)} is {always}: the instant has passed", help="remove the condition"
    )


def duplicate_member(span: Span, first: Span) -> Diagnostic:
    """P0711."""
    return mistake(
        "P0711",
        span,
        f"{quoted(span.text)} is already there",
        help="remove one of the two",
        notes=(Note(message="it first stands here", span=first),),
    )


def more_duplicates(span: Span, count: int) -> Diagnostic:
    """P0711."""
    entries = "entry is" if count == 1 else "entries are"
    return mistake("P0711", span, f"{count} more {entries} already there", help="remove them")


def needless_pattern(span: Span, other: Span) -> Diagnostic:
    """P0711."""
    return mistake(
        "P0711",
        span,
        f"{quoted(span.text)} adds nothing to {quoted(other.text)}",
        help="remove one of the two",
        notes=(Note(message=f"{quoted(other.text)} stands here", span=other),),
    )


def needless_default(span: Span, operand: Span) -> Diagnostic:
    """P0712."""
    return mistake(
        "P0712",
        span,
        f"{quoted(operand.text)} is always known, so the default is never used",
        help=f"write {quoted(operand.text)} alone",
    )


def suppression_without_reason(span: Span, codes: Sequence[str]) -> Diagnostic:
    """P0713."""
    return mistake(
        "P0713",
        span,
        "a suppression needs a reason",
        help=f"write `# policy-check: ignore[{', '.join(codes)}] WHY`",
    )


def unreadable_suppression(span: Span) -> Diagnostic:
    """P0713."""
    return mistake(
        "P0713",
        span,
        f"{quoted(span.text)} is not a suppression",
        help="write `# policy-check: ignore[P0701] WHY`",
    )


def suppressed_code_unknown(span: Span, code: str) -> Diagnostic:
    """P0713."""
    return mistake(
        "P0713", span, f"there is no warning {quoted(code)}", help="only warnings, P0701 and on, can be suppressed"
    )


def unused_suppression(span: Span, code: str) -> Diagnostic:
    """P0714."""
    return mistake("P0714", span, f"{quoted(code)} is not reported here", help="remove the suppression")
