"""`policy-check build`, `sign`, `verify` and `keygen`: from a policy set to a bundle that a gateway takes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from durwan import Engine
from durwan.credentials.ed25519 import pem_of
from durwan.runtime.bundle import accept, read_bundle
from durwan.runtime.bundle_trust import Trust, read_public_key
from tests.bundles import DAY, NOW
from tests.unit.cli.conftest import NOW as NOON
from tests.unit.cli.conftest import Call

MANIFEST = "name: desk\nmust_pass: [a trader trades]\n"


@pytest.fixture
def bundle(call: Call, directory: Path, tmp_path: Path) -> Path:
    """A bundle of the policy set, unsigned."""
    (directory / "policy.yaml").write_text(MANIFEST)
    path = tmp_path / "desk.bundle"
    assert call("build", directory, "-o", path, "--version", "7", "--now", NOON).code == 0
    return path


@pytest.fixture
def keys(call: Call, tmp_path: Path) -> tuple[Path, Path]:
    """Two private keys; the public ones lie beside them."""
    paths = tmp_path / "a.pem", tmp_path / "b.pem"
    for path in paths:
        assert call("keygen", path).code == 0
    return paths


# --------------------------------------------------------------------------------------------------------------- build


def test_a_bundle_is_built_and_told_of(call: Call, directory: Path, tmp_path: Path) -> None:
    """What was built is said, and it decides as the set does."""
    (directory / "policy.yaml").write_text(MANIFEST)
    path = tmp_path / "desk.bundle"
    ended = call("build", directory, "-o", path, "--version", "7", "--now", NOON)
    assert ended.code == 0
    bundle = read_bundle(path.read_bytes(), trust=None, now_ms=NOW)
    assert ended.out == (
        f"built  {path}: desk 7, {len(bundle.compiled.program.rules)} rules, 1 test to pass at the gateway\n"
        f"       {path.stat().st_size:,} bytes; digest {bundle.digest}; not signed yet\n"
    )
    with Engine.load(directory) as engine:
        assert bundle.compiled.revision == engine.revision


def test_json_has_what_a_pipeline_needs(call: Call, directory: Path, tmp_path: Path) -> None:
    """The document goes to standard output; the file of -o is the bundle."""
    path = tmp_path / "desk.bundle"
    words = ("-o", path, "--version", "7", "--now", NOON, "--expires", "30d", "-f", "json")
    found = call("build", directory, *words).json
    bundle = read_bundle(path.read_bytes(), trust=None, now_ms=NOW)
    assert found == {
        "version": 1,
        "command": "build",
        "revision": bundle.compiled.revision,
        "bundle": str(path),
        "name": "desk",
        "bundle_version": 7,
        "digest": bundle.digest,
        "expires": "2026-04-01T09:00:00Z",
        "rules": len(bundle.compiled.program.rules),
        "self_tests": 0,
        "bytes": path.stat().st_size,
    }


def test_the_same_set_makes_the_same_bytes(directory: Path, tmp_path: Path) -> None:
    """In two processes that hash otherwise, at two moments, without an instant in the file."""
    made: list[bytes] = []
    for seed in ("1", "2"):
        path = tmp_path / seed
        command = [sys.executable, "-m", "durwan.cli.policy_check", "build", str(directory)]
        command += ["-o", str(path), "--version", "1"]
        environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
        subprocess.run(
            command, env={**environment, "PYTHONHASHSEED": seed}, check=True, timeout=60, capture_output=True
        )
        made.append(path.read_bytes())
    assert made[0] == made[1]
    assert read_bundle(made[0], trust=None, now_ms=NOW).created is None


def test_an_expiry_counts_from_the_build(
    call: Call, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A duration counts from --now, from SOURCE_DATE_EPOCH, or from the clock; an instant stands for itself."""
    path = tmp_path / "x"

    def life(*words: str) -> tuple[int | None, int | None]:
        assert call("build", directory, "-o", path, "--version", "1", "--untested", *words).code == 0
        found = read_bundle(path.read_bytes(), trust=None, now_ms=NOW)
        return found.created, found.expires

    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert life("--now", NOON, "--expires", "90d") == (NOW, NOW + 90 * DAY)
    assert life("--expires", "9999-01-01T00:00:00Z") == (None, 253_370_764_800_000)
    created, expires = life("--expires", "10000d")
    assert created is not None
    assert expires == created + 10_000 * DAY
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(NOW // 1000 - 60))
    assert life("--expires", "90d") == (NOW - 60_000, NOW - 60_000 + 90 * DAY)
    assert life() == (NOW - 60_000, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--version", "1"), "say where the bundle goes: -o FILE"),
        (("-o", "x"), "the following arguments are required: --version"),
        (("-o", "x", "--version", "0"), "the version in the manifest of the bundle is no whole number from 1"),
        (("-o", "x", "--version", str(2**63)), "the version in the manifest of the bundle is no whole number from 1"),
        (("-o", "x", "--version", "one"), "invalid int value"),
        (("-o", "x", "--version", "1", "--expires", "soon"), "no instant and no duration: write"),
        (("-o", "x", "--version", "1", "--now", NOON, "--expires", "2026-01-01T00:00Z"), "is no time to come"),
        (("-o", "x", "--version", "1", "--now", NOON, "--expires", "0s"), "is no time to come"),
        (("-o", "nowhere/x", "--version", "1"), "nowhere/x cannot be written: No such file"),
    ],
)
def test_a_wrong_call_says_what_to_write(
    call: Call, directory: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    """And it leaves no file behind."""
    monkeypatch.chdir(directory)
    before = sorted(directory.iterdir())
    ended = call("build", directory, *words)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert sorted(directory.iterdir()) == before


def test_a_wrong_epoch_is_refused(call: Call, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that says no moment is a mistake of the build, not a moment."""
    for given in ("today", "-1", "1e9", "\u0661", "9" * 12):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
        ended = call("build", directory, "-o", tmp_path / "x", "--version", "1")
        assert (ended.code, "SOURCE_DATE_EPOCH is no number" in ended.err) == (2, True)


def test_what_does_not_compile_is_not_built(call: Call, broken: Path, tmp_path: Path) -> None:
    """The mistakes are shown as by every other command."""
    path = tmp_path / "x"
    ended = call("build", broken, "-o", path, "--version", "1")
    assert ended.code == 3
    assert "risk.scor" in ended.out
    assert not path.exists()


def test_what_fails_its_tests_is_not_built(call: Call, directory: Path, tmp_path: Path) -> None:
    """Unless one asks for it."""
    cases = directory / "tests" / "cases.yaml"
    cases.write_text(cases.read_text().replace("effect: allow, rule: trade", "effect: deny, rule: risky"))
    path = tmp_path / "x"
    ended = call("build", directory, "-o", path, "--version", "1", "--now", NOON)
    assert ended.code == 1
    assert "no bundle was built: 1 test failed" in ended.out
    assert not path.exists()
    as_json = call("build", directory, "-o", path, "--version", "1", "--now", NOON, "-f", "json")
    assert (as_json.code, as_json.json["bundle"], as_json.json["tests"]["failed"]) == (1, None, 1)
    assert call("build", directory, "-o", path, "--version", "1", "--untested").code == 0


def test_cases_that_must_pass_and_are_not_there_stop_the_build(call: Call, directory: Path, tmp_path: Path) -> None:
    """With and without the tests, for people and for programs."""
    (directory / "policy.yaml").write_text("name: desk\nmust_pass: [nobody wrote this]\n")
    path = tmp_path / "x"
    assert call("build", directory, "-o", path, "--version", "1", "--now", NOON).code == 1
    ended = call("build", directory, "-o", path, "--version", "1", "--untested")
    assert (ended.code, "no bundle was built" in ended.out) == (3, True)
    as_json = call("build", directory, "-o", path, "--version", "1", "--untested", "-f", "json")
    assert (as_json.code, as_json.json["bundle"]) == (3, None)
    assert not path.exists()


# ---------------------------------------------------------------------------------------------------- sign and verify


def test_two_of_two_sign(call: Call, bundle: Path, keys: tuple[Path, Path]) -> None:
    """One after the other; only then the bundle is verified."""
    trust = ("--trust", f"{keys[0]}.pub", f"{keys[1]}.pub", "--threshold", "2")
    refused = call("verify", bundle, *trust)
    assert (refused.code, refused.out) == (
        1,
        "refused  the bundle is signed by nobody, and 2 must have signed: policy-check sign adds a signature\n",
    )
    assert call("sign", bundle, "--key", keys[0]).out.endswith("1 signature in all\n")
    assert "signed by 1 of the 2 trusted keys" in call("verify", bundle, *trust).out
    assert call("sign", bundle, "--key", keys[1]).out.endswith("2 signatures in all\n")
    verified = call("verify", bundle, *trust)
    assert verified.code == 0
    assert verified.out.startswith(f"verified  {bundle}: desk 7, built by durwan ")
    assert "1 self-test, passed; never expires" in verified.out
    assert "the same here" in verified.out


def test_sign_and_verify_in_json(call: Call, bundle: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    """What a pipeline needs to know of each."""
    other = tmp_path / "signed.bundle"
    before = bundle.read_bytes()
    made = call("sign", bundle, "--key", keys[0], "-o", other, "-f", "json").json
    key = read_public_key(f"{keys[0]}.pub").hex()
    assert bundle.read_bytes() == before
    assert (made["bundle"], made["name"], made["bundle_version"], made["key"], made["signatures"]) == (
        str(other), "desk", 7, key, 1,
    )  # fmt: skip
    found = call("verify", other, "--trust", f"{keys[0]}.pub", "--now", NOON, "-f", "json").json
    assert found["verified"] is True
    assert found["digest"] == made["digest"]
    assert (found["signers"], found["self_tests"], found["revision_recomputed"]) == ([key], 1, True)
    refused = call("verify", bundle, "--trust", f"{keys[0]}.pub", "-f", "json").json
    assert (refused["verified"], refused["revision"]) == (False, None)
    assert "signed by nobody" in refused["refused"]


def test_verify_refuses_what_a_gateway_would(
    call: Call, directory: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    """Expired, of another set, older than the last one, too large, damaged: each with its reason and exit code 1."""
    path, state = tmp_path / "x", tmp_path / "state"
    call("build", directory, "-o", path, "--version", "7", "--now", NOON, "--expires", "10d")
    call("sign", path, "--key", keys[0], "--now", NOON)
    trust = ("--trust", f"{keys[0]}.pub")
    good = call("verify", path, *trust, "--now", "2026-03-10T09:00:00Z", "--name", "desk", "--state", state)
    assert good.code == 0
    assert "expires 2026-03-12T09:00:00Z" in good.out
    assert "ageing    more than half of its life is over" in good.out
    assert not state.exists()
    accept(read_bundle(path.read_bytes(), trust=_trust(keys[0], state), now_ms=NOW))
    call("build", directory, "-o", tmp_path / "old", "--version", "6", "--untested")
    call("sign", tmp_path / "old", "--key", keys[0])
    for words, reason in (
        ((path, "--now", "2026-03-12T09:00:00Z"), "has expired"),
        ((path, "--now", NOON, "--name", "other"), "`other` is expected"),
        ((path, "--now", NOON, "--most-bytes", "100"), "larger than 100 bytes"),
        ((tmp_path / "old", "--state", state), "has version 6, and 7 was accepted"),
        ((directory / "desk.policy",), "this is no bundle"),
    ):
        ended = call("verify", *words, *trust)
        assert (ended.code, reason in ended.out, ended.err) == (1, True, "")


def _trust(key: Path, state: Path) -> Trust:
    return Trust(keys=(read_public_key(f"{key}.pub"),), state=state)


def test_a_self_test_that_fails_refuses_the_bundle(
    call: Call, directory: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    """A bundle that was built untested, and that the gateway would refuse, is refused here as well."""
    (directory / "policy.yaml").write_text(MANIFEST)
    cases = directory / "tests" / "cases.yaml"
    cases.write_text(cases.read_text().replace("effect: allow, rule: trade", "effect: deny, rule: risky", 1))
    path = tmp_path / "x"
    call("build", directory, "-o", path, "--version", "1", "--untested")
    call("sign", path, "--key", keys[0])
    ended = call("verify", path, "--trust", f"{keys[0]}.pub", "--now", NOON)
    assert (ended.code, "fails 1 of the 1 tests that it must pass" in ended.out) == (1, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("{bundle}",), "the following arguments are required: --trust"),
        (("{bundle}", "--trust", "nowhere.pub"), "the key file nowhere.pub cannot be read: No such file"),
        (("{bundle}", "--trust", "{key}"), "it is a private key: give the public one"),
        (("{bundle}", "--trust", "{key}.pub", "{key}.pub"), "the same key is given twice"),
        (("{bundle}", "--trust", "{key}.pub", "--threshold", "2"), "2 of 1 keys cannot be asked for"),
        (("nowhere", "--trust", "{key}.pub"), "the bundle nowhere cannot be read: No such file"),
    ],
)
def test_a_wrong_call_of_verify(
    call: Call, bundle: Path, keys: tuple[Path, Path], words: tuple[str, ...], message: str
) -> None:
    """It exits with 2, never with what means that a bundle was looked at."""
    ended = call("verify", *[word.format(bundle=bundle, key=keys[0]) for word in words])
    assert ended.code == 2
    assert message in ended.err


def test_a_weak_key_is_not_trusted(call: Call, bundle: Path, tmp_path: Path) -> None:
    """A key under which anybody can sign is refused with its file."""
    (tmp_path / "weak.pub").write_bytes(pem_of(b"\1" + bytes(31)))
    ended = call("verify", bundle, "--trust", tmp_path / "weak.pub")
    assert (ended.code, "small order" in ended.err) == (2, True)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has these modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o602])
def test_a_private_key_that_others_can_read_is_refused(
    call: Call, bundle: Path, keys: tuple[Path, Path], mode: int
) -> None:
    """A key that may have been copied signs nothing."""
    keys[0].chmod(mode)
    before = bundle.read_bytes()
    ended = call("sign", bundle, "--key", keys[0])
    assert (ended.code, f"can be read by others: chmod 600 {keys[0]}" in ended.err) == (2, True)
    assert bundle.read_bytes() == before


def test_only_what_could_be_loaded_is_signed(call: Call, bundle: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    """A damaged bundle, or a file that is none, gets no signature."""
    damaged = tmp_path / "damaged"
    content = bytearray(bundle.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    for path in (damaged, keys[0]):
        before = path.read_bytes()
        assert call("sign", path, "--key", keys[0]).code == 2
        assert path.read_bytes() == before
    assert call("sign", bundle, "--key", bundle).code == 2
    assert call("sign", bundle, "--key", tmp_path / "nowhere").code == 2


# -------------------------------------------------------------------------------------------------------------- keygen


def test_a_pair_of_keys_is_made(call: Call, tmp_path: Path) -> None:
    """The private one can be read by its owner alone, and neither writes over another."""
    path = tmp_path / "alice.pem"
    ended = call("keygen", path)
    assert ended.code == 0
    assert read_public_key(f"{path}.pub").hex() in ended.out
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    again = call("keygen", path)
    assert (again.code, "File exists" in again.err) == (2, True)
    assert path.read_bytes() == before
    assert call("keygen", tmp_path / "bob.pem", "-f", "json").json["private"] == str(tmp_path / "bob.pem")


# ------------------------------------------------------------------------------------------- bundles in other commands


def test_eval_decides_by_a_bundle(call: Call, bundle: Path, directory: Path, request_file: Path) -> None:
    """As it does by the set, to the last field."""
    by_set = call("eval", directory, "--request", request_file, "-f", "json")
    by_bundle = call("eval", bundle, "--request", request_file, "-f", "json")
    assert by_bundle.code == 0
    assert by_bundle.json == by_set.json
    assert by_bundle.json["allowed"] is True


def test_show_lists_a_bundle(call: Call, bundle: Path, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the files and lines of the set that it was made of."""
    by_bundle = call("show", bundle, "-f", "json")
    monkeypatch.chdir(directory)
    by_set = call("show", "-f", "json")
    assert by_bundle.json == by_set.json
    assert call("show", bundle).out == call("show").out


@pytest.mark.parametrize("command", ["check", "test", "build"])
def test_other_commands_name_those_that_read_bundles(call: Call, bundle: Path, command: str) -> None:
    """A bundle has no text to check, nor test files."""
    words = ("-o", f"{bundle}.2", "--version", "1") if command == "build" else ()
    ended = call(command, bundle, *words)
    assert (ended.code, "verify, show and eval read it" in ended.err) == (2, True)


def test_a_damaged_bundle_is_a_message(call: Call, bundle: Path, request_file: Path) -> None:
    """What cannot be read is said in one line."""
    bundle.write_bytes(bundle.read_bytes()[:-5])
    for words in (("eval", bundle, "--request", request_file), ("show", bundle)):
        ended = call(*words)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.count("\n") == 1
        assert "cut off" in ended.err


@pytest.mark.parametrize("command", ["build", "sign", "verify", "keygen"])
def test_help_has_examples(call: Call, command: str) -> None:
    """Each command shows how it is called."""
    ended = call(command, "--help")
    assert ended.code == 0
    assert f"  policy-check {command} " in ended.out.split("examples:")[1]
