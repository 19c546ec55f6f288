"""YAML files: plain data, and where in the text each part of it stands.

What is read is the part of YAML that means the same to everyone. Of the scalars without quotes, `true`, `false`, `null`
and decimal numbers are what they seem; everything else (`yes`, `0x1F`, `010`, `1_000`, `12:30`, `2026-01-01`) is text.
Tags, keys that are no text, and keys given twice are mistakes. Anchors, aliases and merge keys are read only where the
caller asks for them. Nothing is ever constructed but dicts, lists, strings, numbers, bools and None: only the events of
the YAML parser are used, none of its constructors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final, NoReturn

import yaml

from durwan.diagnostics import yaml_mistakes as mistakes
from durwan.diagnostics.diagnostic import Diagnostic
from durwan.diagnostics.hidden import HIDDEN
from durwan.diagnostics.source import Source, Span

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Final = {word: value for name, value in (("true", True), ("false", False), ("null", None))
                 for word in (name, name.title(), name.upper())} | {"~": None, "": None}  # fmt: skip
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,39})", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,39})(?:\.[0-9]{1,40})?(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
# An anchor or a tag, and what stands between it and the next word.
_PROPERTY = re.compile(r"(&[0-9A-Za-z_-]+|![^\s,\[\]{}]*)\s*")
_MOST_VALUES: Final = 100_000
_MOST_MISTAKES: Final = 20

Path = tuple[str | int, ...]


@dataclass(slots=True, eq=False)
class _Node:
    """One value: a scalar, a list of `items`, or a mapping of `entries` (key node and value node by key).

    `size` counts the value and all within it, aliases written out; `height` is 1 for a scalar.
    """

    start: int
    end: int
    kind: str
    value: Any = None
    quoted: bool = False
    items: list[_Node] = field(default_factory=list["_Node"])
    entries: dict[str, tuple[_Node, _Node]] = field(default_factory=dict[str, "tuple[_Node, _Node]"])
    size: int = 1
    height: int = 1


class Document:
    """A file that was read.

    `data` is plain data; `span` and `key_span` say where a part of it stands.
    """

    def __init__(self, source: Source, root: _Node | None) -> None:
        self.source = source
        self._root = root
        self.data: Any = None if root is None else _plain(root)

    @property
    def mapping(self) -> dict[str, Any] | None:
        """The data of a file that is a mapping; None of one that is something else, or empty."""
        return self.data if self._root is not None and self._root.kind == "mapping" else None

    def span(self, path: Path = ()) -> Span:
        """Where the value at `path` stands, or, if there is none, the innermost value around it."""
        node = self._root
        for step in path:
            inner = _step(node, step)
            if inner is None:
                break
            node = inner[1]
        return Span(self.source, 0, 0) if node is None else Span(self.source, node.start, node.end)

    def key_span(self, path: Path) -> Span:
        """Where the key that ends `path` stands; for an item of a list, or where there is none, as `span`."""
        node = self._root
        for step in path[:-1]:
            inner = _step(node, step)
            node = None if inner is None else inner[1]
        found = _step(node, path[-1]) if path else None
        return self.span(path) if found is None or found[0] is None else _span(self.source, found[0])

    def on(self, source: Source) -> Document:
        """The same document with another text of the same length, some of which is not to be shown."""
        return Document(source, self._root)

    def first_line(self, path: Path = ()) -> Span:
        """The first line of the value at `path`: enough to underline where something is missing from it."""
        span = self.span(path)
        end = self.source.text.find("\n", span.start, span.end)
        return span if end < 0 else Span(self.source, span.start, end)


def _step(node: _Node | None, step: str | int) -> tuple[_Node | None, _Node] | None:
    if node is None:
        return None
    if isinstance(step, str):
        return node.entries.get(step)
    return (None, node.items[step]) if 0 <= step < len(node.items) else None


def _span(source: Source, node: _Node) -> Span:
    return Span(source, node.start, node.end)


def _plain(node: _Node) -> Any:
    if node.kind == "mapping":
        return {key: _plain(value) for key, (_, value) in node.entries.items()}
    return [_plain(item) for item in node.items] if node.kind == "list" else node.value


def read_yaml(
    path: str, content: bytes, *, most_bytes: int = 1 << 20, aliases: bool = False, nesting: int = 64
) -> tuple[Document | None, list[Diagnostic]]:
    """The document in a file, or None and why not. CRLF line ends become LF. See `parse_yaml`."""
    if len(content) > most_bytes:
        return None, [mistakes.too_large(Span(Source(path, ""), 0, 0), len(content), most_bytes)]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        readable = Source(path, content[: error.start].decode("utf-8"))
        end = len(readable.text)
        return None, [mistakes.not_utf8(Span(readable, end, end), content[error.start], error.start)]
    return parse_yaml(Source(path, text.replace("\r\n", "\n")), aliases=aliases, nesting=nesting)


def parse_yaml(source: Source, *, aliases: bool = False, nesting: int = 64) -> tuple[Document | None, list[Diagnostic]]:
    """The document in a text, or None and all mistakes that were found.

    Args:
        source: the text.
        aliases: whether anchors, aliases and merge keys are read. Written out, they may give 100,000 values.
        nesting: how deep lists and mappings may be nested, aliases written out.
    """
    hidden = [mistakes.hidden_character(Span(source, match.start(), match.end()))
              for match in HIDDEN.finditer(source.text)]  # fmt: skip
    if hidden:
        if len(hidden) > _MOST_MISTAKES:
            hidden = [*hidden[:_MOST_MISTAKES], mistakes.more_mistakes(hidden[_MOST_MISTAKES].span, _MOST_MISTAKES)]
        return None, hidden
    composer = _Composer(source, aliases=aliases, nesting=nesting)
    root = composer.compose()
    return (None, composer.report) if composer.report else (Document(source, root), [])


class _StopReadingError(Exception):
    """What follows cannot be read, or is not worth reading."""


@dataclass(slots=True, eq=False)
class _Frame:
    """A collection that is still open: its anchor and, in a mapping, the key read last and what is to be merged."""

    node: _Node
    anchor: str | None
    key: _Node | None = None
    merged: list[_Node] = field(default_factory=list[_Node])


class _Composer:
    """Makes nodes of the events of the YAML parser, without recursion, one event at a time."""

    def __init__(self, source: Source, *, aliases: bool, nesting: int) -> None:
        self.report: list[Diagnostic] = []
        self._source = source
        self._aliases = aliases
        self._nesting = nesting
        self._anchors: dict[str, _Node | None] = {}
        self._open: list[_Frame] = []
        self._root: _Node | None = None
        self._aliased = False

    def compose(self) -> _Node | None:
        """The root, or None for an empty file."""
        try:
            for event in self._events():
                self._take(event, event.start_mark.index, event.end_mark.index)
        except _StopReadingError:
            pass
        return self._root

    def _events(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self._source.text, Loader=_LOADER)  # pyright: ignore[reportUnknownMemberType]
        except yaml.YAMLError as error:
            mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            problem = getattr(error, "problem", None) or "it has a character that YAML does not allow"
            start = 0 if mark is None else min(mark.index, len(self._source.text))
            end = start + 1 if self._source.text[start : start + 1].strip("\n") else start
            self._stop(mistakes.bad_syntax(Span(self._source, start, end), str(problem)))

    def _take(self, event: Any, start: int, end: int) -> None:
        match event:
            case yaml.ScalarEvent():
                value = event.value if event.style else _resolve(event.value)
                node = _Node(self._after_properties(start, end), end, "scalar", value, quoted=bool(event.style))
                self._add(node, event.anchor)
            case yaml.SequenceStartEvent():
                self._begin("list", event.anchor, self._after_properties(start, end))
            case yaml.MappingStartEvent():
                self._begin("mapping", event.anchor, self._after_properties(start, end))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end(end)
            case yaml.AliasEvent():
                self._alias(str(event.anchor), self._span(start, end))
            case yaml.DocumentStartEvent() if self._root is not None:
                self._stop(mistakes.second_document(self._span(start, start + 3)))
            case _:
                pass

    def _begin(self, kind: str, anchor: str | None, start: int) -> None:
        if len(self._open) >= self._nesting:
            self._stop(mistakes.too_deep(self._span(start, start + 1), self._nesting))
        if anchor is not None:
            self._anchors[anchor] = None
        self._open.append(_Frame(_Node(start, start, kind), anchor))

    def _end(self, end: int) -> None:
        frame = self._open.pop()
        node = frame.node
        for merged in frame.merged:
            self._merge(node, merged)
        children = [*node.items, *(value for _, value in node.entries.values())]
        is_flow = self._source.text[node.start : node.start + 1] in {"[", "{"}
        # A block ends where the next token begins, comments between; its last value says better where.
        node.end = end if is_flow else max((each.end for each in children), default=node.start)
        node.size = 1 + sum(each.size for each in children)
        node.height = 1 + max((each.height for each in children), default=0)
        if self._aliased and node.size > _MOST_VALUES:
            self._stop(mistakes.too_many_values(self._span(node.start, node.start + 1), _MOST_VALUES))
        self._add(node, frame.anchor)

    def _alias(self, anchor: str, span: Span) -> None:
        found = self._anchors.get(anchor)
        if not self._aliases:
            self._report(mistakes.alias_not_allowed(span))
        elif found is None:
            known = [name for name, node in self._anchors.items() if node is not None]
            near = get_close_matches(anchor, known, n=1)
            self._report(mistakes.unknown_anchor(span, near[0] if near else None))
        elif len(self._open) + found.height - 1 > self._nesting:
            self._stop(mistakes.too_deep(span, self._nesting))
        self._aliased = True
        self._add(found or _Node(span.start, span.end, "scalar", ""), None)

    def _add(self, node: _Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self._root = node
            return
        frame = self._open[-1]
        if frame.node.kind == "list":
            frame.node.items.append(node)
        elif frame.key is None:
            frame.key = node
            if not isinstance(node.value, str):
                self._report(mistakes.key_not_text(self._span(node.start, node.end)))
        else:
            self._enter(frame, frame.key, node)
            frame.key = None

    def _enter(self, frame: _Frame, key: _Node, node: _Node) -> None:
        """Put a key and its value into a mapping."""
        entries = frame.node.entries
        if key.value == "<<" and not key.quoted:
            if self._aliases:
                frame.merged.append(node)
            else:
                self._report(mistakes.alias_not_allowed(self._span(key.start, key.end)))
        elif key.value in entries:
            first = entries[key.value][0]
            self._report(mistakes.duplicate_key(self._span(key.start, key.end), self._span(first.start, first.end)))
        elif isinstance(key.value, str):
            entries[key.value] = (key, node)

    def _merge(self, node: _Node, merged: _Node) -> None:
        """What a mapping does not give itself it takes from those that it merges, the first of them first."""
        for each in merged.items if merged.kind == "list" else [merged]:
            if each.kind != "mapping":
                self._report(mistakes.bad_merge(self._span(merged.start, merged.end)))
            for key, entry in each.entries.items():
                node.entries.setdefault(key, entry)

    def _after_properties(self, start: int, end: int) -> int:
        """Where the value begins that may have an anchor and a tag before it."""
        after = start
        while found := _PROPERTY.match(self._source.text, after):
            span = self._span(*found.span(1))
            if span.text.startswith("!"):
                self._report(mistakes.tag_not_allowed(span))
            elif not self._aliases:
                self._report(mistakes.alias_not_allowed(span))
            after = found.end()
        return min(after, end)

    def _span(self, start: int, end: int) -> Span:
        return Span(self._source, start, min(end, len(self._source.text)))

    def _report(self, diagnostic: Diagnostic) -> None:
        if len(self.report) == _MOST_MISTAKES:
            self._stop(mistakes.more_mistakes(diagnostic.span, _MOST_MISTAKES))
        self.report.append(diagnostic)

    def _stop(self, diagnostic: Diagnostic) -> NoReturn:
        self.report.append(diagnostic)
        raise _StopReadingError


def _resolve(text: str) -> bool | int | float | str | None:
    """The value of a scalar without quotes. A number that a float would not hold exactly stays text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        number = float(text)
        if math.isfinite(number) and Decimal(repr(number)) == Decimal(text):
            return number
    return text


__all__ = ["Document", "Path", "parse_yaml", "read_yaml"]
