"""The grammar file: it says the whole language by itself, and is read safely and once."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from lark import Lark

from durwan.diagnostics import Source
from durwan.language import grammar
from durwan.language.grammar import grammar_text, tables
from durwan.language.lalr import compute_tables, written
from durwan.language.lexical import RESERVED
from durwan.language.parser import parse
from tests.generators.policy_texts import policy_texts

ROOT = Path(__file__).parents[3]
POLICIES = [*sorted((ROOT / "policies").glob("*.policy")), ROOT / "engine/durwan/language/prelude.policy"]


@cache
def stock() -> Any:
    """Lark with its own contextual lexer, and nothing of ours."""
    return Lark(grammar_text(), parser="lalr", lexer="contextual", maybe_placeholders=False)


@pytest.mark.parametrize("path", POLICIES, ids=[path.name for path in POLICIES])
def test_lark_alone_reads_the_reference_policies(path: Path) -> None:
    """They parse with the grammar file alone, and with the parser."""
    text = path.read_text(encoding="utf-8")
    assert stock().parse(text).data == "start"
    assert parse(Source(path.name, text))[1] == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(policy_texts())
def test_lark_alone_reads_what_the_parser_reads(text: str) -> None:
    """The terminals of the grammar file are those of the scanner: what has no mistake parses with Lark alone."""
    assert parse(Source("a.policy", text))[1] == []
    assert stock().parse(text).data == "start"


def test_reserved_words_are_keywords() -> None:
    """Every reserved word is in the grammar."""
    assert set(tables().keywords) >= RESERVED


def test_grammar_is_read_when_first_needed_and_once() -> None:
    """Importing the parser neither imports nor builds anything of Lark's tables; two parses share them."""
    program = (
        "from durwan.language import grammar\n"
        "import durwan.language.parser as parser\n"
        "assert grammar.tables.cache_info().currsize == 0\n"
        "from durwan.diagnostics import Source\n"
        "parser.parse(Source('a', 'let a = b'))\n"
        "parser.parse(Source('a', 'let a = b'))\n"
        "assert grammar.tables.cache_info().misses == 1\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_tables_beside_the_grammar_are_its_own() -> None:
    """The tables that are read instead of computing them are those of this grammar, to the byte."""
    beside = Path(__file__).parents[3] / "grammar" / "policy.tables.json"
    assert beside.read_text("utf-8") == written(grammar_text()) + "\n", "python -m durwan.language.lalr > " + str(
        beside
    )
    assert compute_tables(grammar_text()) == tables()


def test_a_changed_grammar_needs_no_new_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of another grammar are not used: a change of the grammar counts at once."""
    changed = grammar_text().replace('"invariant" name', '"never" name')
    monkeypatch.setattr(grammar, "grammar_text", lambda: changed)
    assert "never" in grammar.tables.__wrapped__().keywords
    assert "invariant" not in grammar.tables.__wrapped__().keywords


def test_lark_never_caches(tmp_path: Path) -> None:
    """Lark's cache unpickles a file whose name others can guess: building the tables writes no file."""
    program = "from durwan.language.lalr import *; compute_tables(grammar_text())"
    environment = {"TMPDIR": str(tmp_path), "PATH": ""}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert list(tmp_path.iterdir()) == []
