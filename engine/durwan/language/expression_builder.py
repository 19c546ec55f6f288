"""From the productions of the grammar to expressions: one method for each, named as in `policy.lark`.

A method gets the symbols that its production replaces (nodes, and the text of keywords and signs), and the offsets
between which they stand.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from durwan.diagnostics import Source, Span
from durwan.language import literals, syntax
from durwan.language.literals import Report
from durwan.language.mistakes import text as mistakes

Symbols = list[Any]  # the border to the parser's stack, which holds nodes of every kind

_TESTS = (syntax.Comparison, syntax.In, syntax.Has, syntax.Like, syntax.Known)


class ExpressionBuilder:
    """Makes expressions, and says what the grammar lets pass and the language does not."""

    def __init__(self, source: Source, report: Report) -> None:
        self.source = source
        self.report = report
        self._chain = -1

    # ------------------------------------------------------------ conditions

    def or_(self, symbols: Symbols, start: int, end: int) -> syntax.Or:
        """`A or B or C`."""
        return syntax.Or(span=Span(self.source, start, end), operands=tuple(symbols[::2]))

    def and_(self, symbols: Symbols, start: int, end: int) -> syntax.And:
        """`A and B and C`."""
        return syntax.And(span=Span(self.source, start, end), operands=tuple(symbols[::2]))

    def not_(self, symbols: Symbols, start: int, end: int) -> syntax.Not:
        """`not A`."""
        return syntax.Not(span=Span(self.source, start, end), operand=symbols[1])

    def group(self, symbols: Symbols, start: int, end: int) -> syntax.Group:
        """`( A )`."""
        return syntax.Group(span=Span(self.source, start, end), inner=symbols[1])

    # ------------------------------------------------------------ tests, which do not chain

    def comparison(self, symbols: Symbols, start: int, end: int) -> syntax.Expression:
        """`A < B`."""
        left, operator, right = symbols
        if self._chains(left, start, end):
            return left
        return syntax.Comparison(span=Span(self.source, start, end), operator=operator, left=left, right=right)

    def in_(self, symbols: Symbols, start: int, end: int) -> syntax.Expression:
        """`A in X`."""
        return self._in(symbols[0], symbols[2], start, end, negated=False)

    def not_in(self, symbols: Symbols, start: int, end: int) -> syntax.Expression:
        """`A not in X`."""
        return self._in(symbols[0], symbols[3], start, end, negated=True)

    def _in(
        self, left: syntax.Expression, collection: Any, start: int, end: int, *, negated: bool
    ) -> syntax.Expression:
        if self._chains(left, start, end):
            return left
        return syntax.In(span=Span(self.source, start, end), operand=left, collection=collection, negated=negated)

    def has_one(self, symbols: Symbols, start: int, end: int) -> syntax.Expression:
        """`S has a`."""
        left, _, target = symbols
        if self._chains(left, start, end):
            return left
        return syntax.Has(span=Span(self.source, start, end), operand=left, quantifier="one", target=target)

    def has_braces(self, symbols: Symbols, start: int, end: int) -> syntax.Expression:
        """`S has { a, b }`, which does not say how many."""
        self.report(mistakes.quantifier_missing(symbols[2].span))
        return syntax.Has(span=Span(self.source, start, end), operand=symbols[0], quantifier="any", target=symbols[2])

    def has_many(self, symbols: Symbols, start: int, end: int) -> syntax.Expression:
        """`S has any of X`, `S has all of X`."""
        left, _, quantifier, _, target = symbols
        if self._chains(left, start, end):
            return left
        return syntax.Has(span=Span(self.source, start, end), operand=left, quantifier=quantifier, target=target)

    def has_at_least(self, symbols: Symbols, start: int, end: int) -> syntax.Expression:
        """`S has at least N of X`."""
        left, _, _, _, count, _, target = symbols
        if self._chains(left, start, end):
            return left
        count = literals.bounded(count, self.report)
        span = Span(self.source, start, end)
        return syntax.Has(span=span, operand=left, quantifier="at_least", target=target, count=count)

    def like(self, symbols: Symbols, start: int, end: int) -> syntax.Expression:
        """`s like "BTC-*"`."""
        left, _, pattern = symbols
        if self._chains(left, start, end):
            return left
        return syntax.Like(span=Span(self.source, start, end), operand=left, pattern=pattern)

    def known(self, symbols: Symbols, start: int, end: int) -> syntax.Expression:
        """`x is known`, `x is unknown`."""
        left, _, known = symbols
        if self._chains(left, start, end):
            return left
        return syntax.Known(span=Span(self.source, start, end), operand=left, negated=known == "unknown")

    def _chains(self, left: syntax.Expression, start: int, end: int) -> TypeGuard[syntax.Expression]:
        """Whether a test stands left of a test. Of a long chain only the first link is reported, and kept."""
        if not isinstance(left, _TESTS):
            return False
        if start != self._chain:
            self._chain = start
            right = None
            if isinstance(left, syntax.Comparison):
                rest = self.source.text[left.span.end : end].strip()
                right = f"{left.span.text} and {left.right.span.text} {rest}"
            self.report(mistakes.chained_comparison(Span(self.source, start, end), right))
        return True

    # ------------------------------------------------------------ values

    def arithmetic(self, symbols: Symbols, start: int, end: int) -> syntax.Arithmetic:
        """`A + B`, `A - B`, `A * B`."""
        left, operator, right = symbols
        return syntax.Arithmetic(span=Span(self.source, start, end), operator=operator, left=left, right=right)

    def default(self, symbols: Symbols, start: int, end: int) -> syntax.Default:
        """`x default LITERAL`."""
        return syntax.Default(span=Span(self.source, start, end), operand=symbols[0], fallback=symbols[2])

    def now(self, _symbols: Symbols, start: int, end: int) -> syntax.Name:
        """`now`."""
        return syntax.Name(span=Span(self.source, start, end), text="now")

    def bool_(self, symbols: Symbols, start: int, end: int) -> syntax.Bool:
        """`true`, `false`."""
        return syntax.Bool(span=Span(self.source, start, end), value=symbols[0] == "true")

    def whole(self, symbols: Symbols, _start: int, _end: int) -> syntax.Int:
        """`100_000`."""
        return literals.bounded(symbols[0], self.report)

    def negative(self, symbols: Symbols, start: int, end: int) -> syntax.Literal_:
        """`-5`, `-0.5`, `-5m`."""
        number, span = symbols[1], Span(self.source, start, end)
        if self.source.text[start + 1 : number.span.start].isspace():
            self.report(mistakes.detached_minus(span, f"-{number.span.text}"))
        match number:
            case syntax.Int():
                return literals.bounded(syntax.Int(span=span, value=-number.value), self.report)
            case syntax.Number():
                # Not by `-`, which rounds to the digits of the thread's decimal context. There is no negative zero.
                return syntax.Number(span=span, value=number.value.copy_negate() if number.value else number.value)
            case _:
                return syntax.Duration(span=span, value=-number.value)

    def bare_date(self, _symbols: Symbols, start: int, end: int) -> syntax.Instant:
        """A date where an instant belongs."""
        span = Span(self.source, start, end)
        self.report(mistakes.date_alone(span))
        return syntax.Instant(span=span, value=0)

    # ------------------------------------------------------------ lists

    def braces(self, symbols: Symbols, start: int, end: int) -> syntax.Braces:
        """`{ a, b }`."""
        items = tuple(symbol for symbol in symbols if not isinstance(symbol, str))
        return syntax.Braces(span=Span(self.source, start, end), items=items)

    def bare_literal(self, symbols: Symbols, start: int, end: int) -> syntax.Braces:
        """`x in "a"`, which lacks the braces."""
        span = Span(self.source, start, end)
        self.report(mistakes.list_without_braces(span, f"{{ {span.text} }}"))
        return syntax.Braces(span=span, items=(symbols[0],))
