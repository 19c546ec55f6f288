"""Every mistake of the text: its code, message, help, what is underlined, and what its fix makes of the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from durwan.diagnostics import Diagnostic, Source
from durwan.diagnostics.codes import CODES
from durwan.language.parser import MOST_MISTAKES, TextLimits, decode, parse

CASES = [
    case.strip("\n").split("\n")
    for case in (Path(__file__).parent / "text_mistakes.txt").read_text(encoding="utf-8").split("---\n")[1:]
]

# Not about a line of text; the tests below show them.
OF_THE_FILE = {"P0101", "P0102", "P0103", "P0104", "P0112", "P0136"}


def mistakes_of(text: str, limits: TextLimits | None = None) -> list[Diagnostic]:
    return parse(Source("a.policy", text), limits or TextLimits())[1]


def described(diagnostic: Diagnostic) -> tuple[str, str, str | None, str]:
    return diagnostic.code, diagnostic.message, diagnostic.help, diagnostic.span.text


def fixed(text: str, diagnostic: Diagnostic) -> str:
    fix = diagnostic.fix
    assert fix is not None
    return text[: fix.span.start] + fix.replacement + text[fix.span.end :]


def written(text: str, diagnostic: Diagnostic) -> list[str]:
    """A mistake as the file of cases has it."""
    lines = [f"{diagnostic.code} {diagnostic.span.text}".rstrip(), f"  {diagnostic.message}"]
    if diagnostic.help is not None:
        lines.append(f"  help: {diagnostic.help}")
    if diagnostic.fix is not None:
        lines.append(f"  fix: {fixed(text, diagnostic)}".replace("\n", "⏎"))
    for note in diagnostic.notes:
        _, column = note.span.source.position(note.span.start)
        lines.append(f"  note: {note.message} ({column})")
    return lines


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_one_mistake_is_said_once_and_well(case: list[str]) -> None:
    """The text has this mistake and no other, and its declaration is not kept."""
    start = next(at for at, line in enumerate(case) if line.startswith("P01"))
    text = "\n".join(case[:start])
    module, mistakes = parse(Source("a.policy", text))
    assert [written(text, mistake) for mistake in mistakes] == [case[start:]]
    assert all(mistakes[0].span.start not in range(d.span.start, d.span.end) for d in module.declarations)


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_fixes_leave_no_mistake(case: list[str]) -> None:
    """Where a mistake has a fix, the text is without mistakes after it."""
    for line in case:
        if line.startswith("  fix: "):
            assert mistakes_of(line.removeprefix("  fix: ").replace("⏎", "\n")) == []


def test_every_code_of_the_text_is_tested() -> None:
    """The cases and the tests of this file show every code that begins with P01."""
    shown = {line[:5] for case in CASES for line in case if line.startswith("P01")}
    assert shown | OF_THE_FILE == {code for code in CODES if code.startswith("P01")}


@pytest.mark.parametrize("code", [code for code in CODES if code.startswith("P01")])
def test_every_code_of_the_text_has_a_page(code: str) -> None:
    """The page is headed by the code and its name."""
    assert CODES[code].page.startswith(f"# {code}: {CODES[code].name}\n")


# ---------------------------------------------------------------- the file


def test_file_that_is_not_utf8() -> None:
    """The first wrong byte is named, and stands where the text before it ends."""
    source, mistakes = decode("a.policy", "# é\n".encode() + b"let a = \xff", TextLimits())
    assert source is None
    message = "the file is not UTF-8: byte 0xFF at offset 13"
    assert [described(each) for each in mistakes] == [("P0101", message, "save the file as UTF-8", "")]
    assert mistakes[0].span.source.position(mistakes[0].span.start) == (2, 9)


def test_file_beyond_its_limit() -> None:
    """A file may have exactly as many bytes as the limit says, encoded; one more is refused before anything is read."""
    limits = TextLimits(file_bytes=10)
    help_text = "split it, or raise `limits.file_bytes` in policy.yaml"
    expected = ("P0102", "the file has 11 bytes, and at most 10 are allowed", help_text, "")
    assert decode("a.policy", b"# 34567890", limits)[1] == []
    assert decode("a.policy", b"\xff" * 10, limits)[1][0].code == "P0101"
    source, mistakes = decode("a.policy", b"\xff" * 11, limits)
    assert source is None
    assert [described(each) for each in mistakes] == [expected]
    assert mistakes_of("# 345678é", limits) == []
    assert [described(each) for each in mistakes_of("# 3456789é", limits)] == [expected]


@pytest.mark.parametrize(
    ("text", "message", "advice", "after"),
    [
        (
            "let a = b # \u202ec",
            "the character U+202E (right-to-left override) hides from a reviewer",
            "remove it, or write `\\u{202E}` where a string needs it",
            "let a = b # c",
        ),
        (
            'let a = b == "x\u200by"',
            "the character U+200B (zero width space) hides from a reviewer",
            "remove it, or write `\\u{200B}` where a string needs it",
            'let a = b == "xy"',
        ),
        (
            "let a\x00 = b",
            "the character U+0000 (null) hides from a reviewer",
            "remove it, or write `\\u{0000}` where a string needs it",
            "let a = b",
        ),
        (
            "let a = b\x85",
            "the character U+0085 (a control character) hides from a reviewer",
            "remove it, or write `\\u{0085}` where a string needs it",
            "let a = b",
        ),
        (
            "let a = b\U000e0041",
            "the character U+E0041 (tag latin capital letter a) hides from a reviewer",
            "remove it, or write `\\u{E0041}` where a string needs it",
            "let a = b",
        ),
        ("\ufefflet a = b", "the file begins with a byte order mark", "save it without one", "let a = b"),
        (
            "let a = b\rlet c = d",
            "a carriage return stands inside a line",
            "end lines with a line feed",
            "let a = b\nlet c = d",
        ),
    ],
)
def test_character_that_hides(text: str, message: str, advice: str, after: str) -> None:
    """It is a mistake wherever it stands, and what stands beside it is read as if it were a space."""
    mistakes = mistakes_of(text)
    assert [(each.code, each.message, each.help) for each in mistakes] == [("P0103", message, advice)]
    assert len(mistakes[0].span.text) == 1
    assert fixed(text, mistakes[0]) == after
    assert mistakes_of(after) == []


@pytest.mark.parametrize(
    "character",
    [
        *(chr(code) for code in range(0x20) if chr(code) not in "\t\n\r"),
        *(chr(code) for code in range(0x7F, 0xA0)),
        *"\u00ad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e",
        *"\u2060\u2061\u2064\u2066\u2067\u2068\u2069\u206f\u3164\ufe0f\ufeff\uffa0\ufff9\ufffe\U000e0001\U000e0100",
        "\ud800",
    ],
)
def test_what_hides(character: str) -> None:
    """Controls, directions, zero widths, separators and surrogates are refused in comments as in code."""
    assert [each.code for each in mistakes_of(f"# a{character}b\n")] == ["P0103"]


@pytest.mark.parametrize("character", ["\t", "\n", "\r\n", "é", "ñ", "中", "א", "😀", "\u00a0", "\u0301"])
def test_what_does_not_hide(character: str) -> None:
    """Other characters may stand in comments, whatever their script."""
    assert mistakes_of(f"# a{character}# b\n") == []


def test_line_ends_of_windows_are_read_as_line_feeds() -> None:
    """CRLF ends a line, so that a checkout on Windows is the same policy; a carriage return alone does not."""
    source, mistakes = decode("a.policy", b"# one\r\nlet a = b\r\n", TextLimits())
    assert source is not None
    assert (source.text, mistakes) == ("# one\nlet a = b\n", [])
    module, mistakes = parse(Source("a.policy", "# one\r\nlet a = b\r\n"))
    assert mistakes == []
    assert [each.documentation for each in module.declarations] == ["one"]


def test_string_beyond_its_limit() -> None:
    """The limit counts the bytes of what the string says, not of how it is written."""
    limits = TextLimits(string_bytes=4)
    assert mistakes_of(r'let a = "\u{1F600}"', limits) == []
    message = "the string has 5 bytes, and at most 4 are allowed"
    advice = "shorten it, or raise `limits.string_bytes` in policy.yaml"
    for text in ('"abcde"', r'"\u{1F600}e"'):
        found = [described(each) for each in mistakes_of(f"let a = {text}", limits)]
        assert found == [("P0112", message, advice, text)]


@pytest.mark.parametrize(
    ("text", "underlined"),
    [
        ("(" * 4 + "b" + ")" * 4, "("),
        ("not " * 4 + "b", "not"),
        ("not (not (b))", "("),
        ("b + b + b + b + b", "+"),
        ("b + (b + (b))", "("),
        ("b - - - - 5", "-"),
        ("b in {{{{", "{"),
    ],
)
def test_nesting_beyond_its_limit(text: str, underlined: str) -> None:
    """Brackets, `not`s in a row and signs in a row count together; the first level too many is underlined."""
    found = [each for each in mistakes_of(f"let a = {text}\nlet c = d", TextLimits(nesting=3)) if each.code == "P0136"]
    assert [described(each) for each in found] in (
        [("P0136", "the nesting is deeper than 3 levels", "name parts of it with `let`", underlined)],
        [],
    )
    assert found or text.startswith(("b - -", "b in"))


def test_nesting_at_its_limit() -> None:
    """As many levels as the limit says are fine, again and again."""
    text = "\n".join(
        f"let a{at} = {form}"
        for at, form in enumerate(("(((b)))", "not not not b", "b + b + b + b", "not (not b) and not (not b)"))
    )
    assert mistakes_of(text, TextLimits(nesting=3)) == []


def test_too_many_mistakes() -> None:
    """After a thousand mistakes the rest of a file is not read, and that is said."""
    mistakes = mistakes_of("let a = 007\n" * (MOST_MISTAKES + 5))
    assert len(mistakes) == MOST_MISTAKES + 1
    advice = "the rest of it was not read; repair the first ones"
    assert described(mistakes[-1]) == ("P0104", "the file has more than 1000 mistakes", advice, "")
