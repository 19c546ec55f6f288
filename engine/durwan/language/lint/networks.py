"""P0704, P0705 and P0711: networks inside networks, networks that hold everyone, members that stand twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.language.lists import find_entries
from durwan.language.mistakes import warnings
from durwan.language.syntax import Address, Literal_, Module, Name, Network, NetworkDeclaration, SetDeclaration, String
from durwan.model.address import AddressRange, NetworkSet, parse_network

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Entry:
    """One network of a list, from `start` to `end` of the list's text. A list may have a million."""

    range: AddressRange
    start: int
    end: int


def lint_collections(modules: Sequence[Module], files: Mapping[str, bytes]) -> Iterator[Diagnostic]:
    """What is odd in declared networks and sets, and in the list files they name, each file once."""
    seen: set[tuple[str, str]] = set()
    for module in modules:
        for declaration in module.declarations:
            match declaration:
                case NetworkDeclaration(file=None, items=items):
                    yield from lint_networks(items or (), declaration.name.span)
                case SetDeclaration(file=None, items=items):
                    yield from lint_members(items or ())
                case NetworkDeclaration(file=String(value=path)) if ("network", path) not in seen:
                    seen.add(("network", path))
                    yield from _lint_network_file(_open(path, files), declaration.name.span)
                case SetDeclaration(file=String(value=path)) if ("set", path) not in seen:
                    seen.add(("set", path))
                    yield from _lint_string_file(_open(path, files))
                case _:
                    pass


def lint_networks(items: Sequence[Literal_ | Name], name: Span) -> Iterator[Diagnostic]:
    """The networks of one list in the text; `name` stands for the whole list."""
    entries: list[_Entry] = []
    for item in items:
        match item:
            case Address(value=packed, span=span):
                entries.append(_Entry(AddressRange(packed, packed), span.start, span.end))
            case Network(value=found, span=span):
                entries.append(_Entry(found, span.start, span.end))
            case _:
                pass
    yield from _lint_entries(entries, name.source, name)


def lint_members(items: Sequence[Literal_ | Name]) -> Iterator[Diagnostic]:
    """The members of one set in the text: those that stand twice."""
    if items:
        members = ((_identity(item), item.span.start, item.span.end) for item in items)
        yield from _lint_twice(members, items[0].span.source)


def _identity(item: Literal_ | Name) -> Hashable:
    value = item.text if isinstance(item, Name) else item.value
    return type(item).__name__, value


def _open(path: str, files: Mapping[str, bytes]) -> Source:
    """The text of a list that the checker has read without a mistake."""
    return Source(path, files[path].decode().replace("\r\n", "\n"))


def _lint_network_file(source: Source, name: Span) -> Iterator[Diagnostic]:
    found = ((parse_network(text), offset, offset + len(text)) for offset, text in find_entries(source.text))
    entries = [_Entry(network, start, end) for network, start, end in found if network is not None]
    yield from _lint_entries(entries, source, name)


def _lint_string_file(source: Source) -> Iterator[Diagnostic]:
    members = ((text, offset, offset + len(text)) for offset, text in find_entries(source.text))
    yield from _lint_twice(members, source)


def _lint_twice(members: Iterable[tuple[Hashable, int, int]], source: Source) -> Iterator[Diagnostic]:
    first: dict[Hashable, tuple[int, int]] = {}
    twice: list[tuple[Span, Span]] = []
    for member, start, end in members:
        known = first.setdefault(member, (start, end))
        if known[0] != start:
            twice.append((Span(source, start, end), Span(source, *known)))
    yield from _some(twice, warnings.duplicate_member, warnings.more_duplicates)


def _lint_entries(entries: list[_Entry], source: Source, name: Span) -> Iterator[Diagnostic]:
    yield from _lint_everyone(entries, source, name)
    inside = [
        (Span(source, entry.start, entry.end), Span(source, outer.start, outer.end))
        for entry, outer in _inside(entries)
    ]
    yield from _some(inside, warnings.network_inside_network, warnings.more_networks_inside)


def _inside(entries: list[_Entry]) -> Iterator[tuple[_Entry, _Entry]]:
    """Every network that another one of the list holds, with the widest that does. Networks nest or are apart."""
    outer: _Entry | None = None
    # Ascending, the widest of those with one start first, and of equal ones the first of the text.
    widest_first = sorted(entries, key=lambda entry: entry.range.last, reverse=True)
    for entry in sorted(widest_first, key=lambda entry: (len(entry.range.first), entry.range.first)):
        if (
            outer is not None
            and len(outer.range.last) == len(entry.range.last)
            and entry.range.last <= outer.range.last
        ):
            yield entry, outer
        else:
            outer = entry


def _lint_everyone(entries: Sequence[_Entry], source: Source, name: Span) -> Iterator[Diagnostic]:
    """One `/0`, or halves that together are one."""
    merged = NetworkSet(entry.range for entry in entries)
    for family, breaks, size in (("IPv4", merged.breaks4, 4), ("IPv6", merged.breaks6, 16)):
        if breaks == (bytes(size),):
            whole = AddressRange(bytes(size), b"\xff" * size)
            alone = (Span(source, entry.start, entry.end) for entry in entries if entry.range == whole)
            yield warnings.whole_internet(next(alone, name), family)


def _some(
    found: list[tuple[Span, Span]],
    make: Callable[[Span, Span], Diagnostic],
    more: Callable[[Span, int], Diagnostic],
) -> Iterator[Diagnostic]:
    """The first of many warnings of one list, and how many more there are."""
    found.sort(key=lambda pair: pair[0].start)
    for span, other in found[:_SHOWN]:
        yield make(span, other)
    if len(found) > _SHOWN:
        yield more(found[_SHOWN][0], len(found) - _SHOWN)
