"""`durwan keys show ID`: one key, without its secret."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from durwan.cli.exits import GOOD, UsageError
from durwan.cli.keys import options
from durwan.cli.keys.states import material_form, state_of
from durwan.credentials.secrets_file import StoredKey
from durwan.diagnostics.terminal import visible

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  durwan keys show desk-7
  durwan keys show desk-7 -f json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("id", metavar="ID", help="which key")
    options.add_files(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the attributes of the key, and what is kept to verify it."""
    now = time.time_ns() // 1_000_000
    keys, secrets = options.ring_alone(arguments).read()
    record, kept = keys.get(arguments.id), secrets.keys.get(arguments.id)
    if record is None and kept is None:
        raise UsageError(f"there is no key {arguments.id[:80]}: durwan keys list shows all")
    kept = kept or StoredKey()
    state = state_of(record, kept, now)
    materials = [material_form(each, now) for each in kept.materials]
    if output.is_json:
        fields = {"key": record, "state": state, "scheme": kept.scheme, "materials": materials}
        output.write_json(fields, None)
        return GOOD
    output.write(f"{visible(arguments.id)}  {state}\n")
    for name, value in (record or {}).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        output.write(f"  {name:<12}  {visible(text)}\n")
    for each in materials:
        until = f", until {each['until']}" if each["until"] else ""
        fingerprint = f", SHA-256 {each['fingerprint']}" if "fingerprint" in each else ""
        output.write(f"  {'verified by':<12}  {each['kind']} since {each['since']}{until}{fingerprint}\n")
    return GOOD
