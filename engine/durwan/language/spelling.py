"""What a word or sign that does not fit was probably meant to be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.language.expectations import in_words
from durwan.language.lexical import RESERVED, Token
from durwan.language.mistakes import text as mistakes
from durwan.language.suggestions import Suggestions

_WORD = re.compile(r"[^\W\d]\w*")
_WORDLIKE = re.compile(r"\w[\w.]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*", re.ASCII)

# More than any number has, and few enough to be cheap to read.
_MOST_DIGITS = 40

# How other languages write it.
_FOREIGN = {
    "&&": "and",
    "&": "and",
    "||": "or",
    "!": "not",
    "<>": "!=",
    "=>": ">=",
    "=<": "<=",
    "===": "==",
    "=": "==",
    "==": "=",
    ":": "=",
}
_SYNONYMS = {
    "permit": "allow",
    "grant": "allow",
    "forbid": "deny",
    "block": "deny",
    "reject": "deny",
    "if": "when",
    "where": "when",
    "except": "unless",
    "reason": "because",
    "status": "respond",
    "contains": "has",
    "matches": "like",
    "null": "unknown",
    "none": "unknown",
    "missing": "unknown",
    "present": "known",
    "integer": "int",
    "long": "int",
    "number": "decimal",
    "float": "decimal",
    "double": "decimal",
    "boolean": "bool",
    "str": "string",
    "text": "string",
    "address": "ip",
    "cidr": "network",
    "timestamp": "time",
    "datetime": "time",
    "date": "time",
    "instant": "time",
    "interval": "duration",
    "list": "set",
    "const": "let",
    "var": "let",
    "define": "let",
    "group": "set",
    "schedule": "window",
    "ratelimit": "limit",
    "assert": "invariant",
}
_SIGNS = {"!=": "COMPARISON", ">=": "COMPARISON", "<=": "COMPARISON", "==": "COMPARISON", "=": "EQUAL"}


class Spelling:
    """Finds right spellings in one file."""

    def __init__(self, source: Source, keywords: dict[str, str]) -> None:
        self._source = source
        self._keywords = keywords
        self._suggestions = Suggestions()

    def repairs(self, token: Token, expected: set[str]) -> Iterator[tuple[Token, Diagnostic | None]]:
        """Tokens that could stand in place of this one, the likeliest first, each with the mistake it repairs.

        A square bracket that closes has no mistake of its own: the one that opens had it.
        """
        span = Span(self._source, token.start, token.end)
        yield from self._signs(token, span, expected)
        if _WORD.fullmatch(token.text):
            right = self._keyword(token.text.lower(), expected)
            if right is not None:
                yield self._as(token, right), mistakes.misspelt(span, right, in_words(expected))
        if "NAME" in expected and token.text in RESERVED:
            yield token._replace(kind="NAME"), mistakes.reserved_word(span)
        if token.kind == "OTHER" and _WORDLIKE.fullmatch(token.text):
            if token.text[0].isdecimal():
                read = Token("INT_LITERAL", "0", token.start, token.end)
            else:
                read = token._replace(kind="PATH" if "." in token.text else "NAME")
            if read.kind in expected:
                yield read, self.unreadable(token)

    def is_misspelt(self, token: Token, expected: set[str]) -> bool:
        """Whether a word or sign is probably one that is expected, written wrongly."""
        span = Span(self._source, token.start, token.end)
        if any(True for _ in self._signs(token, span, expected)):
            return True
        return token.kind == "NAME" and self._keyword(token.text, expected) is not None

    def _signs(self, token: Token, span: Span, expected: set[str]) -> Iterator[tuple[Token, Diagnostic | None]]:
        if token.text == "[" and "LBRACE" in expected:
            yield token._replace(kind="LBRACE"), mistakes.unknown_character(span)
        if token.text == "]" and "RBRACE" in expected:
            yield token._replace(kind="RBRACE"), None
        right = _FOREIGN.get(token.text)
        if right is not None and (_SIGNS.get(right) or self._keywords.get(right)) in expected:
            yield self._as(token, right), mistakes.foreign_sign(span, right)
        if token.text.startswith("'") and "STRING_LITERAL" in expected:
            yield Token("STRING_LITERAL", '""', token.start, token.end), mistakes.single_quotes(span)

    def _as(self, token: Token, right: str) -> Token:
        return Token(_SIGNS.get(right) or self._keywords[right], right, token.start, token.end)

    def _keyword(self, word: str, expected: set[str]) -> str | None:
        """The expected keyword that the word is another case of, a synonym of, or nearest to."""
        words = [keyword for keyword, kind in self._keywords.items() if kind in expected]
        for candidate in (word, _SYNONYMS.get(word)):
            if candidate in words:
                return candidate
        return self._suggestions.nearest(word, words)

    def unreadable(self, token: Token) -> Diagnostic:
        """The mistake of a token that is nothing in the language."""
        span = Span(self._source, token.start, token.end)
        if token.text.startswith("'"):
            return mistakes.single_quotes(span)
        if token.text[0].isdecimal():
            # Digits of another script; those of ASCII are scanned as numbers.
            digits = [str(unicodedata.digit(digit, "")) for digit in token.text[:_MOST_DIGITS]]
            known = all(digits) and len(digits) == len(token.text)
            return mistakes.malformed_number(span, str(int("".join(digits))) if known else None)
        if _WORDLIKE.fullmatch(token.text):
            right = token.text.lower()
            return mistakes.malformed_name(span, right if _NAME.fullmatch(right) else None)
        return mistakes.unknown_character(span)
