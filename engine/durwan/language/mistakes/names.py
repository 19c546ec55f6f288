"""P02: names that are unknown, declared twice, of another kind, or defined by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from durwan.diagnostics import Diagnostic, Fix, Note, Span
from durwan.diagnostics.codes import mistake, quoted
from durwan.language.syntax import Name
from durwan.model.types import Type

_ARTICLES = {"action": "an action", "attribute": "an attribute", "invariant": "an invariant"}


def kind_with_article(kind: str) -> str:
    """`a set`, `an action`."""
    return _ARTICLES.get(kind, f"a {kind}")


def _near(span: Span, near: str | None, otherwise: str | None = None) -> tuple[str | None, Fix | None]:
    if near is None:
        return otherwise, None
    return f"did you mean {quoted(near)}?", Fix(span=span, replacement=near)


def unknown_attribute(name: Name, near: str | None) -> Diagnostic:
    """P0201."""
    context, _, attribute = name.text.rpartition(".")
    declaration = f"declare it: `context {context} {{ {attribute} : TYPE }}`" if "." not in context else None
    text, fix = _near(name.span, near, declaration)
    return mistake("P0201", name.span, f"unknown attribute {quoted(name.text)}", help=text, fix=fix)


def unknown_name(name: Name, near: str | None) -> Diagnostic:
    """P0202."""
    text, fix = _near(name.span, near, f"declare it: `let {name.text} = …`")
    return mistake("P0202", name.span, f"unknown name {quoted(name.text)}", help=text, fix=fix)


def context_as_value(name: Name, attribute: str) -> Diagnostic:
    """P0202."""
    return mistake(
        "P0202",
        name.span,
        f"{quoted(name.text)} is a context, not a value",
        help=f"name one of its attributes, such as {quoted(attribute)}",
    )


def unknown_action(name: str, span: Span, near: str | None) -> Diagnostic:
    """P0203."""
    text, fix = _near(span, near, f"declare it: `actions {{ {name} }}`")
    return mistake("P0203", span, f"unknown action {quoted(name)}", help=text, fix=fix)


def action_is_group(name: str, span: Span) -> Diagnostic:
    """P0203."""
    return mistake(
        "P0203",
        span,
        f"unknown action {quoted(name)}",
        help=f"for every action below it write {quoted(f'{name}.*')}",
        fix=Fix(span=span, replacement=f"{name}.*"),
    )


def pattern_matches_nothing(pattern: str, span: Span, near: str | None) -> Diagnostic:
    """P0204."""
    otherwise = "declare the actions it stands for: `actions { … }`"
    if pattern != "*":
        otherwise = f"declare an action below it: `actions {{ {pattern[:-1]}NAME }}`"
    text, fix = _near(span, near, otherwise)
    return mistake("P0204", span, f"{quoted(pattern)} matches no declared action", help=text, fix=fix)


def unknown_scope(name: Name, near: str | None) -> Diagnostic:
    """P0205."""
    text, fix = _near(name.span, near, f"declare it: `scopes {{ {name.text} }}`")
    return mistake("P0205", name.span, f"unknown scope {quoted(name.text)}", help=text, fix=fix)


def unknown_collection(name: Name, wanted: str, near: str | None) -> Diagnostic:
    """P0206."""
    text, fix = _near(name.span, near, f"declare it: `{wanted} {name.text} = …`")
    return mistake("P0206", name.span, f"unknown {wanted} {quoted(name.text)}", help=text, fix=fix)


def wrong_kind(  # noqa: PLR0913 - each is a part of the message
    span: Span,
    found: str,
    wanted: str,
    declared: Span | None,
    *,
    near: str | None = None,
    advice: str | None = None,
) -> Diagnostic:
    """P0207. `span` is that of the name, `declared` that of its declaration, if that is in a file."""
    text, fix = _near(span, near, advice)
    return mistake(
        "P0207",
        span,
        f"{quoted(span.text)} is {kind_with_article(found)}, not {kind_with_article(wanted)}",
        help=text,
        fix=fix,
        notes=() if declared is None else (Note(message="it is declared here", span=declared),),
    )


def duplicate_name(name: Name, first_kind: str, first: Name) -> Diagnostic:
    """P0208."""
    return mistake(
        "P0208",
        name.span,
        f"{quoted(name.text)} is already declared, as {kind_with_article(first_kind)}",
        help="rename one of the two: lets, sets, networks and windows share their names",
        notes=(_first(first.span),),
    )


def duplicate_attribute(path: str, name: Name, first: Span) -> Diagnostic:
    """P0209."""
    return mistake(
        "P0209",
        name.span,
        f"attribute {quoted(path)} is already declared",
        help="remove one of the two",
        notes=(_first(first),),
    )


def duplicate_action(name: Name, first: Name) -> Diagnostic:
    """P0210."""
    return mistake(
        "P0210",
        name.span,
        f"action {quoted(name.text)} is already declared",
        help="remove one of the two",
        notes=(_first(first.span),),
    )


def duplicate_scope(name: Name, first: Name) -> Diagnostic:
    """P0211."""
    return mistake(
        "P0211",
        name.span,
        f"scope {quoted(name.text)} is already declared",
        help="remove one of the two",
        notes=(_first(first.span),),
    )


def duplicate_include(name: Name, first: Name) -> Diagnostic:
    """P0211."""
    return mistake(
        "P0211",
        name.span,
        f"scope {quoted(name.text)} is already included",
        help="remove one of the two",
        notes=(_first(first.span),),
    )


def duplicate_rule(name: Name, first_kind: str, first: Name) -> Diagnostic:
    """P0212."""
    shared = "each invariant" if first_kind == "invariant" else "each rule and limit"
    return mistake(
        "P0212",
        name.span,
        f"{quoted(name.text)} is already the name of {kind_with_article(first_kind)}",
        help=f"rename one of the two: {shared} of the set has its own name",
        notes=(_first(first.span),),
    )


def let_cycle(path: Sequence[Name]) -> Diagnostic:
    """P0213. `path` begins with the let that is reported and names each let that the one before it uses."""
    return mistake(
        "P0213",
        path[0].span,
        f"{quoted(path[0].text)} is defined by itself: {_way(path)}",
        help="write one of them without the next",
    )


def scope_cycle(path: Sequence[Name]) -> Diagnostic:
    """P0214. `path` likewise."""
    return mistake(
        "P0214",
        path[0].span,
        f"scope {quoted(path[0].text)} includes itself: {_way(path)}",
        help="remove one of these `includes`",
    )


def not_narrower(path: str, span: Span, prelude: Type) -> Diagnostic:
    """P0215."""
    return mistake(
        "P0215",
        span,
        f"{quoted(span.text)} is not narrower than the {quoted(str(prelude))} that {quoted(path)} is everywhere",
        help="restate it with part of that type, or declare an attribute of another name",
    )


def too_deep(span: Span, limit: int) -> Diagnostic:
    """P0216."""
    return mistake(
        "P0216",
        span,
        f"{quoted(span.text)} is nested more than {limit} deep once its lets are written out",
        help="break the condition up into rules of their own",
    )


def too_large(span: Span, limit: int) -> Diagnostic:
    """P0217."""
    return mistake(
        "P0217",
        span,
        f"{quoted(span.text)} has more than {limit} parts once its lets are written out",
        help="break the condition up into rules of their own",
    )


def reserved_context(name: Name) -> Diagnostic:
    """P0218."""
    return mistake(
        "P0218",
        name.span,
        f"{quoted(name.text)} cannot be a context: every request has something else under this name",
        help="choose another name",
    )


def _first(span: Span) -> Note:
    return Note(message="it is first declared here", span=span)


def _way(path: Sequence[Name], most: int = 8) -> str:
    names = [quoted(name.text) for name in path]
    if len(names) > most:
        names = [*names[: most - 1], "…", names[-1]]
    return " → ".join([*names, names[0]])
