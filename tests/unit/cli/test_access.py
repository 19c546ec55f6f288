"""`policy-check access`: who can do what."""

from __future__ import annotations

from pathlib import Path

import pytest

from durwan.cli.policy_check import main
from tests.unit.cli.conftest import Call

KEYS = """\
keys:
  - { id: desk-1, scopes: [orders.write], networks: [203.0.113.0/24], labels: [], owner: bert }
  - { id: desk-2, scopes: [orders.write], networks: [203.0.113.0/24], labels: [], owner: carla }
  - { id: desk-3, scopes: [orders.write], networks: [203.0.113.0/24], labels: [], owner: dana }
  - { id: patient, scopes: [orders.write], networks: [10.0.0.0/8], labels: [patient] }
  - { id: reader, scopes: [], networks: [203.0.113.0/24], labels: [] }
"""
EXTRA = """
allow browse
  on account.read
"""


@pytest.fixture
def keyed(directory: Path) -> Path:
    """The policy set with keys, and with something that everybody may do."""
    (directory / "keys").mkdir()
    (directory / "keys" / "keys.yaml").write_text(KEYS)
    (directory / "extra.policy").write_text(EXTRA)
    return directory


def test_grid_and_conditions(call: Call, keyed: Path) -> None:
    """The grid first, then what each cell depends on: said once where it holds for all actions of a key."""
    ended = call("access", keyed)
    assert ended.code == 0
    assert ended.out.splitlines() == [
        " 1 account.read     2 orders.cancel    3 orders.create",
        "",
        "                          1    2    3",
        "desk-1, desk-2, desk-3  yes   if   if",
        "patient                 yes   if   if",
        "reader                  yes    -    -",
        "",
        "yes: whatever else the request says   if: under conditions   -: refused   (limits are not counted in)",
        "",
        "desk-1, desk-2, desk-3  (orders.write)",
        "  allowed  account.read",
        "  every conditional action",
        "    now - risk.as_of <= 30s  # stale",
        "    client.ip in { 203.0.113.0/24 }  # trade",
        "  orders.cancel",
        "    nothing else",
        "  orders.create",
        "    risk.score < 90  # risky",
        "    after mfa within 5m, unless risk.score < 50  # recent_mfa",
        "    after approvals 2 of treasury, unless request.notional <= 100_000  # large",
        "",
        "patient  (orders.write)",
        "  allowed  account.read",
        "  every conditional action",
        "    client.ip in { 10.0.0.0/8 }  # trade",
        "  orders.cancel",
        "    nothing else",
        "  orders.create",
        "    risk.score < 90  # risky",
        "    after mfa within 5m, unless risk.score < 50  # recent_mfa",
        "    after approvals 2 of treasury, unless request.notional <= 100_000  # large",
        "",
        "reader  (no scopes)",
        "  allowed  account.read",
        "  refused  orders.cancel, orders.create  # no_rule_allows",
    ]


def test_json(call: Call, keyed: Path) -> None:
    """The same for programs, each cell complete."""
    found = call("access", keyed, "--by", "key", "--action", "orders.*", "-f", "json").json
    assert (found["version"], found["command"], found["actions"]) == (1, "access", ["orders.cancel", "orders.create"])
    assert [row["name"] for row in found["rows"]] == ["desk-1", "desk-2", "desk-3", "patient", "reader"]
    patient, reader = found["rows"][3:]
    assert patient["cells"]["orders.create"] == {
        "verdict": "conditional",
        "refused_by": [],
        "conditions": [
            {"text": "risk.score < 90", "rules": ["risky"]},
            {"text": "client.ip in { 10.0.0.0/8 }", "rules": ["trade"]},
        ],
        "challenges": [
            {
                "rule": "recent_mfa",
                "require": "mfa within 5m",
                "remedy": {"kind": "mfa", "within": 300_000},
                "unless": "risk.score < 50",
            },
            {
                "rule": "large",
                "require": "approvals 2 of treasury",
                "remedy": {"kind": "approvals", "count": 2, "of": "treasury"},
                "unless": "request.notional <= 100_000",
            },
        ],
    }
    assert patient["common"] == ["client.ip in { 10.0.0.0/8 }"]
    assert reader["cells"]["orders.cancel"]["refused_by"] == ["no_rule_allows"]


