"""What a policy set declares, by name: the table that the resolver fills and the checker reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from durwan.diagnostics import Diagnostic, Span
from durwan.language.mistakes import names as mistakes
from durwan.language.suggestions import Suggestions
from durwan.language.syntax import LetDeclaration, Name
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.model.types import Type
from durwan.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredAttribute:
    """An attribute of a context. `type` is None where the type itself is a mistake, which silences every use."""

    name: Name
    type: Type | None
    prelude: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredSet:
    """A named set.

    `members` is None where they could not be read, which silences every use; `element` is None then, and where the
    set is empty: an empty set goes with every type. `listed` tells that the members come from a file.
    """

    name: Name
    members: frozenset[str] | frozenset[int] | None
    element: types.String | types.Scope | types.Int | None
    listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredNetwork:
    """A named network. `ranges` is None where they could not be read."""

    name: Name
    ranges: NetworkSet | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredWindow:
    """A named window. `window` is None where it could not be made."""

    name: Name
    window: Window | None


@dataclass(slots=True, kw_only=True)
class Vocabulary:
    """Everything declared in one policy set.

    `includes` maps a scope to all scopes that it includes, itself among them. `clashing` are the names that were
    declared as two different kinds: a use of them is silent. `unread` are the names that stand in text which could
    not be parsed: they may be declared there, so nobody is told that they are unknown.
    """

    attributes: dict[str, DeclaredAttribute] = field(default_factory=dict[str, DeclaredAttribute])
    actions: dict[str, Name] = field(default_factory=dict[str, Name])
    scopes: dict[str, Name] = field(default_factory=dict[str, Name])
    includes: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    lets: dict[str, LetDeclaration] = field(default_factory=dict[str, LetDeclaration])
    sets: dict[str, DeclaredSet] = field(default_factory=dict[str, DeclaredSet])
    networks: dict[str, DeclaredNetwork] = field(default_factory=dict[str, DeclaredNetwork])
    windows: dict[str, DeclaredWindow] = field(default_factory=dict[str, DeclaredWindow])
    contexts: set[str] = field(default_factory=set[str])
    clashing: set[str] = field(default_factory=set[str])
    unread: frozenset[str] = frozenset()
    suggestions: Suggestions = field(default_factory=Suggestions)

    def declared(self, name: str, *, but: str) -> tuple[str, Span | None] | None:
        """Which kind of thing, other than `but`, a name is declared as, and where; None for what is in no file."""
        for kind, table in self._kinds:
            if kind != but and name in table:
                found = table[name]
                if isinstance(found, DeclaredAttribute) and found.prelude:
                    return kind, None
                return kind, found.span if isinstance(found, Name) else found.name.span
        return None

    def silent(self, name: str) -> bool:
        """Whether nothing should be said about a name, since another mistake already explains it."""
        return name in self.clashing or name in self.unread or name.partition(".")[0] in self.unread

    def nearest(self, name: str, table: Iterable[str]) -> str | None:
        """The name of the table that is nearest, for a did-you-mean."""
        # An attribute is easily looked for in the wrong context; a scope or action of another group is another thing.
        return self.suggestions.nearest(name, table, ending="." if table is self.attributes else None)

    def report_unknown_scope(self, name: Name, report: list[Diagnostic]) -> None:
        """Say that a name is not a scope."""
        if self.silent(name.text):
            return
        near = self.nearest(name.text, self.scopes)
        found = self.declared(name.text, but="scope")
        if found is not None:
            report.append(mistakes.wrong_kind(name.span, found[0], "scope", found[1], near=near))
        else:
            report.append(mistakes.unknown_scope(name, near=near))

    @property
    def _kinds(
        self,
    ) -> tuple[
        tuple[
            str,
            Mapping[str, Name]
            | Mapping[str, DeclaredAttribute]
            | Mapping[str, LetDeclaration]
            | Mapping[str, DeclaredSet]
            | Mapping[str, DeclaredNetwork]
            | Mapping[str, DeclaredWindow],
        ],
        ...,
    ]:
        return (
            ("attribute", self.attributes),
            ("let", self.lets),
            ("set", self.sets),
            ("network", self.networks),
            ("window", self.windows),
            ("scope", self.scopes),
            ("action", self.actions),
        )
