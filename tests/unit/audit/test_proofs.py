"""Proofs that a line is in a log."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from durwan.audit.checkpoint_files import BESIDE, read_checkpoints
from durwan.audit.merkle import proves_consistency
from durwan.audit.proofs import ProofError, check_proof, prove_growth, prove_line
from durwan.audit.settings import Kind
from durwan.credentials.ed25519 import new_private_key, raw_public_key
from tests.audit_logs import KINDS, public_key, record, signing_key, write_log


def proved_log(folder: Path, kind: Kind = "files") -> Path:
    settings = {"kind": kind, "signing_key": signing_key(), "segment_bytes": 4_000, "checkpoint_records": 6}
    for each in range(4):
        write_log(folder, [record(f"{each}-{other}") for other in range(5)], **settings)
    return folder / "stream-1"


@pytest.mark.parametrize("kind", KINDS)
def test_every_line_is_proved_by_every_later_checkpoint(tmp_path: Path, kind: Kind) -> None:
    """And the text alone, with the key, gives the record back."""
    stream = proved_log(tmp_path, kind)
    for checkpoint in read_checkpoints(stream / BESIDE):
        for seq in range(checkpoint.size):
            proved = check_proof(prove_line(stream, seq, checkpoint), [public_key()])
            assert (proved.seq, proved.checkpoint) == (seq, checkpoint)
            assert "time" in proved.record


def test_a_proof_has_the_form_of_its_specification(tmp_path: Path) -> None:
    """A head, the line, its place, hashes, and the checkpoint as it is."""
    stream = proved_log(tmp_path)
    checkpoint = read_checkpoints(stream / BESIDE)[-1]
    text = prove_line(stream, 3, checkpoint)
    head, note = text.split("\n\n", 1)
    lines = head.split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert base64.b64decode(lines[1].removeprefix("extra ")).startswith(b'{"kind":"decision","prev":"')
    assert lines[2] == "index 3"
    assert all(len(base64.b64decode(each)) == 32 for each in lines[3:])
    assert note == checkpoint.note


def test_nothing_else_is_proved(tmp_path: Path) -> None:
    """Another line, another place, other hashes, another key."""
    stream = proved_log(tmp_path)
    checkpoint = read_checkpoints(stream / BESIDE)[-1]
    text, other = (prove_line(stream, seq, checkpoint) for seq in (3, 4))
    with pytest.raises(ProofError, match="not signed by any"):
        check_proof(text, [raw_public_key(new_private_key()[0])])
    for wrong, problem in (
        (text.replace("index 3", "index 4"), "line 4 is not in the log"),
        (text.replace(text.split("\n")[1], other.split("\n")[1]), "line 3 is not in the log"),
        (text.replace(f"\n{checkpoint.size}\n", f"\n{checkpoint.size + 1}\n"), "not signed"),
        (text.replace("index 3", "index x"), "damaged"),
        (text.replace("extra ", "extra !"), "damaged"),
        (text.replace("@v1", "@v2"), "no proof"),
        ("", "no proof"),
    ):
        with pytest.raises(ProofError, match=problem):
            check_proof(wrong, [public_key()])


def test_a_log_that_was_changed_proves_nothing(tmp_path: Path) -> None:
    """Nor does one have a line that it has not."""
    stream = proved_log(tmp_path)
    checkpoint = read_checkpoints(stream / BESIDE)[-1]
    with pytest.raises(ProofError, match="has no line 500"):
        prove_line(stream, 500, type(checkpoint)(checkpoint.origin, 1000, checkpoint.root))
    with pytest.raises(ProofError, match="is not the one that the checkpoint is of"):
        prove_line(stream, 3, type(checkpoint)(checkpoint.origin, checkpoint.size, bytes(32)))
    segment = stream / "0000000000000000.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b"203.0.113.9", b"203.0.113.8", 1))
    with pytest.raises(ProofError, match=r"line 1 of the log in .* is missing or damaged"):
        prove_line(stream, 3, checkpoint)


def test_a_log_is_proved_to_have_grown(tmp_path: Path) -> None:
    """From each of its checkpoints to the last one."""
    stream = proved_log(tmp_path)
    *older, last = read_checkpoints(stream / BESIDE)
    assert older
    for each in older:
        proof = prove_growth(stream, each.size, last.size)
        assert proves_consistency(proof, each.size, each.root, last.size, last.root)
        assert not proves_consistency(proof, each.size, last.root, last.size, last.root)
