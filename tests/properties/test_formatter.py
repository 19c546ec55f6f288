"""The formatter on random policies: it changes no meaning, loses no comment, and has nothing to do the second time."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings

from durwan.diagnostics import Source
from durwan.language import syntax
from durwan.language.formatter import format_text
from durwan.language.lexical import Token, scan
from durwan.language.parser import parse
from tests.generators.policy_texts import policy_texts

if TYPE_CHECKING:
    from collections.abc import Iterable


def meaning(value: object) -> object:
    """What a node says, without where it says it."""
    if isinstance(value, syntax.Node | syntax.Clauses):
        shown = (meaning(getattr(value, each.name)) for each in fields(value) if each.name != "span")
        return (type(value).__name__, *shown)
    if isinstance(value, tuple):
        items: Iterable[object] = value
        return tuple(meaning(item) for item in items)
    return value


def comments_of(text: str) -> list[str]:
    """All comments, in order."""
    found: list[Token] = []
    list(scan(text, {}, found))
    return [comment.text.rstrip() for comment in found]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(policy_texts())
def test_formatting_keeps_meaning_and_comments_and_is_stable(text: str) -> None:
    """The formatted text has the same tree and the same comments in the same order, and is its own formatted text."""
    before, mistakes = parse(Source("a.policy", text))
    assert not mistakes, [mistake.message for mistake in mistakes]
    formatted = format_text(Source("a.policy", text))
    after, mistakes = parse(Source("a.policy", formatted))
    assert not mistakes, [mistake.message for mistake in mistakes]
    assert meaning(after.declarations) == meaning(before.declarations)
    assert comments_of(formatted) == comments_of(text)
    assert format_text(Source("a.policy", formatted)) == formatted
