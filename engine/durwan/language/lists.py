"""Lists of networks and strings from files: one entry a line, `#` comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.language.literals import read_address, read_network
from durwan.language.mistakes import lists as mistakes
from durwan.language.mistakes.text import string_too_long
from durwan.language.source_text import TextLimits, check_text, decode
from durwan.language.suggestions import Suggestions
from durwan.language.syntax import String
from durwan.model.address import AddressRange, NetworkSet, parse_network

_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#")
_SHOWN = 20


def find_entries(text: str) -> Iterator[tuple[int, str]]:
    """The entries of a list with the offset at which each begins: lines without comments and outer blanks.

    A `#` begins a comment at the start of a line or after a blank; elsewhere it is part of an entry.
    """
    start = 0
    for line in text.split("\n"):
        entry = line
        if "#" in line and (comment := _COMMENT.search(line)):
            entry = line[: comment.start()]
        entry = entry.strip(" \t")
        if entry:
            yield start + line.index(entry), entry
        start += len(line) + 1


class ListReader:
    """Reads the list files of a policy set, each once; what is wrong in them goes to `report`.

    `most_entries` and `longest` (bytes of one entry) are the limits of the set.
    """

    def __init__(
        self, files: Mapping[str, bytes], *, most_entries: int, longest: int, suggestions: Suggestions,
        report: list[Diagnostic],
    ) -> None:  # fmt: skip
        self._files = files
        self._most_entries = most_entries
        self._longest = longest
        self._suggestions = suggestions
        self._report = report
        self._sources: dict[str, Source | None] = {}
        self._networks: dict[str, NetworkSet | None] = {}
        self._strings: dict[str, frozenset[str] | None] = {}

    def read_networks(self, file: String) -> NetworkSet | None:
        """The networks of a file, or None where one of its entries, or the whole file, is a mistake."""
        if file.value not in self._networks and self._exists(file):
            self._networks[file.value] = self._read_networks(file.value)
        return self._networks.get(file.value)

    def read_strings(self, file: String) -> frozenset[str] | None:
        """The strings of a file, likewise."""
        if file.value not in self._strings and self._exists(file):
            self._strings[file.value] = self._read_strings(file.value)
        return self._strings.get(file.value)

    def _read_networks(self, path: str) -> NetworkSet | None:
        source = self._open(path)
        if source is None:
            return None
        ranges: list[AddressRange] = []
        found = _Mistakes(source)
        for offset, entry in self._entries(source, found):
            network = parse_network(entry)
            if network is None:
                _explain(Span(source, offset, offset + len(entry)), found.add)
            else:
                ranges.append(network)
        return None if found.close(self._report) else NetworkSet(ranges)

    def _read_strings(self, path: str) -> frozenset[str] | None:
        source = self._open(path)
        if source is None:
            return None
        found = _Mistakes(source)
        strings = frozenset(entry for _, entry in self._entries(source, found))
        return None if found.close(self._report) else strings

    def _exists(self, file: String) -> bool:
        """Whether the set has the file. Its absence is told at each declaration, what is wrong in it only once."""
        if file.value in self._files:
            return True
        lists = [path for path in self._files if not path.endswith(".policy")]
        near = self._suggestions.nearest(file.value, lists, ending="/")
        self._report.append(mistakes.missing(file.span, file.value, near))
        return False

    def _open(self, path: str) -> Source | None:
        if path not in self._sources:
            self._sources[path] = self._decode(path)
        return self._sources[path]

    def _decode(self, path: str) -> Source | None:
        # Lists are limited by their entries, not by their bytes.
        limits = TextLimits(file_bytes=len(self._files[path]), string_bytes=self._longest)
        source, undecodable = decode(path, self._files[path], limits)
        self._report.extend(undecodable)
        if source is None:
            return None
        found = _Mistakes(source)
        check_text(source, limits, found.add)
        return None if found.close(self._report) else source

    def _entries(self, source: Source, found: _Mistakes) -> Iterator[tuple[int, str]]:
        # In UTF-8 a character has at most four bytes: only longer entries need their bytes counted.
        suspicious = self._longest // 4
        for count, (offset, entry) in enumerate(find_entries(source.text)):
            if count >= self._most_entries:
                span = Span(source, offset, offset + len(entry))
                found.add(mistakes.too_many_entries(span, source.path, self._most_entries))
                return
            if len(entry) > suspicious and (size := len(entry.encode())) > self._longest:
                span = Span(source, offset, offset + len(entry))
                found.add(string_too_long(span, size, self._longest))
                continue
            yield offset, entry


def _explain(span: Span, add: Callable[[Diagnostic], None]) -> None:
    """Say what is wrong with an entry, in the words that are used for it in a policy."""
    if "/" in span.text:
        read_network(span.text, span, add)
    else:
        read_address(span.text, span, add)


class _Mistakes:
    """The mistakes of one file: the first ones in full, of the others how many there are."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._shown: list[Diagnostic] = []
        self._more = 0
        self._last: Span | None = None

    def add(self, mistake: Diagnostic) -> None:
        """Take a mistake; only the first ones are kept."""
        if len(self._shown) < _SHOWN:
            self._shown.append(mistake)
            return
        self._more += 1
        self._last = self._last or mistake.span

    def close(self, report: list[Diagnostic]) -> bool:
        """Hand over what was found; whether that is anything."""
        report.extend(self._shown)
        if self._last is not None:
            report.append(mistakes.more_mistakes(self._last, self._source.path, self._more))
        return bool(self._shown)
