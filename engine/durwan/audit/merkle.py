"""The Merkle tree of RFC 6962: its hashes, its root from few of them, and proofs about it.

A tree that only grows needs no more of its past than its *edges*: the hashes of the perfect trees that it consists of,
the largest first, one for each bit of its size. Proofs are lists of hashes; which ranges of leaves they are the hashes
of can be said beforehand, so that one pass over the leaves finds them all, however many leaves there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256(b"").digest()
# From the first leaf of it to the one after the last.
Range = tuple[int, int]


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\0" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two trees beside each other."""
    return sha256(b"\1" + left + right).digest()


def grow(edges: list[bytes], size: int, leaf: bytes) -> None:
    """Adds a leaf, the hash of one, to a tree of so many leaves."""
    while size & 1:
        leaf = node_hash(edges.pop(), leaf)
        size >>= 1
    edges.append(leaf)


def root_of(edges: Sequence[bytes]) -> bytes:
    """The root of a tree."""
    if not edges:
        return EMPTY_ROOT
    found = edges[-1]
    for each in edges[-2::-1]:
        found = node_hash(each, found)
    return found


# --------------------------------------------------------------------------------------------------------------- proofs


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Which ranges' hashes prove that a leaf is in a tree, in the order of the proof (RFC 6962, section 2.1.1)."""
    found: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found[::-1]


def consistency_ranges(old: int, size: int) -> list[Range]:
    """Which ranges' hashes prove that a tree has grown out of a smaller, not empty one (RFC 6962, section 2.1.2)."""
    found: list[Range] = []
    start, end = 0, size
    # Whoever verifies knows the root of the old tree, which is the first range where it is a tree of this one.
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found[::-1] if start == 0 else [(start, end), *found[::-1]]


def hashes_of(ranges: Sequence[Range], leaves: Iterable[bytes]) -> list[bytes]:
    """The hashes of ranges that do not overlap, found in one pass over all leaves, or over hashes of leaves."""
    trees: list[list[bytes]] = [[] for _ in ranges]
    order = sorted(range(len(ranges)), key=lambda place: ranges[place], reverse=True)
    for index, leaf in enumerate(leaves):
        while order and index >= ranges[order[-1]][1]:
            order.pop()
        if not order:
            break
        start = ranges[order[-1]][0]
        if index >= start:
            grow(trees[order[-1]], index - start, leaf)
    return [root_of(tree) for tree in trees]


def _split(size: int) -> int:
    """The largest power of two below."""
    return 1 << ((size - 1).bit_length() - 1)


# ---------------------------------------------------------------------------------------------------------- verifying


def proves_inclusion(proof: Sequence[bytes], leaf: bytes, index: int, size: int, root: bytes) -> bool:
    """Whether a proof shows that a leaf is at this place of a tree (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size or len(leaf) != len(EMPTY_ROOT):
        return False
    place, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(each, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, each)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def proves_consistency(proof: Sequence[bytes], old: int, old_root: bytes, size: int, root: bytes) -> bool:
    """Whether a proof shows that a tree has grown out of a smaller one (RFC 9162, section 2.1.4.2)."""
    if old == 0:
        # Every tree has grown out of the empty one, which therefore proves nothing.
        return size == 0 and not proof and old_root == root == EMPTY_ROOT
    if old == size:
        return not proof and old_root == root
    return proves_part(proof, (0, old), old_root, size, root)


def proves_part(proof: Sequence[bytes], part: Range, part_root: bytes, size: int, root: bytes) -> bool:
    """Whether a proof shows that a range of leaves, whose root is known, stands in a tree.

    The same as consistency, for ranges that begin anywhere: at a multiple of the power of two at or above their length.
    """
    start, end = part
    if not is_tree(start, end) or end > size:
        return False
    if start == end:
        return not proof and part_root == EMPTY_ROOT
    if (start, end) == (0, size):
        return not proof and part_root == root
    return _climbs(list(proof), part, part_root, size, root)


def is_tree(start: int, end: int) -> bool:
    """Whether a range of leaves is a tree of its own in every tree that is large enough."""
    return 0 <= start <= end and (start == end or start % (1 << (end - start - 1).bit_length()) == 0)


def _climbs(proof: list[bytes], part: Range, part_root: bytes, size: int, root: bytes) -> bool:
    first, last, end = part[0], part[1] - 1, size - 1
    while first != last and (last == end or last & 1):
        first, last, end = first >> 1, last >> 1, end >> 1
    if first != last and not proof:
        return False
    of_part = of_all = part_root if first == last else proof.pop(0)
    for each in proof:
        if end == 0:
            return False
        if last & 1 or last == end:
            of_part = node_hash(each, of_part) if first < last else of_part
            of_all = node_hash(each, of_all)
            while not last & 1:
                first, last, end = first >> 1, last >> 1, end >> 1
        else:
            of_all = node_hash(of_all, each)
        first, last, end = first >> 1, last >> 1, end >> 1
    return end == 0 and of_part == part_root and of_all == root


__all__ = [
    "EMPTY_ROOT", "Range", "consistency_ranges", "grow", "hashes_of", "inclusion_ranges", "is_tree", "leaf_hash",
    "node_hash", "proves_consistency", "proves_inclusion", "proves_part", "root_of",
]  # fmt: skip
