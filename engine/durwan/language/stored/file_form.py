"""What is known of a policy file without mistakes as plain data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from durwan.diagnostics import Source, Span
from durwan.language.declared import KINDS, Declared, Named
from durwan.language.known_file import KnownFile
from durwan.language.parser import parse
from durwan.language.part import Part, Place
from durwan.language.source_text import TextLimits
from durwan.language.stored.part_form import PartReader, PartWriter, read_networks, write_networks
from durwan.language.syntax import (
    AnyDeclaration,
    LetDeclaration,
    Module,
    Name,
    NetworkDeclaration,
    SetDeclaration,
    WindowDeclaration,
)
from durwan.language.vocabulary import DeclaredNetwork
from durwan.program.fingerprint import Digests

_NAMED = (LetDeclaration, SetDeclaration, NetworkDeclaration, WindowDeclaration)


def write_file(file: KnownFile) -> dict[str, Any]:
    """What is known of a file of which there is a part."""
    part = file.part or Part(Place())
    declared, writer = file.declared, PartWriter()
    return {
        "names": " ".join(file.names),
        "named": _write_names({name: declared.named[name] for name in declared.networks}),
        "rules": _write_names(declared.rules),
        "invariants": _write_names(declared.invariants),
        "rule_count": declared.rule_count,
        "networks": {name: write_networks(each.ranges) for name, each in declared.networks.items() if each.ranges},
        "others": [(each.span.start, each.span.end) for each in declared.others],
        "seen": file.seen.hex(),
        "digests": [each.hex() for each in part.digests],
        "part": [[writer.write(each) for each in items] for items in (part.rules, part.limits, part.invariants)],
        "table": writer.table,
    }


def read_file(form: Mapping[str, Any], source: Source, limits: TextLimits) -> KnownFile:
    """What is known of a file. Its text is parsed only if somebody asks for its declarations."""
    names = form["names"].split()
    module = Module(source=source, names=frozenset(names), read=lambda: parse(source, limits)[0].declarations)

    def read_part(start: Place) -> Part:
        """Only once it is known that the names still stand for the same."""
        read = PartReader(source, form["table"]).ordered
        rules, limits, invariants = (read(*each) for each in zip(form["part"], start, strict=True))
        return Part(start, rules, limits, invariants, Digests(*map(bytes.fromhex, form["digests"])))

    file = KnownFile(module=module, seen=bytes.fromhex(form["seen"]), read_part=read_part, is_stored=True)
    file.names = tuple(names)
    file.declared = _read_declared(form, source, limits)
    return file


def _read_declared(form: Mapping[str, Any], source: Source, limits: TextLimits) -> Declared:
    networks = _read_names(form["named"], source)
    others = _read_others(form["others"], source, limits)
    # A name is taken for its own by being the same object.
    own = {each.name.text: (KINDS[type(each)], each.name) for each in others if isinstance(each, _NAMED)}
    return Declared(
        named={**networks, **own},
        rules=_read_names(form["rules"], source),
        invariants=_read_names(form["invariants"], source),
        unique=True,
        networks={
            name: DeclaredNetwork(name=networks[name][1], ranges=read_networks(*breaks))
            for name, breaks in form["networks"].items()
        },
        others=others,
        rule_count=form["rule_count"],
        unread=frozenset(),
    )


def _read_others(places: list[tuple[int, int]], source: Source, limits: TextLimits) -> tuple[AnyDeclaration, ...]:
    """The few declarations that are read from the text itself, with white space for all the others."""
    text, end = source.text, 0
    kept: list[str] = []
    for start, following in places:
        kept += [_blank(text[end:start]), text[start:following]]
        end = following
    return parse(source, limits, "".join(kept))[0].declarations if places else ()


def _blank(text: str) -> str:
    return "\n".join(" " * len(line) for line in text.split("\n"))


def _write_names(names: Named) -> list[tuple[str, str, int, int]]:
    return [(text, kind, name.span.start, name.span.end) for text, (kind, name) in names.items()]


def _read_names(forms: list[tuple[str, str, int, int]], source: Source) -> Named:
    return {text: (kind, Name(span=Span(source, start, end), text=text)) for text, kind, start, end in forms}
