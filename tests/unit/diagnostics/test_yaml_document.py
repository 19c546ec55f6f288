"""YAML files: what is data, what is refused, and where it stands."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durwan.diagnostics import Source
from durwan.diagnostics.yaml_document import Document, parse_yaml, read_yaml


def data(text: str, *, aliases: bool = False) -> Any:
    return document(text, aliases=aliases).data


def document(text: str, *, aliases: bool = False) -> Document:
    found, diagnostics = parse_yaml(Source("x.yaml", text), aliases=aliases)
    assert diagnostics == []
    assert found is not None
    return found


def mistakes(text: str, *, aliases: bool = False) -> list[tuple[str, str, str | None, str]]:
    found, diagnostics = parse_yaml(Source("x.yaml", text), aliases=aliases)
    assert found is None
    assert all(each.severity == "error" for each in diagnostics)
    return [(each.code, each.message, each.help, each.span.text) for each in diagnostics]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None), ("# only a comment\n", None), ("null", None), ("~", None), ("Null", None), ("true", True),
        ("True", True), ("FALSE", False), ("0", 0), ("-5", -5), ("+5", 5),
        ("12345678901234567890", 12345678901234567890),
        ("2.5", 2.5), ("-0.25", -0.25), ("1e3", 1000.0), ("60000.00", 60000.0), ("0.1", 0.1),
    ],
)  # fmt: skip
def test_words_and_decimal_numbers_are_what_they_seem(text: str, expected: object) -> None:
    """Of the scalars without quotes, these have a value of their own."""
    found = data(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "yes", "no", "on", "off", "Yes", "y", "n", "tRue", "010", "007", "0x1F", "0o17", "0b1", "1_000", "12:30",
        "1:30:45",
        "2026-01-01", "2026-01-15T00:00:00Z", ".5", "5.", ".inf", "-.inf", ".nan", "NaN", "Infinity", "1e999", "--5",
        "0.1234567890123456789", "1" * 41, "203.0.113.9", "10.0.0.0/8", "2001:db8::1", "=", "5m", "\u0661", "\uff11",
    ],
)  # fmt: skip
def test_everything_else_is_text(text: str) -> None:
    """Including what older YAML takes for truths, octal and sexagesimal numbers, dates, and numbers no float holds."""
    assert data(text) == text
    assert data(f"a: {text}") == {"a": text}


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_make_text(quote: str) -> None:
    """A number or a truth in quotes is text."""
    for text in ("true", "null", "1", "", "<<"):
        assert data(f"{quote}{text}{quote}") == text


def test_lists_mappings_and_blocks_are_read() -> None:
    """Both styles of lists and mappings, and both styles of long text."""
    text = "a: [1, {b: 2}]\nc:\n  - d: |\n      two\n      lines\n  - >\n    one\n    line\n? e\n: f\nempty:\n"
    assert data(text) == {"a": [1, {"b": 2}], "c": [{"d": "two\nlines\n"}, "one line\n"], "e": "f", "empty": None}


def test_a_document_may_be_marked() -> None:
    """One `---` before and one `...` after it change nothing."""
    assert data("---\na: 1\n...\n") == {"a": 1}


TEXT = """\
# keys
keys:
  - id: desk-7      # the desk
    scopes: [orders.read, "orders.write"]
    owner:
      name: Bert \U0001f600
      phone: 1

  # the next one
  - id: desk-8
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("keys", 0, "id"), "desk-7"),
        (("keys", 0, "scopes"), '[orders.read, "orders.write"]'),
        (("keys", 0, "scopes", 1), '"orders.write"'),
        (("keys", 0, "owner"), "name: Bert \U0001f600\n      phone: 1"),
        (("keys", 0, "owner", "phone"), "1"),
        (("keys", 1), "id: desk-8"),
        (("keys", 1, "missing"), "id: desk-8"),
        (("keys", 7), TEXT[TEXT.index("- id: desk-7") : -1]),
        (("other",), TEXT[TEXT.index("keys:") : -1]),
    ],
)
def test_every_value_can_be_underlined(path: tuple[str | int, ...], expected: str) -> None:
    """Exactly, without comments and blanks around it; for what is missing, the value around it."""
    assert document(TEXT).span(path).text == expected


