"""The tokens of a file, scanned as they are asked for.

After a mistake the text up to the next declaration is skipped without being scanned, so that hostile text costs little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from durwan.language.grammar import END
from durwan.language.lexical import Token, scan
from durwan.language.nesting import with_depth

_AT_ONCE = 1024


class TokenWindow:
    """All tokens from the first one to as far as was asked, in `tokens`; what is skipped never gets there."""

    def __init__(self, text: str, keywords: Mapping[str, str], nesting: int) -> None:
        self._text = text
        self._keywords = keywords
        self._nesting = nesting
        self.tokens: list[Token] = []
        self._coming = self._scan(0)

    def _scan(self, offset: int) -> Iterator[Token]:
        return with_depth(scan(self._text, self._keywords, start=offset), self._text, self._nesting)

    def more(self) -> bool:
        """Scans on; whether there was more."""
        before = len(self.tokens)
        self.tokens.extend(islice(self._coming, _AT_ONCE))
        return len(self.tokens) > before

    def at(self, position: int) -> Token:
        """The token at a position; beyond the last one, the end of the text, which stands right behind it."""
        while position >= len(self.tokens):
            if not self.more():
                end = self.tokens[-1].end if self.tokens else 0
                return Token(END, "", end, end)
        return self.tokens[position]

    def ahead(self, position: int, count: int) -> list[Token]:
        """The next tokens from a position on, the last of which may be the end."""
        found: list[Token] = []
        for place in range(position, position + count):
            found.append(self.at(place))
            if found[-1].kind == END:
                break
        return found

    def skip_to(self, offset: int) -> int:
        """Leaves out what was not read yet before an offset; returns the position from which to read on."""
        while self.tokens and self.tokens[-1].start >= offset:
            self.tokens.pop()
        self._coming = self._scan(offset)
        return len(self.tokens)
