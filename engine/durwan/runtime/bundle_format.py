r"""The file that a bundle is.

    magic                "durwan bundle\n"
    format               2 bytes: 1
    signatures           2 bytes: how many
    manifest length      4 bytes
    signatures           96 bytes each: public key, Ed25519 signature; ascending by key
    manifest             JSON
    members              back to back, in the order and of the lengths that the manifest gives
    (end of the file)

Numbers are unsigned, the first byte counts most. What is signed is `SIGNED` and then the bytes of the manifest; the
manifest holds the length and the digest of every member. Nothing in a file is left uncovered but the signatures.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

from durwan.credentials.ed25519 import PUBLIC_BYTES, SIGNATURE_BYTES
from durwan.errors import DurwanError

MAGIC: Final = b"durwan bundle\n"
FORMAT: Final = 1
# Stands before what is signed, so that no signature made for something else is one of a manifest.
SIGNED: Final = b"durwan bundle manifest 1\0"
MOST_SIGNATURES: Final = 64
MOST_VERSION: Final = 2**63 - 1
_HEADER: Final = struct.Struct(">HHI")
_SIGNATURE: Final = PUBLIC_BYTES + SIGNATURE_BYTES
_MOST_MANIFEST: Final = 64 << 10


class BundleError(DurwanError):
    """A bundle that is refused; the text says why."""


@dataclass(frozen=True, slots=True)
class Container:
    """A bundle taken apart, and nothing of it believed: its manifest, who signed that, and all bytes after it."""

    manifest: bytes
    signatures: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def digest(self) -> str:
        """What tells this bundle from every other: the SHA-256, in hex, of its manifest."""
        return sha256(self.manifest).hexdigest()

    @property
    def signed(self) -> bytes:
        """What the signatures are of."""
        return SIGNED + self.manifest

    def packed(self) -> bytes:
        """The file."""
        header = MAGIC + _HEADER.pack(FORMAT, len(self.signatures), len(self.manifest))
        signatures = b"".join(public + signature for public, signature in sorted(self.signatures))
        return header + signatures + self.manifest + self.body


def unpack(content: bytes, most_bytes: int) -> Container:
    """Takes a file apart by the lengths that it gives.

    Raises:
        BundleError: it is no bundle, is too large or cut off, or has a format that this version cannot read.
    """
    if len(content) > most_bytes:
        raise BundleError(f"the bundle is larger than {most_bytes:,} bytes: raise most_bytes if it may be")
    if not content.startswith(MAGIC):
        raise BundleError("this is no bundle: policy-check build makes one")
    start = len(MAGIC) + _HEADER.size
    if len(content) < start:
        raise BundleError("the bundle is cut off within its header")
    format_, count, length = _HEADER.unpack_from(content, len(MAGIC))
    check_format(format_, "")
    if count > MOST_SIGNATURES or length > _MOST_MANIFEST:
        raise BundleError(f"the bundle has more than {MOST_SIGNATURES} signatures, or a manifest that is too long")
    end = start + count * _SIGNATURE
    if len(content) < end + length:
        raise BundleError("the bundle is cut off before the end of its manifest")
    signatures = tuple(_signatures(content[start:end]))
    if any(before[0] >= after[0] for before, after in pairwise(signatures)):
        raise BundleError("the signatures of the bundle do not ascend by key, or a key signs twice")
    return Container(content[end : end + length], signatures, content[end + length :])


def _signatures(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    for start in range(0, len(content), _SIGNATURE):
        middle = start + PUBLIC_BYTES
        yield content[start:middle], content[middle : start + _SIGNATURE]


def check_format(given: int, built_by: str) -> None:
    """Makes sure that a format is one that this version reads.

    Raises:
        BundleError: it is not; the text says which version is needed.
    """
    from durwan import __version__  # noqa: PLC0415 - only a refusal needs it

    if given == FORMAT:
        return
    needed = f"durwan {built_by}" if built_by else f"a version of durwan that reads format {given}"
    raise BundleError(
        f"the bundle has format {given}, and durwan {__version__} reads format {FORMAT}: "
        f"install {needed} here, or build the bundle with durwan {__version__}"
    )


def members_of(container: Container, listed: Sequence[tuple[str, int, str]]) -> Mapping[str, bytes]:
    """The members by path, each of the length and the digest that the manifest lists for it, with nothing left over.

    Raises:
        BundleError: a member differs from what is listed, or there are more or fewer bytes.
    """
    expected = sum(length for _, length, _ in listed)
    if len(container.body) != expected:
        what = "cut off" if len(container.body) < expected else "followed by something else"
        raise BundleError(f"the members of the bundle are {what}: {len(container.body):,} bytes, not {expected:,}")
    found: dict[str, bytes] = {}
    start = 0
    for path, length, digest in listed:
        member = container.body[start : start + length]
        if sha256(member).hexdigest() != digest:
            raise BundleError(f"the member {path} is not the one that the manifest lists: its digest differs")
        found[path] = member
        start += length
    return found


def list_members(members: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """What a manifest says of its members, by path."""
    return [
        {"path": path, "length": len(members[path]), "sha256": sha256(members[path]).hexdigest()}
        for path in sorted(members)
    ]
