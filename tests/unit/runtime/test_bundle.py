"""Bundles: what goes in comes out, in the same bytes wherever they were built, and without a compiler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from durwan import Engine, __version__
from durwan.compilation import compile_directory
from durwan.credentials.keys import StaticKeys
from durwan.program.fingerprint import fingerprint
from durwan.program.plain.expressions import DEEPEST
from durwan.program.program import Program
from durwan.runtime.bundle import BundleError, is_bundle, read_bundle
from durwan.runtime.bundle_format import MAGIC, unpack
from durwan.runtime.policy import Compiled, SelfTest
from durwan.workshop.bundling import build_bundle
from durwan.workshop.release import release
from tests.bundles import DAY, NOW, REQUEST, assembled, bundle_of, compiled, key, public, read, signed, trusting
from tests.generators.programs import generate_program
from tests.generators.requests import generate_request

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).with_name("golden-0.1.0.bundle")


def manifest_of(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unpack(content, len(content)).manifest)
    return found


def rebuilt(content: bytes, **fields: object) -> bytes:
    """The bundle with other fields in its manifest; those of None are left out."""
    container = unpack(content, len(content))
    manifest = {**json.loads(container.manifest), **fields}
    kept = {name: value for name, value in manifest.items() if value != "left out"}
    return assembled(json.dumps(kept).encode(), container.body)


def with_members(content: bytes, **members: Any) -> bytes:
    """The bundle with other members, each listed as it is; `program` stands for `program.json`."""
    container = unpack(content, len(content))
    manifest = json.loads(container.manifest)
    body, start = b"", 0
    for listed in manifest["members"]:
        member = container.body[start : start + listed["length"]]
        start += listed["length"]
        given = members.get(listed["path"].removesuffix(".json"), member)
        given = given if isinstance(given, bytes) else json.dumps(given).encode()
        listed |= {"length": len(given), "sha256": sha256(given).hexdigest()}
        body += given
    return assembled(json.dumps(manifest).encode(), body)


# ---------------------------------------------------------------------------------------------- what goes in comes out


def test_a_bundle_holds_the_policy_set() -> None:
    """Program, revision, keys and what is said of the bundle come out as they went in."""
    bundle = read(bundle_of(7, created=NOW - DAY, expires=NOW + 9 * DAY))
    wanted = compiled()
    assert bundle.compiled.program == wanted.program
    assert bundle.compiled.revision == wanted.revision == fingerprint(bundle.compiled.program)
    assert isinstance(bundle.compiled.keys, StaticKeys)
    assert isinstance(wanted.keys, StaticKeys)
    assert dict(bundle.compiled.keys.items()) == dict(wanted.keys.items())
    assert (bundle.name, bundle.version, bundle.built_by) == ("desk", 7, __version__)
    assert (bundle.created, bundle.expires, bundle.ageing) == (NOW - DAY, NOW + 9 * DAY, False)
    assert (bundle.signers, bundle.trust) == ((), None)


def test_self_tests_are_carried() -> None:
    """The cases that the manifest names come out with their requests and what they expect, as the release has them."""
    from durwan.language.policy_set import read_directory

    released = release(read_directory(ROOT / "policies"))
    assert released.self_tests
    bundle = read(build_bundle(released, version=1))
    assert [test.name for test in bundle.compiled.self_tests] == [test.name for test in released.self_tests]
    for before, after in zip(released.self_tests, bundle.compiled.self_tests, strict=True):
        assert (dict(after.request), dict(after.expected)) == (dict(before.request), dict(before.expected))


def test_an_engine_decides_by_a_bundle_as_by_the_text() -> None:
    """Decisions, and explanations to their texts, are the same."""
    request = {**REQUEST, "risk": {"score": 70}}
    with Engine(compiled) as by_text, Engine(lambda: read(bundle_of()).compiled) as by_bundle:
        assert by_bundle.decide(REQUEST).as_dict() == by_text.decide(REQUEST).as_dict()
        assert by_bundle.decide(REQUEST).allowed
        assert by_bundle.explain(request) == by_text.explain(request)
        trade = by_bundle.explain(request).rule("trade")
    assert trade is not None
    assert [each.text for each in trade.conditions] == ['key.environment == "production"', "risk.score < 50"]


def test_a_bundle_of_generated_programs_decides_alike() -> None:
    """Whatever the program, an engine answers from its bundle what it answers from the program."""
    for seed in range(25):
        program = generate_program(seed)
        whole = Compiled(program=program, revision=fingerprint(program), keys=StaticKeys())
        content = build_bundle(whole, version=1)
        with Engine(lambda given=whole: given) as one, Engine(lambda given=content: read(given).compiled) as other:  # type: ignore[misc]
            for number in range(20):
                request = generate_request(Random(number))
                assert other.decide(request).outcome == one.decide(request).outcome


def test_the_engine_loads_a_bundle_file(tmp_path: Path) -> None:
    """`Engine.load` takes the path of a bundle, and with trust asks for its signatures."""
    (tmp_path / "desk.bundle").write_bytes(signed(bundle_of(), 1))
    with Engine.load(tmp_path / "desk.bundle", trust=trusting(1)) as engine:
        assert engine.decide(REQUEST).allowed
    with pytest.raises(BundleError, match="0 of the 1 trusted keys"):
        Engine.load(tmp_path / "desk.bundle", trust=trusting(2))


# ------------------------------------------------------------------------------------------------------- the same bytes


_BUILD = """
import sys
from hashlib import sha256
from tests.bundles import bundle_of, signed
from durwan.language.policy_set import read_directory
from durwan.workshop.bundling import build_bundle
from durwan.workshop.release import release
small = signed(bundle_of(3, created=5, expires=50), 2, 1)
large = build_bundle(release(read_directory(sys.argv[1])), version=3)
sys.stdout.write(sha256(small).hexdigest() + sha256(large).hexdigest())
"""


def test_two_processes_build_the_same_bytes() -> None:
    """The same input makes the same bytes, however each process hashes; signatures in any order do, too."""
    built: set[str] = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", _BUILD, str(ROOT / "policies")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
        built.add(done.stdout)
    assert len(built) == 1
    assert built.pop().startswith(sha256(signed(bundle_of(3, created=5, expires=50), 1, 2)).hexdigest())


def test_signing_changes_no_digest_and_a_key_signs_once() -> None:
    """A bundle is the same one whoever signed it; signing again replaces one's own signature."""
    content = bundle_of()
    assert read(signed(content, 1)).digest == read(signed(content, 2, 1)).digest == read(content).digest
    assert signed(content, 1, 1) == signed(content, 1)
    assert len(unpack(signed(content, 3, 1, 2), 1 << 20).signatures) == 3


