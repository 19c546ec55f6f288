"""What could stand in a place, in plain words."""

from __future__ import annotations

from collections.abc import Iterable

from durwan.language.grammar import END
from durwan.language.lexical import Token

OPERAND = frozenset(
    {
        "NAME",
        "PATH",
        "LPAR",
        "MINUS",
        "TRUE",
        "FALSE",
        "NOW",
        "NOT",
        "ANY",
        "ALL",
        "AT",
        "INT_LITERAL",
        "DECIMAL_LITERAL",
        "DURATION_LITERAL",
        "STRING_LITERAL",
        "INSTANT_LITERAL",
        "DATE_LITERAL",
        "ADDRESS_LITERAL",
        "NETWORK_LITERAL",
    }
)
_OPERATOR = frozenset({"COMPARISON", "PLUS", "MINUS", "STAR", "IN", "NOT", "HAS", "LIKE", "IS", "AND", "OR", "DEFAULT"})
TYPE_WORDS = frozenset({"BOOL", "STRING", "IP", "NETWORK", "TIME", "DURATION", "SCOPE", "INT", "DECIMAL", "SET"})
_LITERAL = frozenset(
    {
        "MINUS",
        "TRUE",
        "FALSE",
        "INT_LITERAL",
        "DECIMAL_LITERAL",
        "DURATION_LITERAL",
        "STRING_LITERAL",
        "INSTANT_LITERAL",
        "DATE_LITERAL",
        "ADDRESS_LITERAL",
        "NETWORK_LITERAL",
    }
)
_CLAUSE = frozenset(
    {
        "ON",
        "WHEN",
        "UNLESS",
        "BECAUSE",
        "RESPOND",
        "WITH",
        "REQUIRE",
        "TO",
        "COST",
        "PER",
    }
)
_DECLARATION = frozenset(
    {
        "CONTEXT",
        "ACTIONS",
        "SCOPES",
        "NETWORK",
        "SET",
        "LET",
        "WINDOW",
        "ALLOW",
        "DENY",
        "CHALLENGE",
        "SHADOW",
        "LIMIT",
        "INVARIANT",
    }
)
_DAY = frozenset(
    {
        "MON",
        "TUE",
        "WED",
        "THU",
        "FRI",
        "SAT",
        "SUN",
    }
)
_NUMBER = frozenset({"INT_LITERAL", "DECIMAL_LITERAL", "DURATION_LITERAL"})
_PATTERN = frozenset({"STAR", "PATTERN", "NAME", "PATH"})
_NAME = frozenset({"NAME", "WORD"})
_PATH = frozenset({"NAME", "PATH"})

# The first group that is expected as a whole is named in place of its members.
_GROUPS = (
    ("a condition", OPERAND - {"ANY", "ALL", "AT"}),
    ("a value", OPERAND - {"NOT", "ANY", "ALL", "AT"}),
    ("an operator", _OPERATOR - {"DEFAULT", "PLUS", "MINUS", "STAR"}),
    ("a type", TYPE_WORDS - {"SET"}),
    ("a clause", _CLAUSE),
    ("a declaration", _DECLARATION),
    ("a day", _DAY),
    ("a literal", _LITERAL),
    ("a number", _NUMBER),
    ("an action", _PATTERN),
    ("a name", _PATH),
    ("a name", _NAME),
)

# What needs no words of its own once the group is named.
_IMPLIED = {
    "a condition": OPERAND,
    "a value": OPERAND,
    "an operator": _OPERATOR,
    "a type": frozenset({"SET", "STRING_LITERAL"}),
    "a number": frozenset({"MINUS"}),
}

_WORDS = {
    "NAME": "a name",
    "WORD": "a name",
    "PATH": "a name",
    "PATTERN": "an action",
    "INT_LITERAL": "a whole number",
    "DECIMAL_LITERAL": "a number",
    "STRING_LITERAL": "a string",
    "DURATION_LITERAL": "a duration",
    "INSTANT_LITERAL": "an instant",
    "CLOCK_LITERAL": "a clock",
    "DATE_LITERAL": "a date",
    "ADDRESS_LITERAL": "an address",
    "NETWORK_LITERAL": "a network",
    "COMPARISON": "a comparison",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "EQUAL": "`=`",
    "VBAR": "`|`",
    "STAR": "`*`",
    "PLUS": "`+`",
    "MINUS": "`-`",
    "DOTS": "`..`",
    END: "the end of the file",
}


def in_words(expected: Iterable[str]) -> str:
    """The terminals that are expected, as in "a name, `=` or `from`"."""
    left = set(expected)
    parts: list[str] = []
    for words, group in _GROUPS:
        if group <= left:
            parts.append(words)
            left -= group
    if "a declaration" in parts or "a clause" in parts:
        left.discard(END)
    for words, others in _IMPLIED.items():
        if words in parts:
            left -= others
    rest = sorted({_WORDS.get(kind) or f"`{kind.lower()}`" for kind in left})
    parts = [*dict.fromkeys([*parts, *(words for words in rest if words not in parts)])]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


def found_words(token: Token) -> str:
    """What was found instead."""
    if token.kind == END:
        return "the end of the file"
    text = token.text if len(token.text) <= 40 else f"{token.text[:40]}…"
    return f"`{text}`"


def advice(before: Token | None, found: Token, expected: set[str]) -> str | None:
    """What to write instead, for the slips that others have made."""
    after = before.kind if before is not None else ""
    adjacent = before is not None and before.end == found.start
    slips = (
        (found.kind == "NOT" and after == "IS", "write `is unknown`"),
        (found.kind == "NOT" and "LPAR" in expected, "put `not` and what it negates in parentheses"),
        (after == "MINUS" and "INT_LITERAL" in expected, "a minus sign belongs to a literal; else write `0 - x`"),
        (found.kind == "MINUS" and after == "NAME" and adjacent, "names are written with `_`, not with `-`"),
        (found.kind == "LPAR" and after in {"NAME", "PATH"}, "there are no functions to call"),
        (found.kind == "PATH" and "NAME" in expected, "what is declared here has a name without points"),
    )
    return next((words for applies, words in slips if applies), None)
