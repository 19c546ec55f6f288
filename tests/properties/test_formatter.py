"""The formatter on random policies: it changes no meaning, loses no comment, and has nothing to do the second time."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from durwan.diagnostics import Source
from durwan.language.formatter import format_text
from durwan.language.parser import parse
from tests.generators.policy_texts import policy_texts
from tests.meaning import comments_of, meaning


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
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