# ------------------------------------------------------------------------------------------------------- nothing heavy


_LOAD = """
import sys
from pathlib import Path
{before}
from durwan.runtime.bundle import Trust, accept, read_bundle
from durwan.runtime.engine import Engine
content = Path(sys.argv[1]).read_bytes()
trust = None if sys.argv[2] == "-" else Trust(keys=(bytes.fromhex(sys.argv[2]),))
bundle = read_bundle(content, trust=trust, now_ms={now})
accept(bundle)
engine = Engine(lambda: bundle.compiled)
assert engine.decide({request!r}).allowed
sys.stdout.write(" ".join(sys.modules))
"""


def _load(path: Path, trusted: str, before: str = "") -> subprocess.CompletedProcess[str]:
    script = _LOAD.format(now=NOW, request=REQUEST, before=before)
    command = [sys.executable, "-c", script, str(path), trusted]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("trusted", [True, False])
def test_loading_imports_no_compiler(tmp_path: Path, *, trusted: bool) -> None:
    """Neither Lark nor pydantic nor YAML is loaded; `cryptography` only where signatures are asked for."""
    (tmp_path / "x").write_bytes(signed(bundle_of(), 1))
    done = _load(tmp_path / "x", public(1).hex() if trusted else "-")
    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"lark", "pydantic", "yaml", "asyncio", "pandas", "pickle"}
    assert ("cryptography" in loaded) is trusted
    assert not {"durwan.language", "durwan.compilation", "durwan.workshop"} & set(done.stdout.split())


def test_without_the_extra_nothing_signed_is_taken(tmp_path: Path) -> None:
    """Where `cryptography` is missing, trust is an error that names the command, never no check."""
    (tmp_path / "x").write_bytes(signed(bundle_of(), 1))
    missing = "sys.modules['cryptography'] = None"
    assert _load(tmp_path / "x", "-", missing).returncode == 0
    done = _load(tmp_path / "x", public(1).hex(), missing)
    assert done.returncode != 0
    assert "pip install 'durwan[sign]'" in done.stderr


# ---------------------------------------------------------------------------------------------------- other versions


