"""What one file declares, gathered once: most of a large file is then added to a vocabulary in a few steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from durwan.language.syntax import (
    AnyDeclaration,
    InvariantDeclaration,
    LetDeclaration,
    LimitDeclaration,
    Module,
    Name,
    NetworkDeclaration,
    RuleDeclaration,
    SetDeclaration,
    WindowDeclaration,
)
from durwan.language.unread import unread_names
from durwan.language.vocabulary import DeclaredNetwork
from durwan.model.address import AddressRange, NetworkSet

Named = Mapping[str, tuple[str, Name]]
"""Names, each with the kind of what it stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What one file declares.

    `named` has its lets, sets, networks and windows, `rules` its rules and limits, `invariants` its invariants: what
    must not share a name. `unique` tells that none do within the file; else all is to be gone through one by one,
    since the mistakes are told in that order. `networks` are those whose entries are written out, `others` all
    declarations that are neither these nor in `rules` or `invariants`. `rule_count` is the number of its rules,
    without limits. `unread` are the names in text that could not be parsed.
    """

    named: Named
    rules: Named
    invariants: Named
    unique: bool
    networks: Mapping[str, DeclaredNetwork]
    others: tuple[AnyDeclaration, ...]
    rule_count: int
    unread: frozenset[str]


KINDS: Final[Mapping[type[AnyDeclaration], str]] = {
    LetDeclaration: "let",
    SetDeclaration: "set",
    NetworkDeclaration: "network",
    WindowDeclaration: "window",
    RuleDeclaration: "rule",
    LimitDeclaration: "limit",
    InvariantDeclaration: "invariant",
}


def declared_by(module: Module) -> Declared:
    """What a file declares."""
    tables: dict[str, dict[str, tuple[str, Name]]] = {"named": {}, "rules": {}, "invariants": {}}
    networks: dict[str, DeclaredNetwork] = {}
    others: list[AnyDeclaration] = []
    count = 0
    for declaration in module.declarations:
        match declaration:
            case RuleDeclaration() | LimitDeclaration():
                table = tables["rules"]
            case InvariantDeclaration():
                table = tables["invariants"]
            case NetworkDeclaration(items=items) if items is not None:
                table = tables["named"]
                networks[declaration.name.text] = network_of(declaration)
            case LetDeclaration() | SetDeclaration() | NetworkDeclaration() | WindowDeclaration():
                table = tables["named"]
                others.append(declaration)
            case _:
                others.append(declaration)
                continue
        count += 1
        table.setdefault(declaration.name.text, (KINDS[type(declaration)], declaration.name))
    return Declared(
        **tables,
        unique=sum(map(len, tables.values())) == count,
        networks=networks,
        others=tuple(others),
        rule_count=sum(isinstance(each, RuleDeclaration) for each in module.declarations),
        unread=unread_names((module,)),
    )


def network_of(declaration: NetworkDeclaration) -> DeclaredNetwork:
    """A network whose entries are written out."""
    ranges = NetworkSet(
        AddressRange(item.value, item.value) if isinstance(item.value, bytes) else item.value
        for item in declaration.items or ()
    )
    return DeclaredNetwork(name=declaration.name, ranges=ranges)
