"""A proof that one line is in a log: a text that can be checked without the log (C2SP tlog-proof).

The line itself is in it, so that whoever was refused, or a court, needs nothing but this text and the public key.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from durwan.audit.entry import Entry, read_line
from durwan.audit.merkle import consistency_ranges, hashes_of, inclusion_ranges, leaf_hash, proves_inclusion
from durwan.audit.note import Checkpoint, NoteError, read_note
from durwan.audit.reading import parts_of
from durwan.errors import DurwanError

_HEAD: Final = "c2sp.org/tlog-proof@v1"
_EXTRA: Final = "extra "
_INDEX: Final = "index "


class ProofError(DurwanError):
    """A line cannot be proved, or a proof proves nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A line that a proof shows to be in a log.

    Attributes:
        seq: its number.
        checkpoint: the checkpoint by which it is shown.
        record: what is recorded.
    """

    seq: int
    checkpoint: Checkpoint
    record: dict[str, Any]


def prove_line(stream: Path, seq: int, checkpoint: Checkpoint) -> str:
    """The proof that a line of a stream is one of those that a checkpoint vouches for.

    Raises:
        ProofError: there is no such line, or the log is not the one that the checkpoint is of.
    """
    found: list[bytes] = []
    hashes = hashes_of(inclusion_ranges(seq, checkpoint.size), _leaves(stream, checkpoint.size, seq, found))
    if not found:
        raise ProofError(f"the log in {stream} has no line {seq}")
    if not proves_inclusion(hashes, leaf_hash(found[0]), seq, checkpoint.size, checkpoint.root):
        raise ProofError(f"the log in {stream} is not the one that the checkpoint is of: durwan audit verify says more")
    lines = [_HEAD, _EXTRA + _base64(found[0]), f"{_INDEX}{seq}", *map(_base64, hashes)]
    return "\n".join(lines) + f"\n\n{checkpoint.note}"


def prove_growth(stream: Path, old: int, size: int) -> list[bytes]:
    """The hashes that show that a stream of so many lines has grown out of one of fewer (RFC 6962, section 2.1.2)."""
    return hashes_of(consistency_ranges(old, size), (entry.leaf for entry in _entries(stream, size)))


def check_proof(text: str, keys: Sequence[bytes]) -> Proved:
    """What a proof shows.

    Args:
        text: the proof.
        keys: public keys, raw, of which one has to have signed its checkpoint.

    Raises:
        ProofError: it shows nothing.
    """
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if len(lines) < 3 or lines[0] != _HEAD or not lines[1].startswith(_EXTRA) or not lines[2].startswith(_INDEX):
        raise ProofError("it is no proof that holds its line: durwan audit prove writes them")
    try:
        checkpoint = read_note(note)
        body = base64.b64decode(lines[1].removeprefix(_EXTRA), validate=True)
        hashes = [base64.b64decode(each, validate=True) for each in lines[3:]]
        seq = int(lines[2].removeprefix(_INDEX))
    except (NoteError, binascii.Error, ValueError) as error:
        raise ProofError(f"the proof is damaged: {error}") from None
    if not any(checkpoint.is_signed_by(key) for key in keys):
        raise ProofError("its checkpoint is not signed by any of the keys given")
    if not proves_inclusion(hashes, leaf_hash(body), seq, checkpoint.size, checkpoint.root):
        raise ProofError(f"line {seq} is not in the log that its checkpoint is of, or not as it stands in the proof")
    entry = read_line(_line_of(body))
    if entry is None:
        raise ProofError("what it proves is no line of an audit log")
    return Proved(seq, checkpoint, entry.record)


def _leaves(stream: Path, size: int, seq: int, found: list[bytes]) -> Iterator[bytes]:
    """The hashes of the lines; the content of one of them is kept."""
    for line, entry in _lines(stream, size):
        if entry.seq == seq:
            found.append(_body_of(line))
        yield entry.leaf


def _entries(stream: Path, size: int) -> Iterable[Entry]:
    return (entry for _, entry in _lines(stream, size))


def _lines(stream: Path, size: int) -> Iterator[tuple[bytes, Entry]]:
    expected = 0
    for part in parts_of(stream):
        for line in part.lines():
            entry = read_line(line)
            if entry is None or entry.seq != expected:
                raise ProofError(
                    f"line {expected} of the log in {stream} is missing or damaged: durwan audit verify says more"
                )
            yield line, entry
            expected += 1
            if expected == size:
                return


def _body_of(line: bytes) -> bytes:
    """What is hashed of a line: all of it but its hash."""
    return b"{" + line[line.index(b'"kind":') : -1]


def _line_of(body: bytes) -> bytes:
    return b'{"hash":"%b",%b\n' % (leaf_hash(body).hex().encode(), body[1:])


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


__all__ = ["ProofError", "Proved", "check_proof", "prove_growth", "prove_line"]
