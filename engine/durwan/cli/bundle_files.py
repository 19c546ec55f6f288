"""Bundles and keys as files: read whole and within bounds, written so that nobody ever sees half of one."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from durwan.cli.exits import UsageError
from durwan.credentials.ed25519 import KeyFileError, private_key_of
from durwan.runtime.bundle import Bundle, is_bundle, read_bundle, read_bundle_file
from durwan.runtime.bundle_format import MAGIC

if TYPE_CHECKING:
    import argparse

# Whoever calls a command has chosen the file; a gateway has a lower bound.
MOST_BYTES: Final = 1 << 30
_MOST_KEY_FILE: Final = 10_000


def is_bundle_file(path: str) -> bool:
    """Whether there is a file at the path that begins as a bundle does."""
    try:
        return Path(path).is_file() and is_bundle(read_bundle_file(path, len(MAGIC)))
    except OSError:
        return False


def bundle_at(arguments: argparse.Namespace, now_ms: int) -> Bundle | None:
    """The bundle at the path of a command, of which no signature is asked; None where no bundle is meant.

    Raises:
        BundleError: it is one that cannot be read, or has expired by `now_ms`.
    """
    if arguments.ref is not None or not is_bundle_file(arguments.path):
        return None
    content = read_content(arguments.path)
    return read_bundle(content, trust=None, now_ms=now_ms, most_bytes=MOST_BYTES)


def read_content(path: str, most_bytes: int = MOST_BYTES) -> bytes:
    """The bytes of a bundle's file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return read_bundle_file(path, most_bytes)
    except OSError as error:
        raise UsageError(f"the bundle {path} cannot be read: {error.strerror}") from None


def write_content(path: str, content: bytes) -> None:
    """Writes a file anew: whoever reads it meanwhile reads the old content or the new one.

    Raises:
        UsageError: it cannot be written.
    """
    temporary = Path(f"{path}.{os.getpid()}.new")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def write_new(path: str, content: bytes, mode: int) -> None:
    """Writes a file that does not exist yet, which others may do with as `mode` says from its first moment on.

    Raises:
        UsageError: it exists, or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a path cannot open a descriptor
            file.write(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def read_private_key(path: str) -> Any:
    """The private key in a PEM file that nobody but its owner can read.

    Raises:
        UsageError: it cannot be read, others can read it, or it is no such key.
    """
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MOST_KEY_FILE + 1)
    except OSError as error:
        raise UsageError(f"the key {path} cannot be read: {error.strerror}") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(
            f"the private key {path} can be read by others: chmod 600 {path}, and consider making a new one"
        )
    try:
        return private_key_of(content)
    except KeyFileError as error:
        raise UsageError(f"the key {path} cannot be used: {error}") from None
