"""Where the sealing key comes from: an environment variable, a file that nobody else can read, or a command."""

from __future__ import annotations

import base64
import binascii
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from durwan.credentials.kept_files import read_private
from durwan.credentials.sealing import SealingError, SealingKey
from durwan.credentials.secret import Secret

VARIABLE: Final = "DURWAN_SEALING_KEY"
FILE_VARIABLE: Final = "DURWAN_SEALING_KEY_FILE"
COMMAND_VARIABLE: Final = "DURWAN_SEALING_KEY_COMMAND"

_ADVICE: Final = (
    "make a sealing key with (umask 077; openssl rand -base64 32 > sealing.key), keep it apart from the secrets file, "
    f"and name it with --sealing-key-file or {FILE_VARIABLE}; or set {VARIABLE} or {COMMAND_VARIABLE}"
)
_HEX = re.compile(rb"[0-9A-Fa-f]{64}", re.ASCII)
_MOST_BYTES: Final = 1024
_MOST_SECONDS: Final = 20


def sealing_key(environment: Mapping[str, str], *, file: str | None = None, command: str | None = None) -> SealingKey:
    """The sealing key from where it is said to be: `file` or `command`, else what the environment names.

    Raises:
        SealingError: none is named, more than one is, or what is there is no such key.
        KeptFileError: the file cannot be read, or others can read it.
    """
    given = {"file": file, "command": command}
    if file is None and command is None:
        given = {
            "variable": environment.get(VARIABLE),
            "file": environment.get(FILE_VARIABLE),
            "command": environment.get(COMMAND_VARIABLE),
        }
    named = [(kind, value) for kind, value in given.items() if value]
    if len(named) != 1:
        wrong = "there is no sealing key" if not named else "the sealing key is given in more than one way"
        raise SealingError(f"{wrong}: {_ADVICE}")
    kind, value = named[0]
    match kind:
        case "file":
            content = read_private(Path(value), _MOST_BYTES, "the sealing key")
        case "command":
            content = _printed_by(value)
        case _:
            content = value.encode()
    return SealingKey(_key_in(content))


def _key_in(content: bytes) -> Secret:
    """The 32 bytes that are written in hex or base64."""
    text = content.strip()
    try:
        key = bytes.fromhex(text.decode()) if _HEX.fullmatch(text) else _from_base64(text)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != 32:
        # Nothing of the text: it may be a key with a character too many.
        raise SealingError(f"the sealing key is not 32 bytes in hex or base64: {_ADVICE}")
    return Secret(key)


def _from_base64(text: bytes) -> bytes:
    return base64.b64decode(text.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(text) % 4), validate=True)


def _printed_by(command: str) -> bytes:
    """What a command prints. No shell takes part in it, and nothing that it says is repeated."""
    try:
        words = shlex.split(command)
        done = subprocess.run(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=_MOST_SECONDS)  # noqa: PLW1510, S603 - the operator's own command
    except (ValueError, IndexError) as error:
        raise SealingError(f"the command for the sealing key cannot be read: {error}") from None
    except OSError as error:
        raise SealingError(f"the command for the sealing key cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise SealingError(f"the command for the sealing key took more than {_MOST_SECONDS} seconds") from None
    if done.returncode != 0:
        raise SealingError(f"the command for the sealing key ended with {done.returncode}")
    return done.stdout[:_MOST_BYTES]


__all__ = ["COMMAND_VARIABLE", "FILE_VARIABLE", "VARIABLE", "sealing_key"]