def test_assumptions(call: Call, keyed: Path) -> None:
    """What every request says is written into the rules; it may settle a cell either way."""
    words = ("access", keyed, "--by", "key", "--action", "orders.create", "-f", "json", "--fix")
    found = call(*words, "risk.score=95").json
    assert found["assumptions"] == {"risk": {"score": "95"}}
    assert found["rows"][3]["cells"]["orders.create"]["refused_by"] == ["risky"]
    calm = ("--fix", "client.ip=10.1.2.3", "--fix", "request.notional=5", "--fix", "key.labels=patient,vip")
    found = call(*words, "risk.score=10", *calm).json
    verdicts = [row["cells"]["orders.create"]["verdict"] for row in found["rows"]]
    assert verdicts == ["refused", "refused", "refused", "allowed", "refused"]


def test_other_keys(call: Call, keyed: Path, tmp_path: Path) -> None:
    """The keys of files stand in for those of the set."""
    path = tmp_path / "others.json"
    path.write_text('{"keys": [{"id": "other", "scopes": ["orders.write"]}]}')
    found = call("access", keyed, "--keys", path, "-f", "json").json
    assert [row["keys"] for row in found["rows"]] == [["other"]]
    # Nothing is known of its networks, so no address is in them.
    assert found["rows"][0]["cells"]["orders.create"]["refused_by"] == ["no_rule_allows"]


def test_lets_are_told(call: Call, keyed: Path) -> None:
    """A condition that names a let is followed by what the let stands for."""
    path = keyed / "extra.policy"
    path.write_text(
        "let calm = risk.score < 40\nlet quiet = calm and risk.score > 2\nallow x on account.read when quiet\n"
    )
    out = call("access", keyed).out
    assert "\nwhere\n  calm = risk.score < 40\n  quiet = calm and risk.score > 2\n" in out


def test_quiet(call: Call, keyed: Path) -> None:
    """The grid alone."""
    assert "risk.score" not in call("access", keyed, "-q").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--action", "orders.creat"), "no action is orders.creat; did you mean orders.create?"),
        (("--fix", "risk.scor=1"), "there is no attribute risk.scor; did you mean risk.score?"),
        (("--fix", "risk.score=101"), "101 is no value of risk.score, which is int 0..100"),
        (("--fix", "key.revoked=yes"), "yes is no value of key.revoked, which is bool"),
        (("--fix", "risk.score"), "has no value"),
        (("--keys", "missing.yaml"), "the key file missing.yaml cannot be read"),
    ],
)
def test_wrong_calls(call: Call, keyed: Path, words: tuple[str, ...], said: str) -> None:
    """What cannot be followed is said in one line."""
    ended = call("access", keyed, *words)
    assert ended.code == 2
    assert said in ended.err


def test_no_keys(call: Call, directory: Path) -> None:
    """A set without keys has no matrix."""
    ended = call("access", directory)
    assert ended.code == 2
    assert "name a file with --keys" in ended.err


@pytest.mark.parametrize("words", [(), ("-f", "json")])
def test_mistaken_keys(call: Call, keyed: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    """A key file with mistakes is said to have them, and nothing is shown of the others."""
    path = tmp_path / "others.yaml"
    path.write_text("keys:\n  - { id: other, scopes: [orders.writ] }\n")
    ended = call("access", keyed, "--keys", path, *words)
    assert ended.code == 3
    assert "orders.write" in ended.out


def test_broken_set(call: Call, broken: Path) -> None:
    """A set that does not compile lets nobody do anything."""
    assert call("access", broken).code == 3


def test_the_reference_set_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty keys and sixteen actions stand within 120 columns."""
    policies = Path(__file__).parents[3] / "policies"
    assert main(["access", str(policies), "--by", "key"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 120
