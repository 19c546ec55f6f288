"""JSON files: plain data, and where in the text each part of it stands.

What is read is the part of JSON that means the same to everyone: UTF-8, no name given twice, no `NaN` and no
`Infinity`, no half of a surrogate pair, whole numbers of at most 19 digits. A number that a float would not hold
exactly is kept as text, as in YAML files. Places are looked up only when they are asked for: a file without mistakes is
read at the speed of the parser.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache, cached_property
from itertools import count
from typing import Any, Final

from durwan.diagnostics import yaml_mistakes as mistakes
from durwan.diagnostics.diagnostic import Diagnostic
from durwan.diagnostics.hidden import HIDDEN
from durwan.diagnostics.source import Source, Span

Path = tuple[str | int, ...]
_Place = tuple[int, int]

_SPACE: Final = re.compile(r"[ \t\n\r]*")
# A string, closed or not: where an open one did not match to the end, each quote in it would be tried again.
_STRING: Final = r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)'
_ODD_NUMBER: Final = re.compile(rf"{_STRING}|(NaN|-?Infinity|-?[0-9]{{20,}}(?![0-9.eE]))", re.DOTALL)
_BRACKET: Final = re.compile(rf"{_STRING}|([\[{{])|([\]}}])", re.DOTALL)
# Every escape in turn; only half of a surrogate pair is caught.
_HALF_PAIR: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_LONGEST_INTEGER: Final = 19
_MOST_MISTAKES: Final = 20
# Finds where things end; it needs no numbers, of which some are too long to be read.
# `dict` itself; by this name a type checker knows what is in it.
_OBJECT: Final[type[dict[str, Any]]] = dict
_DECODER: Final = json.JSONDecoder(parse_int=len, parse_float=len)


class JsonDocument:
    """A file that was read.

    `data` is plain data; `span` and `key_span` say where a part of it stands, as those of a YAML document do. Text
    stands between its quotes: so it is what may be replaced by other text.
    """

    def __init__(self, source: Source, data: Any) -> None:
        self.source = source
        self.data: Any = data
        self._members = cache(self._read_members)

    @property
    def mapping(self) -> dict[str, Any] | None:
        """The data of a file that is a mapping; None of one that is something else."""
        return self.data if type(self.data) is _OBJECT else None

    def span(self, path: Path = ()) -> Span:
        """Where the value at `path` stands, or, if there is none, the innermost value around it."""
        return self._span(self._find(path)[1])

    def key_span(self, path: Path) -> Span:
        """Where the key that ends `path` stands; for an item of a list, or where there is none, as `span`."""
        key, value = self._find(path)
        return self._span(key or value)

    def first_line(self, path: Path = ()) -> Span:
        """The first line of the value at `path`: enough to underline where something is missing from it."""
        span = self.span(path)
        end = self.source.text.find("\n", span.start, span.end)
        return span if end < 0 else Span(self.source, span.start, end)

    def _span(self, place: _Place) -> Span:
        start, end = place
        return (
            Span(self.source, start + 1, end - 1) if self.source.text[start] == '"' else Span(self.source, start, end)
        )

    def _find(self, path: Path) -> tuple[_Place | None, _Place]:
        """The places of the key, if there is one, and of the value at a path."""
        key, value = None, self._root
        for step in path:
            inner = self._members(value[0]).get(step)
            if inner is None:
                return None, value
            key, value = inner
        return key, value

    @cached_property
    def _root(self) -> _Place:
        return _whole(self.source.text)

    def _read_members(self, start: int) -> dict[str | int, tuple[_Place | None, _Place]]:
        return {step: (key, value) for step, key, value in _members(self.source.text, start)}


def read_json(
    path: str, content: bytes, *, most_bytes: int = 1 << 20, nesting: int = 32
) -> tuple[JsonDocument | None, list[Diagnostic]]:
    """The document in a file, or None and all mistakes that were found. CRLF line ends become LF.

    Args:
        path: how the file is called.
        content: its bytes.
        most_bytes: how large it may be.
        nesting: how deep lists and mappings may be nested.
    """
    if len(content) > most_bytes:
        return None, [mistakes.too_large(Span(Source(path, ""), 0, 0), len(content), most_bytes)]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        readable = Source(path, content[: error.start].decode("utf-8"))
        end = len(readable.text)
        return None, [mistakes.not_utf8(Span(readable, end, end), content[error.start], error.start)]
    return _parse(Source(path, text.replace("\r\n", "\n")), nesting)


def _parse(source: Source, nesting: int) -> tuple[JsonDocument | None, list[Diagnostic]]:
    hidden = [mistakes.hidden_character(Span(source, *match.span())) for match in HIDDEN.finditer(source.text)]
    if hidden:
        return None, _some(hidden)
    reading = _Reading()
    try:
        data = reading.decode(source.text)
    except json.JSONDecodeError as error:
        place = min(error.pos, len(source.text))
        return None, [mistakes.bad_json(Span(source, place, min(place + 1, len(source.text))), error.msg)]
    except RecursionError:
        return None, [_too_deep(source, nesting)]
    if _height(data, nesting) > nesting:
        return None, [_too_deep(source, nesting)]
    found = _some(list(_oddities(source, reading)))
    return (None, found) if found else (JsonDocument(source, data), [])


class _Reading:
    """Reads a text, and notes that it has something odd, which is then looked for."""

    def __init__(self) -> None:
        self.has_odd_number = False
        self.has_name_twice = False

    def decode(self, text: str) -> Any:
        return json.loads(
            text,
            object_pairs_hook=self._mapping,
            parse_int=self._integer,
            parse_float=_decimal,
            parse_constant=self._odd,
        )

    def _mapping(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(pairs)
        if len(mapping) != len(pairs):
            self.has_name_twice = True
        return mapping

    def _integer(self, text: str) -> int | None:
        if len(text.lstrip("-")) <= _LONGEST_INTEGER:
            return int(text)
        self._odd(text)
        return None

    def _odd(self, _text: str) -> None:
        self.has_odd_number = True


def _decimal(text: str) -> float | str:
    number = float(text)
    exact = math.isfinite(number) and Decimal(repr(number)) == Decimal(text)
    return number if exact else text


def _oddities(source: Source, reading: _Reading) -> Iterator[Diagnostic]:
    """What JSON parsers do not agree upon."""
    for match in _HALF_PAIR.finditer(source.text):
        if match[1]:
            yield mistakes.bad_json(Span(source, *match.span()), "this is half of a character")
    if reading.has_odd_number:
        for match in _ODD_NUMBER.finditer(source.text):
            if match[1]:
                yield mistakes.bad_json(Span(source, *match.span()), "this is no number that every reader knows")
    if reading.has_name_twice:
        for name, first in _names_given_twice(source.text):
            yield mistakes.duplicate_key(Span(source, *name), Span(source, *first))


def _some(found: list[Diagnostic]) -> list[Diagnostic]:
    """As many mistakes as anyone would read, in source order."""
    found.sort(key=lambda item: item.order)
    if len(found) <= _MOST_MISTAKES:
        return found
    return [*found[:_MOST_MISTAKES], mistakes.more_mistakes(found[_MOST_MISTAKES].span, _MOST_MISTAKES)]


def _height(data: Any, most: int) -> int:
    """How deep lists and mappings are nested; what is deeper than `most` is not looked at."""
    level: list[Any] = [data]
    for height in range(most + 1):
        level = [each for each in level if type(each) is dict or type(each) is list]
        if not level:
            return height
        level = [inner for each in level for inner in (each.values() if type(each) is _OBJECT else each)]
    return most + 1


def _too_deep(source: Source, nesting: int) -> Diagnostic:
    depth = 0
    for match in _BRACKET.finditer(source.text):
        depth += bool(match[1]) - bool(match[2])
        if depth > nesting:
            break
    else:  # pragma: no cover - it is only called for a text that is nested too deep
        match = None
    place = (0, 0) if match is None else match.span()
    return mistakes.too_deep(Span(source, *place), nesting)


def _whole(text: str) -> _Place:
    start = _skip(text, 0)
    return start, _end(text, start)


def _members(text: str, start: int) -> Iterator[tuple[str | int, _Place | None, _Place]]:
    """What the list or mapping that begins at `start` has: index or name, where its name stands, and where its value.

    The text is known to be JSON. A value that is neither list nor mapping has no members.
    """
    if text[start] not in "{[":
        return
    place = _skip(text, start + 1)
    for index in count():
        if text[place] in "}]":
            return
        step: str | int = index
        key = None
        if text[start] == "{":
            step, end = _DECODER.raw_decode(text, place)
            key = (place, end)
            place = _skip(text, _skip(text, end) + 1)
        end = _end(text, place)
        yield step, key, (place, end)
        place = _skip(text, end)
        if text[place] == ",":
            place = _skip(text, place + 1)


def _names_given_twice(text: str) -> Iterator[tuple[_Place, _Place]]:
    """Each name that its mapping had before: where it stands, and where it stood first."""
    waiting = [_whole(text)]
    while waiting:
        first: dict[str | int, _Place] = {}
        for step, key, value in _members(text, waiting.pop()[0]):
            waiting.append(value)
            if key is not None and first.setdefault(step, key) is not key:
                yield key, first[step]


def _end(text: str, start: int) -> int:
    """Where the value ends that begins at `start`."""
    return _DECODER.raw_decode(text, start)[1]


def _skip(text: str, place: int) -> int:
    """The next place that is not blank."""
    found = _SPACE.match(text, place)
    return place if found is None else found.end()


__all__ = ["JsonDocument", "Path", "read_json"]
