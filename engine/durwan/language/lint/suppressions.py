"""`# policy-check: ignore[P0701] reason`: warnings that somebody has looked at and wants to keep quiet."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.diagnostics.codes import CODES
from durwan.language.mistakes import warnings
from durwan.language.mistakes.proved import PROVED

_MARK = re.compile(r"#[ \t]*policy-check\b[^\n]*")
_FORM = re.compile(r"#[ \t]*policy-check[ \t]*:[ \t]*ignore[ \t]*\[([A-Za-z0-9, \t]+)\][ \t]*(.*)")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Suppression:
    """One code that is suppressed on one line (one-based), and why; `span` is that of the comment."""

    code: str
    line: int
    span: Span
    reason: str


def apply_suppressions(
    sources: Iterable[Source], diagnostics: Iterable[Diagnostic], unjudged: Container[str] = PROVED
) -> list[Diagnostic]:
    """The diagnostics without those that are suppressed in the text, and what is wrong with the suppressions.

    A suppression stands at the end of the line on which the warning begins, or on a line of its own above it; lines
    that hold only a comment, or nothing, may be between. It names the codes and a reason. Errors cannot be
    suppressed, nor can what is wrong with suppressions. `sources` are all texts that may hold some: policies and
    lists. `unjudged` are the codes that were not looked for, or not everywhere: whether a suppression of one of them
    is of any use is not known.
    """
    found: list[Diagnostic] = []
    by_place: dict[tuple[str, int, str], Suppression] = {}
    for source in sources:
        for each in _read(source, found):
            by_place.setdefault((source.path, each.line, each.code), each)
    used: set[tuple[str, int, str]] = set()
    for item in diagnostics:
        source = item.span.source
        place = (source.path, source.position(item.span.start)[0], item.code)
        if item.severity == "warning" and place in by_place:
            used.add(place)
        else:
            found.append(item)
    found.extend(
        warnings.unused_suppression(each.span, each.code)
        for place, each in by_place.items()
        if place not in used and each.code not in unjudged
    )
    return sorted(found, key=lambda item: item.order)


def read_suppressions(sources: Iterable[Source]) -> list[Suppression]:
    """The suppressions in these texts that are well-formed, in the order of the text."""
    return [each for source in sources for each in _read(source, [])]


def _read(source: Source, found: list[Diagnostic]) -> Iterator[Suppression]:
    for mark in _MARK.finditer(source.text):
        number, column = source.position(mark.start())
        line = source.line(number)
        if _is_in_string(line, column - 1) or "#" in _without_strings(line[: column - 1]):
            continue
        span = Span(source, mark.start(), mark.start() + len(mark.group().rstrip()))
        form = _FORM.fullmatch(mark.group())
        if form is None:
            found.append(warnings.unreadable_suppression(span))
            continue
        codes = [code.strip() for code in form.group(1).split(",") if code.strip()]
        if not form.group(2).strip():
            found.append(warnings.suppression_without_reason(span, codes))
            continue
        target = number if line[: column - 1].strip() else _next_line(source, number)
        for code in codes:
            if code not in CODES or CODES[code].severity != "warning":
                found.append(warnings.suppressed_code_unknown(span, code))
            else:
                yield Suppression(code, target, span, form.group(2).strip())


def _is_in_string(line: str, column: int) -> bool:
    return any(match.start() < column < match.end() for match in _STRING.finditer(line))


def _without_strings(text: str) -> str:
    return _STRING.sub("", text)


def _next_line(source: Source, number: int) -> int:
    """The first line below that holds more than a comment."""
    last = source.position(len(source.text))[0]
    for line in range(number + 1, last + 1):
        text = source.line(line).strip()
        if text and not text.startswith("#"):
            return line
    return number
