"""P0704, P0705 and P0711: networks inside networks, networks that hold everyone, members that stand twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.language.lists import find_entries
from durwan.language.mistakes import warnings
from durwan.language.syntax import Address, Literal_, Module, Name, Network, NetworkDeclaration, SetDeclaration, String
from durwan.model.address import AddressRange, NetworkSet, parse_network

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Entry:
    range: AddressRange
    span: Span


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


def _open(path: str, files: Mapping[str, bytes]) -> Source:
    """The text of a list that the checker has read without a mistake."""
    return Source(path, files[path].decode().replace("\r\n", "\n"))


def lint_networks(items: Sequence[Literal_ | Name], name: Span) -> Iterator[Diagnostic]:
    """The networks of one list in the text; `name` stands for the whole list."""
    entries: list[_Entry] = []
    for item in items:
        match item:
            case Address(value=packed):
                entries.append(_Entry(AddressRange(packed, packed), item.span))
            case Network(value=found):
                entries.append(_Entry(found, item.span))
            case _:
                pass
    yield from _lint_entries(entries, name)


def lint_members(items: Sequence[Literal_ | Name]) -> Iterator[Diagnostic]:
    """The members of one set in the text: those that stand twice."""
    yield from _lint_twice([(_identity(item), item.span) for item in items])


def _identity(item: Literal_ | Name) -> Hashable:
    value = item.text if isinstance(item, Name) else item.value
    return type(item).__name__, value


def _lint_network_file(source: Source, name: Span) -> Iterator[Diagnostic]:
    entries: list[_Entry] = []
    for offset, text in find_entries(source.text):
        found = parse_network(text)
        if found is not None:
            entries.append(_Entry(found, Span(source, offset, offset + len(text))))
    yield from _lint_entries(entries, name)


def _lint_string_file(source: Source) -> Iterator[Diagnostic]:
    yield from _lint_twice(
        [(text, Span(source, offset, offset + len(text))) for offset, text in find_entries(source.text)]
    )


def _lint_twice(members: Sequence[tuple[Hashable, Span]]) -> Iterator[Diagnostic]:
    first: dict[Hashable, Span] = {}
    twice = [(span, first[member]) for member, span in members if first.setdefault(member, span) is not span]
    yield from _some(twice, warnings.duplicate_member, warnings.more_duplicates)


def _lint_entries(entries: Sequence[_Entry], name: Span) -> Iterator[Diagnostic]:
    yield from _lint_everyone(entries, name)
    yield from _some(list(_inside(entries)), warnings.network_inside_network, warnings.more_networks_inside)


def _inside(entries: Sequence[_Entry]) -> Iterator[tuple[Span, Span]]:
    """Every network that another one of the list holds, with the widest that does. Networks nest or are apart."""
    outer: _Entry | None = None
    for entry in sorted(entries, key=_from_the_widest):
        if (
            outer is not None
            and len(outer.range.last) == len(entry.range.last)
            and entry.range.last <= outer.range.last
        ):
            yield entry.span, outer.span
        else:
            outer = entry


def _from_the_widest(entry: _Entry) -> tuple[int, bytes, int, int]:
    first, last = entry.range.first, entry.range.last
    return len(first), first, -int.from_bytes(last, "big"), entry.span.start


def _lint_everyone(entries: Sequence[_Entry], name: Span) -> Iterator[Diagnostic]:
    """One `/0`, or halves that together are one."""
    merged = NetworkSet(entry.range for entry in entries)
    for family, breaks, size in (("IPv4", merged.breaks4, 4), ("IPv6", merged.breaks6, 16)):
        if breaks == (bytes(size),):
            alone = (entry.span for entry in entries if entry.range == AddressRange(bytes(size), b"\xff" * size))
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
