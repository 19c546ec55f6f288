"""The grammar's LALR tables, computed. This module and nothing else uses Lark.

They are written to `grammar/policy.tables.json` by `python -m durwan.language.lalr`, so that a start does not compute
them again; a test fails where that file is not of the grammar beside it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from lark import Lark
from lark.common import LexerConf
from lark.lexer import Lexer, PatternStr
from lark.parsers.lalr_analysis import Shift

from durwan.language.grammar import Production, Tables, digest_of, grammar_text


class _ScannedElsewhere(Lexer):
    """Lark wants a lexer; `lexical.py` has one that goes on after a mistake."""

    __future_interface__ = 2

    def __init__(self, lexer_conf: LexerConf) -> None:
        pass

    def lex(self, lexer_state: object, parser_state: object) -> Iterator[object]:  # type: ignore[override]
        """Nothing: never called."""
        raise NotImplementedError


def compute_tables(text: str) -> Tables:
    """The tables of a grammar. Never from Lark's own cache, which unpickles a file that others can write."""
    lark: Any = Lark(text, parser="lalr", lexer=_ScannedElsewhere, maybe_placeholders=False)
    table = lark.parse_interactive("").parser_state.parse_conf.parse_table
    rules = sorted(lark.rules, key=str)
    reductions = {rule: number for number, rule in enumerate(rules)}
    nonterminals = {str(rule.origin.name) for rule in rules} | {"$root_start"}
    actions: list[dict[str, int]] = []
    gotos: list[dict[str, int]] = []
    for row, numbers in _rows(table):
        # Lark has strings of a class of its own there, which are slow to compare.
        moves = {
            str(symbol): numbers[target] if action is Shift else ~reductions[target] for symbol, (action, target) in row
        }
        actions.append({name: move for name, move in moves.items() if name not in nonterminals})
        gotos.append({name: move for name, move in moves.items() if name in nonterminals})
    keywords = {
        terminal.pattern.value: terminal.name
        for terminal in sorted(lark.terminals, key=lambda each: str(each.name))
        if isinstance(terminal.pattern, PatternStr) and terminal.pattern.value.isalpha()
    }
    return Tables(actions, gotos, [_production(rule) for rule in rules], 0, keywords)


def _rows(table: Any) -> Iterator[tuple[list[tuple[Any, Any]], dict[Any, int]]]:
    """The rows of Lark's table from the first state on, with the numbers of all states that were met so far.

    Lark's own numbers are others in every run; these are not, since symbols are gone through in their order.
    """
    start = table.start_states["start"]
    numbers = {start: 0}
    pending = [start]
    for state in pending:
        row = sorted(table.states[state].items(), key=lambda entry: str(entry[0]))
        for _, (action, target) in row:
            if action is Shift and target not in numbers:
                numbers[target] = len(numbers)
                pending.append(target)
        yield row, numbers


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


def written(text: str) -> str:
    """The tables of a grammar as the file that is read instead of computing them."""
    return json.dumps({"grammar": digest_of(text), "tables": compute_tables(text)._asdict()}, separators=(",", ":"))


if __name__ == "__main__":
    sys.stdout.write(written(grammar_text()) + "\n")
