"""P0541 to P0549: key files."""

from __future__ import annotations

from collections.abc import Sequence

from durwan.diagnostics import Diagnostic, Fix, Note, Span
from durwan.diagnostics.codes import mistake, quoted


def unknown_field(span: Span, near: str | None, known: Sequence[str]) -> Diagnostic:
    """P0541. `span` is the key of the mapping; `known` are the fields that may stand there."""
    message = f"unknown field {quoted(span.text)}"
    if near is None:
        return mistake("P0541", span, message, help=f"the fields are {', '.join(f'`{name}`' for name in known)}")
    return mistake("P0541", span, message, help=f"did you mean `{near}`?", fix=Fix(span=span, replacement=near))


def missing_id(span: Span) -> Diagnostic:
    """P0542. `span` is the first line of the key."""
    return mistake("P0542", span, "this key has no `id`", help="add `id: ...`, by which requests name the key")


def duplicate_id(span: Span, first: Span) -> Diagnostic:
    """P0543. `first` is where the same id was given before, perhaps in another file."""
    note = Note(message="first given here", span=first)
    return mistake("P0543", span, f"two keys have the id {quoted(span.text)}", help="remove one", notes=(note,))


def wrong_value(span: Span, name: str | None, expected: str) -> Diagnostic:
    """P0544. `name` is the field, or None for the key as a whole; `expected` is what it must be."""
    subject = "a key" if name is None else quoted(name)
    return mistake("P0544", span, f"{subject} must be {expected}")


def bad_time(span: Span) -> Diagnostic:
    """P0545."""
    return mistake(
        "P0545",
        span,
        f"{quoted(span.text)} is not an instant",
        help="write date, time and offset, such as `2026-01-15T00:00:00Z`",
    )


def bad_network(span: Span, right: str | None) -> Diagnostic:
    """P0546. `right` is the network that was probably meant."""
    message = f"{quoted(span.text)} is not an address or a network"
    if right is None:
        return mistake("P0546", span, message, help="write an address or `address/prefix`, such as `203.0.113.0/24`")
    return mistake("P0546", span, message, help=f"write `{right}`")


def secret(span: Span) -> Diagnostic:
    """P0547. `span` is the key of the mapping, never the value."""
    return mistake(
        "P0547",
        span,
        f"{quoted(span.text)} is a secret, and a policy set is no place for one",
        help="remove it, replace the secret, and keep the new one in the gateway's key store",
    )


def no_keys(span: Span) -> Diagnostic:
    """P0548. `span` is the first line of the file."""
    return mistake(
        "P0548", span, "a key file has a list `keys`", help="begin it with `keys:`, and each key with `- id:`"
    )


def more_mistakes(span: Span, most: int) -> Diagnostic:
    """P0549."""
    return mistake("P0549", span, f"the keys have more than {most} mistakes", help="repair the first ones")


def undeclared_scope(span: Span, near: str | None) -> Diagnostic:
    """P0550. `span` is the scope that a key is given; `near` is a declared one that was probably meant."""
    message = f"unknown scope {quoted(span.text)}"
    if near is None:
        return mistake("P0550", span, message, help="declare it in `scopes { ... }`, or take it from the key")
    return mistake("P0550", span, message, help=f"did you mean `{near}`?", fix=Fix(span=span, replacement=near))
