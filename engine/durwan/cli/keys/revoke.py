"""`durwan keys revoke ID`: revokes a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durwan.cli.exits import GOOD
from durwan.cli.keys import options
from durwan.credentials.key_admission import KeyRefusedError
from durwan.model.values import format_instant

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  durwan keys revoke desk-7

Every gateway that reads the secrets file refuses the key within a second. It stays in both files, so that its use is
recognised, and answered with credential_revoked to whoever has its secret.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("id", metavar="ID", help="which key")
    options.add_files(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Revokes the key; doing it again changes nothing."""
    try:
        # Stopping a leak must not wait for policies that do not compile.
        moment = options.ring_alone(arguments).revoke(arguments.id)
    except KeyRefusedError as refused:
        return options.write_refused(output, refused)
    if output.is_json:
        output.write_json({"key": arguments.id, "revoked": format_instant(moment)}, None)
    else:
        output.write(f"revoked  {arguments.id}, {format_instant(moment)}\n")
    return GOOD
