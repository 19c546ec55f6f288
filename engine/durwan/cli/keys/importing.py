"""`durwan keys import FILE`: takes over keys, with their public keys or the secrets that they have already."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from durwan.cli.exits import GOOD, UsageError
from durwan.cli.keys import options
from durwan.credentials.ed25519 import KeyFileError
from durwan.credentials.kept_files import read_private, read_whole
from durwan.credentials.key_admission import KeyRefusedError
from durwan.credentials.key_checks import check_secret, public_key_of
from durwan.credentials.key_material import Given
from durwan.credentials.key_ring import NewKey
from durwan.credentials.secret import Secret
from durwan.diagnostics.json_document import read_json
from durwan.diagnostics.terminal import visible

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  durwan keys import keys.csv
  durwan keys import keys.json --keys policies/keys/desk.yaml
  some-vault export | durwan keys import - --from json

CSV has a line of names, then one line a key; lists have spaces between their members:
  id,scopes,networks,expires,public_key
  algo-3,orders.write,203.0.113.0/24 2001:db8::/48,2027-01-15T00:00:00Z,MCowBQYDK2VwAyEA...
JSON is {"keys": [{"id": "algo-3", "scopes": ["orders.write"], "public_key": "..."}, ...]}.

Beside the attributes of a key there is one of public_key, secret and token, and there may be passphrase and scheme.
A file with secrets is one that nobody else can read (chmod 600); delete it afterwards.
"""

_MOST_BYTES: Final = 64 << 20
_LISTS: Final = frozenset({"scopes", "networks", "symbols", "labels"})
_MATERIAL: Final = frozenset({"public_key", "secret", "token"})
_SECRET: Final = frozenset({"secret", "token", "passphrase"})


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("file", metavar="FILE", help="the keys, as CSV or JSON; - is standard input")
    help_ = "what the file is (default: by its name)"
    parser.add_argument("--from", dest="form", choices=["csv", "json"], help=help_)
    options.add_files(parser)
    options.add_demands(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Takes over all of the keys, or none."""
    records = _records(arguments)
    new = [_key(record) for record in records]
    try:
        options.ring_of(arguments).add(new)
    except KeyRefusedError as refused:
        return options.write_refused(output, refused)
    ids = [str(each.attributes["id"]) for each in new]
    if output.is_json:
        output.write_json({"imported": ids}, None)
    else:
        output.write("".join(f"imported  {visible(each)}\n" for each in ids))
    return GOOD


def _records(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    name = arguments.file
    form = arguments.form or Path(name).suffix.lower().removeprefix(".")
    if form not in {"csv", "json"}:
        raise UsageError(f"nobody can tell what {name} is: say --from csv or --from json")
    content = sys.stdin.buffer.read(_MOST_BYTES) if name == "-" else read_whole(Path(name), _MOST_BYTES, "the file")
    found = _from_csv(name, content) if form == "csv" else _from_json(name, content)
    if name != "-" and any(_SECRET & each.keys() for each in found):
        read_private(Path(name), _MOST_BYTES, "the file with secrets")
    if not found:
        raise UsageError(f"there are no keys in {name}")
    return found


def _from_json(name: str, content: bytes) -> list[dict[str, Any]]:
    # Nothing of the diagnostics but where they are: they would quote the line, which may hold a secret.
    document, mistakes = read_json(name, content, most_bytes=_MOST_BYTES)
    if document is None or mistakes:
        line = mistakes[0].span.source.position(mistakes[0].span.start)[0] if mistakes else 1
        raise UsageError(f"{name} is no JSON that can be read: see line {line}")
    keys = (document.mapping or {}).get("keys")
    if not isinstance(keys, list) or not all(isinstance(each, dict) for each in cast("list[object]", keys)):
        raise UsageError(f'{name} is to be {{"keys": [{{"id": ...}}, ...]}}')
    return cast("list[dict[str, Any]]", keys)


def _from_csv(name: str, content: bytes) -> list[dict[str, Any]]:
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise UsageError(f"{name} is no CSV in UTF-8 that can be read") from None
    if not rows or len(set(rows[0])) != len(rows[0]):
        raise UsageError(f"{name} is to begin with a line of names, each of them once")
    found: list[dict[str, Any]] = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]):
            raise UsageError(f"{name}: line {number} has {len(row)} fields, and there are {len(rows[0])} names")
        cells = {field: cell for field, cell in zip(rows[0], row, strict=True) if cell}
        found.append({field: _cell(field, cell) for field, cell in cells.items()})
    return found


def _cell(field: str, cell: str) -> object:
    if field in _LISTS:
        return cell.split()
    return cell == "true" if field == "revoked" and cell in {"true", "false"} else cell


def _key(record: dict[str, Any]) -> NewKey:
    """A key of the file.

    Raises:
        UsageError: what verifies it is missing, given twice, or cannot be used; no secret is repeated.
    """
    key_id = str(record.get("id", ""))[:80]
    named = sorted(_MATERIAL & record.keys())
    if len(named) != 1 or not all(isinstance(record.get(each, ""), str) for each in (*_MATERIAL, *_SECRET)):
        raise UsageError(f"the key {key_id!r} needs one of public_key, secret and token, as text")
    try:
        given = _given(named[0], record)
    except KeyFileError as error:
        raise UsageError(f"the {named[0]} of the key {key_id!r} is refused: {error}") from None
    apart = _MATERIAL | _SECRET | {"scheme"}
    attributes = {name: value for name, value in record.items() if name not in apart}
    # Whether a key is revoked is never left open.
    attributes.setdefault("revoked", False)
    return NewKey(attributes=attributes, given=given, scheme=record.get("scheme"))


def _given(name: str, record: dict[str, Any]) -> Given:
    content = str(record[name]).encode()
    passphrase = Secret(str(record["passphrase"]).encode()) if "passphrase" in record else None
    if name == "public_key":
        found = public_key_of(content)
        return Given(kind=found.kind, public=found.content, passphrase=passphrase)
    check_secret(content)
    return Given(kind="hmac" if name == "secret" else "token", secret=Secret(content), passphrase=passphrase)
