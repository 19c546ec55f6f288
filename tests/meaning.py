"""What a policy text says, without how it is laid out: for comparing two of them."""

from __future__ import annotations

from dataclasses import fields

from durwan.language import syntax
from durwan.language.lexical import Token, scan


def meaning(value: object) -> object:
    """What a node says, without where it says it."""
    if isinstance(value, syntax.Node | syntax.Clauses):
        shown = (meaning(getattr(value, each.name)) for each in fields(value) if each.name != "span")
        return (type(value).__name__, *shown)
    return tuple(map(meaning, value)) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of anything


def comments_of(text: str) -> list[str]:
    """All comments, in order."""
    found: list[Token] = []
    list(scan(text, {}, found))
    return [comment.text.rstrip() for comment in found]
