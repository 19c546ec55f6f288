"""From text to tokens, in one pass and without recursion.

The shapes here are wider than the language's own: a malformed literal becomes one token of the kind it was meant to
be, so that its mistake is found when it is read (`literals.py`) and nothing else goes wrong because of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

# Words that open a declaration or a clause, or join an expression. They are never names on their own, so that a
# forgotten name is noticed where it is missing. As parts of a path, attributes and codes they may stand.
RESERVED = frozenset(
    {
        "context",
        "actions",
        "scopes",
        "network",
        "set",
        "let",
        "window",
        "allow",
        "deny",
        "challenge",
        "shadow",
        "limit",
        "invariant",
        "on",
        "when",
        "unless",
        "because",
        "respond",
        "with",
        "require",
        "and",
        "or",
        "not",
        "in",
        "has",
        "like",
        "is",
        "default",
        "any",
        "all",
        "of",
        "known",
        "unknown",
        "true",
        "false",
        "now",
    }
)

_SYMBOLS = {
    "(": "LPAR",
    ")": "RPAR",
    "{": "LBRACE",
    "}": "RBRACE",
    ",": "COMMA",
    ":": "COLON",
    "=": "EQUAL",
    "|": "VBAR",
    "*": "STAR",
    "+": "PLUS",
    "-": "MINUS",
    "..": "DOTS",
    "==": "COMPARISON",
    "!=": "COMPARISON",
    "<": "COMPARISON",
    "<=": "COMPARISON",
    ">": "COMPARISON",
    ">=": "COMPARISON",
}

# Possessive throughout (`*+`, `(?>...)`): what was taken is never tried again, so hostile text takes linear time.
_TOKEN = re.compile(
    r"""[ \t\r\n]*+(?:
      (?P<word>(?>[a-z][a-z0-9_]*+(?:\.[a-z][a-z0-9_]*+)*+(?:\.\*)?+)(?!\w|\.\w|:[0-9A-Fa-f]*+:))
    | (?P<symbol>[(){},+\-*]|:(?!:)|==(?!=)|!=|<(?!>)=?|>=?|=(?![><=])|\.\.|\|(?!\|))
    | (?P<string>"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"?)
    | (?P<moment>[0-9]{4,}+-[0-9]{1,2}-[0-9]{1,2}(?![0-9])
        (?:(?:[Tt] | [ ](?=[0-9]{2}:[0-9]{2}))[0-9:]*+(?:[.,][0-9]++)?+
           (?:[A-Za-z]\w*+ | [+-][0-9]{1,2}(?::[0-9]{1,2} | [0-9]{0,2})(?!\w))?)?+)
    | (?P<address>[0-9A-Fa-f]*+:[0-9A-Fa-f]*+:[0-9A-Fa-f:]*+(?:\.[0-9]++)*+(?:%[\w.~-]*+)?+(?:/-?[\w.:]*+)?+)
    | (?P<numeral>[0-9]\w*+(?:[.:]\w++)*+(?:\.(?!\.))?+(?:%[\w~-]*+)?+(?:/-?[\w.]*+)?+|\.[0-9]\w*+)
    | (?P<comment>\#[^\n]*+)
    | (?P<other>\w++(?:\.\w++)*+|&&|\|\||<>|=>|=<|===|'[^'\n]*+'?|[^\s\w"'\#(){},:=<>|*+.&-]++|[^ \t\r\n])
    )""",
    re.VERBOSE,
)

_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?|[0-9]{1,2}:[0-9]{1,2}", re.ASCII)
_DURATION = re.compile(r"[0-9][0-9_]*[A-Za-z]\w*", re.ASCII)
_HEXADECIMAL = re.compile(r"0[xXbBoO]\w*|[0-9_]+[eE][0-9]+", re.ASCII)


class Token(NamedTuple):
    """One token: the terminal of the grammar that it is, its text, and where it stands (code points).

    For a word, `kind` is its keyword's terminal even where it may turn out to be a name.
    """

    kind: str
    text: str
    start: int
    end: int


def scan(
    text: str, keywords: Mapping[str, str], comments: list[Token] | None = None, start: int = 0
) -> Iterator[Token]:
    """The tokens of a text from an offset on, in order; comments are not among them, but added to `comments`.

    `keywords` maps each keyword to its terminal. What is nothing in the language has the kind OTHER.
    """
    # Without the trailing white space every match succeeds; with it, the last search would be quadratic.
    for match in _TOKEN.finditer(text, start, len(text.rstrip(" \t\r\n"))):
        group = match.lastgroup
        end = match.end()
        value: str = match[match.lastindex or 0]
        if group == "word":
            kind = keywords.get(value) or _word_kind(value)
        elif group == "symbol":
            kind = _SYMBOLS[value]
        elif group == "string":
            kind = "STRING_LITERAL"
        elif group == "comment":
            if comments is not None:
                comments.append(Token("COMMENT", value, end - len(value), end))
            continue
        else:
            kind = _literal_kind(group or "", value)
        yield Token(kind, value, end - len(value), end)


def _word_kind(text: str) -> str:
    if "." not in text:
        return "NAME"
    return "PATTERN" if text.endswith("*") else "PATH"


def _literal_kind(group: str, text: str) -> str:
    if group == "moment":
        return "INSTANT_LITERAL" if ":" in text or "T" in text.upper() else "DATE_LITERAL"
    return "OTHER" if group == "other" else _numeral_kind(group, text)


def _numeral_kind(group: str, text: str) -> str:
    """The kind that a run of digits, points, colons and letters is meant to be."""
    if "/" in text:
        return "NETWORK_LITERAL"
    if _CLOCK.fullmatch(text):
        return "CLOCK_LITERAL"
    if group == "address" or text.count(".") > 1 or "%" in text:
        return "ADDRESS_LITERAL"
    if "." in text or ":" in text:
        return "CLOCK_LITERAL" if ":" in text else "DECIMAL_LITERAL"
    return "DURATION_LITERAL" if _DURATION.fullmatch(text) and not _HEXADECIMAL.fullmatch(text) else "INT_LITERAL"


def first_on_line(text: str, start: int) -> bool:
    """Whether nothing but white space stands before the offset on its line."""
    while start and text[start - 1] in " \t\r":
        start -= 1
    return start == 0 or text[start - 1] == "\n"


def documentation(text: str, start: int) -> str:
    """The comment lines right above what stands first on its line at this offset, without their `#`."""
    if not first_on_line(text, start):
        return ""
    lines: list[str] = []
    end = text.rfind("\n", 0, start)
    while end > 0:
        begin = text.rfind("\n", 0, end) + 1
        line = text[begin:end].strip()
        if not line.startswith("#"):
            break
        lines.append(line[1:].removeprefix(" "))
        end = begin - 1
    return "\n".join(reversed(lines))
