"""P0501 to P0515: YAML and JSON files that cannot be read, or that could be read in more than one way."""

from __future__ import annotations

import unicodedata

from durwan.diagnostics.codes import mistake, quoted
from durwan.diagnostics.diagnostic import Diagnostic, Fix, Note
from durwan.diagnostics.source import Span


def not_utf8(span: Span, byte: int, offset: int) -> Diagnostic:
    """P0501. `byte` is the first one that is wrong, at the zero-based byte `offset` of the file."""
    message = f"the file is not UTF-8: byte 0x{byte:02X} at offset {offset}"
    return mistake("P0501", span, message, help="save the file as UTF-8")


def too_large(span: Span, size: int, most: int) -> Diagnostic:
    """P0502. Sizes in bytes."""
    message = f"the file has {size} bytes, and at most {most} are allowed"
    return mistake("P0502", span, message, help="split it, or raise `limits.file_bytes` in policy.yaml")


def hidden_character(span: Span) -> Diagnostic:
    """P0503."""
    number = ord(span.text)
    name = unicodedata.name(span.text, "a control character").lower()
    message = f"the character U+{number:04X} ({name}) hides from a reviewer"
    return mistake("P0503", span, message, help="remove it", fix=Fix(span=span, replacement=""))


def bad_syntax(span: Span, problem: str) -> Diagnostic:
    """P0504. `problem` is what the YAML parser says."""
    return mistake("P0504", span, f"this is not YAML: {problem}", help=_syntax_help(span, problem))


def _syntax_help(span: Span, problem: str) -> str | None:
    if span.text.startswith("\t"):
        return "indent with spaces"
    if "mapping values are not allowed" in problem:
        return 'put text that holds `: ` in quotes, as in `"a: b"`'
    if span.text[:1] in {"@", "`", "%"}:
        return f"put text that begins with `{span.text[0]}` in quotes" if span.text[0] != "`" else "put it in quotes"
    return None


def duplicate_key(span: Span, first: Span) -> Diagnostic:
    """P0505. `span` is the second key, `first` the one before it."""
    note = Note(message="first given here", span=first)
    return mistake("P0505", span, f"{quoted(span.text)} is given twice", help="remove one of the two", notes=(note,))


def alias_not_allowed(span: Span) -> Diagnostic:
    """P0506. `span` is an anchor, an alias or a merge key."""
    return mistake(
        "P0506", span, f"{quoted(span.text)} refers to another place; only test files may do that", help="write it out"
    )


def tag_not_allowed(span: Span) -> Diagnostic:
    """P0507."""
    return mistake("P0507", span, f"the tag {quoted(span.text)} is not allowed", help="write the plain value")


def key_not_text(span: Span) -> Diagnostic:
    """P0508."""
    simple = span.text.isascii() and span.text.isprintable() and '"' not in span.text and "\\" not in span.text
    advice = f'write `"{span.text}"`' if simple and 0 < len(span.text) <= 40 else "a key is text"
    return mistake("P0508", span, "this key is not text", help=advice)


def too_deep(span: Span, most: int) -> Diagnostic:
    """P0509. `most` in levels."""
    return mistake("P0509", span, f"lists and mappings are nested deeper than {most} levels")


def too_many_values(span: Span, most: int) -> Diagnostic:
    """P0510."""
    return mistake(
        "P0510", span, f"with its aliases written out the file has more than {most} values", help="use fewer aliases"
    )


def second_document(span: Span) -> Diagnostic:
    """P0511. `span` is where the second one begins."""
    return mistake("P0511", span, "a second document begins here", help="make it a file of its own")


def unknown_anchor(span: Span, near: str | None) -> Diagnostic:
    """P0512. `span` is the alias."""
    advice = None if near is None else f"did you mean `*{near}`?"
    return mistake("P0512", span, f"{quoted(span.text)} refers to no anchor above it", help=advice)


def bad_merge(span: Span) -> Diagnostic:
    """P0513. `span` is what a merge key is given."""
    return mistake(
        "P0513", span, "only a mapping can be merged", help="`<<` takes an alias of a mapping, or a list of such"
    )


def more_mistakes(span: Span, most: int) -> Diagnostic:
    """P0514."""
    return mistake("P0514", span, f"the file has more than {most} mistakes", help="repair the first ones")


def bad_json(span: Span, problem: str) -> Diagnostic:
    """P0515. `problem` is what the JSON parser says, or what other parsers would read in another way."""
    return mistake("P0515", span, f"this is not JSON: {problem[:1].lower()}{problem[1:]}")
