"""What is known of one policy file, in the order in which it is found out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from durwan.diagnostics import Diagnostic
from durwan.language.declared import Declared, declared_by
from durwan.language.part import Part
from durwan.language.syntax import Module


@dataclass(kw_only=True)
class KnownFile:
    """A policy file, its syntax tree with the mistakes of the text, and what became of its rules.

    `part` was made of it while the names in its text stood for what the digest `seen` says; None is for not yet.
    """

    module: Module
    mistakes: tuple[Diagnostic, ...] = ()
    part: Part | None = None
    seen: bytes = b""

    @cached_property
    def declared(self) -> Declared:
        """What it declares."""
        return declared_by(self.module)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names in its text, sorted."""
        return tuple(sorted(self.module.names))