def test_keys_and_first_lines_can_be_underlined() -> None:
    """The key of a field, and the line in which something is missing."""
    found = document(TEXT)
    assert found.key_span(("keys", 0, "owner")).text == "owner"
    assert found.key_span(("keys", 0)).text.startswith("id: desk-7")
    assert found.key_span(("keys", 9, "id")).text == TEXT[TEXT.index("- id: desk-7") : -1]
    assert found.key_span(()).text == found.span().text
    assert found.first_line(("keys", 0)).text == "id: desk-7      # the desk"
    assert found.first_line(("keys", 1)).text == "id: desk-8"
    assert document("").span(("a",)).text == ""
    assert found.mapping == found.data
    assert document("[1]").mapping is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", ("P0505", "`a` is given twice", "remove one of the two", "a")),
        ("a: 1\n'a': 2\n", ("P0505", "`'a'` is given twice", "remove one of the two", "'a'")),
        ("x: {b: 1, b: 1}", ("P0505", "`b` is given twice", "remove one of the two", "b")),
        ("a: !!str 1", ("P0507", "the tag `!!str` is not allowed", "write the plain value", "!!str")),
        ("!!python/object:os.system [x]",
         ("P0507", "the tag `!!python/object:os.system` is not allowed", "write the plain value",
          "!!python/object:os.system")),
        ("- ! x", ("P0507", "the tag `!` is not allowed", "write the plain value", "!")),
        ("- !<tag:yaml.org,2002:str> x",
         ("P0507", "the tag `!<tag:yaml.org` is not allowed", "write the plain value", "!<tag:yaml.org")),
        ("1: x", ("P0508", "this key is not text", 'write `"1"`', "1")),
        ("no: 1\ntrue: 2", ("P0508", "this key is not text", 'write `"true"`', "true")),
        ("? [a, b]\n: c", ("P0508", "this key is not text", 'write `"[a, b]"`', "[a, b]")),
        ("? {a: 1}\n: c", ("P0508", "this key is not text", 'write `"{a: 1}"`', "{a: 1}")),
        ("? - a\n  - b\n: c", ("P0508", "this key is not text", "a key is text", "- a\n  - b")),
        ("?\n: x", ("P0508", "this key is not text", "a key is text", "")),
        ("a: 1\n---\nb: 2", ("P0511", "a second document begins here", "make it a file of its own", "---")),
        ("---\n---\n", ("P0511", "a second document begins here", "make it a file of its own", "---")),
        ("<<: {a: 1}", ("P0506", "`<<` refers to another place; only test files may do that", "write it out", "<<")),
        ("a: \u202ex", ("P0503", "the character U+202E (right-to-left override) hides from a reviewer", "remove it",
                        "\u202e")),
        ("\ufeffa: 1", ("P0503", "the character U+FEFF (zero width no-break space) hides from a reviewer", "remove it",
                        "\ufeff")),
        ("a: 1\r", ("P0503", "the character U+000D (a control character) hides from a reviewer", "remove it", "\r")),
        ("a: b: c", ("P0504", "this is not YAML: mapping values are not allowed in this context",
                     'put text that holds `: ` in quotes, as in `"a: b"`', ":")),
        ("\ta: 1", ("P0504", "this is not YAML: found character that cannot start any token", "indent with spaces",
                    "\t")),
        ("a: @x", ("P0504", "this is not YAML: found character that cannot start any token",
                   "put text that begins with `@` in quotes", "@")),
        ("a: `x", ("P0504", "this is not YAML: found character that cannot start any token", "put it in quotes", "`")),
        ('a: "x', ("P0504", "this is not YAML: found unexpected end of stream", None, "")),
        ("[" * 65, ("P0509", "lists and mappings are nested deeper than 64 levels", None, "[")),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text: str, expected: tuple[str, str, str | None, str]) -> None:
    """Code, message, help and what is underlined."""
    assert mistakes(text) == [expected]


def test_anchors_and_aliases_are_refused_where_they_are_not_asked_for() -> None:
    """Both are underlined."""
    advice = "refers to another place; only test files may do that"
    assert mistakes("a: &x 1\nb: *x\nc: &y\n  d: 1\n") == [
        ("P0506", f"`&x` {advice}", "write it out", "&x"),
        ("P0506", f"`*x` {advice}", "write it out", "*x"),
        ("P0506", f"`&y` {advice}", "write it out", "&y"),
    ]


def test_a_duplicate_names_the_first_place() -> None:
    """The note underlines the key that was given first."""
    _, diagnostics = parse_yaml(Source("x.yaml", "a: 1\nb: 2\na: 3\n"))
    (note,) = diagnostics[0].notes
    assert (note.message, note.span.text, note.span.start) == ("first given here", "a", 0)


def test_a_hidden_character_can_be_removed_by_a_tool() -> None:
    """The repair replaces it by nothing."""
    _, diagnostics = parse_yaml(Source("x.yaml", "a\u200b: 1"))
    assert diagnostics[0].fix is not None
    assert (diagnostics[0].fix.span.text, diagnostics[0].fix.replacement) == ("\u200b", "")


