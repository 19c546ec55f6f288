"""Checkpoints of a log as signed notes, which anybody can check who has the public key (C2SP tlog-checkpoint).

    example.com/gateway/1c8e5d0a7f6b4c23       which log
    1200                                       how many lines it has
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=     the root of their Merkle tree

    — example.com/gateway/1c8e5d0a7f6b4c23 Az3grl…   the signature, by Ed25519

Without a signing key a checkpoint has no last line. It still shows an edit to whoever kept a copy of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from durwan.credentials.ed25519 import SIGNATURE_BYTES, raw_public_key, verifies
from durwan.errors import DurwanError

_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_DASH: Final = "\u2014 "
_ORIGIN = re.compile(r"[A-Za-z0-9._~:@/-]{1,200}", re.ASCII)
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_MOST_SIGNATURES: Final = 16
_BETWEEN: Final = "\n\n\n"


class NoteError(DurwanError):
    """What should be a checkpoint is none."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How large a log is, and the root of its tree.

    Attributes:
        origin: which log.
        size: how many lines it has.
        root: the root of their tree.
        signatures: lines of signatures, as they stand in the note.
    """

    origin: str
    size: int
    root: bytes
    signatures: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @property
    def note(self) -> str:
        """The whole note."""
        return f"{self.text}\n" + "".join(f"{each}\n" for each in self.signatures)

    def signed(self, key: Any) -> Checkpoint:
        """The same, signed by an Ed25519 private key under the name of the log."""
        signature = _key_id(self.origin, raw_public_key(key)) + key.sign(self.text.encode())
        line = f"{_DASH}{self.origin} {_base64(signature)}"
        return Checkpoint(self.origin, self.size, self.root, (*self.signatures, line))

    def is_signed_by(self, public: bytes) -> bool:
        """Whether a line of it is a signature by this key, under the name of the log."""
        name, key_id = f"{_DASH}{self.origin} ", _key_id(self.origin, public)
        for each in self.signatures[:_MOST_SIGNATURES]:
            signature = _bytes(each.removeprefix(name)) if each.startswith(name) else b""
            if signature[:_KEY_ID_BYTES] == key_id and len(signature) == _KEY_ID_BYTES + SIGNATURE_BYTES:
                return verifies(public, signature[_KEY_ID_BYTES:], self.text.encode())
        return False


def check_origin(origin: str) -> str:
    """The name of a log, if it can be one.

    Raises:
        NoteError: it cannot.
    """
    if not _ORIGIN.fullmatch(origin):
        raise NoteError(f"{origin[:80]!r} names no log: write it as example.com/gateway, in ASCII and without spaces")
    return origin


def read_note(note: str) -> Checkpoint:
    """The checkpoint of one note.

    Raises:
        NoteError: it is none.
    """
    text, gap, rest = note.partition("\n\n")
    lines = text.split("\n")
    signatures = rest.split("\n")[:-1]
    if len(lines) != 3 or not gap or (rest and not rest.endswith("\n")):
        raise NoteError("a checkpoint has three lines, an empty one, and lines of signatures")
    origin, size, root = lines
    if not _ORIGIN.fullmatch(origin) or not _SIZE.fullmatch(size) or len(_bytes(root)) != sha256().digest_size:
        raise NoteError("a checkpoint names its log, its size and its root")
    if not all(each.startswith(_DASH) for each in signatures):
        raise NoteError("a line of a signature begins with a dash")
    return Checkpoint(origin, int(size), _bytes(root), tuple(signatures))


def as_notes(checkpoint: Checkpoint) -> str:
    """A checkpoint as it stands among others in a file: two empty lines behind it."""
    return checkpoint.note.rstrip("\n") + _BETWEEN


def read_notes(content: str) -> list[Checkpoint]:
    """The checkpoints of a file, in its order.

    Raises:
        NoteError: the file holds something else; the text says which line.
    """
    *notes, rest = content.split(_BETWEEN)
    found: list[Checkpoint] = []
    line = 1
    for each in notes:
        try:
            found.append(read_note(f"{each}\n" if "\n\n" in each else f"{each}\n\n"))
        except NoteError as error:
            raise NoteError(f"line {line}: {error}") from None
        line += each.count("\n") + len(_BETWEEN)
    if rest:
        raise NoteError(f"line {line}: the checkpoint there breaks off")
    return found


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_KEY_ID_BYTES]


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    # Of several texts that mean the same bytes, one is right.
    return found if _base64(found) == text else b""


__all__ = ["Checkpoint", "NoteError", "as_notes", "check_origin", "read_note", "read_notes"]
