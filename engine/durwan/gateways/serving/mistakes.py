"""P1001 to P1007: what is wrong with the configuration of `durwan serve`. What is wrong with YAML as such: P0501 on."""

from __future__ import annotations

from collections.abc import Sequence

from durwan.diagnostics import Diagnostic, Fix, Span
from durwan.diagnostics.codes import mistake, quoted


def unknown_setting(span: Span, near: str | None, known: Sequence[str]) -> Diagnostic:
    """P1001. `span` is the key; `known` are those that may stand there."""
    message = f"there is no setting {quoted(span.text)} here"
    if near is None:
        return mistake("P1001", span, message, help=f"there are {', '.join(f'`{name}`' for name in known)}")
    return mistake("P1001", span, message, help=f"did you mean `{near}`?", fix=Fix(span=span, replacement=near))


def wrong_setting(span: Span, name: str, expected: str) -> Diagnostic:
    """P1002. `name` is the path of the setting, `expected` what it may be."""
    return mistake("P1002", span, f"{quoted(name)} must be {expected}")


def missing_setting(span: Span, name: str) -> Diagnostic:
    """P1003. `span` is where it is missing."""
    return mistake("P1003", span, f"{quoted(name)} is missing")


def secret_in_configuration(span: Span, name: str) -> Diagnostic:
    """P1004. The source of `span` has the secret blotted out."""
    message = f"{quoted(name)} is a secret, and secrets never stand in the configuration"
    advice = "name where it is: `{file: NAME}`, a file of mode 0600, or `{variable: NAME}`; and take another secret"
    return mistake("P1004", span, message, help=advice)


def unsafe_setting(span: Span, problem: str, advice: str) -> Diagnostic:
    """P1005. Settings that are fine one by one, and together are not."""
    return mistake("P1005", span, problem, help=advice)


def unresolved(span: Span, name: str, problem: str) -> Diagnostic:
    """P1006. A file or secret that is named and cannot be used."""
    return mistake("P1006", span, f"{quoted(name)} cannot be used: {problem}")


def unknown_variable(span: Span, near: str | None) -> Diagnostic:
    """P1007. `span` is the name of a variable of the environment."""
    message = f"no setting is changed by the variable {quoted(span.text)}"
    advice = "remove it, if it was meant for durwan" if near is None else f"did you mean `{near}`?"
    return mistake("P1007", span, message, help=advice)
