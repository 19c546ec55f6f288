"""`policy-check keygen FILE`: makes a pair of keys, to sign bundles with and to trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durwan.cli.bundle_files import write_new
from durwan.cli.exits import GOOD
from durwan.credentials.ed25519 import new_private_key, pem_of, raw_public_key

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  policy-check keygen alice.pem        makes alice.pem, to be kept secret, and alice.pem.pub, for the gateways

The same with openssl:
  openssl genpkey -algorithm ed25519 -out alice.pem && chmod 600 alice.pem
  openssl pkey -in alice.pem -pubout -out alice.pem.pub
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    help_ = "where the private key goes, which must not exist; the public one gets .pub after it"
    parser.add_argument("file", metavar="FILE", help=help_)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes both keys."""
    key, pem = new_private_key()
    public = raw_public_key(key)
    write_new(arguments.file, pem, 0o600)
    write_new(f"{arguments.file}.pub", pem_of(public), 0o644)
    if output.is_json:
        output.write_json({"private": arguments.file, "public": f"{arguments.file}.pub", "key": public.hex()}, None)
    else:
        output.write(f"made  {arguments.file}, the private key: keep it secret, and never beside the policies\n")
        output.write(f"      {arguments.file}.pub, the public key {public.hex()}\n")
    return GOOD
