"""Where a declaration seems to begin, told from the text alone. Asked only after a mistake."""

from __future__ import annotations

import re

OPENING_WORDS = frozenset(
    {
        "context",
        "actions",
        "scopes",
        "network",
        "set",
        "let",
        "window",
        "shadow",
        "allow",
        "deny",
        "challenge",
        "limit",
        "invariant",
    }
)

# What reads like the beginning of a declaration wherever it stands.
_BEGINNING_SHAPES = r"""
      context \s+ [a-z]\w* \s* \{
    | (?:actions | scopes) \s* \{
    | (?:network | set) \s+ [a-z]\w* \s* (?:= | from\b)
    | (?:let | window) \s+ [a-z]\w* \s* =
    | shadow \s+ (?:allow | deny | challenge)\b
    | (?:allow | deny | challenge | limit) \s+ [a-z]\w* \s+ (?:on | when | unless | because | respond | require | to)\b
    | invariant \s+ [a-z]\w* \s+ (?:never | always)\b
"""
_BEGINNING = re.compile(_BEGINNING_SHAPES, re.VERBOSE | re.ASCII)

# At the very beginning of a line the opening word alone will do. Strings and comments are passed over.
_NEXT = re.compile(
    rf"""  "[^"\n]*+"?+ | \#[^\n]*+
        | (?P<found> ^(?:{"|".join(sorted(OPENING_WORDS))})\b | (?<![\w.])(?:{_BEGINNING_SHAPES}) )""",
    re.VERBOSE | re.ASCII | re.MULTILINE,
)


def begins_declaration(text: str, offset: int) -> bool:
    """Whether what stands at this offset reads like the beginning of a declaration."""
    return _BEGINNING.match(text, offset) is not None


def next_declaration(text: str, offset: int) -> int:
    """The offset of the first text at or after `offset` that reads like the beginning of a declaration."""
    return next((match.start() for match in _NEXT.finditer(text, offset) if match["found"] is not None), len(text))
