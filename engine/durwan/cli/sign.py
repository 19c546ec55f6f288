"""`policy-check sign BUNDLE --key FILE`: adds a signature to a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durwan.cli import arguments as options
from durwan.cli.bundle_files import MOST_BYTES, read_content, read_private_key, write_content
from durwan.cli.exits import GOOD
from durwan.cli.findings import counted
from durwan.cli.reading import clock_of
from durwan.credentials.ed25519 import raw_public_key
from durwan.runtime.bundle import read_bundle
from durwan.runtime.bundle_format import unpack
from durwan.workshop.bundling import sign_bundle

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  policy-check sign desk.bundle --key alice.pem
  policy-check sign desk.bundle --key bob.pem -o desk.signed.bundle

Several people sign one after the other; each signature is of the same bytes. A key is made by policy-check keygen, or
by openssl genpkey -algorithm ed25519.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("bundle", metavar="BUNDLE", help="the bundle; it is written anew unless -o names another file")
    help_ = "the private key, in PEM form; nobody but its owner may be able to read it"
    parser.add_argument("--key", required=True, metavar="FILE", help=help_)
    options.add_clock(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Signs what can be read whole, and says what was signed."""
    path = output.take_file() or arguments.bundle
    content = read_content(arguments.bundle)
    key = read_private_key(arguments.key)
    # Nothing is signed that nobody could load.
    bundle = read_bundle(content, trust=None, now_ms=clock_of(arguments)(), most_bytes=MOST_BYTES)
    signed = sign_bundle(content, key)
    write_content(path, signed)
    count = len(unpack(signed, MOST_BYTES).signatures)
    public = raw_public_key(key).hex()
    if output.is_json:
        fields = {"bundle": path, "name": bundle.name, "bundle_version": bundle.version, "digest": bundle.digest}
        output.write_json(fields | {"key": public, "signatures": count}, bundle.compiled.revision)
        return GOOD
    output.write(f"signed  {path}: {bundle.name} {bundle.version}, digest {bundle.digest}\n")
    output.write(f"        by {public}; {counted(count, 'signature')} in all\n")
    return GOOD
