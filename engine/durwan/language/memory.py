"""What a compiler remembers of the files of a policy set, so that only those are read anew that changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from durwan.diagnostics import Diagnostic
from durwan.language.known_file import KnownFile
from durwan.language.parser import decode, parse
from durwan.language.source_text import TextLimits


class Memory:
    """The files of the policy set that was read last, by path.

    What is remembered of a file depends on nothing but its path, its bytes and the limits of text; what became of its
    rules also on what the names in it stand for, which the checker compares.
    """

    def __init__(self) -> None:
        """Make one that knows nothing."""
        self._files: dict[str, tuple[_Key, KnownFile]] = {}

    def read(self, files: Mapping[str, bytes], limits: TextLimits) -> tuple[list[KnownFile], list[Diagnostic]]:
        """All policy files of a set that are text, and every mistake of their text. What is not in it is forgotten."""
        remembered: dict[str, tuple[_Key, KnownFile]] = {}
        report: list[Diagnostic] = []
        for path in _policies(files):
            key = hashlib.sha256(files[path]).digest(), limits
            before = self._files.get(path)
            if before is not None and before[0] == key:
                remembered[path] = before
                continue
            source, undecodable = decode(path, files[path], limits)
            report.extend(undecodable)
            if source is not None:
                module, mistakes = parse(source, limits)
                remembered[path] = key, KnownFile(module=module, mistakes=tuple(mistakes))
        self._files = remembered
        found = [known for _, known in remembered.values()]
        report.extend(mistake for known in found for mistake in known.mistakes)
        return found, report


_Key = tuple[bytes, TextLimits]


def _policies(files: Iterable[str]) -> Iterable[str]:
    return (path for path in files if path.endswith(".policy"))
