"""What is asked of a file before it is read: its size, its encoding, and characters that hide something."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.language.literals import Report
from durwan.language.mistakes import text as mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLimits:
    """How much text is read: the bytes of a file, the bytes of a string, the levels of nesting in a declaration."""

    file_bytes: int = 1 << 20
    string_bytes: int = 64 << 10
    nesting: int = 64


_BYTE_ORDER_MARK = "\ufeff"

# What a reviewer does not see, or sees somewhere else than it is: C0 and C1 controls other than tab and newline, format
# characters (bidirectional controls, zero-width characters, tags), line separators that editors show as line breaks and
# the language does not, letters without a shape, variation selectors, and code points that are no characters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")

_CONTROL_NAMES = {"\0": "null", "\b": "backspace", "\v": "line tabulation", "\f": "form feed", "\x1b": "escape"}


def decode(path: str, content: bytes, limits: TextLimits) -> tuple[Source | None, list[Diagnostic]]:
    """The text of a file, or None and the reason why there is none. CRLF line ends become LF.

    Of a file that is too large nothing is decoded.
    """
    if len(content) > limits.file_bytes:
        return None, [mistakes.file_too_large(_start_of(Source(path, "")), len(content), limits.file_bytes)]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        readable = Source(path, content[: error.start].decode("utf-8"))
        end = len(readable.text)
        return None, [mistakes.not_utf8(Span(readable, end, end), content[error.start], error.start)]
    return Source(path, text.replace("\r\n", "\n")), []


def _start_of(source: Source) -> Span:
    return Span(source, 0, 0)


def check_text(source: Source, limits: TextLimits, report: Report) -> str | None:
    """The text to read, with a space for each character that hides; None where the file is too large."""
    text = source.text
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > limits.file_bytes:
        report(mistakes.file_too_large(_start_of(source), size, limits.file_bytes))
        return None
    pattern = _CONTROLS if text.isascii() else _HIDDEN
    if not pattern.search(text):
        return text
    for match in pattern.finditer(text):
        if not text.startswith("\r\n", match.start()):
            _report_hidden(source, match.start(), report)
    return pattern.sub(" ", text)


def _report_hidden(source: Source, offset: int, report: Report) -> None:
    span = Span(source, offset, offset + 1)
    character = source.text[offset]
    if character == "\r":
        report(mistakes.carriage_return(span))
    elif character == _BYTE_ORDER_MARK and offset == 0:
        report(mistakes.byte_order_mark(span))
    else:
        name = unicodedata.name(character, "") or _CONTROL_NAMES.get(character, "a control character")
        report(mistakes.hidden_character(span, name.lower()))
