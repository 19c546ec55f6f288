"""P0521 to P0528: the manifest of a policy set, and the set as a whole.

What is wrong with YAML as such stands in `durwan/diagnostics/yaml_mistakes.py` (P0501 to P0514), with key files in
`durwan/credentials/mistakes.py` (P0541 to P0549).
"""

from __future__ import annotations

from collections.abc import Sequence

from durwan.diagnostics import Diagnostic, Fix, Span
from durwan.diagnostics.codes import mistake, quoted


def unknown_field(span: Span, near: str | None, known: Sequence[str]) -> Diagnostic:
    """P0521. `span` is the key; `known` are the fields that may stand there."""
    message = f"unknown field {quoted(span.text)}"
    if near is None:
        return mistake("P0521", span, message, help=f"the fields are {', '.join(f'`{name}`' for name in known)}")
    return mistake("P0521", span, message, help=f"did you mean `{near}`?", fix=Fix(span=span, replacement=near))


def wrong_value(span: Span, name: str, expected: str) -> Diagnostic:
    """P0522. `name` is the field's path, `expected` what it may be."""
    return mistake("P0522", span, f"{quoted(name)} must be {expected}")


def not_a_mapping(span: Span) -> Diagnostic:
    """P0522."""
    return mistake("P0522", span, "the manifest must be a mapping", help="write fields such as `name: my-policies`")


def unknown_language(span: Span) -> Diagnostic:
    """P0523."""
    return mistake(
        "P0523",
        span,
        f"there is no version {quoted(span.text)} of the policy language",
        help="write `language: 1`",
        fix=Fix(span=span, replacement="1"),
    )


def bad_path(span: Span) -> Diagnostic:
    """P0524."""
    return mistake(
        "P0524",
        span,
        f"{quoted(span.text)} is not a path within the policy set",
        help="paths are relative to policy.yaml and written with `/`, such as `lists/tor.txt`",
    )


def file_missing(span: Span, path: str, near: str | None) -> Diagnostic:
    """P0525. `near` is the path of a file that was probably meant."""
    advice = "add it, or remove this field" if near is None else f"did you mean `{near}`?"
    return mistake("P0525", span, f"the policy set has no file {quoted(path)}", help=advice)


def set_too_large(span: Span, size: int, most: int) -> Diagnostic:
    """P0526. Sizes in bytes."""
    message = f"the policy set has {size} bytes, and at most {most} are allowed"
    return mistake("P0526", span, message, help="remove files, or raise `limits.set_bytes` in policy.yaml")


def bad_name(span: Span) -> Diagnostic:
    """P0527."""
    return mistake(
        "P0527",
        span,
        f"{quoted(span.text)} is not a name",
        help="a name has up to 64 letters, digits, `.`, `_`, `-` and `/`, and begins with a letter or digit",
    )
