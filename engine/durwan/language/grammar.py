"""The grammar and its LALR tables.

`policy.lark` says what the language is, and `parser.py` walks the tables that follow from it, since it repairs the text
as it goes, which a parser that is driven from inside cannot. Computing them takes a tenth of a second, so they lie
beside the grammar; where they are not of this grammar, as while it is being changed, they are computed.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

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


class Tables(NamedTuple):
    """What to do in each state.

    `actions[state][terminal]` is the state that follows the terminal, or the complement (`~`) of a production's number
    that is to be applied first; `gotos[state][origin]` is the state after a production.
    """

    actions: list[dict[str, int]]
    gotos: list[dict[str, int]]
    productions: list[Production]
    start: int
    keywords: dict[str, str]


def grammar_text() -> str:
    """The text of the grammar: in the package where it is installed, else in the checkout."""
    return _beside_grammar("policy.lark")


def digest_of(text: str) -> str:
    """What tells of which grammar tables are."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def tables() -> Tables:
    """The tables of the grammar, which are read or computed once."""
    text = grammar_text()
    found = json.loads(_beside_grammar("policy.tables.json"))
    if found["grammar"] != digest_of(text):
        from durwan.language.lalr import compute_tables  # noqa: PLC0415 - Lark is slow to import

        return compute_tables(text)
    whole = Tables(**found["tables"])
    return whole._replace(productions=[Production(*each) for each in whole.productions])


def _beside_grammar(name: str) -> str:
    packaged = files("durwan") / "grammar" / name
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[3] / "grammar" / name).read_text(encoding="utf-8")
