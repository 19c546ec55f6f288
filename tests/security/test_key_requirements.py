"""R29, R30, R37, and R61 as far as keys and sessions go."""

from __future__ import annotations

import base64
import json
import logging
import re
import secrets
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from durwan.cli.durwan import main
from durwan.credentials import key_checks
from durwan.credentials.key_material import Given
from durwan.credentials.sealing import KeyedHash, SealingKey
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text
from durwan.credentials.session import Holder, Session
from durwan.credentials.sessions import Opened, Sessions
from durwan.state.memory import MemoryState
from durwan.state.sqlite import SqliteState
from tests.key_rings import HOUR, NOW, Clock, Rig, given, new_secret
from tests.unit.credentials.test_ed25519 import corpus
from tests.unit.credentials.test_sessions import Stage, text

# ---------------------------------------------------------------------------------------------------------------- R29


def test_secrets_do_not_repeat_and_are_spread_evenly() -> None:
    """Of 20,000 secrets no two are alike, and every character stands at every place about as often."""
    drawn = [new_secret_text("dwk", None)[9:52] for _ in range(20_000)]
    assert len(set(drawn)) == len(drawn)
    assert {len(each) for each in drawn} == {43}
    for place in range(43):
        counts = [sum(each[place] == letter for each in drawn) for letter in {each[place] for each in drawn}]
        # 62 classes; the chance that a fair source goes beyond is less than one in 10^9 for all places together.
        expected = len(drawn) / 62
        assert len(counts) == 62
        assert sum((count - expected) ** 2 / expected for count in counts) < 160


def test_no_raw_secret_is_on_disk(tmp_path: Path) -> None:
    """Not of keys, tokens or passphrases, in no file of a ring, as text or in hex or base64; not of sessions either."""
    rig = Rig(tmp_path)
    kept = [new_secret() for _ in range(4)]
    rig.add("signing", Given(kind="hmac", secret=kept[0], passphrase=kept[1]))
    rig.add("bearer", Given(kind="token", secret=kept[2]))
    rig.ring.rotate("signing", given(kept[3]), HOUR)
    state = SqliteState(tmp_path / "state.db")
    opened = Sessions(state, rig.sealing.keyed_hash("sessions"), rig.clock).open(Holder("key", "signing"), "login")
    found = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    state.close()
    assert len(list(tmp_path.iterdir())) >= 3
    assert opened.session.id.encode() in found
    for secret in (*kept, opened.identifier):
        assert all(form not in found for form in forms_of(secret.reveal()))


def forms_of(secret: bytes) -> list[bytes]:
    """What a secret looks like where somebody did not take care: as it is, in hex, in base64 at every offset."""
    within = [base64.b64encode(b"x" * shift + secret)[4:-4] for shift in range(3)]
    return [secret, secret[9:-6], secret.hex().encode(), *within]


# ---------------------------------------------------------------------------------------------------------------- R30


def test_every_bad_ed25519_key_is_refused_when_it_is_registered() -> None:
    """The 14 bad keys of CCTV: none can be registered; all others can."""
    refused: set[str] = set()
    vectors = corpus("cctv_ed25519vectors.json")
    for each in {vector["key"] for vector in vectors}:
        try:
            key_checks.public_key_of(base64.b64encode(bytes.fromhex(each)))
        except key_checks.KeyFileError:
            refused.add(each)
    assert refused == {each["key"] for each in vectors if "low_order_A" in (each["flags"] or ())}
    assert len(refused) == 14


def test_a_bad_key_that_came_into_the_file_otherwise_is_not_used(tmp_path: Path) -> None:
    """What is registered is checked again when it is loaded: a point of small order there stops the gateway."""
    rig = Rig(tmp_path)
    rig.add("algo-3", Given(kind="ed25519", public=bytes(32)))
    with pytest.raises(Exception, match="small order"):
        rig.store()


