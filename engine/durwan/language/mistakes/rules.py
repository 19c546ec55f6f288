"""P04: rules, limits and invariants that do not hold together."""

from __future__ import annotations

from durwan.diagnostics import Diagnostic, Note, Span
from durwan.diagnostics.codes import mistake, quoted
from durwan.language.mistakes.kinds import is_type, shown
from durwan.language.syntax import Int, Name
from durwan.model.types import Type

STATUSES = (400, 401, 402, 403, 404, 409, 418, 422, 423, 429, 451, 503)


def status_not_allowed(status: Int) -> Diagnostic:
    """P0401."""
    return mistake(
        "P0401",
        status.span,
        f"{quoted(status.span.text)} is not a status that a refusal may have",
        help=f"one of {' '.join(map(str, STATUSES))}",
    )


def duplicate_obligation(name: Name, first: Name) -> Diagnostic:
    """P0402."""
    return mistake(
        "P0402",
        name.span,
        f"obligation {quoted(name.text)} is already given",
        help="remove one of the two",
        notes=(Note(message="it is first given here", span=first.span),),
    )


def approvers_not_strings(name: Name, element: Type) -> Diagnostic:
    """P0403."""
    return mistake(
        "P0403",
        name.span,
        f"{quoted(name.text)} is a set of {element}s, and who approves is a string",
        help="name a set of strings",
    )


def approvals_out_of_reach(count: Int, name: Name, size: int) -> Diagnostic:
    """P0404."""
    if count.value < 1:
        return mistake(
            "P0404", count.span, f"{quoted(count.span.text)} is no count of approvals", help="ask for 1 or more"
        )
    members = "member" if size == 1 else "members"
    return mistake(
        "P0404",
        count.span,
        f"{quoted(name.text)} has {size} {members}, so {count.value} approvals can never be given",
        help=f"ask for {size} or less" if size else "a set without members approves nothing",
    )


def limit_not_positive(span: Span) -> Diagnostic:
    """P0405."""
    return mistake(
        "P0405",
        span,
        f"a limit of {quoted(span.text)} lets nothing through",
        help="counts and periods are above zero; to refuse everything write a `deny`",
    )


def cost_not_a_number(span: Span, found: Type) -> Diagnostic:
    """P0406."""
    return mistake("P0406", span, f"{is_type(span, found)}, and a cost is a number", help="an `int` or a `decimal`")


def cost_out_of_reach(span: Span, why: str, advice: str) -> Diagnostic:
    """P0407."""
    return mistake("P0407", span, f"the cost {quoted(span.text)} {why}", help=advice)


def per_not_single(name: Name, found: Type) -> Diagnostic:
    """P0408."""
    return mistake(
        "P0408",
        name.span,
        f"{quoted(name.text)} is {shown(found)}, and a limit counts per a single value",
        help="name an attribute that is one value, such as `key.id` or `client.ip`",
    )


def per_not_attribute(name: Name, kind: str) -> Diagnostic:
    """P0408."""
    return mistake(
        "P0408",
        name.span,
        f"{quoted(name.text)} is a {kind}, and a limit counts per attributes",
        help="name an attribute that is one value, such as `key.id` or `client.ip`",
    )


def duplicate_per(name: Name, first: Name) -> Diagnostic:
    """P0409."""
    return mistake(
        "P0409",
        name.span,
        f"the limit already counts per {quoted(name.text)}",
        help="remove one of the two",
        notes=(Note(message="it first stands here", span=first.span),),
    )


def remedy_not_positive(span: Span) -> Diagnostic:
    """P0410."""
    return mistake("P0410", span, f"nothing is ever as young as {quoted(span.text)}", help="give an age above zero")


def too_many_rules(name: Name, count: int, limit: int) -> Diagnostic:
    """P0411."""
    return mistake(
        "P0411",
        name.span,
        f"the policy set has {count} rules, and its limit is {limit}",
        help="the limit is `limits.rules` of `policy.yaml`",
    )
