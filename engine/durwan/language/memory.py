"""What a compiler remembers of the files of a policy set, so that only those are read anew that changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from durwan.diagnostics import Diagnostic
from durwan.language.known_file import KnownFile
from durwan.language.parser import decode, parse
from durwan.language.source_text import TextLimits
from durwan.language.stored.calendars import stored_calendar
from durwan.language.stored.file_form import read_file, write_file
from durwan.language.stored.store import Store
from durwan.model.calendar import Calendar, exchange_calendar

_Key = tuple[str, str, str]


class Memory:
    """The files of the policy set that was read last, by path, and where there is a `store` those of other runs.

    What is remembered of a file depends on nothing but its path, its bytes and the limits of text; what became of its
    rules also on what the names in it stand for, which the checker compares.
    """

    def __init__(self, store: Store | None = None) -> None:
        """Make one that knows nothing yet."""
        self._store = store
        self._files: dict[_Key, KnownFile] = {}
        self._limits = TextLimits()

    def read(self, files: Mapping[str, bytes], limits: TextLimits) -> tuple[list[KnownFile], list[Diagnostic]]:
        """All policy files of a set that are text, and every mistake of their text. What is not in it is forgotten."""
        remembered: dict[_Key, KnownFile] = {}
        report: list[Diagnostic] = []
        for path, content in files.items():
            if path.endswith(".policy"):
                key = path, hashlib.sha256(content).hexdigest(), repr(limits)
                found = self._files.get(key) or self._read(key, content, limits, report)
                if found is not None:
                    remembered[key] = found
        self._files = remembered
        self._limits = limits
        report.extend(mistake for file in remembered.values() for mistake in file.mistakes)
        return [*remembered.values()], report

    def _read(self, key: _Key, content: bytes, limits: TextLimits, report: list[Diagnostic]) -> KnownFile | None:
        source, undecodable = decode(key[0], content, limits)
        report.extend(undecodable)
        if source is None:
            return None
        stored = None if self._store is None or not _is_storable(limits) else self._store.read("file", *key)
        if stored is not None:
            return read_file(stored, source, limits)
        module, mistakes = parse(source, limits)
        return KnownFile(module=module, mistakes=tuple(mistakes))

    def exchange_calendar(self, name: str) -> Calendar:
        """The calendar of an exchange: see `durwan.model.calendar`."""
        return exchange_calendar(name) if self._store is None else stored_calendar(self._store, name)

    def store(self) -> None:
        """Stores what was found out since the last time of files without mistakes."""
        if self._store is not None and _is_storable(self._limits):
            for key, file in self._files.items():
                if file.is_worth_storing:
                    self._store.write(write_file(file), "file", *key)
                    file.is_stored = True


def _is_storable(limits: TextLimits) -> bool:
    """Whether all text is so shallow that whoever reads its form need not fear for the stack."""
    return limits.nesting <= TextLimits().nesting
