"""The grammar's LALR tables. This module and nothing else uses Lark.

Lark reads `policy.lark` and computes the tables; `parser.py` walks them, since it repairs the text as it goes, which
a parser that is driven from inside cannot. The tables are computed once, when first asked for (about 0.1 s).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from lark import Lark
from lark.common import LexerConf
from lark.lexer import Lexer, PatternStr
from lark.parsers.lalr_analysis import Shift

END = "$END"


class Production(NamedTuple):
    """One rule of the grammar, as the parser applies it.

    `size` is how many symbols it replaces; `origin` is what by; `build` is the tree builder's method that makes the
    value, None where the one symbol's value is taken over; `gathers` tells that some of the symbols are lists
    (repetitions in the grammar), whose members count as symbols of their own; `repeats` that this makes such a list.
    """

    size: int
    origin: str
    build: str | None
    gathers: bool
    repeats: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """What to do in each state.

    `actions[state][terminal]` is the state that follows the terminal, or the complement (`~`) of a production's number
    that is to be applied first; `gotos[state][origin]` is the state after a production.
    """

    actions: list[dict[str, int]]
    gotos: list[dict[str, int]]
    productions: list[Production]
    start: int
    keywords: dict[str, str]


class _ScannedElsewhere(Lexer):
    """Lark wants a lexer; `lexical.py` has one that goes on after a mistake."""

    __future_interface__ = 2

    def __init__(self, lexer_conf: LexerConf) -> None:
        pass

    def lex(self, lexer_state: object, parser_state: object) -> Iterator[object]:  # type: ignore[override]
        """Nothing: never called."""
        raise NotImplementedError


def grammar_text() -> str:
    """The text of the grammar: in the package where it is installed, else in the checkout."""
    packaged = files("durwan") / "grammar" / "policy.lark"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[3] / "grammar" / "policy.lark").read_text(encoding="utf-8")


def _lark() -> Any:
    return Lark(grammar_text(), parser="lalr", lexer=_ScannedElsewhere, maybe_placeholders=False)


@cache
def tables() -> Tables:
    """The tables of the grammar. Never from Lark's own cache, which unpickles a file that others can write."""
    lark = _lark()
    table = lark.parse_interactive("").parser_state.parse_conf.parse_table
    numbers: dict[Any, int] = {}
    size = max(table.states) + 1
    actions: list[dict[str, int]] = [{} for _ in range(size)]
    gotos: list[dict[str, int]] = [{} for _ in range(size)]
    nonterminals = {rule.origin.name for rule in lark.rules} | {"$root_start"}
    for state, row in table.states.items():
        for symbol, (action, target) in row.items():
            name = str(symbol)  # Lark has strings of a class of its own there, which are slow to compare
            if name in nonterminals:
                gotos[state][name] = target
            else:
                actions[state][name] = target if action is Shift else ~numbers.setdefault(target, len(numbers))
    keywords = {
        terminal.pattern.value: terminal.name
        for terminal in lark.terminals
        if isinstance(terminal.pattern, PatternStr) and terminal.pattern.value.isalpha()
    }
    return Tables(actions, gotos, [_production(rule) for rule in numbers], table.start_states["start"], keywords)


def _production(rule: Any) -> Production:
    origin = str(rule.origin.name)
    names = [str(symbol.name) for symbol in rule.expansion]
    passes = len(names) == 1 and rule.options.expand1 and not rule.alias
    return Production(
        size=len(names),
        origin=origin,
        build=None if passes else str(rule.alias or origin),
        gathers=any(name.startswith("__") for name in names),
        repeats=origin.startswith("__"),
    )
