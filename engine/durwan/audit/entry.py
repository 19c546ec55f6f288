r"""One line of a log: canonical JSON, chained to the line before it, and a leaf of the log's Merkle tree.

    {"hash":"…","kind":"decision","prev":"…","record":{…},"seq":12,"synced":10}

Names are sorted, there are no spaces, and everything but printable ASCII is escaped: no text of a request can begin a
line, or act on a terminal. `hash` is the leaf's hash of RFC 6962: SHA-256 of a zero byte and the line without its hash,
`{"kind":…}`. So what is hashed are bytes, and nobody has to agree with anybody about how JSON is written.

`prev` is the hash of the line before, zeros for the first one; `seq` counts from 0; `synced` is how many lines were
known to be on disk when this one was written. A line that breaks off after a crash was written after them; if one of
them is not whole, that was no crash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from typing import Any, Final

from durwan.audit import merkle

START: Final = "0" * 64
MOST_LINE: Final = 1 << 24
# Kinds of lines.
DECISION: Final = "decision"
SEGMENT: Final = "segment"
CHECKPOINT: Final = "checkpoint"

# Nothing is looked for that contains itself: records are made anew of what they hold. Should one, that is an error too.
_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False).encode
_LINE = re.compile(
    rb'\{"hash":"([0-9a-f]{64})","kind":"([a-z]{1,16})","prev":"([0-9a-f]{64})","record":(\{[ -~]*\}),'
    rb'"seq":(0|[1-9][0-9]{0,17}),"synced":(0|[1-9][0-9]{0,17})\}\n'
)
_BEFORE_KIND: Final = len('{"hash":"') + 64 + len('",')


@dataclass(frozen=True, slots=True)
class Entry:
    """A line that is whole in itself: its hash is right. Whether it stands where it belongs is another question.

    Attributes:
        leaf: its hash.
        kind: what it records: `decision`, `segment` or `checkpoint`.
        prev: the hash of the line before, in hexadecimal digits.
        seq: how many lines there are before it.
        synced: how many of these were on disk when it was written.
        content: the JSON text of what is recorded.
    """

    leaf: bytes
    kind: str
    prev: str
    seq: int
    synced: int
    content: str

    @property
    def record(self) -> dict[str, Any]:
        """What is recorded.

        Raises:
            ValueError: the JSON text is none.
        """
        return _record_in(self.content)


class Chain:
    """What has to be known of all lines so far in order to write or to check the next one."""

    __slots__ = ("edges", "prev", "size")

    def __init__(self, size: int = 0, prev: str = START, edges: Iterable[bytes] = ()) -> None:
        self.size = size
        self.prev = prev
        self.edges = list(edges)

    @property
    def root(self) -> bytes:
        """The root of the tree of all lines so far."""
        return merkle.root_of(self.edges)

    def copy(self) -> Chain:
        """The same, to go on from."""
        return Chain(self.size, self.prev, self.edges)

    def add(self, leaf: bytes) -> None:
        """Goes on by a line with this hash."""
        merkle.grow(self.edges, self.size, leaf)
        self.size += 1
        self.prev = leaf.hex()

    def line(self, kind: str, record: Mapping[str, Any] | str, synced: int) -> bytes:
        """The next line, and goes on by it; the record may have been written by `text_of` already."""
        text = record if isinstance(record, str) else text_of(record)
        fields = f'"kind":"{kind}","prev":"{self.prev}","record":{text},"seq":{self.size},"synced":{synced}}}'
        self.add(merkle.leaf_hash(b"{" + fields.encode("ascii")))
        return f'{{"hash":"{self.prev}",{fields}\n'.encode("ascii")


def text_of(record: Mapping[str, Any]) -> str:
    """What is recorded, as it stands in its line."""
    try:
        return _ENCODE(record)
    except (ValueError, TypeError, RecursionError) as error:
        # What is handed over is plain; should it not be, what is certain is that something was decided here.
        return _ENCODE({"$odd": type(error).__name__})


def read_line(line: bytes) -> Entry | None:
    """The entry that a line holds, line break included; None where it is not whole."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    leaf = sha256(b"\0{" + line[_BEFORE_KIND:-1]).digest()
    if leaf.hex().encode() != match[1]:
        return None
    kind, prev, content, seq, synced = match.groups()[1:]
    return Entry(leaf, kind.decode(), prev.decode(), int(seq), int(synced), content.decode())


def follows(entry: Entry, chain: Chain) -> bool:
    """Whether an entry is the next one."""
    return entry.seq == chain.size and entry.prev == chain.prev and entry.synced <= entry.seq


def chain_of(entry: Entry) -> Chain | None:
    """What the first line of a segment says of all lines before it; None where it does not say it."""
    try:
        edges = [bytes.fromhex(each) for each in entry.record["edges"]]
    except (ValueError, TypeError, KeyError):
        return None
    sound = len(edges) == entry.seq.bit_count() and all(len(each) == len(entry.leaf) for each in edges)
    return Chain(entry.seq, entry.prev, edges) if sound else None


def lines_of(content: bytes) -> Iterator[bytes]:
    """The lines of a text with their line breaks; the last one may have none."""
    start = 0
    while start < len(content):
        end = content.find(b"\n", start) + 1 or len(content)
        yield content[start:end]
        start = end


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    found = float(text)
    if not isfinite(found):
        raise ValueError(f"{text:.40} is larger than any number that is written")
    return found


_DECODER: Final = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


# `dict` itself; by this name a type checker knows what is in it.
_OBJECT: Final[type[dict[str, Any]]] = dict


def _record_in(content: str) -> dict[str, Any]:
    try:
        found, end = _DECODER.raw_decode(content)
    except RecursionError:
        raise ValueError("it is nested deeper than anything that is written") from None
    if type(found) is not _OBJECT or end != len(content):
        raise ValueError("it is no JSON object")
    return found


__all__ = [
    "CHECKPOINT", "DECISION", "MOST_LINE", "SEGMENT", "START", "Chain", "Entry", "chain_of", "follows",
    "lines_of", "read_line", "text_of",
]  # fmt: skip
