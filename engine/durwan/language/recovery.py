"""Reading a file's tokens to the end, whatever is wrong with them.

Where a token does not fit, the text is mended if that can be done plainly: a misspelt word is respelt, a missing sign
put in, a superfluous one left out, each only if what follows fits then. Otherwise reading goes on at the next
declaration. Either way the mistake is reported once, and the declaration it stands in is not kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.language.declaration_starts import OPENING_WORDS, begins_declaration, next_declaration
from durwan.language.expectations import OPERAND, TYPE_WORDS, advice, found_words, in_words
from durwan.language.grammar import END
from durwan.language.lexical import Token, first_on_line
from durwan.language.literals import Report
from durwan.language.mistakes import text as mistakes
from durwan.language.nesting import TOO_DEEP
from durwan.language.source_text import TextLimits
from durwan.language.spelling import Spelling
from durwan.language.stacks import Stacks
from durwan.language.token_window import TokenWindow

# After so many mends in one declaration it is no longer clear what was meant.
_MOST_MENDS = 10

_SIGNS = {"COLON": ":", "COMMA": ",", "EQUAL": "=", "RPAR": ")", "RBRACE": "}", "DOTS": ".."}
_CLOSING = {"LPAR": "RPAR", "LBRACE": "RBRACE"}
_UNREADABLE = frozenset({"OTHER", TOO_DEEP})


class Reader:
    """Reads one file."""

    def __init__(  # noqa: PLR0913, PLR0917 - what reading takes
        self,
        source: Source,
        text: str,
        limits: TextLimits,
        stacks: Stacks,
        report: Report,
        abandon: Callable[[], None],
    ) -> None:
        """`text` is what is read of the source; `abandon` is called whenever a declaration is given up."""
        self._source = source
        self._text = text
        self._limits = limits
        self._stacks = stacks
        self._report = report
        self._abandon = abandon
        self._window = TokenWindow(text, stacks.keywords, limits.nesting)
        self._spelling = Spelling(source, stacks.keywords)
        # Where the declaration begins that is being mended, how often it was, and how far it was looked through for
        # brackets, with those that are open there.
        self._begin = -1
        self._mends = 0
        self._looked_at = 0
        self._opened: list[Token] = []

    def read(self) -> None:
        """Reads to the end."""
        tokens, take, position = self._window.tokens, self._stacks.take, 0
        while True:
            while position < len(tokens) and take(tokens[position]):
                position += 1
            if position < len(tokens):
                position = self._mend(position)
            elif not self._window.more():
                if self._stacks.take_end():
                    return
                position = self._mend(position)

    # ------------------------------------------------------------ mending

    def _mend(self, position: int) -> int:
        """Deals with a token that does not fit; returns where to read on."""
        token = self._window.at(position)
        if token.kind == TOO_DEEP:
            self._report(mistakes.nested_too_deep(self._span(token), self._limits.nesting))
            return self._go_on_after(token)
        self._end_declaration_before(position)
        begin = self._begin_of_declaration(position)
        if begin != self._begin:
            self._begin, self._mends = begin, 0
            self._looked_at, self._opened = begin, []
        if (lost := self._unclosed_before(position)) is not None:
            self._give_up()
            return lost
        self._mends += 1
        expected = self._stacks.expected()
        if self._mends <= _MOST_MENDS and token.kind != END:
            for mend in (self._respell, self._put_in, self._put_colon_in, self._leave_out):
                after = mend(position, expected)
                if after is not None:
                    return after
        self._report(self._unexpected(position, expected))
        return self._go_on_after(token) if begin == position else self._go_on_at(token.start)

    def _respell(self, position: int, expected: set[str]) -> int | None:
        if begins_declaration(self._text, self._window.at(position).start):
            return None
        for token, mistake in self._spelling.repairs(self._window.at(position), expected):
            if self._fit([token, *self._ahead(position + 1, 2)]):
                if token.text in OPENING_WORDS:
                    self._complete()
                if mistake is not None:
                    self._report(mistake)
                self._window.tokens[position] = token
                return position
        return None

    def _put_in(self, position: int, expected: set[str]) -> int | None:
        token = self._window.at(position)
        for kind, sign in _SIGNS.items():
            put = Token(kind, sign, token.start, token.start)
            if kind in expected and self._fit([put, *self._ahead(position, 3)], least=2):
                if kind in _CLOSING.values() and self._opened:
                    self._report(self._unclosed(self._opened.pop()))
                else:
                    self._report(mistakes.missing_punctuation(self._span(token), sign, found_words(token)))
                self._stacks.take(put)
                return position
        return None

    def _put_colon_in(self, position: int, _expected: set[str]) -> int | None:
        """`score int 0..100`, where `int` was taken for a second name."""
        if not position:
            return None
        before = self._window.at(position - 1)
        kinds = ["COLON", *(token.kind for token in self._window.ahead(position - 1, 3))]
        if before.kind not in TYPE_WORDS or not self._stacks.starts or self._stacks.starts[-1] != before.start:
            return None
        if self._stacks.fits(kinds, without_last=True) != len(kinds):
            return None
        self._report(mistakes.missing_punctuation(self._span(before), ":", found_words(before)))
        self._stacks.give_back()
        self._stacks.take(Token("COLON", ":", before.start, before.start))
        return position - 1

    def _leave_out(self, position: int, expected: set[str]) -> int | None:
        token, following = self._window.at(position), self._ahead(position + 1, 3)
        if begins_declaration(self._text, token.start) or not following:
            return None
        if "AND" in expected and token.kind in OPERAND:
            # Two values without an operator: what follows is about the second one.
            return None
        if self._stacks.fits([token.kind for token in following]) < len(following):
            return None
        self._report(self._unexpected(position, expected))
        if self._begin == position:
            # It stood between declarations: the next one has no part in it.
            self._abandon()
        return position + 1

    def _unexpected(self, position: int, expected: set[str]) -> Diagnostic:
        token = self._window.at(position)
        if token.kind == "OTHER":
            return self._spelling.unreadable(token)
        before = self._window.at(position - 1) if position else None
        found, hint = found_words(token), advice(before, token, expected)
        return mistakes.unexpected(self._span(token), in_words(expected), found, hint)

    def _ahead(self, position: int, count: int) -> list[Token]:
        """The next tokens, the end among them, up to one that has a mistake of its own."""
        tokens = self._window.ahead(position, count)
        return tokens[: next((at for at, token in enumerate(tokens) if token.kind in _UNREADABLE), count)]

    def _fit(self, tokens: list[Token], *, least: int = 1) -> bool:
        """Whether all of these fit, or at least so many up to one that is misspelt itself."""
        kinds = [token.kind for token in tokens]
        count = self._stacks.fits(kinds)
        if count < least or count == len(kinds):
            return count >= least
        return self._spelling.is_misspelt(tokens[count], self._stacks.expected(kinds[:count]))

    # ------------------------------------------------------------ giving up a declaration

    def _give_up(self) -> None:
        self._stacks.clear()
        self._abandon()

    def _go_on_at(self, offset: int) -> int:
        """Forgets the declaration that was begun; returns the position at which the next one begins."""
        self._give_up()
        return self._window.skip_to(next_declaration(self._text, offset))

    def _go_on_after(self, token: Token) -> int:
        return self._go_on_at(token.end)

    def _end_declaration_before(self, position: int) -> None:
        """Completes what came before, where the token stands like the beginning of a declaration of its own."""
        token = self._window.at(position)
        if not self._stacks.starts or not first_on_line(self._text, token.start):
            return
        begin = self._window.at(self._begin_of_declaration(position))
        if self._column(token) <= self._column(begin):
            self._complete()

    def _complete(self) -> None:
        """Ends the declaration that was begun, if it could end here; what comes is no part of it."""
        if self._stacks.fits((END,)):
            self._stacks.take_end()
            self._stacks.clear()

    def _begin_of_declaration(self, position: int) -> int:
        """The position of the token with which the declaration began that is being read."""
        stacks = self._stacks
        # Below it on the stack is at most the list of the declarations before it.
        below = 1 if stacks.values and isinstance(stacks.values[0], list) else 0
        if len(stacks.starts) <= below:
            return position
        return bisect_left(self._window.tokens, stacks.starts[below], key=_start)

    # ------------------------------------------------------------ brackets that are left open

    def _unclosed_before(self, position: int) -> int | None:
        """Where the next declaration begins, if a bracket was left open before it, which is then reported."""
        while self._looked_at < position:
            token = self._window.at(self._looked_at)
            if self._begins_anew(token):
                return self._report_unclosed(self._looked_at)
            if token.kind in _CLOSING:
                self._opened.append(token)
            elif token.kind in _CLOSING.values() and self._opened:
                self._opened.pop()
            self._looked_at += 1
        token = self._window.at(position)
        if token.kind == END or self._begins_anew(token):
            return self._report_unclosed(position)
        return None

    def _report_unclosed(self, position: int) -> int | None:
        if not self._opened:
            return None
        self._report(self._unclosed(self._opened[-1]))
        return position

    def _begins_anew(self, token: Token) -> bool:
        return (
            bool(self._opened)
            and token.text in OPENING_WORDS
            and begins_declaration(self._text, token.start)
            and first_on_line(self._text, token.start)
            and self._column(token) <= self._column(self._window.at(self._begin))
        )

    def _unclosed(self, bracket: Token) -> Diagnostic:
        return mistakes.unclosed(self._span(bracket), _SIGNS[_CLOSING[bracket.kind]])

    def _column(self, token: Token) -> int:
        return token.start - self._text.rfind("\n", 0, token.start)

    def _span(self, token: Token) -> Span:
        return Span(self._source, token.start, token.end)


def _start(token: Token) -> int:
    return token.start
