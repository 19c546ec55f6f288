"""Drawing diagnostics for people: the exact text."""

from __future__ import annotations

from durwan.diagnostics import Diagnostic, Note, Source, Span
from durwan.diagnostics.terminal import Style, draw, draw_all, visible


def mistake(  # noqa: PLR0913 - a diagnostic has these parts
    text: str,
    start: int,
    end: int,
    *,
    message: str = "unknown attribute `risk.scor`",
    help: str | None = None,  # noqa: A002 - the field's own name
    notes: tuple[Note, ...] = (),
    path: str = "withdrawals.policy",
) -> Diagnostic:
    return Diagnostic(
        code="P0201",
        severity="error",
        message=message,
        span=Span(Source(path, text), start, end),
        help=help,
        notes=notes,
    )


def marked(text: str, **more: str | None) -> Diagnostic:
    """The diagnostic whose span stands between « and »."""
    start = text.index("«")
    end = text.index("»") - 1
    return mistake(text.replace("«", "").replace("»", ""), start, end, **more)  # type: ignore[arg-type]


def drawn(diagnostic: Diagnostic, width: int = 120, root: str = "") -> str:
    return draw(diagnostic, Style(width=width), root=root)


def test_whole_drawing() -> None:
    """The head, the place, the line with the span underlined, and the help, as rustc draws them."""
    found = marked("deny risky\n  when «risk.scor» >= 90\n", help="did you mean `risk.score`?")
    assert drawn(found) == (
        "error[P0201]: unknown attribute `risk.scor`\n"
        " --> withdrawals.policy:2:8\n"
        "  |\n"
        "2 |   when risk.scor >= 90\n"
        "  |        ^^^^^^^^^\n"
        "  |\n"
        "  = help: did you mean `risk.score`?\n"
    )


def test_warning_without_help() -> None:
    """A warning says so; without help there is no empty rail below the carets."""
    span = Span(Source("a.policy", "set unused = { 1 }\n"), 4, 10)
    found = Diagnostic(code="P0706", severity="warning", message="the set `unused` is never used", span=span)
    assert drawn(found) == (
        "warning[P0706]: the set `unused` is never used\n"
        " --> a.policy:1:5\n"
        "  |\n"
        "1 | set unused = { 1 }\n"
        "  |     ^^^^^^\n"
    )


def test_note_in_another_file() -> None:
    """A note is drawn with its own place, and one column of line numbers serves both."""
    other = Source("vocabulary.policy", "\n" * 11 + "set desks = { 1 }\n")
    note = Note(message="`desks` is first declared here", span=Span(other, 15, 20))
    found = mistake("set desks = { 2 }", 4, 9, message="`desks` is declared twice", help="rename one", notes=(note,))
    assert drawn(found) == (
        "error[P0201]: `desks` is declared twice\n"
        "  --> withdrawals.policy:1:5\n"
        "   |\n"
        " 1 | set desks = { 2 }\n"
        "   |     ^^^^^\n"
        "   |\n"
        "   = help: rename one\n"
        "note: `desks` is first declared here\n"
        "  --> vocabulary.policy:12:5\n"
        "   |\n"
        "12 | set desks = { 1 }\n"
        "   |     ^^^^^\n"
    )


def test_help_of_several_lines() -> None:
    """The lines of a long help stand below each other."""
    assert drawn(marked("«x»", help="first\nsecond")).endswith("  = help: first\n          second\n")


def lines_of(diagnostic: Diagnostic, width: int = 120) -> list[str]:
    return drawn(diagnostic, width).splitlines()[3:]


def test_tabs_are_four_columns() -> None:
    """Carets stand below a span after a tab, and a tab inside the span is underlined whole."""
    assert lines_of(marked("\twhen\t«a\tb» == 1")) == [
        "1 |     when    a    b == 1",
        "  |             ^^^^^^",
    ]


def test_wide_characters_take_two_columns() -> None:
    """East Asian wide characters before and in the span shift and widen the carets; combining ones do not."""
    assert lines_of(marked('"東京" «"日e\u0301"»')) == [
        '1 | "東京" "日e\u0301"',
        "  |        ^^^^^",
    ]


def test_characters_that_hide_are_shown() -> None:
    """No escape sequence, bidirectional control or odd space of the source reaches the terminal."""
    found = marked('because "\x1b[31m\u202e\x9b «\xa0»"', message="hides `\u2066`", path="\u200bx.policy")
    text = drawn(found)
    assert text.splitlines()[:2] == ["error[P0201]: hides `\\u{2066}`", " --> \\u{200b}x.policy:1:18"]
    assert lines_of(found) == [
        '1 | because "\\u{1b}[31m\\u{202e}\\u{9b} \\u{a0}"',
        "  |                                   ^^^^^^",
    ]
    assert not set(text) & set("\x1b\x9b\u202e\u2066\u200b\xa0")


