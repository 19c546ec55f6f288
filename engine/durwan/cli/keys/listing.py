"""`durwan keys list`: all keys with their ages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from durwan.cli.exits import GOOD
from durwan.cli.keys import options
from durwan.cli.keys.states import age, instant, material_form, state_of
from durwan.credentials.secrets_file import StoredKey
from durwan.diagnostics.terminal import visible

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from durwan.cli.output import Output
    from durwan.credentials.secrets_file import StoredSecrets

EXAMPLES = """\
  durwan keys list
  durwan keys list -f json
"""

_HEAD = ("KEY", "STATE", "KIND", "SECRET", "USED", "EXPIRES", "NETWORKS", "SCOPES")


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_files(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes one line for each key."""
    now = time.time_ns() // 1_000_000
    keys, secrets = options.ring_alone(arguments).read()
    records: list[tuple[str, Mapping[str, object] | None]] = list(keys.records())
    records += [(key_id, None) for key_id in secrets.keys if key_id not in keys]
    if output.is_json:
        output.write_json({"keys": [_form(key_id, record, secrets, now) for key_id, record in records]}, None)
        return GOOD
    rows = [_row(key_id, record, secrets.keys.get(key_id, StoredKey()), now) for key_id, record in records]
    output.write("".join(f"{line}\n" for line in _table([_HEAD, *rows])))
    return GOOD


def _form(key_id: str, record: Mapping[str, object] | None, secrets: StoredSecrets, now: int) -> dict[str, Any]:
    kept = secrets.keys.get(key_id, StoredKey())
    since = kept.materials[0].since if kept.materials else None
    return {
        "id": key_id,
        "state": state_of(record, kept, now),
        "secret_age_ms": None if since is None else max(now - since, 0),
        "attributes": record,
        "materials": [material_form(each, now) for each in kept.materials],
    }


def _row(key_id: str, record: Mapping[str, object] | None, kept: StoredKey, now: int) -> tuple[str, ...]:
    fields = record or {}
    newest = kept.materials[0] if kept.materials else None
    since = instant(fields, "rotated") or instant(fields, "created") if newest is None else newest.since
    expires = fields.get("expires")
    return (
        key_id,
        state_of(record, kept, now),
        "" if newest is None else newest.kind,
        age(since, now),
        age(instant(fields, "last_used"), now) or "never",
        expires[:10] if isinstance(expires, str) else "never",
        _listed(fields.get("networks")) or "any",
        _listed(fields.get("scopes")),
    )


def _listed(value: object) -> str:
    members = cast("list[object]", value) if isinstance(value, (list, tuple)) else []
    return " ".join(str(each) for each in members)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    shown = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in shown) for place in range(len(_HEAD))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
