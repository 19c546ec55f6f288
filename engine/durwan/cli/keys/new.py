"""`durwan keys new ID`: makes a key."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from durwan.cli.exits import GOOD, UsageError
from durwan.cli.keys import options
from durwan.cli.keys.handing_over import add_material, handing_over, made
from durwan.credentials.key_admission import KeyRefusedError
from durwan.credentials.key_ring import NewKey
from durwan.diagnostics.terminal import visible
from durwan.model.values import format_instant

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from durwan.cli.output import Output

EXAMPLES = """\
  durwan keys new desk-7 --scope orders.write --network 203.0.113.0/24 --symbol BTC-PERP
  durwan keys new payout-1 --scope withdrawals.write --network 203.0.113.77 --expires 180d -o payout-1.secret
  durwan keys new algo-3 --scope orders.write --network 203.0.113.128/25 --public-key algo-3.pub
  durwan keys new desk-7 --keys policies/keys/desk.yaml --secrets desk.secrets --scope orders.write ...

A pair of keys whose private half nobody but its owner ever sees:
  openssl genpkey -algorithm ed25519 -out algo-3.pem && openssl pkey -in algo-3.pem -pubout -out algo-3.pub

A sealing key, which is needed for every key with a secret:
  (umask 077; openssl rand -base64 32 > sealing.key) && export DURWAN_SEALING_KEY_FILE=sealing.key
"""

_LIFE = "90d"
# Attributes of one text, and those of several with the option that gives one of them.
_TEXTS = ("account", "subaccount", "environment", "owner")
_LISTS = {"scopes": "scope", "networks": "network", "symbols": "symbol", "labels": "label"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("id", metavar="ID", help="by which requests and policies name it")
    may = parser.add_argument_group("what it may do")
    helps = ("a scope it holds", "an address or network it may be used from", "a symbol it may trade", "a label")
    for name, help_ in zip(_LISTS.values(), helps, strict=True):
        may.add_argument(f"--{name}", action="append", metavar=name.upper(), help=f"{help_}; may be given again")
    for name in _TEXTS:
        may.add_argument(f"--{name}", metavar="TEXT", help=f"its {name}")
    help_ = f"when it ends: an instant, a duration from now on, or never (default: {_LIFE})"
    may.add_argument("--expires", metavar="WHEN", default=_LIFE, help=help_)
    may.add_argument("--not-before", metavar="WHEN", help="when it begins to be valid, as --expires")
    help_ = "another attribute that the policies declare, its value as JSON; may be given again"
    may.add_argument("--set", action="append", metavar="NAME=VALUE", help=help_)
    help_ = "the whole credential is one secret that is sent along; by itself, requests are signed"
    parser.add_argument("--token", action="store_true", help=help_)
    parser.add_argument("--scheme", metavar="NAME", help="the only signature scheme that may be used with it")
    add_material(parser)
    options.add_files(parser)
    options.add_demands(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Makes the key, and shows its secret."""
    if arguments.token and arguments.public_key is not None:
        raise UsageError("a key is a token or has a public key, not both: leave out one of --token and --public-key")
    attributes = _attributes(arguments, time.time_ns() // 1_000_000)
    ring = options.ring_of(arguments)
    material = made(arguments, "token" if arguments.token else None, attributes.get("environment"))
    new = NewKey(attributes=attributes, given=material.given, scheme=arguments.scheme)
    try:
        with handing_over(output, material.unseen) as shown:
            ring.add([new])
    except KeyRefusedError as refused:
        return options.write_refused(output, refused)
    _write(output, arguments, new, shown)
    return GOOD


def _attributes(arguments: argparse.Namespace, now: int) -> dict[str, object]:
    """The attributes of the key, in the order in which key files have them."""
    found: dict[str, object] = {"id": arguments.id}
    found |= {name: getattr(arguments, name) for name in _TEXTS if getattr(arguments, name) is not None}
    for name, option in _LISTS.items():
        given = getattr(arguments, option)
        # Without a list of networks it is unknown from where it may be used; an empty list of scopes is known.
        if given is not None or name != "networks":
            found[name] = given or []
    found["created"] = format_instant(now)
    if arguments.expires != "never":
        found["expires"] = format_instant(options.instant_of(arguments.expires, "--expires", now))
    if arguments.not_before is not None:
        found["not_before"] = format_instant(options.instant_of(arguments.not_before, "--not-before", now))
    found["revoked"] = False
    return found | dict(_declared(each) for each in arguments.set or ())


def _declared(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError("--set takes NAME=VALUE, such as --set tier=2")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _write(output: Output, arguments: argparse.Namespace, new: NewKey, shown: Mapping[str, str]) -> None:
    files = {"keys": str(options.keys_path(arguments)), "secrets": str(options.secrets_path(arguments))}
    if output.is_json:
        fields: dict[str, Any] = {"key": dict(new.attributes), "kind": new.given.kind, "files": files}
        output.write_json(fields | dict(shown), None)
        return
    output.write(f"made        {arguments.id}, in {visible(files['keys'])} and {visible(files['secrets'])}\n")
    for name, text in shown.items():
        output.write(f"{name:<10}  {text}\n")
    if shown:
        output.write("            shown this once: keep it now, where its owner alone can read it\n")
