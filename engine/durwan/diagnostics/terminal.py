"""Drawing diagnostics for people: the source line, the span underlined, what to do about it.

The text is complete without colour. Nothing that a source holds reaches the terminal as more than visible text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from durwan.diagnostics.diagnostic import Diagnostic
from durwan.diagnostics.hidden import HIDDEN
from durwan.diagnostics.source import Span

_RESET: Final = "\x1b[0m"
_SGR: Final = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "note": "\x1b[1;32m",
    "frame": "\x1b[1;34m",
    "bold": "\x1b[1m",
    "good": "\x1b[32m",
    "bad": "\x1b[31m",
    "faint": "\x1b[2m",
}
_TAB: Final = "    "
_LONGEST_SPAN: Final = 6
_ELLIPSIS: Final = "…"
# Below this, a line clipped around its span would show nothing around it.
_NARROWEST: Final = 24
# Beside what hides: line breaks and odd spaces, private and unassigned code points, which terminals draw as they like.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Cn", "Co"})


@dataclass(frozen=True, slots=True)
class Style:
    """How to draw: with ANSI colours or without, and how many columns a line may take."""

    color: bool = False
    width: int = 120

    def paint(self, text: str, role: str) -> str:
        """The text in the colour of a role: `error`, `warning`, `note`, `frame`, `bold`, `good`, `bad`, `faint`."""
        return f"{_SGR[role]}{text}{_RESET}" if self.color and text else text


def visible(text: str) -> str:
    r"""The text with every character that could not be seen, or would act on the terminal, as `\u{1b}`."""
    return text if text.isascii() and text.isprintable() else "".join(_cell(character)[0] for character in text)


def draw(diagnostic: Diagnostic, style: Style, *, root: str = "") -> str:
    """One diagnostic, several lines, the last one ended by a line break.

    Args:
        diagnostic: what to draw.
        style: colours and width.
        root: what to put before the paths of files, such as the directory of the policy set.
    """
    severity = diagnostic.severity
    gutter = _gutter([diagnostic.span, *(note.span for note in diagnostic.notes)])
    head = style.paint(f"{severity}[{diagnostic.code}]", severity)
    lines = [head + style.paint(f": {visible(diagnostic.message)}", "bold")]
    frame = _Frame(style, gutter, root)
    lines += frame.draw(diagnostic.span, severity)
    if diagnostic.help is not None:
        lines.append(frame.rail())
        lines += frame.remark("help", diagnostic.help)
    for note in diagnostic.notes:
        lines.append(style.paint("note", "note") + style.paint(f": {visible(note.message)}", "bold"))
        lines += frame.draw(note.span, "note")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def draw_all(diagnostics: Iterable[Diagnostic], style: Style, *, root: str = "") -> Iterator[str]:
    """Each diagnostic drawn, with an empty line after it."""
    for diagnostic in diagnostics:
        yield draw(diagnostic, style, root=root) + "\n"


def located(path: str, root: str) -> str:
    """A file of the policy set as the user would name it from where they stand."""
    return path if root in {"", "."} or path.startswith("<") else f"{root.rstrip('/')}/{path}"


@dataclass(frozen=True, slots=True)
class _Frame:
    """What stands left of the source: line numbers in a column `gutter` wide, and rails."""

    style: Style
    gutter: int
    root: str

    def draw(self, span: Span, role: str) -> Iterator[str]:
        line, column = span.source.position(span.start)
        arrow = self.style.paint(" " * self.gutter + "--> ", "frame")
        yield f"{arrow}{visible(located(span.source.path, self.root))}:{line}:{column}"
        yield self.rail()
        yield from self._source_lines(span, role)

    def rail(self) -> str:
        return self.style.paint(" " * self.gutter + " |", "frame")

    def remark(self, label: str, text: str) -> Iterator[str]:
        first, *others = text.split("\n")
        bullet = self.style.paint(" " * self.gutter + " = ", "frame")
        yield f"{bullet}{self.style.paint(label, 'bold')}: {visible(first)}"
        indent = " " * (self.gutter + len(f" = {label}: "))
        yield from (indent + visible(other) for other in others)

    def _source_lines(self, span: Span, role: str) -> Iterator[str]:
        first, last = _lines(span)
        blank = not span.source.line(first).strip()
        if blank and first > 1 and span.start >= len(span.source.text):
            # The end of the file is an empty line; what was missing there is seen from the line before it.
            yield self._numbered(first - 1, _excerpt(span.source.line(first - 1).rstrip("\r"), 0, 0, self._room)[0])
        for number in range(first, last + 1):
            if last - first >= _LONGEST_SPAN and first + 3 <= number <= last - 2:
                if number == first + 3:
                    yield self.style.paint(f"{'...':<{self.gutter}}", "frame")
                continue
            text = span.source.line(number).rstrip("\r")
            start, end = _part(span, number, text)
            drawn, underline = _excerpt(text, start, end, self._room)
            yield self._numbered(number, drawn)
            if underline:
                yield f"{self.rail()} {self.style.paint(underline, role)}"

    @property
    def _room(self) -> int:
        return max(_NARROWEST, self.style.width - self.gutter - 3)

    def _numbered(self, number: int, drawn: str) -> str:
        return self.style.paint(f"{number:>{self.gutter}} |", "frame") + f" {drawn}"


def _lines(span: Span) -> tuple[int, int]:
    """The first and last line of a span; the line after a line break at its end is not part of it."""
    first, _ = span.source.position(span.start)
    last, column = span.source.position(span.end)
    return first, last - 1 if column == 1 and last > first else last


def _gutter(spans: Iterable[Span]) -> int:
    return max(len(str(_lines(span)[1])) for span in spans)


def _part(span: Span, number: int, text: str) -> tuple[int, int]:
    """The columns, from zero, that a span takes of one of its lines; indentation after the first line is not."""
    begin = span.source.line_start(number)
    indent = len(text) - len(text.lstrip())
    start = span.start - begin if span.start >= begin else indent
    end = min(span.end - begin, len(text))
    if number == span.source.position(span.start)[0]:
        # An empty span, and one of nothing but a line break, is one caret.
        end = max(end, start + 1)
    return start, end


def _excerpt(text: str, start: int, end: int, room: int) -> tuple[str, str]:
    """A line and what underlines `[start, end)`, both at most `room` columns, clipped around the span."""
    # A line may be a megabyte: look only at what could be shown.
    low, high = max(0, start - room), min(len(text), start + 2 * room)
    cells = [_cell(character) for character in text[low:high]]
    from_, to = _window(cells, start - low, end - low, room, whole=low == 0 and high == len(text))
    before = _ELLIPSIS if low + from_ > 0 else ""
    after = _ELLIPSIS if low + to < len(text) else ""
    shown = "".join(cell for cell, _ in cells[from_:to])
    if end <= start:
        return f"{before}{shown}{after}", ""
    indent = len(before) + _columns(cells[from_ : max(from_, start - low)])
    carets = max(1, _columns(cells[start - low : min(to, end - low)]))
    return f"{before}{shown}{after}", " " * indent + "^" * carets


def _window(cells: list[tuple[str, int]], start: int, end: int, room: int, *, whole: bool) -> tuple[int, int]:
    """Which cells to show: all where they fit, else the span and as much on either side as there is room."""
    if whole and _columns(cells) <= room:
        return 0, len(cells)
    left = right = min(start, len(cells))
    spare = room - 2 * len(_ELLIPSIS)
    while right < min(end, len(cells)) and cells[right][1] <= spare:
        spare -= cells[right][1]
        right += 1
    grew = True
    while grew:
        grew = False
        if left > 0 and cells[left - 1][1] <= spare:
            left -= 1
            spare -= cells[left][1]
            grew = True
        if right < len(cells) and cells[right][1] <= spare:
            spare -= cells[right][1]
            right += 1
            grew = True
    return left, right


def _columns(cells: Iterable[tuple[str, int]]) -> int:
    return sum(width for _, width in cells)


def _cell(character: str) -> tuple[str, int]:
    """What to show for one code point, and how many columns that takes."""
    if " " <= character <= "~":
        return character, 1
    if character == "\t":
        return _TAB, len(_TAB)
    category = unicodedata.category(character)
    if category in _UNSEEN or HIDDEN.match(character):
        shown = f"\\u{{{ord(character):x}}}"
        return shown, len(shown)
    if category in {"Mn", "Me"}:
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in "WF" else 1