def test_aliases_and_merge_keys_are_read_where_they_are_asked_for() -> None:
    """An alias is a copy; merged fields give way to those that stand there, and to merges before them."""
    text = "a: &x {p: 1, q: [2]}\nb: &y {p: 3, r: 4}\nc: *x\nd:\n  <<: *x\n  p: 5\ne:\n  <<: [*x, *y]\n"
    found = data(text, aliases=True)
    assert found["c"] == {"p": 1, "q": [2]}
    assert found["d"] == {"p": 5, "q": [2]}
    assert found["e"] == {"p": 1, "q": [2], "r": 4}
    found["c"]["q"].append(3)
    assert found["a"]["q"] == [2]
    assert document(text, aliases=True).span(("e", "r")).text == "4"
    assert data("a: &x\n  k: 1\nb:\n  - *x\n  - &z s\n  - *z\n", aliases=True)["b"] == [{"k": 1}, "s", "s"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a [*a]", ("P0512", "`*a` refers to no anchor above it", None, "*a")),
        ("base: &base {a: 1}\nb: *bas",
         ("P0512", "`*bas` refers to no anchor above it", "did you mean `*base`?", "*bas")),
        ("x: {<<: 5}",
         ("P0513", "only a mapping can be merged", "`<<` takes an alias of a mapping, or a list of such", "5")),
        ("a: &a {b: 1}\nx: {<<: [*a, 5]}",
         ("P0513", "only a mapping can be merged", "`<<` takes an alias of a mapping, or a list of such", "[*a, 5]")),
    ],
)  # fmt: skip
def test_mistakes_of_aliases_are_told(text: str, expected: tuple[str, str, str | None, str]) -> None:
    """An alias must stand below its anchor, and only mappings merge."""
    assert mistakes(text, aliases=True) == [expected]


def test_aliases_that_multiply_are_refused_before_they_are_written_out() -> None:
    """A billion laughs, as lists, as mappings and as merges, takes no time."""
    start = time.perf_counter()
    lists = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    maps = "a0: &a0 {k: x}\n" + "".join(
        f"a{i}: &a{i} {{{', '.join(f'k{j}: *a{i - 1}' for j in range(10))}}}\n" for i in range(1, 12)
    )
    for text in (lists, maps):
        assert [each[:2] for each in mistakes(text, aliases=True)] == [
            ("P0510", "with its aliases written out the file has more than 100000 values")
        ]
    assert time.perf_counter() - start < 1


def test_aliases_that_nest_are_refused() -> None:
    """Levels are counted with aliases written out."""
    text = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 100))
    assert [each[0] for each in mistakes(text, aliases=True)] == ["P0509"]


def test_as_deep_as_allowed_is_read() -> None:
    """64 levels are read, and 65 are not; the limit can be lowered."""
    assert data("[" * 64 + "]" * 64) is not None
    assert (
        parse_yaml(Source("x", "[[[]]]"), nesting=2)[1][0].message
        == "lists and mappings are nested deeper than 2 levels"
    )
    assert parse_yaml(Source("x", "[[[]]]"), nesting=3)[1] == []


@pytest.mark.parametrize(
    "text", ["[" * 1_000_000, "- " * 500_000, "? " * 100_000, "{a: " * 100_000, "!a " * 300_000, "&a " * 300_000]
)
def test_bombs_are_refused_at_once(text: str) -> None:
    """A megabyte of brackets costs as little as a hundred."""
    start = time.perf_counter()
    assert mistakes(text)
    assert time.perf_counter() - start < 1


def test_only_the_first_mistakes_are_told() -> None:
    """After twenty the reading stops; likewise for hidden characters."""
    codes = [each[0] for each in mistakes("a: 1\n" * 10_000)]
    assert codes == ["P0505"] * 20 + ["P0514"]
    codes = [each[0] for each in mistakes("\u200b" * 10_000)]
    assert codes == ["P0503"] * 20 + ["P0514"]


def test_bytes_are_read_as_utf_8_with_either_line_end() -> None:
    """CRLF becomes LF; nothing else is guessed."""
    found, diagnostics = read_yaml("keys/a.yaml", b"a: 1\r\nb: \xc3\xa9\r\n")
    assert diagnostics == []
    assert found is not None
    assert found.data == {"a": 1, "b": "\u00e9"}
    assert found.source.path == "keys/a.yaml"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: \xff", ("P0501", "the file is not UTF-8: byte 0xFF at offset 3", "save the file as UTF-8")),
        ("a: 1".encode("utf-16"), ("P0501", "the file is not UTF-8: byte 0xFF at offset 0", "save the file as UTF-8")),
        (b"a: " + b"x" * 100, ("P0502", "the file has 103 bytes, and at most 102 are allowed",
                               "split it, or raise `limits.file_bytes` in policy.yaml")),
    ],
)  # fmt: skip
def test_files_that_are_no_text_or_too_large_are_refused(content: bytes, expected: tuple[str, str, str]) -> None:
    """Before anything of them is read."""
    found, (diagnostic,) = read_yaml("a.yaml", content, most_bytes=102)
    assert found is None
    assert (diagnostic.code, diagnostic.message, diagnostic.help) == expected


def test_a_file_as_large_as_allowed_is_read() -> None:
    """The limit itself is allowed."""
    assert read_yaml("a.yaml", b"x" * 102, most_bytes=102)[1] == []


@given(st.text(alphabet=st.sampled_from("ab:- \n[]{},&*!|>'\"#?<%@`\t0.1\u202e\U0001f600"), max_size=60), st.booleans())
def test_any_text_is_data_or_a_mistake(text: str, aliases: bool) -> None:
    """Nothing raises, and every span lies within the text."""
    found, diagnostics = parse_yaml(Source("x.yaml", text), aliases=aliases)
    assert (found is None) == bool(diagnostics)
    for diagnostic in diagnostics:
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
