"""Checkpoints as signed notes."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest

from durwan.audit.note import Checkpoint, NoteError, as_notes, check_origin, read_note, read_notes
from tests.audit_logs import public_key, signing_key

ROOT = sha256(b"root").digest()
ORIGIN = "example.com/gateway/1"
SIGNED = Checkpoint(ORIGIN, 1200, ROOT).signed(signing_key())


def test_a_note_has_the_form_of_its_specification() -> None:
    """Three lines, an empty one, and a line by a key whose id is what C2SP says it is."""
    origin, size, root, gap, signature, end = SIGNED.note.split("\n")
    assert (origin, size, root, gap, end) == (ORIGIN, "1200", base64.b64encode(ROOT).decode(), "", "")
    dash, name, blob = signature.split(" ")
    assert (dash, name) == ("\u2014", ORIGIN)
    key_id = sha256(f"{ORIGIN}\n".encode() + b"\x01" + public_key()).digest()[:4]
    content = base64.b64decode(blob)
    assert (content[:4], len(content)) == (key_id, 68)
    signing_key().public_key().verify(content[4:], f"{ORIGIN}\n1200\n{root}\n".encode())


def test_a_note_is_read_as_it_was_written() -> None:
    """Signed or not."""
    unsigned = Checkpoint(ORIGIN, 0, ROOT)
    assert read_note(SIGNED.note) == SIGNED
    assert read_note(unsigned.note) == unsigned
    assert read_notes(as_notes(SIGNED) + as_notes(unsigned) + as_notes(SIGNED)) == [SIGNED, unsigned, SIGNED]
    assert read_notes("") == []


def test_only_the_key_and_the_text_that_were_signed_verify() -> None:
    """No signature, another key's, of another size, root or origin, does not."""
    assert SIGNED.is_signed_by(public_key())
    from durwan.credentials.ed25519 import new_private_key, raw_public_key

    assert not SIGNED.is_signed_by(raw_public_key(new_private_key()[0]))
    for other in (
        Checkpoint(ORIGIN, 1200, ROOT),
        Checkpoint(ORIGIN, 1201, ROOT, SIGNED.signatures),
        Checkpoint(ORIGIN, 1200, sha256().digest(), SIGNED.signatures),
        Checkpoint("example.com/gateway/2", 1200, ROOT, SIGNED.signatures),
    ):
        assert not other.is_signed_by(public_key())


def test_a_signature_among_others_is_found() -> None:
    """Witnesses may have added theirs."""
    witness = "\u2014 witness.example " + base64.b64encode(b"0000" + bytes(64)).decode()
    assert Checkpoint(ORIGIN, 1200, ROOT, (witness, *SIGNED.signatures)).is_signed_by(public_key())


@pytest.mark.parametrize(
    "note",
    [
        "", "\n", "a\n1\n", f"{ORIGIN}\n1200\n\n", SIGNED.note[:-1], SIGNED.note.replace("1200", "01200"),
        SIGNED.note.replace("1200", "-1"), SIGNED.note.replace("1200", "\u0661"), SIGNED.note.replace(ORIGIN, "a b"),
        SIGNED.note.replace(ORIGIN, ""), SIGNED.note.replace("\u2014", "-"), SIGNED.note.replace("\n\n", "\nmore\n\n"),
        SIGNED.note.replace("=\n\n", "\n\n"), SIGNED.note + "\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_not_read(note: str) -> None:
    """Each with its own mistake."""
    with pytest.raises(NoteError):
        read_note(note)


def test_a_file_that_breaks_off_says_where() -> None:
    """The line at which the last whole one ends."""
    with pytest.raises(NoteError, match=r"^line 8: the checkpoint there breaks off$"):
        read_notes(as_notes(SIGNED) + "example.com")
    with pytest.raises(NoteError, match=r"^line 8: a checkpoint has"):
        read_notes(as_notes(SIGNED) + "example.com\n\n\n")


def test_a_log_is_named_by_what_can_stand_in_a_note() -> None:
    """No spaces, no line breaks, no plus."""
    assert check_origin("example.com/gateway") == "example.com/gateway"
    for bad in ("", "a b", "a\nb", "a+b", "\u00e4", "a" * 300):
        with pytest.raises(NoteError, match="names no log"):
            check_origin(bad)
