"""P08: mistakes in the test files of a policy set."""

from __future__ import annotations

from durwan.diagnostics import Diagnostic, Fix, Note, Span
from durwan.diagnostics.codes import mistake, quoted


def _meant(span: Span, near: str | None, otherwise: str | None = None) -> tuple[str | None, Fix | None]:
    if near is None:
        return otherwise, None
    return f"did you mean {quoted(near)}?", Fix(span=span, replacement=near)


def unknown_field(span: Span, field: str, near: str | None, known: list[str]) -> Diagnostic:
    """P0801."""
    text, fix = _meant(span, near, f"there are {', '.join(quoted(name) for name in known)}")
    return mistake("P0801", span, f"unknown field {quoted(field)}", help=text, fix=fix)


def missing_field(span: Span, field: str, owner: str) -> Diagnostic:
    """P0802."""
    return mistake("P0802", span, f"{owner} has no {quoted(field)}", help=f"add `{field}:` to it")


def wrong_type(span: Span, what: str, found: str, wanted: str) -> Diagnostic:
    """P0803. `what` is the field, in back-ticks, or an item of it."""
    return mistake("P0803", span, f"{what} is {found}, not {wanted}")


def bad_value(span: Span, field: str, value: str, wanted: str, near: str | None = None) -> Diagnostic:
    """P0804."""
    text, fix = _meant(span, near, f"give {wanted}")
    return mistake("P0804", span, f"{quoted(value)} is no value for {quoted(field)}", help=text, fix=fix)


def undefined_fixture(span: Span, name: str, near: str | None) -> Diagnostic:
    """P0805."""
    text, fix = _meant(span, near, f"define it: `fixtures: {{ {name}: {{ … }} }}`")
    return mistake("P0805", span, f"undefined fixture {quoted(name)}", help=text, fix=fix)


def duplicate_fixture(span: Span, name: str, first: Span) -> Diagnostic:
    """P0806."""
    return mistake(
        "P0806",
        span,
        f"the fixture {quoted(name)} is already shared by all files",
        help="give one of the two another name",
        notes=(Note(message="it is defined here", span=first),),
    )


def unused_fixture(span: Span, name: str) -> Diagnostic:
    """P0807."""
    return mistake("P0807", span, f"no case uses the fixture {quoted(name)}", help="remove it, or use it")


def empty_suite(span: Span) -> Diagnostic:
    """P0808."""
    return mistake("P0808", span, "the file has no cases", help="add a case, or remove the file")


def duplicate_case(span: Span, name: str, first: Span) -> Diagnostic:
    """P0809."""
    return mistake(
        "P0809",
        span,
        f"two cases of this file are named {quoted(name)}",
        help="say in the name what each is about",
        notes=(Note(message="the first is here", span=first),),
    )


def unknown_rule(span: Span, name: str, kind: str, near: str | None, advice: str | None = None) -> Diagnostic:
    """P0810. `kind` is `rule or limit` or `shadow rule`."""
    text, fix = _meant(span, near, advice)
    return mistake("P0810", span, f"the policy set has no {kind} {quoted(name)}", help=text, fix=fix)


def rule_of_other_effect(span: Span, name: str, effect: str, expected: str) -> Diagnostic:
    """P0811. `effect` is what the rule can decide."""
    return mistake(
        "P0811",
        span,
        f"{quoted(name)} can only decide {quoted(effect)}, and the case expects {quoted(expected)}",
        help="one of the two is wrong",
    )


def empty_matrix(span: Span, path: str) -> Diagnostic:
    """P0812."""
    return mistake(
        "P0812",
        span,
        f"the matrix gives {quoted(path)} no value, so it makes no case",
        help="give it at least one value; `[null]` leaves the attribute unknown",
    )


def conflicting_matrix(span: Span, path: str, above: str) -> Diagnostic:
    """P0812."""
    return mistake(
        "P0812",
        span,
        f"the matrix sets {quoted(path)} inside of {quoted(above)}, which it sets too",
        help=f"set {quoted(above)} in the request, or not at all",
    )


def blocked_matrix(span: Span, path: str, above: str) -> Diagnostic:
    """P0812."""
    return mistake(
        "P0812",
        span,
        f"the matrix sets {quoted(path)}, but {quoted(above)} is a plain value in this request",
        help=f"give {quoted(above)} as a mapping of its attributes",
    )


def too_large_matrix(span: Span, count: int, most: int) -> Diagnostic:
    """P0812."""
    return mistake(
        "P0812", span, f"the matrix makes {count:,} cases, more than {most:,}", help="split it, or leave values out"
    )


def bad_matrix_path(span: Span, path: str) -> Diagnostic:
    """P0812."""
    return mistake(
        "P0812", span, f"{quoted(path)} is no path into a request", help="write `action`, `now`, or `context.attribute`"
    )


def undeclared_attribute(span: Span, path: str, near: str | None) -> Diagnostic:
    """P0813."""
    text, fix = _meant(span, near, "no policy reads it; remove it, or declare it")
    return mistake("P0813", span, f"no context declares {quoted(path)}", help=text, fix=fix)


def undeclared_action(span: Span, action: str, near: str | None) -> Diagnostic:
    """P0814."""
    text, fix = _meant(span, near, "where this is what the case is about, expect `code: unknown_action`")
    return mistake("P0814", span, f"the case asks for the undeclared action {quoted(action)}", help=text, fix=fix)


def must_pass_missing(span: Span, name: str, near: str | None) -> Diagnostic:
    """P0815."""
    text, fix = _meant(span, near, "correct the name, or write the case")
    return mistake("P0815", span, f"no case is named {quoted(name)}, which must pass", help=text, fix=fix)


def must_pass_skipped(span: Span, name: str, manifest: Span) -> Diagnostic:
    """P0816."""
    return mistake(
        "P0816",
        span,
        f"the case {quoted(name)} must pass, and is skipped",
        notes=(Note(message="here it is said to be one that must pass", span=manifest),),
    )
