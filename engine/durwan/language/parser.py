"""From a file's text to its syntax tree, with every mistake of the file in one run.

The tokens (`lexical.py`) are read once, from left to right, with the LALR tables of the grammar (`grammar.py`,
`stacks.py`); the nodes of the tree are made as productions are applied (`tree_builder.py`). Where a token does not fit,
`recovery.py` mends the text or goes on at the next declaration. Nothing here recurses over the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.language import literals, syntax
from durwan.language.grammar import Tables, tables
from durwan.language.mistakes import text as mistakes
from durwan.language.recovery import Reader
from durwan.language.source_text import TextLimits, check_text, decode
from durwan.language.stacks import Build, Make, Stacks
from durwan.language.tree_builder import TreeBuilder

__all__ = ["MOST_MISTAKES", "TextLimits", "decode", "parse"]

# A file with more mistakes than this is not a policy that somebody got slightly wrong.
MOST_MISTAKES = 1_000

_DEFAULT_LIMITS = TextLimits()
_DECLARATIONS = frozenset(
    ("context", "actions", "scopes", "network", "set", "let", "window", "rule", "limit", "invariant")
)


def parse(source: Source, limits: TextLimits = _DEFAULT_LIMITS) -> tuple[syntax.Module, list[Diagnostic]]:
    """The syntax tree of what could be read of a file, and every mistake of its text, in source order.

    A declaration with a mistake in it is not in the tree. A file beyond the limits is not read at all.
    """
    run = _Run(source, limits)
    try:
        run.parse()
    except _TooManyMistakesError:
        last = max(each.span.end for each in run.mistakes)
        run.mistakes.append(mistakes.too_many_mistakes(Span(source, last, last), MOST_MISTAKES))
    run.mistakes.sort(key=lambda each: each.order)
    module = syntax.Module(source=source, declarations=tuple(run.declarations), names=frozenset(run.names))
    return module, run.mistakes


def _nothing(_symbols: list[Any], _start: int, _end: int) -> None:
    """The value of a production whose symbols are listed, or which is never asked for its value."""


class _TooManyMistakesError(Exception):
    """Ends the run; never leaves this module."""


class _Run:
    """The parse of one file."""

    def __init__(self, source: Source, limits: TextLimits) -> None:
        self._source = source
        self._limits = limits
        self.mistakes: list[Diagnostic] = []
        self.declarations: list[syntax.AnyDeclaration] = []
        self.names: set[str] = set()
        self._places: set[int] = set()
        self._seen = 0

    def report(self, mistake: Diagnostic) -> None:
        """Adds a mistake."""
        if len(self.mistakes) >= MOST_MISTAKES:
            raise _TooManyMistakesError
        self.mistakes.append(mistake)
        self._places.add(mistake.span.start)

    def parse(self) -> None:
        """Reads the whole file."""
        text = check_text(self._source, self._limits, self.report)
        if text is None:
            return
        self._abandon()
        grammar = tables()
        stacks = Stacks(grammar, self._builds(grammar, TreeBuilder(self._source, self.report, self._places)))
        stacks.makes = self._makes(stacks)
        Reader(self._source, text, self._limits, stacks, self.report, self._abandon).read()

    # ------------------------------------------------------------ declarations

    def _abandon(self) -> None:
        """Nothing is kept of what the mistakes so far stand in."""
        self._seen = len(self.mistakes)

    def _builds(self, grammar: Tables, builder: TreeBuilder) -> list[Build | None]:
        """What makes the value of each production; a declaration is also kept, if there is no mistake in it."""
        builds: list[Build | None] = []
        for production in grammar.productions:
            if production.repeats or production.origin == "start":
                builds.append(_nothing)
            elif production.build is None:
                builds.append(None)
            elif production.origin in _DECLARATIONS:
                builds.append(self._keeping(getattr(builder, production.build)))
            else:
                builds.append(getattr(builder, production.build))
        return builds

    def _keeping(self, build: Build) -> Build:
        def build_and_keep(symbols: list[Any], start: int, end: int) -> Any:
            declaration = build(symbols, start, end)
            if len(self.mistakes) == self._seen:
                self.declarations.append(declaration)
            self._seen = len(self.mistakes)
            return declaration

        return build_and_keep

    # ------------------------------------------------------------ tokens

    def _makes(self, stacks: Stacks) -> dict[str, Make]:
        """What makes a node of each token that is one."""
        source, report, names = self._source, self.report, self.names

        def name(text: str, start: int, end: int) -> syntax.Name:
            names.add(text)
            return syntax.Name(span=Span(source, start, end), text=text)

        def string(text: str, start: int, end: int) -> syntax.String:
            pattern = bool(stacks.values) and stacks.values[-1] == "like"
            return literals.read_string(text, Span(source, start, end), self._limits.string_bytes, pattern, report)

        def literal(read: Callable[..., syntax.Node]) -> Make:
            return lambda text, start, end: read(text, Span(source, start, end), report)

        return {
            **dict.fromkeys(("NAME", "PATH", "WORD", "PATTERN"), name),
            "STRING_LITERAL": string,
            **{kind: literal(read) for kind, read in literals.READERS.items()},
        }
