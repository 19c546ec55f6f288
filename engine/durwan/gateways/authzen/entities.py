"""Subjects and resources that are known beforehand, with their properties: a file that the operator writes.

    subjects:
      user:
        alice: {}
        bob: { role: admin }
    resources:
      record:
        record-1: { status: active }

They are what can be found by searching. In every question about one of them, its properties here stand over what the
question says of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from durwan.diagnostics import Diagnostic
from durwan.diagnostics.yaml_document import Document, read_yaml
from durwan.gateways.authzen.messages import Entity
from durwan.gateways.serving import mistakes

Kind = Literal["subjects", "resources"]
KINDS: Final[tuple[Kind, ...]] = ("subjects", "resources")
# Properties by id, by type.
_Known = Mapping[str, Mapping[str, Mapping[str, Any]]]
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """Known subjects and resources."""

    subjects: _Known = field(default_factory=lambda: _NOTHING)
    resources: _Known = field(default_factory=lambda: _NOTHING)

    def of_type(self, kind: Kind, name: str) -> Collection[str]:
        """The ids of all of a type."""
        return self._of(kind).get(name, _NOTHING).keys()

    def complete(self, kind: Kind, entity: Entity) -> Entity:
        """The same with all that is known of it."""
        known = self._of(kind).get(entity.type, _NOTHING).get(entity.id)
        if not known:
            return entity
        return Entity(type=entity.type, id=entity.id, properties={**entity.properties, **known})

    def _of(self, kind: Kind) -> _Known:
        return self.subjects if kind == "subjects" else self.resources


def read_entities(path: Path, content: bytes) -> tuple[Entities, list[Diagnostic]]:
    """The subjects and resources in a file, and what is wrong with it."""
    document, report = read_yaml(str(path), content, most_bytes=16 << 20)
    if document is None:
        return Entities(), report
    if document.mapping is None:
        return Entities(), [mistakes.wrong_setting(document.first_line(), "the file", "a mapping")]
    for name, kinds in document.mapping.items():
        if name not in KINDS:
            report.append(mistakes.unknown_setting(document.key_span((name,)), None, KINDS))
        else:
            report.extend(_faults(document, (name,), kinds, levels=3))
    return (Entities(), report) if report else (Entities(**document.mapping), [])


def _faults(document: Document, place: tuple[str, ...], value: Any, *, levels: int) -> list[Diagnostic]:
    if not isinstance(value, dict):
        return [mistakes.wrong_setting(document.span(place), ".".join(place), "a mapping")]
    found: list[Diagnostic] = []
    if levels > 1:
        for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType] - YAML, whose keys are text
            found += _faults(document, (*place, str(name)), inner, levels=levels - 1)  # pyright: ignore[reportUnknownArgumentType]
    return found


__all__ = ["Entities", "read_entities"]
