"""Declarations to a vocabulary: every name of the set, once, with what it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from durwan.diagnostics import Diagnostic, Span
from durwan.language.declared import KINDS, Declared, network_of
from durwan.language.dependencies import order_dependencies
from durwan.language.known_file import KnownFile
from durwan.language.lists import ListReader
from durwan.language.mistakes import kinds, names
from durwan.language.syntax import (
    ActionsDeclaration,
    AnyDeclaration,
    ContextDeclaration,
    Int,
    InvariantDeclaration,
    LetDeclaration,
    LimitDeclaration,
    Module,
    Name,
    NetworkDeclaration,
    RuleDeclaration,
    ScopesDeclaration,
    SetDeclaration,
    String,
    WindowDeclaration,
)
from durwan.language.type_names import is_narrower, read_type
from durwan.language.vocabulary import (
    DeclaredAttribute,
    DeclaredNetwork,
    DeclaredSet,
    DeclaredWindow,
    Vocabulary,
)
from durwan.language.windows import WindowMaker
from durwan.model import types

# What a request holds beside its contexts.
_RESERVED_CONTEXTS = frozenset({"action", "now"})


class Named(Protocol):
    """A declaration that has one name."""

    @property
    def name(self) -> Name:
        """Its name."""
        ...


class Resolver:
    """Collects the declarations of all modules; every mistake goes to `report`."""

    def __init__(
        self, vocabulary: Vocabulary, lists: ListReader, windows: WindowMaker, report: list[Diagnostic]
    ) -> None:
        self.vocabulary = vocabulary
        self._lists = lists
        self._windows = windows
        self._report = report
        self._named: dict[str, tuple[str, Name]] = {}
        self._rules: dict[str, tuple[str, Name]] = {}
        self._invariants: dict[str, tuple[str, Name]] = {}
        self._includes: dict[str, Sequence[Name]] = {}

    def resolve(self, prelude: Module, files: Sequence[KnownFile]) -> Vocabulary:
        """The vocabulary of the prelude and of all files, which are in source order."""
        for declaration in prelude.declarations:
            if isinstance(declaration, ContextDeclaration):
                self._context(declaration, prelude=True)
        for file in files:
            for declaration in file.declared.others if self._take(file.declared) else file.module.declarations:
                self._declare(declaration)
        self.vocabulary.unread = frozenset[str]().union(*(file.declared.unread for file in files))
        self._close_scopes()
        self._check_scope_members(files)
        return self.vocabulary

    def _take(self, declared: Declared) -> bool:
        """Adds what large files are made of, all at once, if every name is free; whether it is."""
        tables = (
            (self._named, declared.named),
            (self._rules, declared.rules),
            (self._invariants, declared.invariants),
        )
        if not declared.unique or not all(table.keys().isdisjoint(new) for table, new in tables):
            return False
        for table, new in tables:
            table.update(new)
        self.vocabulary.networks.update(declared.networks)
        return True

    def _declare(self, declaration: AnyDeclaration) -> None:
        match declaration:
            case ContextDeclaration():
                self._context(declaration, prelude=False)
            case ActionsDeclaration():
                self._actions(declaration)
            case ScopesDeclaration():
                self._scopes(declaration)
            case LetDeclaration():
                self._let(declaration)
            case NetworkDeclaration():
                self._network(declaration)
            case SetDeclaration():
                self._set(declaration)
            case WindowDeclaration():
                self._window(declaration)
            case RuleDeclaration() | LimitDeclaration() | InvariantDeclaration():
                self._rule(declaration)

    # ------------------------------------------------------------------------------------------ attributes

    def _context(self, declaration: ContextDeclaration, *, prelude: bool) -> None:
        context = declaration.name.text
        if context in _RESERVED_CONTEXTS:
            self._report.append(names.reserved_context(declaration.name))
        self.vocabulary.contexts.add(context)
        for attribute in declaration.attributes:
            known = read_type(attribute.type, self._report)
            for name in attribute.names:
                entry = DeclaredAttribute(name=name, type=known, prelude=prelude)
                self._attribute(f"{context}.{name.text}", entry, attribute.type.span)

    def _attribute(self, path: str, entry: DeclaredAttribute, written: Span) -> None:
        first = self.vocabulary.attributes.get(path)
        if first is not None and not first.prelude:
            self._report.append(names.duplicate_attribute(path, entry.name, first.name.span))
            return
        everywhere = None if first is None else first.type
        if everywhere is not None and entry.type is not None and not is_narrower(entry.type, everywhere):
            self._report.append(names.not_narrower(path, written, everywhere))
            # Uses were written for the restated type; judging them by either one would repeat the mistake.
            entry = DeclaredAttribute(name=entry.name, type=None, prelude=False)
        self.vocabulary.attributes[path] = entry

    # ------------------------------------------------------------------------------------------ actions, scopes

    def _actions(self, declaration: ActionsDeclaration) -> None:
        for name in declaration.names:
            first = self.vocabulary.actions.setdefault(name.text, name)
            if first is not name:
                self._report.append(names.duplicate_action(name, first))

    def _scopes(self, declaration: ScopesDeclaration) -> None:
        for entry in declaration.entries:
            first = self.vocabulary.scopes.setdefault(entry.name.text, entry.name)
            if first is not entry.name:
                self._report.append(names.duplicate_scope(entry.name, first))
                continue
            self._includes[entry.name.text] = entry.includes

    def _close_scopes(self) -> None:
        needs = {scope: self._included(included) for scope, included in self._includes.items()}
        order, cycles = order_dependencies(needs)
        closed: dict[str, frozenset[str]] = {}
        for scope in order:
            parts = (closed.get(name, frozenset((name,))) for name in needs[scope])
            closed[scope] = frozenset((scope,)).union(*parts)
        # In the order of their declaration, so that nothing depends on how the cycles were walked.
        self.vocabulary.includes = {scope: closed[scope] for scope in needs}
        for cycle in cycles:
            self._report.append(names.scope_cycle([self.vocabulary.scopes[name] for name in cycle]))

    def _included(self, included: Sequence[Name]) -> list[str]:
        found: dict[str, Name] = {}
        for name in included:
            first = found.setdefault(name.text, name)
            if first is not name:
                self._report.append(names.duplicate_include(name, first))
            elif name.text not in self.vocabulary.scopes:
                del found[name.text]
                self.vocabulary.report_unknown_scope(name, self._report)
        return list(found)

    # ------------------------------------------------------------------------------------------ lets, sets, ...

    def _is_new(self, kind: str, declaration: Named) -> bool:
        """Whether the name is its own. Lets, sets, networks and windows share theirs: a name says what it is."""
        name = declaration.name
        first_kind, first = self._named.setdefault(name.text, (kind, name))
        if first is name:
            return True
        self._report.append(names.duplicate_name(name, first_kind, first))
        if first_kind != kind:
            self.vocabulary.clashing.add(name.text)
        return False

    def _rule(self, declaration: RuleDeclaration | LimitDeclaration | InvariantDeclaration) -> None:
        """Rules and limits share their names, since a decision names either; invariants have their own."""
        name, kind = declaration.name, KINDS[type(declaration)]
        table = self._invariants if kind == "invariant" else self._rules
        first_kind, first = table.setdefault(name.text, (kind, name))
        if first is not name:
            self._report.append(names.duplicate_rule(name, first_kind, first))

    def _let(self, declaration: LetDeclaration) -> None:
        if self._is_new("let", declaration):
            self.vocabulary.lets[declaration.name.text] = declaration

    def _network(self, declaration: NetworkDeclaration) -> None:
        if not self._is_new("network", declaration):
            return
        name = declaration.name
        if declaration.file is None:
            found = network_of(declaration)
        else:
            found = DeclaredNetwork(name=name, ranges=self._lists.read_networks(declaration.file))
        self.vocabulary.networks[name.text] = found

    def _set(self, declaration: SetDeclaration) -> None:
        if not self._is_new("set", declaration):
            return
        name = declaration.name
        if declaration.file is not None:
            strings = self._lists.read_strings(declaration.file)
            element = types.String() if strings else None
            found = DeclaredSet(name=name, members=strings, element=element, listed=True)
        else:
            found = self._literal_set(name, declaration.items or ())
        self.vocabulary.sets[name.text] = found

    def _literal_set(self, name: Name, items: Sequence[String | Int | Name]) -> DeclaredSet:
        if not items:
            return DeclaredSet(name=name, members=frozenset[str](), element=None, listed=False)
        first, wanted = items[0], _member_kind(items[0])
        mixed = [item for item in items if _member_kind(item) != wanted]
        self._report.extend(
            kinds.mixed_members(item.span, _member_kind(item), first.span, wanted) for item in mixed[:1]
        )
        if mixed:
            return DeclaredSet(name=name, members=None, element=None, listed=False)
        if wanted == "int":
            numbers = frozenset(item.value for item in items if isinstance(item, Int))
            return DeclaredSet(name=name, members=numbers, element=types.Int(), listed=False)
        if wanted == "string":
            strings = frozenset(item.value for item in items if isinstance(item, String))
            return DeclaredSet(name=name, members=strings, element=types.String(), listed=False)
        scopes = frozenset(item.text for item in items if isinstance(item, Name))
        return DeclaredSet(name=name, members=scopes, element=types.Scope(), listed=False)

    def _check_scope_members(self, files: Iterable[KnownFile]) -> None:
        """Scopes may be declared after the sets that name them."""
        for file in files:
            for declaration in file.declared.others:
                if isinstance(declaration, SetDeclaration):
                    for item in declaration.items or ():
                        if isinstance(item, Name) and item.text not in self.vocabulary.scopes:
                            self.vocabulary.report_unknown_scope(item, self._report)

    def _window(self, declaration: WindowDeclaration) -> None:
        if self._is_new("window", declaration):
            window = self._windows.make(declaration)
            self.vocabulary.windows[declaration.name.text] = DeclaredWindow(name=declaration.name, window=window)


def _member_kind(item: String | Int | Name) -> str:
    match item:
        case String():
            return "string"
        case Int():
            return "int"
        case Name():
            return "scope"
