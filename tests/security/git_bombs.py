"""Git objects that inflate to far more than they are, written by hand: git itself would not."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dulwich.objects import RawObjectID
from dulwich.pack import write_pack_index

_BLOB, _REFERENCE_DELTA = 3, 7
_BLOCK = 1 << 24


def zeros(head: bytes, size: int) -> bytes:
    """What inflates to a head and so many zeros; a few bytes for each 16 MiB of them."""
    compressor = zlib.compressobj(9)
    start = compressor.compress(head) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(_BLOCK)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return start + block * (size // _BLOCK)


def loose(objects: Path, name: str, content: bytes) -> None:
    """Puts a loose object with these digits into a repository, whatever it is."""
    place = objects / name[:2] / name[2:]
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)


@dataclass(frozen=True)
class Packed:
    """An object of a pack: a blob, or a difference to the object whose digits are given."""

    name: str
    size: int
    deflated: bytes
    base: str | None = None

    def written(self) -> bytes:
        """The object as it stands in a pack."""
        kind, left = _BLOB if self.base is None else _REFERENCE_DELTA, self.size >> 4
        head = [kind << 4 | self.size & 15]
        while left:
            head[-1] |= 0x80
            head.append(left & 0x7F)
            left >>= 7
        return bytes(head) + (b"" if self.base is None else bytes.fromhex(self.base)) + self.deflated


def pack(objects: Path, *packed: Packed) -> None:
    """Puts a pack of these objects into a repository, with its index."""
    content = struct.pack(">4sLL", b"PACK", 2, len(packed))
    entries: list[tuple[RawObjectID, int, int | None]] = []
    for each in packed:
        written = each.written()
        entries.append((RawObjectID(bytes.fromhex(each.name)), len(content), zlib.crc32(written)))
        content += written
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    place = objects / "pack" / f"pack-{digest.hex()}"
    place.parent.mkdir(exist_ok=True)
    place.with_suffix(".pack").write_bytes(content + digest)
    with place.with_suffix(".idx").open("wb") as file:
        write_pack_index(file, sorted(entries), digest)


def difference(base_size: int, size: int, copies: int) -> bytes:
    """A difference that says how large its result is, and copies the first 64 KiB of its base so many times."""
    return b"".join([*_number(base_size), *_number(size)]) + b"\x80" * copies


def _number(value: int) -> Iterator[bytes]:
    while value >= 0x80:
        yield bytes([value & 0x7F | 0x80])
        value >>= 7
    yield bytes([value])


def digits(number: int) -> str:
    """The digits of an object that nobody could have made."""
    return f"{number:040x}"


__all__ = ["Packed", "difference", "digits", "loose", "pack", "zeros"]
