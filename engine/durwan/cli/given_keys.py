"""Keys for a command: those of the policy set, or of files that were named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from durwan.cli.exits import UsageError
from durwan.credentials.key_reading import KeyReader
from durwan.credentials.key_rules import KeyRules
from durwan.diagnostics.json_document import read_json
from durwan.diagnostics.yaml_document import read_yaml

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


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"the key file {path} cannot be read: {error.strerror}") from None


__all__ = ["given_keys"]
