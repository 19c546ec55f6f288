"""`durwan keys`: a new user's way through it, what is refused, and what the files look like afterwards."""

from __future__ import annotations

import csv
import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from durwan import Engine
from durwan.cli.durwan import COMMANDS, main
from durwan.cli.policy_check import main as policy_check
from durwan.credentials.key_store import KeyStore
from durwan.credentials.sealing_sources import sealing_key
from durwan.credentials.secret_text import is_secret_text
from durwan.model.values import parse_instant
from tests.key_rings import Clock
from tests.unit.cli.conftest import Ended

POLICIES = Path(__file__).parents[3] / "policies"
SCENARIOS = Path(__file__).parents[4] / "shared" / "vectors" / "acceptance_scenarios.json"
SEALING = "0b" * 32

Call = Callable[..., Ended]


@pytest.fixture
def durwan(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls `durwan keys` in a directory of its own, with a sealing key in the environment."""
    for name in ("DURWAN_KEYS", "DURWAN_SECRETS", "DURWAN_SEALING_KEY_FILE", "DURWAN_SEALING_KEY_COMMAND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DURWAN_SEALING_KEY", SEALING)
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Ended:
        code = main(["keys", *words])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return call


def store(clock: Clock, path: str = "keys.secrets") -> KeyStore:
    """What a gateway finds of the secrets file."""
    return KeyStore(path, lambda: sealing_key({"DURWAN_SEALING_KEY": SEALING}), clock=clock)


def works(secret: str, at: int) -> bool:
    good = store(Clock(at)).find("bot-1").candidates("hmac", at)
    return secret.encode() in [each.secret.reveal() for each in good if each.secret is not None]


def test_a_new_user_walks_through(durwan: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """A key is made, the policies with it are good and let it trade; it is rotated, and the old secret ends in time."""
    shutil.copytree(POLICIES, "policies")
    files = ("--keys", "policies/keys/desk.yaml")
    made = durwan(
        "new", "bot-1", *files, "--scope", "orders.write", "--network", "203.0.113.0/24", "--account", "acme",
        "--subaccount", "main", "--environment", "production", "--owner", "bert", "--symbol", "BTC-PERP", "-f", "json",
    )  # fmt: skip
    assert made.code == 0
    old = made.json["secret"]
    assert is_secret_text(old, "dwk")
    assert old.startswith("dwk_live_")
    assert policy_check(["check", "policies", "--no-cache"]) == 0
    capsys.readouterr()
    created = parse_instant(made.json["key"]["created"])
    assert created is not None
    engine = Engine.load("policies", clock=lambda: created + 1000)
    request = {
        "action": "orders.create", "key": "bot-1", "client": {"ip": "203.0.113.9", "country": "DE"},
        "gateway": {"environment": "production"},
    }  # fmt: skip
    assert engine.decide(request).code not in {"credential_missing", "credential_revoked", "ip_not_allowed"}
    rotated = durwan("rotate", "bot-1", *files, "--overlap", "24h", "-f", "json")
    new, until = rotated.json["secret"], parse_instant(rotated.json["old_until"])
    assert until is not None
    assert [works(each, until - 1) for each in (old, new)] == [True, True]
    assert [works(each, until) for each in (old, new)] == [False, True]
    document = yaml.safe_load(Path("policies/keys/desk.yaml").read_text())
    assert document["keys"][0]["rotated"] == rotated.json["rotated"]
    assert durwan("revoke", "bot-1", *files).code == 0
    engine.reload()
    assert engine.decide(request).code == "credential_revoked"
    assert store(Clock()).find("bot-1").revoked


def test_a_secret_is_shown_once(durwan: Call) -> None:
    """When it is made, and never again: not by show, list or check, and no file has it."""
    secret = durwan("new", "bot-1", "-f", "json").json["secret"]
    for words in (["show", "bot-1"], ["list"], ["check"], ["show", "bot-1", "-f", "json"], ["list", "-f", "json"]):
        shown = durwan(*words)
        assert secret not in shown.out + shown.err
        assert "bot-1" in shown.out
    assert all(secret not in each.read_text() for each in Path().iterdir())


def test_a_secret_goes_to_a_file_that_its_owner_alone_reads(durwan: Call) -> None:
    """With -o, nothing is shown; the file is new, and is gone again where the key is refused."""
    ended = durwan("new", "bot-1", "-o", "bot-1.secret", "--passphrase")
    path = Path("bot-1.secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = dict(line.split("=", 1) for line in path.read_text().splitlines())
    assert set(told) == {"secret", "passphrase"}
    assert all(each not in ended.out for each in told.values())
    assert durwan("new", "bot-2", "-o", "bot-1.secret").code == 2
    assert "bot-2" not in Path("keys.yaml").read_text()
    assert durwan("new", "bot-1", "-o", "other.secret").code == 1
    assert not Path("other.secret").exists()


def test_passphrases_and_forms_go_on(durwan: Call) -> None:
    """A key with a passphrase gets a new one when it is rotated; a secret for a scheme that decodes it is base64."""
    made = durwan("new", "bot-1", "--passphrase", "--secret-form", "base64", "--scheme", "kucoin", "-f", "json").json
    rotated = durwan("rotate", "bot-1", "--secret-form", "hex", "-f", "json").json
    assert len(made["secret"]) == 88
    assert len(rotated["secret"]) == 64
    assert rotated["passphrase"] != made["passphrase"]
    found = store(Clock()).find("bot-1")
    assert found.scheme == "kucoin"
    assert [each.passphrase is not None for each in found.materials] == [True, True]


def test_tokens_and_public_keys(durwan: Call) -> None:
    """A token is shown once; of a key with a public key there is nothing to show; each goes on as it is."""
    token = durwan("new", "reader", "--token", "-f", "json").json["token"]
    assert store(Clock()).find_token(token.encode()).key_id == "reader"
    body = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    Path("algo.pub").write_text(f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    made = durwan("new", "algo-3", "--public-key", "algo.pub", "-f", "json").json
    assert made["kind"] == "ed25519"
    assert not {"secret", "token"} & made.keys()
    assert "token" in durwan("rotate", "reader", "-f", "json").json
    refused = durwan("rotate", "algo-3")
    assert (refused.code, refused.out) == (2, "")
    assert "give the new public key of its owner with --public-key" in refused.err
    assert durwan("new", "both", "--token", "--public-key", "algo.pub").code == 2
    assert len(durwan("show", "algo-3", "-f", "json").json["materials"][0]["fingerprint"]) == 64


def test_the_life_of_a_key_is_told(durwan: Call) -> None:
    """List says of each key whether it is active, rotating, revoked or without a secret, and how old its secret is."""
    Path("keys.yaml").write_text(
        'keys:\n  - id: bare\n  - id: gone\n    expires: "2026-01-01T00:00:00Z"\n'
        '  - id: later\n    not_before: "2999-01-01T00:00:00Z"\n'
    )
    for words in (["new", "a"], ["new", "b"], ["new", "c"], ["rotate", "b"], ["revoke", "c"], ["rotate", "later"]):
        assert durwan(*words).code == 0
    listed = durwan("list", "-f", "json").json["keys"]
    assert {each["id"]: each["state"] for each in listed} == {
        "a": "active", "b": "rotating", "c": "revoked", "bare": "no secret", "gone": "expired", "later": "not yet",
    }  # fmt: skip
    ages = {each["id"]: each["secret_age_ms"] for each in listed}
    assert ages["bare"] is None
    assert 0 <= ages["a"] < 60_000
    assert durwan("show", "nobody").code == 2


@pytest.mark.parametrize("form", ["csv", "json"])
def test_keys_are_imported(durwan: Call, form: str) -> None:
    """Public keys and existing secrets, all of them or none; a file with secrets has to be private."""
    secret, token = "s3cR" * 16 + "aBcDeF12", "t0kE" * 16 + "aBcDeF12"
    rows: list[dict[str, Any]] = [
        {"id": "bot-1", "scopes": ["orders.write"], "networks": ["203.0.113.0/24", "2001:db8::/48"], "secret": secret},
        {"id": "bot-2", "owner": "dana, treasury", "token": token},
        {"id": "bot-3", "public_key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "scheme": "rfc9421"},
    ]  # fmt: skip
    path = Path(f"keys.{form}" if form == "csv" else "import.json")
    write(path, rows)
    path.chmod(0o644)
    refused = durwan("import", str(path))
    assert refused.code == 2
    assert "open to others: chmod 600" in refused.err
    path.chmod(0o600)
    assert durwan("import", str(path), "-f", "json").json["imported"] == ["bot-1", "bot-2", "bot-3"]
    gateway = store(Clock())
    assert works(secret, 0)
    assert gateway.find_token(token.encode()).key_id == "bot-2"
    assert gateway.find("bot-3").scheme == "rfc9421"
    again = durwan("import", str(path), "-f", "json")
    assert again.code == 1
    assert again.json["objections"][0]["code"] == "key_exists"
    write(path, [{"id": "bot-4", "secret": secret}, {"id": "bot-5", "secret": "short"}])
    assert durwan("import", str(path)).code == 2
    assert "bot-4" not in durwan("list").out
    found = durwan("check", "-f", "json").json["findings"]
    assert "no_allowlist" in {each["code"] for each in found if each["key"] == "bot-2"}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps({"keys": rows}))
        return
    names = sorted({name for row in rows for name in row})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for row in rows:
            cells = {name: cell if isinstance(cell, str) else " ".join(cell) for name, cell in row.items()}
            writer.writerow(cells)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", ""), ("a.csv", "id\n"), ("a.csv", "id,id\na,b\n"), ("a.csv", "id,secret\na\n"), ("a.csv", "id\na\n"),
        ("a.csv", 'id,secret\n"a,b\n'), ("a.json", "{}"), ("a.json", '{"keys": []}'), ("a.json", '{"keys": [1]}'),
        ("a.json", "{"), ("a.json", '{"keys": [{"id": "a", "public_key": "AA", "secret": "x"}]}'), ("a.txt", "x"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_said(durwan: Call, name: str, text: str) -> None:
    """Every fault is one line without a traceback, and nothing is written."""
    Path(name).write_text(text)
    Path(name).chmod(0o600)
    ended = durwan("import", name)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("durwan: error: ")
    assert len(ended.err.splitlines()) == 1
    assert not Path("keys.secrets").exists()


def test_check_reports_what_is_dangerous(durwan: Call) -> None:
    """A shared secret, files that disagree, something that nobody knows; grave findings make the exit code 1."""
    secret = "s3cR" * 16 + "aBcDeF12"
    write(Path("import.json"), [{"id": each, "secret": secret, "scopes": ["orders.write"]} for each in ("a", "b")])
    Path("import.json").chmod(0o600)
    assert durwan("import", "import.json").code == 0
    for key_id in ("c", "d", "e"):
        durwan("new", key_id, "--scope", "read")
    durwan("revoke", "c")
    durwan("rotate", "d", "--overlap", "30d")
    text = Path("keys.yaml").read_text().replace("revoked: true", "revoked: false").replace("id: e", "id: f")
    Path("keys.yaml").write_text(text)
    ended = durwan("check", "-f", "json")
    found = {(each["key"], each["code"], each["severity"]) for each in ended.json["findings"]}
    assert {
        ("b", "secret_shared", "high"), ("a", "no_allowlist", "high"), ("c", "revoked_in_part", "high"),
        ("d", "rotation_overlaps", "medium"), ("e", "unknown_key", "medium"), ("f", "nothing_verifies", "low"),
    } <= found  # fmt: skip
    assert ended.code == 1
    assert durwan("check", "--fail-on", "never").code == 0


def test_scopes_that_no_request_needs_are_reported(durwan: Call) -> None:
    """Of a key that traded and never read its account, the scope to read it; of one that asked for nothing, none."""
    shutil.copytree(POLICIES, "policies")
    key_file = Path("policies/keys/example.yaml")
    key_file.write_text(key_file.read_text().replace("[orders.write]", "[orders.write, account.read]"))
    examples = json.loads(Path("policies/examples/requests.json").read_text())
    mine = [each for each in examples if each.get("key") == "desk-7" and each["action"].startswith("orders.")]
    assert mine
    Path("month.json").write_text(json.dumps(mine))
    words = ("check", "--keys", str(key_file), "--now", "2026-03-02T09:00:00Z", "-f", "json")
    found = durwan(*words, "--requests", "month.json").json["findings"]
    unused = [(each["key"], each["words"].rpartition(" ")[2]) for each in found if each["code"] == "unused_scope"]
    assert unused == [("desk-7", "account.read")]
    assert "unused_scope" not in {each["code"] for each in durwan(*words).json["findings"]}
    assert durwan("check", "--requests", "month.json").code == 2


def test_a_secret_that_is_older_than_is_said_is_grave(durwan: Call) -> None:
    """Somebody who writes a later `rotated` into the key file by hand deceives the policies."""
    durwan("new", "a", "--network", "203.0.113.7")
    text = Path("keys.yaml").read_text()
    Path("keys.yaml").write_text(text.replace("    revoked", '    rotated: "2999-01-01T00:00:00Z"\n    revoked'))
    found = {each["code"]: each["severity"] for each in durwan("check", "-f", "json").json["findings"]}
    assert found["older_than_said"] == "high"


def test_without_a_sealing_key_no_secret_is_made(durwan: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to do is said, and neither file comes into being; public keys need none."""
    monkeypatch.delenv("DURWAN_SEALING_KEY")
    ended = durwan("new", "a")
    assert ended.code == 2
    assert "there is no sealing key: make a sealing key with (umask 077; openssl rand" in ended.err
    assert list(Path().iterdir()) == []
    Path("algo.pub").write_text("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    assert durwan("new", "a", "--public-key", "algo.pub").code == 0


# ---------------------------------------------------------------------------------------------------- what is refused

# What `durwan keys new` is told in the scenarios of exchanges that are about how a key is configured.
CONFIGURATIONS = {
    "AS-20": (["--network", "10.0.0.0/24", "--addresses-only"], "cidr_not_supported"),
    "AS-21": (["--scope", "withdraw"], "ip_binding_required"),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_what_exchanges_refuse_is_refused(durwan: Call, name: str) -> None:
    """The scenarios of exchanges about the configuration of keys: 422, and the reason of the scenario."""
    words, code = CONFIGURATIONS[name]
    ended = durwan("new", "bot-1", *words, "-f", "json")
    assert ended.code == 1
    assert (ended.json["status"], [each["code"] for each in ended.json["objections"]]) == (422, [code])
    assert not Path("keys.secrets").exists()
    if SCENARIOS.exists():
        scenarios = {each["id"]: each for each in json.loads(SCENARIOS.read_text())["scenarios"]}
        expect = scenarios[name]["expect"]
        assert (expect["decision"], expect["http_status"], expect["reason"]) == ("reject_config", 422, code)
        configured = {each["id"] for each in scenarios.values() if each["area"] == "key-config"}
        assert configured == set(CONFIGURATIONS)


def test_the_policies_say_which_scopes_there_are(durwan: Call) -> None:
    """A key file within a policy set is held to its scopes and attributes; others to those of --policies."""
    shutil.copytree(POLICIES, "policies")
    for files in (("--keys", "policies/keys/new.yaml"), ("--keys", "apart.json", "--policies", "policies")):
        refused = durwan("new", "bot-1", *files, "--scope", "orders.wirte", "-f", "json").json["objections"]
        assert [(each["code"], each["field"]) for each in refused] == [("scope_unknown", "scopes[0]")]
        refused = durwan("new", "desk-7", *files, "--set", "tier=2", "-f", "json").json["objections"]
        assert [each["code"] for each in refused] == ["attribute_unknown", "key_exists"]
        words = ("--scope", "withdrawals.write", "--scope", "orders.write", "--network", "203.0.113.0/24")
        refused = durwan("new", "bot-1", *files, *words, "-f", "json").json["objections"]
        assert [each["code"] for each in refused] == ["key_not_segregated"]
    Path("policies/00-vocabulary.policy").write_text("actions {")
    ended = durwan("new", "bot-1", "--keys", "policies/keys/new.yaml")
    assert ended.code == 2
    assert "do not compile" in ended.err
    assert durwan("revoke", "desk-7", "--keys", "policies/keys/example.yaml").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nwe"], "did you mean durwan keys new?"),
        (["new"], "required: ID"),
        (["new", "a", "--expires", "soon"], "no instant and no duration"),
        (["rotate", "a", "--overlap", "soon"], "--overlap soon is no duration"),
        (["new", "a", "--set", "tier"], "--set takes NAME=VALUE"),
        (["new", "a", "--keys", "keys.txt"], "must end in .yaml or .json"),
        (["list", "--keys", "none/keys.yaml", "--secrets", "/dev/null/x"], ""),
        (["new", "a", "--keys", "none/keys.yaml"], "the directory"),
        (["new", "a", "--public-key", "none"], "cannot be read"),
        (["new", "a", "--sealing-key-file", "none"], "cannot be read"),
    ],
)
def test_wrong_calls_are_told_in_words(durwan: Call, words: list[str], message: str) -> None:
    """Each ends with 2, and says on standard error what to do; there is never a traceback."""
    ended = durwan(*words)
    assert ended.code == (2 if message else 0)
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """The overview names every command, and each command's help shows how it is called."""
    for words in ([], ["--help"], ["keys"], ["keys", "--help"]):
        assert main(words) == 0
        overview = capsys.readouterr().out
        assert all(f"  {name}" in overview for name in COMMANDS)
    for name in COMMANDS:
        assert main([*name.split(), "--help"]) == 0
        assert f"durwan {name}" in capsys.readouterr().out.partition("examples:")[2]


def test_the_command_runs_by_itself() -> None:
    """In a process of its own; finding its version loads nothing of the engine, listing keys no compiler."""
    script = (
        "import sys\nfrom durwan.cli.durwan import main\nmain(['keys', 'list', '--keys', 'none.yaml'])\n"
        "sys.exit(any(name.startswith(('lark', 'durwan.language', 'cryptography')) for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    version = [sys.executable, "-m", "durwan.cli.durwan", "--version"]
    done = subprocess.run(version, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("durwan ")
