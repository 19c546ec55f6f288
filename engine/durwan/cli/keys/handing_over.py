"""Secrets that are made: drawn, and shown once, on standard output or in a file that only its owner can read."""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from durwan.cli.bundle_files import write_new
from durwan.cli.exits import UsageError
from durwan.credentials.ed25519 import KeyFileError
from durwan.credentials.kept_files import read_whole
from durwan.credentials.key_checks import check_secret, public_key_of
from durwan.credentials.key_material import Given
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output
    from durwan.credentials.credential import Kind

_MOST_PUBLIC: Final = 16_384


def add_material(parser: argparse.ArgumentParser) -> None:
    """What is to verify the key."""
    material = parser.add_argument_group("what verifies the key")
    help_ = "the public key of its owner, who alone has the private one: PEM, or base64 of Ed25519; - is standard input"
    material.add_argument("--public-key", metavar="FILE", help=help_)
    help_ = "how the secret is written: as ours, or as schemes that decode it want it (default: durwan)"
    material.add_argument("--secret-form", choices=["durwan", "base64", "hex"], default="durwan", help=help_)
    material.add_argument("--passphrase", action="store_true", help="make a passphrase as well, for schemes with one")


@dataclass(frozen=True, slots=True)
class Made:
    """Material for a key: what is kept of it, and the secrets in it that its owner has not seen yet, by name."""

    given: Given
    unseen: dict[str, Secret]


def made(arguments: argparse.Namespace, kind: Kind | None, environment: object) -> Made:
    """What the options ask for; `kind` is what the key has to be, None for whatever they say.

    Raises:
        UsageError: they do not fit the kind, or the public key cannot be used.
    """
    if arguments.public_key is not None:
        return Made(_public(arguments.public_key), {})
    if kind not in {None, "hmac", "token"}:
        raise UsageError(f"it is a key of the kind {kind}: give the new public key of its owner with --public-key")
    wanted: Kind = "token" if kind == "token" else "hmac"
    secret = _drawn(arguments.secret_form, str(environment) if environment is not None else None)
    passphrase = Secret(secrets.token_urlsafe(24).encode()) if arguments.passphrase else None
    unseen: dict[str, Secret] = {"token" if wanted == "token" else "secret": secret}
    if passphrase is not None:
        unseen["passphrase"] = passphrase
    return Made(Given(kind=wanted, secret=secret, passphrase=passphrase), unseen)


def _drawn(form: str, environment: str | None) -> Secret:
    """A new secret that would be taken if it were given: one in many millions looks like the DER of a key."""
    while True:
        match form:
            case "base64":
                found = base64.b64encode(secrets.token_bytes(64))
            case "hex":
                found = secrets.token_hex(32).encode()
            case _:
                found = new_secret_text("dwk", environment).encode()
        try:
            check_secret(found)
        except KeyFileError:
            continue
        return Secret(found)


def _public(name: str) -> Given:
    content = sys.stdin.buffer.read(_MOST_PUBLIC + 1) if name == "-" else read_whole(Path(name), _MOST_PUBLIC, "")
    try:
        found = public_key_of(content)
    except KeyFileError as error:
        raise UsageError(f"the public key {name} is refused: {error}") from None
    return Given(kind=found.kind, public=found.content)


@contextmanager
def handing_over(output: Output, unseen: dict[str, Secret]) -> Generator[dict[str, str]]:
    """The secrets as they are to be printed; empty where `-o FILE` was given, and they are in that file.

    They are in the file before anything is changed, and the file is gone again if the change fails: so no secret comes
    into force that nobody has.

    Raises:
        UsageError: the file exists, or cannot be written.
    """
    path = output.take_file() if unseen else None
    shown = {name: secret.reveal().decode() for name, secret in unseen.items()}
    if path is None:
        yield shown
        return
    write_new(path, "".join(f"{name}={text}\n" for name, text in shown.items()).encode(), 0o600)
    try:
        yield {}
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise


__all__ = ["Made", "add_material", "handing_over", "made"]
