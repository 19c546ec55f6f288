"""The vocabulary of a policy set: which actions, scopes and attributes there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from durwan.model.types import Type


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What is declared.

    `attributes` maps `context.name` to its type; `scopes` maps each scope to all that it includes, itself among
    them, transitively.
    """

    actions: frozenset[str]
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    attributes: Mapping[str, Type] = field(default_factory=dict[str, Type])

    def held(self, scopes: Iterable[str]) -> frozenset[str]:
        """All scopes that somebody holds who was given these. A scope that is not declared includes only itself."""
        return frozenset(each for scope in scopes for each in self.scopes.get(scope, (scope,)))

    @cached_property
    def contexts(self) -> frozenset[str]:
        """The names of the declared contexts."""
        return frozenset(path.partition(".")[0] for path in self.attributes)