def test_a_key_is_for_one_kind_of_signature(tmp_path: Path) -> None:
    """What is asked for another kind than the key has, gets what nobody can sign for."""
    rig = Rig(tmp_path)
    secret = new_secret()
    rig.add("desk-7", given(secret))
    credential = rig.store().find("desk-7")
    for kind in ("ed25519", "rsa", "ecdsa-p256"):
        assert all(each in credential.fillers for each in credential.candidates(kind, NOW))
    assert next(each.secret for each in credential.candidates("hmac", NOW)) == secret


def test_revoking_and_expiring_are_effective_at_once(tmp_path: Path) -> None:
    """A revoked key, and a secret whose overlap has ended, verify nothing from that millisecond on."""
    rig = Rig(tmp_path)
    old, new = new_secret(), new_secret()
    rig.add("desk-7", given(old))
    rig.ring.rotate("desk-7", given(new), 1)
    store = rig.store()
    assert rig.works("desk-7", old, store)
    rig.clock.now += 1
    assert not rig.works("desk-7", old, store)
    store.revoke("desk-7")
    assert not rig.works("desk-7", new, store)


# ---------------------------------------------------------------------------------------------------------------- R37


def test_a_part_of_an_identifier_finds_nothing() -> None:
    """Cut by any number of characters at either end, in another case, or with something added: there is no session."""
    stage = Stage()
    whole = text(stage.open())
    wrong = [whole[:-count] for count in range(1, len(whole))] + [whole[count:] for count in range(1, len(whole))]
    wrong += [whole.upper(), whole.lower(), whole + "A", " " + whole, whole + "\n", "", whole * 2, "\x00" * 58]
    for each in wrong:
        assert stage.refused(each) == "session_invalid", each


def test_the_kept_hash_is_no_identifier() -> None:
    """Whoever reads the store has nothing to show: the id of the record finds nothing."""
    stage = Stage()
    opened = stage.open()
    assert stage.refused(opened.session.id) == "session_invalid"
    assert text(opened) not in repr(opened) + repr(stage.sessions.all_of(Holder("key", "desk-7")))


def test_a_session_that_ended_stays_ended() -> None:
    """After logout, after a change of privilege, after its key was revoked: reuse is refused."""
    stage = Stage()
    logged_out, elevated, revoked = (stage.open() for _ in range(3))
    stage.sessions.end(text(logged_out))
    assert isinstance(stage.sessions.elevate(text(elevated), ["totp"]), Opened)
    assert stage.sessions.end_all(Holder("key", "desk-7")) == 2
    for each in (logged_out, elevated, revoked):
        assert stage.refused(text(each)) == "session_invalid"


