"""A generated log of the reference set, whose keys were given more than it was made with: exactly that is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from durwan.backends.bytecode import Evaluator
from durwan.backends.columns.evaluator import ColumnsEvaluator
from durwan.compilation import Compilation, compile_policy
from durwan.language.policy_set import read_directory, read_mapping
from durwan.model.address import NetworkSet, parse_network
from durwan.workshop.least_privilege.patching import changed_file, lists_of
from durwan.workshop.replaying.logs import RecordedRequests, decide_recorded
from durwan.workshop.replaying.synthetic import SyntheticLog
from tests.reference_set import ROOT, reference_program
from tests.unit.workshop.least_privilege.desk import by_id, found_in, program_of

USED: Mapping[str, list[str]] = {
    "trader": ["orders.write"],
    "canceller": ["orders.cancel"],
    "watcher": ["account.read"],
}
SPARE: Mapping[str, list[str]] = {
    "trader": ["account.read"],
    "canceller": ["orders.write", "withdrawals.read"],
    "watcher": ["keys.manage"],
}
OFFICE, NOWHERE = "203.0.113.0/28", "198.51.100.0/24"


def _record(name: str, *, today: bool) -> dict[str, object]:
    return {
        "id": name,
        "account": "acme",
        "subaccount": "main",
        "environment": "production",
        "owner": "bert",
        "scopes": USED[name] + (SPARE[name] if today else []),
        "networks": [OFFICE, NOWHERE] if today else [OFFICE],
        "symbols": ["BTC-PERP", "ETH-PERP"],
        "labels": [],
        "created": "2026-01-15T00:00:00Z",
        "rotated": "2026-01-15T00:00:00Z",
        "expires": "2027-01-15T00:00:00Z",
        "revoked": False,
    }


@dataclass(frozen=True)
class Month:
    """A policy set, and a month of requests."""

    directory: Path
    log: Path


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """The reference set with keys that hold more than they used in a generated month."""
    top = tmp_path_factory.mktemp("month")
    desk = top / "desk"
    for path in ROOT.rglob("*"):
        if path.is_file() and path.suffix in (".policy", ".txt"):
            copy = desk / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    (desk / "keys").mkdir()
    lines = ["keys:"]
    for name in USED:
        for field, value in _record(name, today=True).items():
            lines.append(f"  {'- ' if field == 'id' else '  '}{field}: {_yaml(value)}")
    (desk / "keys" / "desk.yaml").write_text("\n".join(lines) + "\n")
    log = top / "month.parquet"
    SyntheticLog(reference_program(), {name: _record(name, today=False) for name in USED}, count=20_000).write(log)
    # What was tried in vain, and would be allowed with what the keys hold today, would be a use of that.
    decision = pl.col("decision").struct
    was_granted, was_elsewhere = decision.field("effect") != "deny", decision.field("rule") == "ip_not_allowed"
    rows = pl.read_parquet(log).filter(was_granted | was_elsewhere)
    assert rows.height > 10_000
    assert not rows.select(was_granted.all()).item()
    rows.write_parquet(log)
    return Month(desk, log)


def _yaml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of texts
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


def test_exactly_what_was_added_is_unused(month: Month) -> None:
    """No scope that the log was made with is missed, none that was added is thought to be used; networks likewise."""
    keys = by_id(found_in(month.log, compile_policy(read_directory(month.directory))))
    for name, key in keys.items():
        assert key.state == "narrower", key
        assert key.enough_scopes == tuple(USED[name]), key
        assert set(key.unused_scopes) == set(SPARE[name]) - set(USED[name]), key
        assert key.unused_networks == (NOWHERE,), key
        assert key.enough_networks is not None
        left, office = ([parse_network(each) for each in texts] for texts in (key.enough_networks, (OFFICE,)))
        whole = NetworkSet(each for each in (*left, *office) if each is not None)
        assert whole == NetworkSet(each for each in office if each is not None)


def test_no_flip_after_the_patch(month: Month) -> None:
    """With the keys as the patch leaves them, every request of the month is answered as with those of today."""
    before = compile_policy(read_directory(month.directory))
    path = month.directory / "keys" / "desk.yaml"
    found = found_in(month.log, before)
    assert not found.totals.otherwise
    wanted = changed_file(path.read_bytes(), ".yaml", {each.id: lists_of(each) for each in found.keys})
    sources = {name: content for name, content in before.policy_set.files.items() if name != "keys/desk.yaml"}
    after = compile_policy(read_mapping({**sources, "keys/desk.yaml": wanted}))
    assert _codes(month.log, after) == _codes(month.log, before)


def _codes(log: Path, compilation: Compilation) -> list[int]:
    program = program_of(compilation)
    evaluator = ColumnsEvaluator(program)
    generated = Evaluator(program, clock=lambda: 0, keys=compilation.keys.get)
    opened = RecordedRequests.open([log], program, compilation.keys.get)
    return [code for each in opened.batches() for code in decide_recorded(evaluator, generated, each).codes.to_list()]
