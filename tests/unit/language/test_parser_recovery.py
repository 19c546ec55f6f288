"""Reading on after a mistake: all mistakes of a file are found in one run, each once, and nothing else suffers."""

from __future__ import annotations

import pytest

from durwan.diagnostics import Source
from durwan.language import syntax
from durwan.language.parser import parse


def read(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The names of the declarations that are kept, and each mistake's code and what it underlines."""
    module, mistakes = parse(Source("a.policy", text))
    names = [each.name.text for each in module.declarations if not isinstance(each, _NAMELESS)]
    return names, [(each.code, each.span.text) for each in mistakes]


_NAMELESS = (syntax.ActionsDeclaration, syntax.ScopesDeclaration)

_BROKEN = (
    "let x =",
    "let x = (a",
    "let x = a)",
    "let x = a b",
    "let x = a b c d e f g h i j k l m n o p",
    "let x = f(a, b, c)",
    "let x = a ? b : c",
    "let x = { a: 1 }",
    "set x",
    "set x =",
    'set x = { "a" "b", }',
    "set x = }",
    'set x = "a", "b"',
    "network x = 10.0.0.0/8",
    "network x = { 10.0.0.1/8, 10.0.0.2/8 }",
    "window x = mon..",
    'window x = 08:00..18:00 "UTC',
    "context x { a : }",
    "context x { a",
    "context x {\n  a : integer\n  b strng\n",
    "actions { a.b, , c }",
    "scopes { a includes }",
    "alow x on a",
    "allow on a when b",
    "deny\n  on a",
    "deny x\n  wehn a\n  becuase b",
    "deny x when",
    "deny x when a and",
    "deny x when a < b < c",
    "deny x when " + "(" * 70,
    "deny x when " + "not " * 70 + "a",
    "challenge x on a require",
    "limit x on a to 5 every 10s per b",
    "limit x on a to per b",
    "invariant x never deny on a",
    "invariant x",
    "shadow x",
    "policy x { allow everything }",
    "if a then b",
    "<<<<<<< HEAD",
    "é",
    "Ａllow x on a",
    ";;;",
    '"',
    "'",
    "- - - -",
    "} } }",
)


@pytest.mark.parametrize("broken", _BROKEN)
def test_a_mistake_costs_one_declaration(broken: str) -> None:
    """What stands before and after a broken declaration is read, and has no mistake."""
    names, mistakes = read(f"deny before\n\n{broken}\n\nlet after = b\ndeny last\n  when c\n")
    assert names[:1] == ["before"]
    assert names[-2:] == ["after", "last"]
    assert mistakes


@pytest.mark.parametrize("broken", _BROKEN)
def test_mistakes_are_found_in_every_declaration(broken: str) -> None:
    """Two broken declarations have the mistakes of both, and nothing hides between them."""
    _, once = read(f"{broken}\n\nlet after = b\n")
    _, twice = read(f"{broken}\n\nlet between = a\n\n{broken}\n\nlet after = b\n")
    assert twice == once * 2


@pytest.mark.parametrize("broken", _BROKEN)
def test_no_cascade(broken: str) -> None:
    """No text of the table has more mistakes than somebody made in it."""
    _, mistakes = read(f"{broken}\n\nlet after = b\n")
    assert len(mistakes) <= (3 if broken.startswith(("set x = {", "network x = {", "context", "deny x\n")) else 2)


def test_mends_let_reading_go_on_within_a_declaration() -> None:
    """Misspelt words, missing signs and malformed literals of one declaration are all found."""
    _, mistakes = read(
        "deny x\n"
        "  on orders.create withdrawals.create\n"
        "  wehn risk.score = 007 && now < 2026-12-24\n"
        "  becuase 'no'\n"
        "  respond 403 no\n"
    )
    assert mistakes == [
        ("P0134", "withdrawals.create"),
        ("P0132", "wehn"),
        ("P0133", "="),
        ("P0113", "007"),
        ("P0133", "&&"),
        ("P0119", "2026-12-24"),
        ("P0132", "becuase"),
        ("P0106", "'no'"),
    ]


def test_malformed_literal_has_one_mistake() -> None:
    """That it is of another kind besides is not said of a literal that could not be read."""
    assert read("network x = { 203. }") == ([], [("P0113", "203.")])
    assert read("set x = { 1.2.3 }") == ([], [("P0123", "1.2.3")])


def test_lost_head_of_a_rule() -> None:
    """Where the head of a rule cannot be read, its clauses are not all called misplaced ones of the rule before."""
    text = 'deny a\n  when b\n  because "c"\n  respond 403 d\n  dney e\n  on f\n  when g\n  because "h"\n'
    assert read(text) == (["a"], [("P0132", "dney")])
    assert read(text.replace("dney e", "")) == ([], [("P0139", "on")])


def test_open_brace_ends_where_the_next_declaration_begins() -> None:
    """The bracket is underlined, not what follows it, even where words of what follows could be names."""
    text = "context risk {\n  score : int\n\nallow a\n  on b\n\nset treasury = { x,\n\nlet c = (d\n\nlet e = f\n"
    names, mistakes = read(text)
    assert mistakes == [("P0135", "{"), ("P0135", "{"), ("P0135", "(")]
    assert names == ["a", "e"]


def test_brace_too_many() -> None:
    """A bracket that closes nothing is left out of the reading."""
    assert read("let a = b)\nlet c = d\n}\nlet e = f") == (["c", "e"], [("P0131", ")"), ("P0131", "}")])


def test_mistake_at_the_margin_does_not_spoil_what_was_complete() -> None:
    """A word at the margin that opens no declaration belongs to what follows, not to what precedes."""
    assert read("deny a\n  when b\nfoo\n\ndeny c\n  when d") == (["a", "c"], [("P0131", "foo")])
    assert read("deny a\n  when b\n  foo\n\ndeny c\n  when d") == (["c"], [("P0131", "foo")])


def test_declarations_on_one_line() -> None:
    """Line breaks mean nothing: the next declaration is found on the same line too."""
    assert read("deny a when (b deny c when d") == (["c"], [("P0135", "(")])
    assert read("actions { a.b } alow x on a.b let y = z") == (["y"], [("P0132", "alow")])


def test_mistakes_stand_in_source_order() -> None:
    """Hidden characters, which are looked for first, are reported where they stand."""
    _, mistakes = read("let a = 007\n# \u202e\nlet b = 008\n")
    assert [code for code, _ in mistakes] == ["P0113", "P0103", "P0113"]