def test_sessions_end_by_idleness_and_by_age() -> None:
    """Both ends hold whatever policies say: idle, and absolute though it was active all the time."""
    clock = Clock()
    sessions = Sessions(MemoryState(), KeyedHash.for_this_process(), clock)
    idle = sessions.open(Holder("key", "a"), "login")
    clock.later(24 * HOUR)
    assert not isinstance(sessions.find(text(idle)), Session)
    stage = Stage()
    lively = stage.open()
    for _ in range(24 * 12):
        found = stage.sessions.find(text(lively))
        assert isinstance(found, Session)
        stage.asks(lively)
        stage.clock.later(HOUR // 12)
    assert not isinstance(stage.sessions.find(text(lively)), Session)


# ---------------------------------------------------------------------------------------------------------------- R61

CANARY = "C4nary" + secrets.token_hex(24)
SEALING = "5ea1" * 16


def leaks(*shown: object) -> bool:
    return any(form.decode() in str(each) for each in shown for form in forms_of(CANARY.encode()))


def test_a_canary_is_in_no_error_or_repr(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A secret that goes through every error of the ring, the store and the sessions shows in none, nor in a log."""
    caplog.set_level(logging.DEBUG)
    rig = Rig(tmp_path)
    canary = Secret(CANARY.encode())
    rig.add("desk-7", Given(kind="hmac", secret=canary, passphrase=canary))
    rig.add("bearer", Given(kind="token", secret=canary))
    store = rig.store()
    sessions = Sessions(MemoryState(), rig.sealing.keyed_hash("sessions"), rig.clock)
    assert store.find("desk-7").candidates("hmac", NOW)[0].secret == canary
    shown: list[object] = [store, store.find("desk-7"), *store.find("desk-7").materials, rig.sealing, sessions]
    shown += [repr(rig.ring.read()), repr(sessions.find(CANARY)), repr(given(canary))]
    wrong: list[Callable[[], object]] = [
        lambda: rig.add("desk-7", given(canary)),
        lambda: rig.add("other", Given(kind="token", secret=canary)),
        lambda: rig.add("bad id " + "x", given(canary)),
        lambda: rig.add("short", given(Secret(CANARY.encode()[:20]))),
        lambda: rig.add("spaced", given(Secret(CANARY.encode() + b" "))),
        lambda: rig.add("misplaced", secret=CANARY, expires=CANARY, colour=CANARY, revoked=CANARY),
        lambda: rig.ring.rotate("desk-7", Given(kind="token", secret=canary), 0),
        lambda: SealingKey(canary),
        lambda: rig.sealing.open(CANARY),
        lambda: key_checks.public_key_of(CANARY.encode()),
    ]
    for attempt in wrong:
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 - whichever it is
            shown += ["".join(traceback.format_exception(error)), repr(error), repr(error.__dict__), error.__cause__]
        else:
            pytest.fail("nothing was raised")
    rig.secrets.write_text(CANARY)
    with pytest.raises(Exception, match="damaged") as caught:
        rig.store()
    shown += ["".join(traceback.format_exception(caught.value)), caplog.text]
    assert not leaks(*shown)


def test_a_canary_is_in_no_output_of_the_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imported, listed, shown, checked, rotated, revoked, and refused in many ways: it is in no output and no file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DURWAN_SEALING_KEY", SEALING)
    source = tmp_path / "import.json"
    records = [{"id": "desk-7", "secret": CANARY, "passphrase": CANARY}, {"id": "bearer", "token": CANARY}]
    source.write_text(json.dumps({"keys": records}))
    source.chmod(0o600)
    assert main(["keys", "import", "import.json"]) == 0
    for words in (
        "keys list", "keys list -f json", "keys show desk-7", "keys show desk-7 -f json -v",
        "keys check --fail-on never",
        "keys rotate desk-7 -f json",
        "keys revoke bearer", "keys import import.json", "keys import import.json -v",
    ):  # fmt: skip
        assert main(words.split()) in {0, 1}, words
    for content in (
        f'{{"keys": [{{"id": "a", "secret": "{CANARY}"}}', f'{{"keys": [{{"id": "a", "secrets": "{CANARY}"}}]}}',
        f'{{"keys": [{{"id": "a", "secret": "{CANARY} "}}]}}', f'{{"keys": ["{CANARY}"]}}',
        f'{{"keys": [{{"id": "a", "secret": ["{CANARY}"]}}]}}',
        f'{{"keys": [{{"id": "a", "public_key": "{CANARY}"}}]}}',
        f'{{"keys": [{{"id": "a", "secret": "{CANARY}", "password": "{CANARY}"}}]}}',
    ):  # fmt: skip
        source.write_text(content)
        assert main(["keys", "import", "import.json", "-v"]) in {1, 2}, content
    source.unlink()
    captured = capsys.readouterr()
    files = [each.read_text() for each in tmp_path.rglob("*") if each.is_file()]
    assert len(files) == 2
    assert not leaks(captured.out, captured.err, *files)
    assert SEALING not in captured.out + captured.err + "".join(files)


def test_a_command_takes_no_secret_as_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """No option takes a secret or the sealing key itself, where every process of the machine could read it."""
    for words in ("new", "rotate", "import", "show", "list", "revoke", "check"):
        assert main(["keys", words, "--help"]) == 0
    options = set(re.findall(r"--[a-z0-9-]+", capsys.readouterr().out))
    told = {each for each in options if re.search("secret|token|key|pass", each)}
    # A switch, a form, and the names of files and of a command.
    assert told == {
        "--token", "--secret-form", "--passphrase", "--public-key", "--keys", "--secrets", "--sealing-key-file",
        "--sealing-key-command",
    }  # fmt: skip
