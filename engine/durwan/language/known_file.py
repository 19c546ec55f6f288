"""What is known of one policy file, in the order in which it is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from durwan.diagnostics import Diagnostic
from durwan.language.declared import Declared, declared_by
from durwan.language.part import Part, Place
from durwan.language.syntax import Module


@dataclass(kw_only=True)
class KnownFile:
    """A policy file, its syntax tree with the mistakes of the text, and what became of its rules.

    `part` was made of it while the names in its text stood for what the digest `seen` says; None is for not yet. From
    then on it may also be read by `read_part`, given the place where it begins. `is_stored` tells whether all of this
    is on disk.
    """

    module: Module
    mistakes: tuple[Diagnostic, ...] = ()
    seen: bytes = b""
    part: Part | None = None
    read_part: Callable[[Place], Part] | None = None
    is_stored: bool = False

    def part_at(self, place: Place, seen: bytes) -> Part | None:
        """Its part of the program at a place, if what the names stand for is as it was."""
        if seen != self.seen:
            return None
        if self.part is not None:
            self.part = self.part.moved(place)
        elif self.read_part is not None:
            self.part = self.read_part(place)
        return self.part

    def keep(self, part: Part, seen: bytes) -> None:
        """Keeps a part that has no mistakes."""
        self.part, self.seen, self.is_stored = part, seen, False

    @property
    def is_worth_storing(self) -> bool:
        """Whether there is something new to be stored, and nothing at all is wrong with the file itself."""
        return not self.is_stored and self.part is not None and not self.mistakes and self.declared.unique

    @cached_property
    def declared(self) -> Declared:
        """What it declares."""
        return declared_by(self.module)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names in its text, sorted."""
        return tuple(sorted(self.module.names))
