"""`durwan keys rotate ID`: gives a key another secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durwan.cli.exits import GOOD
from durwan.cli.keys import options
from durwan.cli.keys.handing_over import add_material, handing_over, made
from durwan.credentials.key_admission import KeyRefusedError
from durwan.model.values import format_instant

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  durwan keys rotate desk-7                      the old secret works for 24 hours more
  durwan keys rotate desk-7 --overlap 0          the old one has leaked: it ends at once
  durwan keys rotate desk-7 --again              nobody got the newest secret: drop it, keep the one before
  durwan keys rotate algo-3 --public-key new.pub

A key that stands in a key file, and has no secret yet, gets its first one.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("id", metavar="ID", help="which key")
    help_ = "how long the old secret works beside the new one; 0 for not at all (default: 24h)"
    parser.add_argument("--overlap", metavar="DURATION", default="24h", help=help_)
    help_ = "while a rotation overlaps: drop the newest secret and keep the one before it"
    parser.add_argument("--again", action="store_true", help=help_)
    add_material(parser)
    options.add_files(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Makes the new secret, and shows it."""
    overlap = options.duration_of(arguments.overlap, "--overlap")
    ring = options.ring_alone(arguments)
    keys, secrets = ring.read()
    kept = secrets.keys.get(arguments.id)
    newest = kept.materials[0] if kept is not None and kept.materials else None
    # A scheme that has a passphrase goes on having one.
    arguments.passphrase = arguments.passphrase or (newest is not None and newest.passphrase is not None)
    environment = (keys.get(arguments.id) or {}).get("environment")
    material = made(arguments, None if newest is None else newest.kind, environment)
    try:
        with handing_over(output, material.unseen) as shown:
            rotation = ring.rotate(arguments.id, material.given, overlap, again=arguments.again)
    except KeyRefusedError as refused:
        return options.write_refused(output, refused)
    until = None if rotation.until is None else format_instant(rotation.until)
    if output.is_json:
        fields: dict[str, Any] = {"key": arguments.id, "rotated": format_instant(rotation.now), "old_until": until}
        output.write_json(fields | shown, None)
        return GOOD
    output.write(f"rotated     {arguments.id}\n")
    for name, text in shown.items():
        output.write(f"{name:<10}  {text}\n")
    old = "the old one does not work any more" if until is None else f"the old one works until {until}"
    output.write(f"            {'shown this once; ' if shown else ''}{old}\n")
    return GOOD
