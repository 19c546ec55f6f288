"""The Merkle tree: roots and proofs against the definition, and against the vectors of others."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from durwan.audit.merkle import (
    EMPTY_ROOT,
    consistency_ranges,
    grow,
    hashes_of,
    inclusion_ranges,
    is_tree,
    leaf_hash,
    node_hash,
    proves_consistency,
    proves_inclusion,
    proves_part,
    root_of,
)

# Vectors of others, which lie beside the checkout where it has them.
VECTORS = Path(__file__).parents[4] / "shared" / "corpora" / "merkle_rfc6962" / "proof_vectors.json"
LEAVES: Final = [leaf_hash(bytes([number])) for number in range(40)]


def defined_root(leaves: Sequence[bytes]) -> bytes:
    """The root as section 2.1 of RFC 6962 defines it."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while 2 * middle < len(leaves):
        middle *= 2
    return node_hash(defined_root(leaves[:middle]), defined_root(leaves[middle:]))


def test_a_tree_that_grows_has_the_root_of_the_definition() -> None:
    """Of every size, from the edges alone."""
    edges: list[bytes] = []
    for size in range(len(LEAVES)):
        assert root_of(edges) == defined_root(LEAVES[:size])
        assert len(edges) == size.bit_count()
        grow(edges, size, LEAVES[size])


def test_the_first_roots_of_the_log_of_all_examples() -> None:
    """The two values that everybody else's implementation has for one empty leaf, and for none."""
    assert base64.b64encode(EMPTY_ROOT) == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert base64.b64encode(leaf_hash(b"")) == b"bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0="


def test_every_leaf_is_proved_and_no_other() -> None:
    """The proof of each leaf of each tree proves it, at its place, and nothing that is changed about it."""
    for size in range(1, len(LEAVES)):
        root = defined_root(LEAVES[:size])
        for index in range(size):
            proof = hashes_of(inclusion_ranges(index, size), LEAVES[:size])
            assert proves_inclusion(proof, LEAVES[index], index, size, root)
            assert not proves_inclusion(proof, LEAVES[index + 1], index, size, root)
            assert not proves_inclusion([*proof, EMPTY_ROOT], LEAVES[index], index, size, root)
            assert not proves_inclusion(proof[:-1], LEAVES[index], index, size, root) or size == 1


def test_every_tree_is_proved_to_have_grown_out_of_each_before() -> None:
    """The proof of each pair of sizes proves it, and not for another old root."""
    for size in range(1, len(LEAVES)):
        root = defined_root(LEAVES[:size])
        for old in range(1, size + 1):
            proof = hashes_of(consistency_ranges(old, size), LEAVES[:size])
            assert proves_consistency(proof, old, defined_root(LEAVES[:old]), size, root)
            assert not proves_consistency(proof, old, LEAVES[-1], size, root)


def _bytes(value: str) -> bytes:
    return base64.b64decode(value)


_VERIFIERS: Final[dict[str, Callable[[dict[str, Any], list[bytes]], bool]]] = {
    "inclusion": lambda case, proof: proves_inclusion(
        proof, _bytes(case["leafHash"]), case["leafIdx"], case["treeSize"], _bytes(case["root"])
    ),
    "consistency": lambda case, proof: proves_consistency(
        proof, case["size1"], _bytes(case["root1"]), case["size2"], _bytes(case["root2"])
    ),
    "subtreeinclusion": lambda case, proof: (
        is_tree(case["start"], case["end"])
        and proves_inclusion(
            proof,
            _bytes(case["leafHash"]),
            case["leafIdx"] - case["start"],
            case["end"] - case["start"],
            _bytes(case["root"]),
        )
    ),
    "subtreeconsistency": lambda case, proof: proves_part(
        proof, (case["start"], case["end"]), _bytes(case["root1"]), case["size"], _bytes(case["root2"])
    ),
}


def test_the_vectors_of_others() -> None:
    """All 518 of transparency-dev/merkle are judged as they say."""
    if not VECTORS.exists():
        pytest.skip("the corpus merkle_rfc6962 is not here")
    cases: list[dict[str, Any]] = json.loads(VECTORS.read_text())
    assert len(cases) == 518
    for case in cases:
        kind = case["_path"].split("/")[1]
        proof = [_bytes(each) for each in case["proof"] or ()]
        assert _VERIFIERS[kind](case, proof) is not case["wantErr"], case["_path"]
