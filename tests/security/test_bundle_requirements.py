"""R50, R55, R56, R57 for bundles: signatures, digests, versions and lengths, each against whoever tampers with them."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from durwan import Engine
from durwan.runtime.bundle import Bundle, BundleError, Trust, accept, read_bundle, read_bundle_file
from durwan.runtime.bundle_format import MAGIC, SIGNED, unpack
from tests.bundles import DAY, NOW, POLICY, REQUEST, assembled, bundle_of, key, public, read, signed, trusting

REQUESTS: list[dict[str, Any]] = [
    {**REQUEST, "action": action, "risk": {"score": score}}
    for action in ("orders.create", "orders.cancel")
    for score in (5, 12, 70, 95)
]


def _answers(bundle: Bundle) -> list[Any]:
    with Engine(lambda: bundle.compiled) as engine:
        return [engine.decide(request).as_dict() for request in REQUESTS]


def _parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    container = unpack(content, len(content))
    manifest: dict[str, Any] = json.loads(container.manifest)
    return manifest, container.body


def _manifest(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _signed_by(manifest: bytes, *numbers: int) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(sorted((public(number), key(number).sign(SIGNED + manifest)) for number in numbers))


# --------------------------------------------------------------------------------------------------- R56: signatures


def test_unsigned() -> None:
    """A missing signature is a failure wherever trust was given."""
    with pytest.raises(BundleError, match="signed by nobody, and 1 must have signed"):
        read(bundle_of(), trusting(1))


def test_signed_by_somebody_else() -> None:
    """A good signature by a key that is not trusted counts for nothing, however many there are."""
    with pytest.raises(BundleError, match="0 of the 1 trusted keys"):
        read(signed(bundle_of(), 2, 3, 4), trusting(1))
    assert read(signed(bundle_of(), 2, 1, 3), trusting(1)).signers == (public(1).hex(),)


@pytest.mark.parametrize(("signers", "taken"), [((), False), ((1,), False), ((1, 4), False), ((3, 1), True)])
def test_threshold(signers: tuple[int, ...], *, taken: bool) -> None:
    """Two of three keys have to have signed."""
    content, trust = signed(bundle_of(), *signers), trusting(1, 2, 3, threshold=2)
    if taken:
        assert len(read(content, trust).signers) == 2
    else:
        with pytest.raises(BundleError, match="and 2 must have signed"):
            read(content, trust)


def test_duplicate_keyids() -> None:
    """The signature of one key does not count twice, nor does another signature by the same key."""
    manifest, body = _parts(bundle_of())
    raw = _manifest(manifest)
    once = _signed_by(raw, 1)
    other = (public(1), key(1).sign(SIGNED + raw + b" "))
    for signatures in (once * 2, tuple(sorted([*once, other]))):
        with pytest.raises(BundleError, match="a key signs twice"):
            read(assembled(raw, body, signatures), trusting(1, 2, threshold=2))
    with pytest.raises(BundleError, match="do not ascend"):
        read(assembled(raw, body, tuple(reversed(_signed_by(raw, 1, 2)))), trusting(1))


def test_wrong_signature() -> None:
    """A signature of something else, or with a bit changed, counts for nothing."""
    manifest, body = _parts(bundle_of())
    raw = _manifest(manifest)
    wrong: list[bytes] = [
        key(1).sign(raw),  # without what a signature of a manifest begins with
        key(1).sign(b"durwan token\0" + raw),
        key(1).sign(SIGNED + raw + b"\n"),
        key(2).sign(SIGNED + raw),
        bytes(64),
        key(1).sign(SIGNED + raw)[::-1],
    ]
    for signature in wrong:
        with pytest.raises(BundleError, match="0 of the 1 trusted keys"):
            read(assembled(raw, body, ((public(1), signature),)), trusting(1))
    assert read(assembled(raw, body, _signed_by(raw, 1)), trusting(1)).version == 1


def test_the_signature_is_verified_before_the_manifest_is_read() -> None:
    """Whatever stands in a manifest that nobody trusted signed, the refusal is about the signature."""
    for manifest in (b"", b"{", b"[" * 60_000, b'{"format": 99}', b"\xff", _manifest({"format": 1, "version": 2**63})):
        content = assembled(manifest, b"", _signed_by(manifest, 2))
        with pytest.raises(BundleError, match="0 of the 1 trusted keys"):
            read(content, trusting(1))


def test_hash_mismatch() -> None:
    """A member that is not the one listed is refused, although its length is right and the manifest is signed."""
    content = signed(bundle_of(), 1)
    container = unpack(content, len(content))
    for place in range(0, len(container.body), 37):
        body = bytearray(container.body)
        body[place] ^= 1
        with pytest.raises(BundleError, match="is not the one that the manifest lists"):
            read(assembled(container.manifest, bytes(body), container.signatures), trusting(1))


@pytest.mark.parametrize(
    ("field", "value"),
    [("version", "1"), ("version", 1.0), ("expires", "never"), ("members", {}), ("name", ["desk"]), ("format", [1])],
)
def test_wrong_type(field: str, value: object) -> None:
    """A field of another type is refused, although it is signed."""
    manifest, body = _parts(bundle_of())
    raw = _manifest({**manifest, field: value})
    with pytest.raises(BundleError, match=field if field != "members" else "lists no members"):
        read(assembled(raw, body, _signed_by(raw, 1)), trusting(1))


def test_quoting() -> None:
    """The signature is of bytes: the same manifest with other spaces or escapes is another one."""
    manifest, body = _parts(bundle_of())
    raw = _manifest(manifest)
    signatures = _signed_by(raw, 1)
    for other in (raw.replace(b":", b": "), raw.replace(b"desk", b"\\u0064esk"), raw + b" ", b" " + raw):
        assert json.loads(other) == manifest
        with pytest.raises(BundleError, match="0 of the 1 trusted keys"):
            read(assembled(other, body, signatures), trusting(1))
    for member in manifest["members"]:
        member["sha256"] = member["sha256"].upper()
    raw = _manifest(manifest)
    with pytest.raises(BundleError, match="sha256"):
        read(assembled(raw, body, _signed_by(raw, 1)), trusting(1))


def test_a_weak_key_cannot_be_trusted() -> None:
    """Under a key of small order anybody can sign; it is refused before any bundle is read."""
    weak = bytes.fromhex("01" + "00" * 31)
    with pytest.raises(Exception, match="small order"):
        Trust(keys=(weak,))


# ----------------------------------------------------------------------------------------- R57: rollback, freeze, mix


def test_replay_of_version_1_after_2(tmp_path: Path) -> None:
    """An older bundle, however well signed, is refused by another process that shares the state, too."""
    first, second = signed(bundle_of(1), 1), signed(bundle_of(2), 1)
    trust = trusting(1, state=tmp_path / "state")
    for content in (first, second):
        accept(read(content, trust))
    with pytest.raises(BundleError, match="has version 1, and 2 was accepted"):
        read(first, trusting(1, state=tmp_path / "state"))


def test_version_2_with_a_file_of_version_1() -> None:
    """Members of two bundles do not mix: the manifest of each lists its own."""
    other = POLICY.replace("score < 50", "score < 99")
    first, second = (unpack(signed(bundle_of(n, policy=p), 1), 1 << 20) for n, p in ((1, POLICY), (2, other)))
    assert len(first.body) == len(second.body)
    with pytest.raises(BundleError, match=r"program\.json is not the one"):
        read(assembled(second.manifest, first.body, second.signatures), trusting(1))
    with pytest.raises(BundleError, match="0 of the 1 trusted keys"):
        read(assembled(second.manifest, second.body, first.signatures), trusting(1))


def test_expired() -> None:
    """A bundle that was kept back until after its end is refused, signed as it is."""
    content = signed(bundle_of(1, created=NOW, expires=NOW + DAY), 1)
    assert read(content, trusting(1), NOW + DAY - 1).ageing
    with pytest.raises(BundleError, match="has expired"):
        read(content, trusting(1), NOW + DAY)


def test_version_2_to_the_63rd() -> None:
    """A version beyond 64 bits is refused, and so is one that only looks like a number."""
    manifest, body = _parts(bundle_of())
    for version in (2**63, 2**64, 10**30, 0, -1, 1e3, "7"):
        raw = _manifest({**manifest, "version": version})
        with pytest.raises(BundleError):
            read(assembled(raw, body, _signed_by(raw, 1)), trusting(1))


def test_zero_rules(tmp_path: Path) -> None:
    """A bundle that holds no rule is refused, first or later, unless that is said to be meant."""
    empty = signed(bundle_of(2, policy="actions { orders.create }"), 1)
    trust = trusting(1, state=tmp_path / "state")
    with pytest.raises(BundleError, match="has no rules"):
        read(empty, trust)
    accept(read(signed(bundle_of(1), 1), trust))
    with pytest.raises(BundleError, match="has no rules"):
        read(empty, trust)


def test_wrong_tenant(tmp_path: Path) -> None:
    """A bundle of another policy set is refused, although the same people sign it."""
    content = signed(bundle_of(9, name="payments"), 1)
    with pytest.raises(BundleError, match="`payments`, and `desk` is expected"):
        read(content, trusting(1, name="desk", state=tmp_path / "state"))


def test_a_bundle_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    """Whatever is tried, the engine goes on with the bundle before, and so does the file of versions."""
    path, state = tmp_path / "desk.bundle", tmp_path / "state"
    path.write_bytes(signed(bundle_of(5), 1))
    with Engine.load(path, trust=trusting(1, state=state)) as engine:
        kept, revision = state.read_bytes(), engine.revision
        other = POLICY.replace("score < 50", "score < 99")
        tries = [
            signed(bundle_of(4, policy=other), 1),
            signed(bundle_of(6, policy=other), 2),
            bundle_of(6, policy=other),
            signed(bundle_of(6, policy="actions { orders.create }"), 1),
            signed(bundle_of(6, name="other"), 1),
            signed(bundle_of(6, policy=other), 1)[:-1],
            b"",
        ]
        for content in tries:
            path.write_bytes(content)
            with pytest.raises(BundleError):
                engine.reload()
            assert (engine.revision, state.read_bytes()) == (revision, kept)
            assert engine.decide({**REQUEST, "risk": {"score": 70}}).allowed is False
        path.write_bytes(signed(bundle_of(6, policy=other), 1))
        engine.reload()
        assert engine.decide({**REQUEST, "risk": {"score": 70}}).allowed


# ------------------------------------------------------------------------------------------------ R50, R55: the file


def test_every_byte_of_a_signed_bundle_counts() -> None:
    """With any byte changed it is refused, or the change is in a signature that is not needed."""
    content = signed(bundle_of(created=NOW, expires=NOW + DAY), 1, 2)
    trust = trusting(1, 2, threshold=2)
    _answers(read(content, trust))
    for place in range(len(content)):
        for bit in (1, 0x80):
            changed = bytearray(content)
            changed[place] ^= bit
            with pytest.raises(BundleError):
                read(bytes(changed), trust)


def test_a_changed_byte_of_an_unsigned_bundle_is_refused_or_says_so() -> None:
    """Without signatures the digests still hold the members: only what the manifest says of itself can change."""
    content = bundle_of(created=NOW, expires=NOW + DAY)
    whole = read(content)
    answers = _answers(whole)
    taken = 0
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        try:
            found = read(bytes(changed))
        except BundleError:
            continue
        taken += 1
        assert found.digest != whole.digest
        assert found.compiled.program == whole.compiled.program
        assert [{**each, "revision": ""} for each in _answers(found)] == [{**each, "revision": ""} for each in answers]
    # A digit of the version, of an instant, or of the revision, or a letter of the version of durwan.
    assert 0 < taken < 120


def test_a_bundle_that_is_cut_off_is_refused() -> None:
    """At every length short of the whole."""
    content = signed(bundle_of(), 1)
    for length in range(len(content)):
        for trust in (None, trusting(1)):
            with pytest.raises(BundleError):
                read(content[:length], trust)


@pytest.mark.parametrize("extra", [b"\0", b"\n", b"PK\x03\x04", bytes(1000)])
def test_extra_bytes_are_refused(extra: bytes) -> None:
    """After the last member there is nothing; before the header there is nothing."""
    content = signed(bundle_of(), 1)
    with pytest.raises(BundleError, match="followed by something else"):
        read(content + extra, trusting(1))
    with pytest.raises(BundleError, match="this is no bundle"):
        read(extra + content)


_PATHS = [
    "../keys.json", "/keys.json", "keys.json/..", "KEYS.JSON", "keys.json\0", "kéys.json", "", "c:\\keys.json", 5, None,
]  # fmt: skip


@pytest.mark.parametrize("path", _PATHS)
def test_only_known_members_are_taken(path: object) -> None:
    """A path that leads elsewhere, or is spelled otherwise, is no member; nothing is ever written to a disk."""
    manifest, body = _parts(bundle_of())
    manifest["members"][0]["path"] = path
    raw = _manifest(manifest)
    named = r"members of a bundle are keys\.json, program\.json, routes\.json, self_tests\.json"
    with pytest.raises(BundleError, match=named):
        read(assembled(raw, body, _signed_by(raw, 1)), trusting(1))


def test_duplicate_missing_and_extra_members_are_refused() -> None:
    """Each member is there once, in one order, and no other beside it."""
    manifest, body = _parts(bundle_of())
    members = manifest["members"]
    added = {"path": "x.json", "length": 1, "sha256": sha256(b"x").hexdigest()}
    for listed, content in (
        ([*members, members[-1]], body + body[-members[-1]["length"] :]),
        (members[:-1], body[: -members[-1]["length"]]),
        ([*members, added], body + b"x"),
        ([members[1], members[0], members[2]], body),
    ):
        raw = _manifest({**manifest, "members": listed})
        with pytest.raises(BundleError, match="each once, in this order"):
            read(assembled(raw, content, _signed_by(raw, 1)), trusting(1))


def test_lengths_that_lie_are_refused() -> None:
    """Longer, shorter, negative, and so long that nothing could hold it."""
    manifest, body = _parts(bundle_of())
    length = manifest["members"][1]["length"]
    for lie in (length + 1, length - 1, -1, 0, 2**62, 2**63, True, "5"):
        manifest["members"][1]["length"] = lie
        raw = _manifest(manifest)
        with pytest.raises(BundleError):
            read(assembled(raw, body, _signed_by(raw, 1)), trusting(1))
    for count, size in ((65, 10), (65_535, 10), (0, 0xFFFFFFFF), (0, 65_537)):
        header = MAGIC + b"\0\1" + count.to_bytes(2, "big") + size.to_bytes(4, "big")
        with pytest.raises(BundleError, match="more than 64 signatures, or a manifest that is too long"):
            read(header + bytes(70_000))


def test_a_bundle_has_a_size(tmp_path: Path) -> None:
    """The bound itself is read, a byte more is refused; of a file no more is read than shows that it is too large."""
    content = bundle_of()
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert len(read_bundle_file(path, 1000)) == 1001
    with pytest.raises(BundleError, match="larger than 16,777,216 bytes"):
        read_bundle(read_bundle_file(path), trust=None, now_ms=NOW)
    for most, taken in ((len(content) - 1, False), (len(content), True), (len(content) + 1, True)):
        if taken:
            assert read_bundle(content, trust=None, now_ms=NOW, most_bytes=most).version == 1
        else:
            with pytest.raises(BundleError, match="larger than"):
                read_bundle(content, trust=None, now_ms=NOW, most_bytes=most)
