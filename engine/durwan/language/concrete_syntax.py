"""The text as it stands, for whoever writes it anew: every token, every comment, in the shape of the grammar.

The syntax tree says what was meant and forgets commas and comments; this tree forgets nothing but white space, of which
it keeps where lines were broken and left blank.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from durwan.diagnostics import Source
from durwan.language.grammar import END, tables
from durwan.language.lexical import Token, first_on_line, scan
from durwan.language.stacks import Stacks


@dataclass(slots=True)
class Comment:
    """A comment, with its `#`, and whether a blank line stands before it."""

    text: str
    blank_before: bool = False


@dataclass(slots=True)
class Leaf:
    """A token.

    `leading` are the comments on lines of their own before it, `trailing` is the one behind it on its line. A comma is
    no leaf: `comma` tells that one follows. `tight` tells that no space stands before it, `vertical` that it opens a
    list whose members stand on lines of their own. `blank_before` and `line_before` tell that a blank line, or a line
    break, stood right before it in the text.
    """

    kind: str
    text: str
    leading: list[Comment] = field(default_factory=list[Comment])
    trailing: str | None = None
    comma: bool = False
    tight: bool = False
    vertical: bool = False
    blank_before: bool = False
    line_before: bool = False


@dataclass(slots=True)
class Branch:
    """One application of a rule of the grammar."""

    rule: str
    children: list[Branch | Leaf]

    @property
    def first(self) -> Leaf:
        """The first leaf."""
        return next(self.leaves())

    @property
    def last(self) -> Leaf:
        """The last leaf."""
        child = self.children[-1]
        while isinstance(child, Branch):
            child = child.children[-1]
        return child

    def leaves(self) -> Iterator[Leaf]:
        """All leaves below, from left to right."""
        stack: list[Branch | Leaf] = [self]
        while stack:
            match stack.pop():
                case Branch(children=children):
                    stack.extend(reversed(children))
                case leaf:
                    yield leaf


def read_concrete(source: Source) -> tuple[list[Branch], Leaf]:
    """The declarations of a text, and its end, which has the comments that follow the last of them.

    Raises:
        ValueError: if the text has a mistake of syntax.
    """
    leaves, commas = _leaves(source.text)
    _hand_on_comments(leaves, commas)
    return _declarations(leaves), leaves[-1]


def _leaves(text: str) -> tuple[list[Leaf], list[int]]:
    """All tokens with their comments, the end as the last; and which of them are commas."""
    comments: list[Token] = []
    tokens = [*scan(text, tables().keywords, comments)]
    leaves: list[Leaf] = []
    pending: list[Comment] = []
    reached = 0
    for token in sorted((*tokens, *comments), key=lambda each: each.start):
        breaks = text.count("\n", reached, token.start)
        reached = token.end
        if token.kind != "COMMENT":
            leaf = Leaf(token.kind, token.text, pending, blank_before=breaks > 1, line_before=breaks > 0)
            leaves.append(leaf)
            pending = []
        elif first_on_line(text, token.start):
            pending.append(Comment(token.text.rstrip(), blank_before=breaks > 1))
        else:
            leaves[-1].trailing = token.text.rstrip()
    leaves.append(Leaf(END, "", pending))
    for before, leaf in pairwise(leaves):
        leaf.tight = leaf.kind in {"RPAR", "DOTS"} or before.kind in {"LPAR", "DOTS"}
    return leaves, [at for at, leaf in enumerate(leaves) if leaf.kind == "COMMA"]


def _hand_on_comments(leaves: list[Leaf], commas: list[int]) -> None:
    """Commas come and go with the layout, so their comments go to the leaves beside them, in the same order."""
    for at in commas:
        before, comma, after = leaves[at - 1], leaves[at], leaves[at + 1]
        comments = [Comment(before.trailing)] if before.trailing is not None else []
        comments += comma.leading
        if comma.trailing is not None:
            comments.append(Comment(comma.trailing))
        before.comma = True
        before.trailing = comments[0].text if comments else None
        after.leading[:0] = [Comment(each.text) for each in comments[1:]]
        after.line_before = after.line_before or comma.line_before


def _declarations(leaves: list[Leaf]) -> list[Branch]:
    grammar = tables()
    stacks = Stacks(grammar, [None if each.build is None else _Build(each.build) for each in grammar.productions])
    coming: list[Leaf] = []
    stacks.makes = dict.fromkeys(
        {kind for row in grammar.actions for kind in row}, lambda _text, _start, _end: coming[-1]
    )
    for leaf in leaves[:-1]:
        coming.append(leaf)
        if not stacks.take(Token(leaf.kind, leaf.text, 0, 0)):
            raise ValueError(f"text that is not in the language cannot be formatted: {leaf.text!r} does not fit")
    if not stacks.take_end():
        raise ValueError("text that is not in the language cannot be formatted: it ends too early")
    declarations: list[Branch] = stacks.values[0] if stacks.values else []
    return declarations


class _Build:
    """Makes the branch of one rule, without its commas."""

    def __init__(self, rule: str) -> None:
        self._rule = rule

    def __call__(self, symbols: list[Any], _start: int, _end: int) -> Branch:
        children = [each for each in symbols if not (isinstance(each, Leaf) and each.kind == "COMMA")]
        branch = Branch(self._rule, children)
        if self._rule in {"negative", "obligation"}:
            # `-5`, and `expires_in: 900`
            children[1].tight = True
        elif self._rule in {"braces", "with_"} and len(children) > 2:
            # A comma behind the last member asks for a vertical list, as in other formatters.
            last = Branch("", children[:-1]).last
            opening = next(each for each in children if isinstance(each, Leaf) and each.kind == "LBRACE")
            opening.vertical, last.comma = last.comma, False
        return branch
