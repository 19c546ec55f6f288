"""Key files: `keys/*.yaml` and `keys/*.json` of a policy set. They say what a key may do; they never hold a secret.

A file is a mapping with one field, `keys`, a list of keys. Each key is a mapping of the fields of `FIELDS`, of which
only `id` is required, and of what else the policy set declares in its `key` context. YAML is for keys that people write
and review; JSON, which is read seven times as fast, for those that a program exports.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from durwan.credentials.key_reading import KeyReader
from durwan.credentials.key_rules import FIELDS, KeyRules
from durwan.credentials.keys import StaticKeys
from durwan.diagnostics import Diagnostic
from durwan.diagnostics.json_document import read_json
from durwan.diagnostics.yaml_document import read_yaml


def read_key_files(
    files: Mapping[str, bytes],
    folder: str = "keys",
    *,
    declared: Collection[str] = (),
    scopes: Collection[str] | None = None,
    most_bytes: int = 1 << 20,
) -> tuple[StaticKeys, list[Diagnostic]]:
    """All keys of a policy set, and what is wrong with its key files; a key with a mistake is left out.

    Args:
        files: the files of the set.
        folder: where key files lie; or the path of the only one.
        declared: the attributes that the set's own policies declare for `key`: they may stand beside the known fields.
        scopes: the scopes that a key may be given; None where they are not known, and then any may.
        most_bytes: how large a file may be.
    """
    reader = KeyReader(KeyRules(declared, scopes))
    for path, content in files.items():
        if path == folder or (path.startswith(f"{folder}/") and path.endswith((".yaml", ".yml", ".json"))):
            read = read_json if path.endswith(".json") else read_yaml
            document, found = read(path, content, most_bytes=most_bytes)
            reader.report.extend(found)
            if document is not None:
                reader.read(document)
    return StaticKeys(reader.keys), reader.finished()


__all__ = ["FIELDS", "read_key_files"]