def test_the_golden_bundle_loads() -> None:
    """A bundle that durwan 0.1.0 built and a key signed then decides now as it did then, when limits did not count."""
    bundle = read(GOLDEN.read_bytes(), trusting(1, 2, threshold=2, name="desk"))
    assert (bundle.version, bundle.built_by) == (7, "0.1.0")
    assert len(bundle.compiled.self_tests) == 1
    with Engine(lambda: bundle.compiled, limits=None) as engine:
        assert engine.decide(REQUEST).rule == "trade"
        refused = engine.decide({**REQUEST, "risk": {"score": 95}})
        assert (refused.rule, refused.status, refused.code) == ("shut", 423, "shut")
        challenged = engine.decide({**REQUEST, "request": {"notional": "100.50"}})
        assert [each.as_dict() for each in challenged.remedies] == [{"kind": "approvals", "count": 2, "of": "desks"}]


def test_a_newer_format_names_the_version_that_is_needed() -> None:
    """Whatever else a newer format may hold, the refusal says what was built, what is here, and what to do."""
    newer = assembled(json.dumps({"format": 2, "built_by": "0.3.0", "layers": []}).encode())
    with pytest.raises(
        BundleError, match=rf"format 2, and durwan {__version__} reads format 1: install durwan 0\.3\.0"
    ):
        read(newer)
    with pytest.raises(BundleError, match="a version of durwan that reads format 9"):
        read(assembled(b"?", format_=9))


def test_a_newer_program_is_refused_and_not_guessed() -> None:
    """What this version does not know in a program is named."""
    plain = json.loads(_member(bundle_of(), "program.json"))
    plain["rules"][0]["when"] = ["matches", "key.id", ["string", "a"]]
    del plain["rules"][0]["text"]
    with pytest.raises(BundleError, match="does not know expressions of the kind `matches`"):
        read(with_members(bundle_of(), program=plain))


def _member(content: bytes, path: str) -> bytes:
    container = unpack(content, len(content))
    start = 0
    for listed in json.loads(container.manifest)["members"]:
        if listed["path"] == path:
            return container.body[start : start + listed["length"]]
        start += listed["length"]
    raise AssertionError(path)


# ------------------------------------------------------------------------------------------------------- the manifest


def test_the_manifest_says_what_it_should() -> None:
    """It is one line of JSON, with a digest for each member and no more."""
    manifest = manifest_of(bundle_of(7, created=1, expires=9))
    members = manifest.pop("members")
    assert manifest == {
        "format": 1, "name": "desk", "version": 7, "created": 1, "expires": 9, "built_by": __version__,
        "revision": compiled().revision,
    }  # fmt: skip
    assert [each["path"] for each in members] == ["keys.json", "program.json", "self_tests.json"]
    for each in members:
        member = _member(bundle_of(7, created=1, expires=9), each["path"])
        assert each == {"path": each["path"], "length": len(member), "sha256": sha256(member).hexdigest()}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": "1"}, "the format"),
        ({"format": True}, "the format"),
        ({"format": 0}, "the format"),
        ({"version": 0}, "the version"),
        ({"version": -1}, "the version"),
        ({"version": 2**63}, "the version"),
        ({"version": 1.0}, "the version"),
        ({"version": "1"}, "the version"),
        ({"version": True}, "the version"),
        ({"name": ""}, "no name"),
        ({"name": 5}, "no name"),
        ({"name": "other"}, "another name than its manifest"),
        ({"created": "2026"}, "the created"),
        ({"expires": 2**60}, "the expires"),
        ({"created": NOW + 2, "expires": NOW + 1}, "expires before it was built"),
        ({"built_by": None}, "the built_by"),
        ({"built_by": "\x1b[31m"}, "the built_by"),
        ({"revision": "x"}, "the revision"),
        ({"revision": "A" * 64}, "the revision"),
        ({"revision": "left out"}, "`revision`"),
        ({"extra": 1}, "`extra`"),
        ({"members": None}, "lists no members"),
        ({"members": []}, "the members of a bundle are"),
        ({"members": [1]}, "a member of the bundle is no object"),
    ],
)
def test_a_manifest_of_another_shape_is_refused(fields: dict[str, object], message: str) -> None:
    """Wrong types, missing and further fields are each refused by name."""
    with pytest.raises(BundleError, match=message):
        read(rebuilt(bundle_of(), **fields))


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b"{", b"null", b'{"format":1,"format":1}', b'{"format":NaN}', b"\xff", b"[" * 5000, b'"\\ud800"'],
)
def test_a_manifest_that_is_no_json_is_refused(manifest: bytes) -> None:
    """Whatever stands there, it is a refusal."""
    with pytest.raises(BundleError, match="manifest"):
        read(assembled(manifest))


