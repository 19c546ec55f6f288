"""Keys for a command: those of the policy set, or of files that were named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from durwan.cli.exits import UsageError
from durwan.credentials.key_reading import KeyReader
from durwan.credentials.key_rules import KeyRules
from durwan.diagnostics.json_document import read_json
from durwan.diagnostics.terminal import visible
from durwan.diagnostics.yaml_document import read_yaml
from durwan.language.suggestions import Suggestions
from durwan.model.request import Attributes, no_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from durwan.credentials.keys import StaticKeys
    from durwan.diagnostics import Diagnostic
    from durwan.model.schema import Schema

_MOST_BYTES: Final = 256 << 20


def given_keys(
    paths: Sequence[str] | None, own: StaticKeys, schema: Schema
) -> tuple[list[tuple[str, Mapping[str, object]]], list[Diagnostic]]:
    """The keys of the files, or, where none is named, the set's own; and what is wrong with the files.

    Raises:
        UsageError: a file cannot be read.
    """
    if not paths:
        return list(own.items()), []
    declared = [path.removeprefix("key.") for path in schema.attributes if path.startswith("key.")]
    reader = KeyReader(KeyRules(declared, schema.scopes))
    for path in paths:
        read = read_json if path.endswith(".json") else read_yaml
        document, found = read(path, _content(path), most_bytes=_MOST_BYTES)
        reader.report.extend(found)
        if document is not None:
            reader.read(document)
    return list(reader.keys.items()), reader.finished()


def given_attributes(path: str, schema: Schema) -> tuple[Mapping[str, object], list[Diagnostic]]:
    """The attributes in a file that describes one key, with an id or without; and what is wrong with it.

    Raises:
        UsageError: the file cannot be read, or an attribute is none that keys have, or has a value it cannot have.
    """
    read = read_json if path.endswith(".json") else read_yaml
    document, mistakes = read(path, _content(path), most_bytes=_MOST_BYTES)
    if document is None or mistakes:
        return {}, mistakes
    if document.mapping is None:
        raise UsageError(f"{path} is no mapping of attributes: write them as in a key file, without `keys` above")
    attributes = document.mapping
    known = Attributes(schema, {"key": attributes}, no_keys)
    for name, value in attributes.items():
        attribute = f"key.{name}"
        if attribute not in schema.attributes:
            declared = [each.removeprefix("key.") for each in schema.attributes if each.startswith("key.")]
            near = Suggestions().nearest(name, declared)
            raise UsageError(f"{path}: keys have no {visible(name)}{'' if near is None else f'; did you mean {near}?'}")
        if value is not None and known.read(attribute) is None:
            raise UsageError(f"{path}: what {name} says is no {schema.attributes[attribute]}")
    return attributes, []


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"the key file {path} cannot be read: {error.strerror}") from None


__all__ = ["given_attributes", "given_keys"]