def test_long_line_is_clipped_around_the_span() -> None:
    """Of a very long line the span and something on both sides is shown, within the width."""
    found = marked("a" * 500 + "«BAD»" + "b" * 500)
    line, carets = lines_of(found, width=40)
    assert line == "1 | …" + "a" * 16 + "BAD" + "b" * 15 + "…"
    assert carets == "  | " + " " * 17 + "^^^"
    assert len(line) <= 40


def test_long_line_with_the_span_at_its_ends() -> None:
    """Where the span stands at one end of a long line, the room goes to the other side."""
    first, _ = lines_of(marked("«BAD»" + "b" * 500), width=40)
    assert first == "1 | BAD" + "b" * 31 + "…"
    last, carets = lines_of(marked("a" * 500 + "«BAD»"), width=40)
    assert last == "1 | …" + "a" * 31 + "BAD"
    assert carets == "  | " + " " * 32 + "^^^"


def test_span_longer_than_the_line_has_room() -> None:
    """A span that does not fit is shown from its start."""
    line, carets = lines_of(marked("x" * 30 + "«" + "y" * 300 + "»z"), width=40)
    assert line == "1 | …" + "y" * 34 + "…"
    assert carets == "  |  " + "^" * 34


def test_clipped_line_never_splits_an_escape() -> None:
    """What is shown for a hidden character is shown whole or not at all."""
    line, _ = lines_of(marked("\u202e" * 200 + "«BAD»" + "\u202e" * 200), width=40)
    assert line == "1 | …\\u{202e}\\u{202e}BAD\\u{202e}…"


def test_megabyte_line_is_quick() -> None:
    """Only what could be shown of a line is looked at."""
    text = "\u202e" * 1_000_000
    assert len(drawn(mistake(text, 500_000, 1_000_000))) < 500


def test_span_of_several_lines() -> None:
    """Every line of a span is underlined, without its indentation."""
    found = marked("deny risky\n  «when a\n\n    or b»\n")
    assert lines_of(found) == [
        "2 |   when a",
        "  |   ^^^^^^",
        "3 |",
        "4 |     or b",
        "  |     ^^^^",
    ]


def test_span_of_many_lines_is_shortened() -> None:
    """Of a long span the first three and the last two lines are shown."""
    found = marked("«" + "\n".join(f"line{number}" for number in range(1, 12)) + "»")
    assert [line for line in lines_of(found) if "^" not in line] == [
        " 1 | line1",
        " 2 | line2",
        " 3 | line3",
        "...",
        "10 | line10",
        "11 | line11",
    ]


def test_span_that_ends_with_its_line() -> None:
    """A line break at the end of a span does not drag the next line in."""
    assert lines_of(marked("«allow x\n»on y")) == ["1 | allow x", "  | ^^^^^^^"]


def test_span_at_the_end_of_the_file() -> None:
    """What is missing after the last line is one caret below it, with the line before for company."""
    assert lines_of(marked("deny x\n  when\n«»")) == ["2 |   when", "3 |", "  | ^"]
    assert lines_of(marked("deny x when«»")) == ["1 | deny x when", "  |            ^"]
    assert lines_of(marked("«»")) == ["1 |", "  | ^"]


def test_carriage_returns_are_not_drawn() -> None:
    """A source whose lines end in CRLF is drawn like any other."""
    assert lines_of(marked("deny «x»\r\nwhen")) == ["1 | deny x", "  |      ^"]


def test_root_stands_before_the_path() -> None:
    """The path is one that can be opened from where the command was called."""
    assert " --> sets/a/withdrawals.policy:1:1\n" in drawn(marked("«x»"), root="sets/a/")
    assert " --> withdrawals.policy:1:1\n" in drawn(marked("«x»"), root=".")
    assert " --> <prelude>:1:1\n" in drawn(marked("«x»", path="<prelude>"), root="sets/a")


def test_color_changes_nothing_but_color() -> None:
    """With the escape sequences taken out, the coloured drawing is the plain one."""
    found = marked("deny «risky»", help="a help")
    colored = draw(found, Style(color=True))
    assert "\x1b[1;31merror[P0201]\x1b[0m" in colored
    assert "\x1b[1;31m     ^^^^^\x1b[0m" in colored
    for code in ("0", "1", "1;31", "1;34"):
        colored = colored.replace(f"\x1b[{code}m", "")
    assert colored == drawn(found)


def test_all_are_drawn_apart() -> None:
    """An empty line stands after each drawing."""
    found = [marked("«x»"), marked("«y»")]
    assert list(draw_all(found, Style())) == [drawn(each) + "\n" for each in found]


def test_visible_leaves_text_alone() -> None:
    """Text that anyone can see stays as it is, in any script."""
    for text in ("plain", "naïve café", "Ωμέγα", "東京", "`a` … b"):
        assert visible(text) == text
    assert visible("a\nb\ud800") == "a\\u{a}b\\u{d800}"