_MEMBERS: list[tuple[dict[str, Any], str]] = [
    ({"program": b"{"}, "program.json is not JSON"),
    ({"program": b"[" * 100_000 + b"]" * 100_000}, "nested deeper"),
    ({"program": b'{"a":1,"a":1}'}, "stands twice"),
    ({"program": {}}, "the program has no"),
    ({"keys": []}, "keys.json in the bundle is no object"),
    ({"keys": {"a": 1}}, "the key 'a' in the bundle is no object"),
    ({"self_tests": {}}, "no array"),
    ({"self_tests": [1]}, "a self-test in the bundle is no object"),
    ({"self_tests": [{"name": "a", "request": {}}]}, "other fields"),
    ({"self_tests": [{"name": 1, "request": {}, "expected": {}}]}, "other fields"),
    ({"self_tests": [{"name": "a", "request": [], "expected": {}}]}, "no object"),
]


@pytest.mark.parametrize(("members", "message"), _MEMBERS)
def test_a_member_of_another_shape_is_refused(members: dict[str, Any], message: str) -> None:
    """A member that its digest fits, and that holds something else, is refused by name."""
    with pytest.raises(BundleError, match=message):
        read(with_members(bundle_of(), **members))


def test_the_deepest_program_that_is_read_can_be_decided_by() -> None:
    """At the bound on depth, nothing overflows where a request is decided or explained."""
    condition: Any = ["<", "risk.score", ["int", 50]]
    for number in range(DEEPEST - 2):
        condition = ["or" if number % 2 else "and", ["known", "risk.score"], condition]
    plain = json.loads(_member(bundle_of(), "program.json"))
    plain["rules"][1] = {**plain["rules"][1], "when": condition, "text": [["a long condition"], []]}
    bundle = read(with_members(bundle_of(), program=plain))
    with Engine(lambda: bundle.compiled) as engine:
        assert engine.decide(REQUEST).allowed
        assert engine.explain(REQUEST).decision.allowed


# ----------------------------------------------------------------------------------------------------------- building


@pytest.mark.parametrize("version", [0, -1, 2**63])
def test_a_version_is_from_1_to_64_bits(version: int) -> None:
    """A bundle that could not be read is not built."""
    with pytest.raises(BundleError, match="the version"):
        bundle_of(version)


def test_what_json_has_no_form_for_is_not_built() -> None:
    """A key, or a self-test, of anything but plain data is refused when the bundle is built."""
    with pytest.raises(BundleError, match="JSON has no form"):
        build_bundle(replace(compiled(), keys=StaticKeys({"k": {"id": object()}})), version=1)
    test = SelfTest(name="x", request={"risk": {"score": float("nan")}}, expected={})
    with pytest.raises(BundleError, match="JSON has no form"):
        build_bundle(replace(compiled(), self_tests=(test,)), version=1)


def test_only_keys_of_the_set_are_bundled() -> None:
    """Another source of keys stays where it is."""

    class Elsewhere:
        def get(self, _key_id: str, /) -> None:
            return None

    with pytest.raises(BundleError, match="no other source of keys"):
        build_bundle(replace(compiled(), keys=Elsewhere()), version=1)


def test_a_wrong_revision_is_not_built() -> None:
    """What is built is read back and compared with what went in."""
    with pytest.raises(BundleError, match="does not read as it was written"):
        build_bundle(replace(compiled(), revision="0" * 64), version=1)


def test_keys_may_hold_all_that_json_can() -> None:
    """Attributes that a set declares for its keys come back in the form in which keys are kept."""
    keys = StaticKeys(
        {"k": {"id": "k", "labels": ["a"], "limit": 5, "live": True, "rate": 0.5, "note": "é", "x": None}}
    )
    found = read(build_bundle(replace(compiled(), keys=keys), version=1)).compiled.keys
    assert isinstance(found, StaticKeys)
    assert dict(found.items()) == dict(keys.items())


def test_the_reference_set_fits() -> None:
    """The reference set makes a bundle far below the bound, with all its windows, calendars and limits."""
    whole = compile_directory(str(ROOT / "policies"))
    content = build_bundle(whole, version=1)
    program: Program = read(content).compiled.program
    assert program == whole.program
    assert len(content) < 1 << 20


def test_what_begins_as_a_bundle_is_one() -> None:
    """A bundle is told from a policy file by its first bytes."""
    assert is_bundle(bundle_of())
    assert not is_bundle(MAGIC[:-1])
    assert not is_bundle(b"actions { a.b }")


def test_too_large_a_bundle_is_refused_before_it_is_looked_at() -> None:
    """A byte more than the bound is refused, the bound itself is not."""
    content = bundle_of()
    assert read_bundle(content, trust=None, now_ms=NOW, most_bytes=len(content)).version == 1
    with pytest.raises(BundleError, match="larger than"):
        read_bundle(content, trust=None, now_ms=NOW, most_bytes=len(content) - 1)
    assert key(1) is key(1)
