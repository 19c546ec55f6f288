"""Keys made, rotated and revoked, and what a gateway finds of that."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from durwan.credentials.kept_files import KeptFileError
from durwan.credentials.key_admission import KeyRefusedError
from durwan.credentials.key_material import Given, MaterialError
from durwan.credentials.key_ring import NewKey
from durwan.credentials.key_store import KeyStore, KeysUnavailableError
from durwan.credentials.sealing import SealingError, SealingKey
from durwan.credentials.secret import Secret
from tests.key_rings import HOUR, NOW, Rig, given, new_secret, public
from tests.unit.credentials.test_key_checks import ED25519, P256, RSA, pem


@pytest.fixture(params=["keys.yaml", "keys.json"])
def rig(tmp_path: Path, request: pytest.FixtureRequest) -> Rig:
    return Rig(tmp_path, request.param)


def code_of(caught: pytest.ExceptionInfo[KeyRefusedError]) -> list[str]:
    return [each.code for each in caught.value.objections]


def test_a_new_key_works(rig: Rig) -> None:
    """What it may do stands in the key file, and its secret verifies; no other does."""
    secret = new_secret()
    rig.add("desk-7", given(secret), scopes=["orders.write"], revoked=False)
    keys, _ = rig.ring.read()
    assert keys.get("desk-7") == {
        "id": "desk-7", "scopes": ["orders.write"], "revoked": False, "created": "2026-03-02T09:00:00Z",
    }  # fmt: skip
    assert rig.works("desk-7", secret)
    assert not rig.works("desk-7", new_secret())
    assert not rig.works("desk-8", secret)


def test_a_rotation_overlaps_to_the_millisecond(rig: Rig) -> None:
    """Old and new secret work up to the last millisecond of the overlap; from the next one on, the new one alone."""
    old, new = new_secret(), new_secret()
    rig.add("desk-7", given(old))
    store = rig.store()
    rig.clock.later(HOUR)
    rotation = rig.ring.rotate("desk-7", given(new), 24 * HOUR)
    assert rotation.until == NOW + 25 * HOUR
    rig.clock.later(24 * HOUR - 1)
    for each in (store, rig.store()):
        assert rig.works("desk-7", old, each)
        assert rig.works("desk-7", new, each)
    rig.clock.later(1)
    for each in (store, rig.store()):
        assert not rig.works("desk-7", old, each)
        assert rig.works("desk-7", new, each)
    keys, _ = rig.ring.read()
    assert (keys.get("desk-7") or {})["rotated"] == "2026-03-02T10:00:00Z"


def test_a_rotation_without_overlap_ends_the_old_secret_at_once(rig: Rig) -> None:
    """It does not work in the millisecond of the rotation either, and is not kept."""
    old, new = new_secret(), new_secret()
    rig.add("desk-7", given(old))
    assert rig.ring.rotate("desk-7", given(new), 0).until is None
    assert not rig.works("desk-7", old)
    assert rig.works("desk-7", new)
    assert len(rig.ring.read()[1].keys["desk-7"].materials) == 1


def test_a_rotation_that_nobody_got_is_made_again(rig: Rig) -> None:
    """While one overlaps, another is refused; made again, it drops the newest secret and keeps the one before."""
    old, lost, new = new_secret(), new_secret(), new_secret()
    rig.add("desk-7", given(old))
    rig.ring.rotate("desk-7", given(lost), HOUR)
    rig.clock.later(HOUR - 1)
    with pytest.raises(KeyRefusedError) as caught:
        rig.ring.rotate("desk-7", given(new), HOUR)
    assert code_of(caught) == ["rotation_overlaps"]
    rig.ring.rotate("desk-7", given(new), HOUR, again=True)
    assert [rig.works("desk-7", each) for each in (old, lost, new)] == [True, False, True]
    rig.clock.later(HOUR)
    assert [rig.works("desk-7", each) for each in (old, lost, new)] == [False, False, True]
    newest = new_secret()
    rig.ring.rotate("desk-7", given(newest), HOUR)
    assert [rig.works("desk-7", each) for each in (new, newest)] == [True, True]


def test_a_revoked_key_works_no_more(rig: Rig) -> None:
    """Both files say so; it cannot be rotated, and revoking it again changes nothing."""
    secret = new_secret()
    rig.add("desk-7", given(secret), revoked=False)
    rig.add("desk-8")
    assert rig.ring.revoke("desk-7") == NOW
    rig.clock.later(5)
    assert rig.ring.revoke("desk-7") == NOW
    keys, secrets = rig.ring.read()
    assert (keys.get("desk-7") or {})["revoked"] is True
    assert secrets.keys["desk-7"].revoked == NOW
    assert not rig.works("desk-7", secret)
    refusal = rig.store().find("desk-7").standing()
    assert refusal is not None
    assert (refusal.code, refusal.status) == ("credential_revoked", 401)
    with pytest.raises(KeyRefusedError) as caught:
        rig.ring.rotate("desk-7", given(), 0)
    assert code_of(caught) == ["credential_revoked"]
    assert rig.store().is_good("desk-8")


def test_keys_are_made_all_or_none(rig: Rig) -> None:
    """One that is refused keeps the others from being made, and neither file changes."""
    rig.add("desk-7")
    before = rig.keys.read_bytes(), rig.secrets.read_bytes()
    wrong = [NewKey(attributes={"id": each}, given=given()) for each in ("a", "b", "desk-7")]
    with pytest.raises(KeyRefusedError) as caught:
        rig.ring.add(wrong)
    assert code_of(caught) == ["key_exists"]
    with pytest.raises(KeyRefusedError) as caught:
        rig.ring.add([wrong[0], wrong[0]])
    assert code_of(caught) == ["key_exists"]
    assert (rig.keys.read_bytes(), rig.secrets.read_bytes()) == before


@pytest.mark.parametrize("private", [ED25519, P256, RSA])
def test_public_keys_verify(rig: Rig, private: Any) -> None:
    """A key with a public key is found with it, and needs no sealing key."""
    material = public(pem(private))
    rig.add("algo-3", material)
    store = KeyStore(rig.secrets, no_sealing_key, clock=rig.clock)
    found = store.find("algo-3").candidates(material.kind, NOW)
    assert found[0].public == material.public
    assert found[0].key.public_numbers() == private.public_key().public_numbers() if private is not ED25519 else True
    assert {each.kind for each in found} == {material.kind}
    assert store.find("algo-3").candidates("hmac", NOW)[0] in store.find("nobody").fillers


def no_sealing_key() -> SealingKey:
    raise SealingError("there is no sealing key")


def test_no_two_keys_have_the_same_public_key(rig: Rig) -> None:
    """Whoever holds its private half would be both; nor does a rotation to the same key change anything."""
    rig.add("algo-3", public(pem(ED25519)))
    for attempt in (
        lambda: rig.add("algo-4", public(pem(ED25519))),
        lambda: rig.ring.rotate("algo-3", public(pem(ED25519)), 0),
    ):
        with pytest.raises(KeyRefusedError, match="algo-3 has the same public key") as caught:
            attempt()
        assert code_of(caught) == ["material_shared"]
    with pytest.raises(KeyRefusedError) as caught:
        rig.ring.rotate("algo-3", given(), 0)
    assert code_of(caught) == ["kind_differs"]


def test_tokens_are_found_by_themselves(rig: Rig) -> None:
    """A token finds its key, up to the millisecond at which a rotation ends it; what it is, nobody can read."""
    old, new = new_secret(), new_secret()
    rig.add("reader", Given(kind="token", secret=old))
    store = rig.store()
    assert store.find_token(old.reveal()).key_id == "reader"
    rig.ring.rotate("reader", Given(kind="token", secret=new), HOUR)
    rig.clock.later(HOUR - 1)
    assert [store.find_token(each.reveal()).key_id for each in (old, new)] == ["reader", "reader"]
    rig.clock.later(1)
    assert [store.find_token(each.reveal()).known for each in (old, new)] == [False, True]
    assert not store.find_token(b"").known
    assert old.reveal() not in rig.secrets.read_bytes()
    store.revoke("reader")
    standing = store.find_token(new.reveal()).standing()
    assert standing is not None
    assert standing.code == "credential_revoked"


def test_an_unfinished_new_key_is_made_again(rig: Rig) -> None:
    """Where a process was killed between the two files, doing the same again finishes it."""
    rig.add("desk-7")
    rig.add("algo-3", public(pem(ED25519)))
    rig.keys.unlink()
    secret = new_secret()
    rig.add("desk-7", given(secret))
    rig.add("algo-3", public(pem(ED25519)))
    assert rig.works("desk-7", secret)


def test_a_key_that_people_wrote_gets_its_first_secret(rig: Rig) -> None:
    """A key that is in the key file alone is rotated to its first secret."""
    rig.keys.write_text(
        json.dumps({"keys": [{"id": "desk-7"}]}) if rig.name.endswith("json") else "keys:\n  - id: desk-7\n"
    )
    secret = new_secret()
    assert rig.ring.rotate("desk-7", given(secret), HOUR).until is None
    assert rig.works("desk-7", secret)


def test_keys_that_are_not_there_are_refused(rig: Rig) -> None:
    """Nothing is made of them."""
    rig.add("desk-7")
    for attempt in (lambda: rig.ring.revoke("desk-8"), lambda: rig.ring.rotate("desk-8", given(), 0)):
        with pytest.raises(KeyRefusedError) as caught:
            attempt()
        assert code_of(caught) == ["key_unknown"]


def test_many_who_change_keys_at_once_lose_nothing(rig: Rig) -> None:
    """Eight threads with rings of their own, as many processes would be, make keys: all of them are there."""

    def make(number: int) -> None:
        for each in range(4):
            rig.add(f"k{number}-{each}")

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    keys, secrets = rig.ring.read()
    assert len(keys.records()) == len(secrets.keys) == 32


# ------------------------------------------------------------------------------------------------------- both files


def test_modes_of_the_files(rig: Rig) -> None:
    """Nobody else can read the secrets file, whatever the umask; the key file is for everyone; a mode is kept."""
    before = os.umask(0)
    try:
        rig.add("desk-7")
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (rig.secrets, rig.keys)]
        rig.secrets.chmod(0o640)
        rig.add("desk-8")
    finally:
        os.umask(before)
    assert modes == [0o600, 0o644]
    assert stat.S_IMODE(rig.secrets.stat().st_mode) == 0o640
    assert {each.name for each in rig.folder.iterdir()} == {rig.name, "keys.secrets"}


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o602, 0o666, 0o644])
def test_a_secrets_file_that_is_open_to_others_is_refused(rig: Rig, mode: int) -> None:
    """By the commands and by the gateway."""
    rig.add("desk-7")
    rig.secrets.chmod(mode)
    for attempt in (rig.ring.read, rig.store):
        with pytest.raises(KeptFileError, match="open to others"):
            attempt()


def test_the_wrong_sealing_key_is_told_from_damage(rig: Rig) -> None:
    """Its fingerprint and the right one are named, when a key is added and when a gateway starts."""
    rig.add("desk-7")
    right = rig.sealing
    rig.sealing = SealingKey(Secret(b"x" * 32))
    for attempt in (lambda: rig.add("desk-8"), rig.store):
        with pytest.raises((SealingError, MaterialError), match=right.fingerprint):
            attempt()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"version": 1', '"version": 2'),
        ('"hmac"', '"HMAC"'),
        ('"revoked": null', '"revoked": false'),
        ('"until": null', '"until": "never"'),
        ('"serial": 1', '"serial": 1, "serial": 2'),
        ('"scheme": null', '"schema": null'),
        ("{", "["),
        ("}", ""),
        ("keys", "\x00"),
    ],
)
def test_a_damaged_secrets_file_is_refused(rig: Rig, right: str, wrong: str) -> None:
    """Nothing of it is used, and nothing of it stands in the error."""
    rig.add("desk-7")
    text = rig.secrets.read_text()
    assert right in text
    rig.secrets.write_text(text.replace(right, wrong))
    with pytest.raises(KeptFileError, match="is damaged") as caught:
        rig.store()
    assert caught.value.__cause__ is None
    assert "desk-7" not in str(caught.value)


def test_a_secret_moved_to_another_key_is_refused(rig: Rig) -> None:
    """Whoever can write the file cannot give one key the secret of another one, nor an old one back."""
    rig.add("desk-7")
    rig.add("desk-8")
    document = json.loads(rig.secrets.read_text())
    document["keys"]["desk-8"]["materials"][0]["value"] = document["keys"]["desk-7"]["materials"][0]["value"]
    rig.secrets.write_text(json.dumps(document))
    with pytest.raises(MaterialError, match="'desk-8' cannot be used: it was sealed with another key or for another"):
        rig.store()


# ------------------------------------------------------------------------------------------------------ the gateway


class Told:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.changes: list[set[str]] = []

    def hear(self, changed: Any) -> None:
        self.changes.append(set(changed))


def test_a_gateway_follows_the_file_within_a_second(rig: Rig) -> None:
    """What is revoked by a command is revoked in a gateway 250 ms later, and its listeners are told which."""
    secret = new_secret()
    rig.add("desk-7", given(secret))
    rig.add("desk-8")
    store, told = rig.store(), Told()
    store.listen(told.hear)
    rig.ring.revoke("desk-7")
    assert rig.works("desk-7", secret, store)
    rig.clock.monotonic += 0.25
    assert not rig.works("desk-7", secret, store)
    assert told.changes == [{"desk-7"}]


def test_revoking_in_a_gateway_is_at_once(rig: Rig) -> None:
    """Before the call returns, no lookup finds it good; nor after the file is read again."""
    secret = new_secret()
    rig.add("desk-7", given(secret))
    store, told = rig.store(), Told()
    store.listen(told.hear)
    store.revoke("desk-7")
    assert not rig.works("desk-7", secret, store)
    assert told.changes == [{"desk-7"}]
    rig.add("desk-8")
    rig.clock.monotonic += 1
    assert not rig.works("desk-7", secret, store)
    assert store.is_good("desk-8")


def test_a_gateway_that_cannot_read_the_file_refuses_after_a_second(rig: Rig) -> None:
    """What was read is good for less than a second more; then nothing is found until the file can be read again."""
    secret = new_secret()
    rig.add("desk-7", given(secret))
    store = rig.store()
    content = rig.secrets.read_bytes()
    for spoil in (rig.secrets.unlink, lambda: rig.secrets.write_bytes(b"{"), lambda: rig.secrets.chmod(0o666)):
        spoil()
        rig.clock.monotonic += 0.999
        assert rig.works("desk-7", secret, store)
        rig.clock.monotonic += 0.001
        with pytest.raises(KeysUnavailableError) as caught:
            store.find("desk-7")
        assert (caught.value.refusal.code, caught.value.refusal.status) == ("keys_unavailable", 503)
        rig.secrets.unlink(missing_ok=True)
        rig.secrets.write_bytes(content)
        rig.secrets.chmod(0o600)
        rig.clock.monotonic += 0.25
        assert rig.works("desk-7", secret, store)


def test_a_gateway_that_was_asleep_looks_before_it_answers(rig: Rig) -> None:
    """However long nobody asked, the first answer is by the file as it is now."""
    secret = new_secret()
    rig.add("desk-7", given(secret))
    store = rig.store()
    rig.clock.monotonic += 3600
    assert rig.works("desk-7", secret, store)
    rig.ring.revoke("desk-7")
    rig.clock.monotonic += 3600
    assert not rig.works("desk-7", secret, store)


def test_reading_again_prepares_only_what_changed(rig: Rig) -> None:
    """The credential of a key that did not change is the same object."""
    rig.add("desk-7")
    rig.add("desk-8")
    store = rig.store()
    before = {each: store.find(each) for each in ("desk-7", "desk-8")}
    rig.ring.rotate("desk-8", given(), HOUR)
    store.refresh()
    assert store.find("desk-7") is before["desk-7"]
    assert store.find("desk-8") is not before["desk-8"]


def test_the_stand_in_costs_as_much_as_a_key(rig: Rig) -> None:
    """For an unknown id, another kind, and a key in rotation, there are as many candidates; nobody's are not good."""
    rig.add("desk-7")
    rig.add("desk-8")
    rig.ring.rotate("desk-8", given(), HOUR)
    store = rig.store()
    for key_id in ("desk-7", "desk-8", "nobody", "", "desk-7 "):
        for kind in ("hmac", "ed25519", "rsa", "ecdsa-p256"):
            found = store.find(key_id).candidates(kind, NOW)
            assert len(found) == 2
            assert {each.kind for each in found} == {kind}
    standing = store.find("nobody").standing()
    assert standing is not None
    assert standing.code == "signature_invalid"
    assert store.find("nobody") is store.find("no-one")


def test_a_child_process_reads_for_itself(rig: Rig) -> None:
    """A process that was forked off while another thread was reading is not stuck."""
    rig.add("desk-7")
    store = rig.store()
    with store._reading:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - what another thread would hold
        child = os.fork()
        if child == 0:  # pragma: no cover - of the child
            rig.clock.monotonic += 5
            os._exit(0 if store.find("desk-7").known else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
