"""How deep the text nests, counted on tokens before there is a tree.

Whatever walks the tree later may recurse: nothing deeper than is allowed here ever gets there. Counted are the open
brackets, the `not`s in a row, and the arithmetic signs in a row, since those nest to the left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from durwan.language.lexical import Token, first_on_line

TOO_DEEP = "TOO_DEEP"

_OPENING, _CLOSING, _NESTING, _OPERAND, _OPENER = range(5)
_ROLES = {
    **dict.fromkeys(("LPAR", "LBRACE"), _OPENING),
    **dict.fromkeys(("RPAR", "RBRACE"), _CLOSING),
    **dict.fromkeys(("NOT", "PLUS", "MINUS", "STAR"), _NESTING),
    **dict.fromkeys(("NAME", "PATH", "NOW", "DEFAULT", "INT_LITERAL", "DECIMAL_LITERAL"), _OPERAND),
    **dict.fromkeys(("DURATION_LITERAL", "INSTANT_LITERAL", "STRING_LITERAL"), _OPERAND),
    **dict.fromkeys(("ALLOW", "DENY", "CHALLENGE", "SHADOW", "LIMIT", "INVARIANT"), _OPENER),
    **dict.fromkeys(("CONTEXT", "ACTIONS", "SCOPES", "NETWORK", "SET", "LET", "WINDOW"), _OPENER),
}


def with_depth(tokens: Iterable[Token], text: str, most: int) -> Iterator[Token]:
    """The same tokens, but of kind TOO_DEEP each with which a declaration goes beyond `most` levels."""
    levels, run = 0, 0
    opened: list[int] = []
    for token in tokens:
        role = _ROLES.get(token.kind)
        if role == _OPENER and first_on_line(text, token.start):
            # Whatever was left open before is the mistake of another declaration.
            levels, run = 0, 0
            opened.clear()
        elif role == _OPENING:
            opened.append(run)
            levels += run + 1
            run = 0
        elif role == _CLOSING:
            run = opened.pop() if opened else 0
            levels = max(levels - run - 1, 0)
        elif role == _NESTING:
            run += 1
        elif role != _OPERAND:
            run = 0
        yield token if levels + run <= most else token._replace(kind=TOO_DEEP)
