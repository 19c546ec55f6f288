"""P0901 to P0915: files of routes."""

from __future__ import annotations

from collections.abc import Sequence

from durwan.diagnostics import Diagnostic, Fix, Note, Span
from durwan.diagnostics.codes import mistake, quoted


def wrong_value(span: Span, name: str, expected: str) -> Diagnostic:
    """P0901. `name` is what has the value, `expected` what it must be."""
    return mistake("P0901", span, f"{name} must be {expected}")


def unknown_field(span: Span, near: str | None, known: Sequence[str]) -> Diagnostic:
    """P0902. `span` is the key of the mapping; `known` are the fields that may stand there."""
    message = f"unknown field {quoted(span.text)}"
    if near is None:
        return mistake("P0902", span, message, help=f"the fields are {', '.join(f'`{name}`' for name in known)}")
    return mistake("P0902", span, message, help=f"did you mean `{near}`?", fix=Fix(span=span, replacement=near))


def bad_key(span: Span) -> Diagnostic:
    """P0903. `span` is the key of a route."""
    message = f"{quoted(span.text)} is not a method and a path"
    return mistake("P0903", span, message, help="write both with one space between them, such as `GET /orders/{id}`")


def no_action(span: Span) -> Diagnostic:
    """P0904. `span` is the key of the route."""
    message = f"the route {quoted(span.text)} has no action"
    return mistake("P0904", span, message, help="add `action: ...`, by which policies know what is asked for")


def bad_template(span: Span, problem: str, advice: str) -> Diagnostic:
    """P0905. `span` is the key of the route."""
    return mistake("P0905", span, f"the path of {quoted(span.text)} {problem}", help=advice)


def shadowed(span: Span, first: Span) -> Diagnostic:
    """P0906. `span` is the key of the route that is never taken, `first` that of the one before it."""
    note = Note(message="this route takes them", span=first)
    message = f"no request is left for {quoted(span.text)}"
    return mistake("P0906", span, message, help="remove one of the two", notes=(note,))


def ambiguous(span: Span, first: Span, example: str) -> Diagnostic:
    """P0907. `span` and `first` are the keys of two routes, and `example` is a path that both could take."""
    note = Note(message="and this one", span=first)
    message = f"{quoted(span.text)} and another route could both take {quoted(example)}"
    advice = "nothing tells which of them it is, and what stands behind the gate may choose the other; change one"
    return mistake("P0907", span, message, help=advice, notes=(note,))


def bad_source(span: Span, problem: str, advice: str) -> Diagnostic:
    """P0908. `span` is where the attribute is said to come from."""
    return mistake("P0908", span, f"an attribute cannot come from {quoted(span.text)}: {problem}", help=advice)


def bad_type(span: Span) -> Diagnostic:
    """P0909."""
    types = "`bool`, `int`, `decimal`, `string`, `scope`, `ip`, `network`, `time`, `duration`, `set of string`"
    return mistake("P0909", span, f"there is no type {quoted(span.text)}", help=f"the types are {types}")


def unknown_action(span: Span, near: str | None) -> Diagnostic:
    """P0910. `near` is a declared action that was probably meant."""
    message = f"unknown action {quoted(span.text)}"
    if near is None:
        return mistake("P0910", span, message, help="declare it in `actions { ... }`")
    return mistake("P0910", span, message, help=f"did you mean `{near}`?", fix=Fix(span=span, replacement=near))


def unknown_attribute(span: Span, near: str | None) -> Diagnostic:
    """P0911. `span` is the key of the mapping; `near` is a declared attribute that was probably meant."""
    message = f"unknown attribute {quoted(span.text)}"
    if near is None:
        return mistake("P0911", span, message, help="write `context.name`, and declare it in `context ... { ... }`")
    return mistake("P0911", span, message, help=f"did you mean `{near}`?", fix=Fix(span=span, replacement=near))


def other_type(span: Span, name: str, declared: str) -> Diagnostic:
    """P0912. `span` is a type or a constant; `declared` is the type of the attribute in the vocabulary."""
    return mistake("P0912", span, f"{quoted(span.text)} is not what {quoted(name)} is declared as, `{declared}`")


def not_of_requests(span: Span, because: str) -> Diagnostic:
    """P0913. `span` is the attribute that a route wants to fill in."""
    message = f"no request may say what {quoted(span.text)} is"
    return mistake("P0913", span, message, help=because)


def never_allowed(span: Span, route: Span) -> Diagnostic:
    """P0914. `span` is the action of a route, `route` the key of it."""
    message = f"no rule allows {quoted(span.text)}, so everybody is refused at {quoted(route.text)}"
    return mistake("P0914", span, message, help="add a rule that allows the action, or remove the route")


def without_route(span: Span) -> Diagnostic:
    """P0915. `span` is where the action is declared."""
    message = f"no route asks for {quoted(span.text)}"
    return mistake("P0915", span, message, help="add its route, or remove the action and its rules")
