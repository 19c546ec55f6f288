"""What a log says of keys, rules, limits and scopes."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import pytest

from durwan.model.address import NetworkSet, parse_address, parse_network
from durwan.program import reference
from durwan.workshop.least_privilege.judging import Demands
from durwan.workshop.least_privilege.networks import Prefix
from tests.unit.workshop.least_privilege.desk import (
    DAY,
    FEW,
    OFFICE,
    POLICY,
    START,
    asked,
    by_id,
    compiled,
    found_in,
    program_of,
    usual,
    write_log,
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def test_exactly_what_was_not_used_is_found(log: Path) -> None:
    """Of scopes and networks that are known to be unused, each is named, and nothing else."""
    keys = by_id(found_in(write_log(log, usual()), compiled()))
    desk = keys["desk-7"]
    assert desk.state == "narrower"
    assert desk.unused_scopes == ("withdrawals.write", "spare")
    assert desk.enough_scopes == ("orders.cancel",)
    assert desk.unused_networks == ("198.51.100.0/24", "2001:db8:10::/48")
    assert desk.enough_networks == ("203.0.113.8/31",)
    assert desk.addresses == 2


def test_uses_are_counted_with_their_times(log: Path) -> None:
    """A scope was needed by the requests that would have been refused without it, the first and the last of them."""
    requests = [asked("orders.read", "desk-7", OFFICE[0])] * 3 + [asked("orders.create", "desk-7", "8.8.8.8")]
    desk = by_id(found_in(write_log(log, requests, days=3), compiled()))["desk-7"]
    assert {name: use.count for name, use in desk.effects.items()} == {"allow": 3, "deny": 1}
    used = desk.scopes["orders.write"]
    assert (used.count, used.first, used.last) == (3, START, START + 2 * DAY)
    assert desk.networks["203.0.113.0/24"] == used


def test_one_of_two_scopes_is_enough(log: Path) -> None:
    """Where a rule takes either scope, no request needs one by itself, and one of them is kept all the same."""
    reader = by_id(found_in(write_log(log, usual()), compiled()))["reader"]
    assert reader.enough_scopes == ("reports.daily",)
    assert reader.unused_scopes == ("reports.weekly",)
    assert reader.enough_networks == ("10.1.2.3",)


def test_a_key_that_is_not_in_the_log(log: Path) -> None:
    """It is said not to have been used, and nothing is proposed for it; its scope is one that nobody needed."""
    found = found_in(write_log(log, usual()), compiled())
    forgotten = by_id(found)["forgotten"]
    assert (forgotten.state, forgotten.use.count) == ("unused", 0)
    assert (forgotten.enough_scopes, forgotten.enough_networks) == (None, None)
    assert found.unused_scopes["withdrawals.write"] == 2


def test_networks_are_rounded_up_on_demand(log: Path) -> None:
    """With a prefix, networks are as large as that, and never larger than what is granted."""
    requests = [asked("orders.read", "desk-7", address) for address in ("203.0.113.8", "2001:db8:10:1::1")]
    demands = Demands(requests=1, days=1, prefix=Prefix(16, 56))
    desk = by_id(found_in(write_log(log, requests), compiled(), demands))["desk-7"]
    assert desk.enough_networks == ("203.0.113.0/24", "2001:db8:10::/56")


def test_a_request_that_was_challenged_needs_its_scope(log: Path) -> None:
    """Who was asked for more was not refused, and would be without the scope."""
    desk = by_id(found_in(write_log(log, [asked("withdrawals.create", "desk-7", OFFICE[0])] * 2), compiled()))["desk-7"]
    assert desk.enough_scopes == ("withdrawals.write",)
    assert {name: use.count for name, use in desk.effects.items()} == {"challenge": 2}


# ------------------------------------------------------------------------------------------------------- undecided


def test_too_few_requests(log: Path) -> None:
    """Of a key with fewer requests than asked for, nothing is proposed."""
    demands = Demands(requests=1000, days=1)
    desk = by_id(found_in(write_log(log, usual()), compiled(), demands))["desk-7"]
    assert (desk.state, desk.enough_scopes, desk.unused_scopes) == ("undecided", None, ())
    assert "1,000 are asked for" in desk.because


def test_too_short_a_period(log: Path) -> None:
    """Of a log over a week, or a key that was made a week before its end, nothing follows for a month."""
    demands = Demands(requests=1, days=20)
    short = by_id(found_in(write_log(log, usual(), days=7), compiled(), demands))
    assert {each.state for each in short.values()} == {"undecided"}
    assert short["desk-7"].because == "the log tells of 7.0 days of it, and 20 are asked for"
    new = compiled(keys='keys:\n  - id: reader\n    scopes: [spare]\n    created: "2026-03-25T09:00:00Z"\n')
    assert by_id(found_in(write_log(log, usual()), new, demands))["reader"].because.startswith("the log tells of 7.0 d")


def test_a_key_of_which_all_was_refused(log: Path) -> None:
    """Refusals alone do not tell what a key needs."""
    requests = [asked("orders.create", "desk-7", "8.8.8.8")] * 10
    desk = by_id(found_in(write_log(log, requests), compiled(), Demands(requests=0, days=0)))["desk-7"]
    assert desk.state == "undecided"


# ---------------------------------------------------------------------------------------------------------- masked


def _recorded(request: dict[str, Any], now: int, effect: str) -> dict[str, Any]:
    contexts = {name: value for name, value in request.items() if name not in ("action", "now")}
    record = {"time": now, "action": request["action"], "contexts": contexts, "effect": effect, "status": 200}
    return {"kind": "decision", "seq": 1, "record": {**record, "code": "allowed"}}


def _write_audit(path: Path, requests: list[dict[str, Any]], effect: str = "allow") -> Path:
    step = 30 * DAY // len(requests)
    rows = [_recorded(each, START + place * step, effect) for place, each in enumerate(requests)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_masked_addresses(log: Path) -> None:
    """Where addresses are masked, scopes are judged as if each had been one of the key's, and networks are not."""
    requests = [asked("orders.cancel", "desk-7", client={"ip": {"$masked": ""}})] * 5
    found = found_in(_write_audit(log, requests), compiled())
    desk = by_id(found)["desk-7"]
    assert desk.enough_scopes == ("orders.cancel",)
    assert desk.networks_because == "the addresses of 5 of its requests are not in the log"
    assert desk.enough_networks == tuple(desk.networks)
    assert desk.unused_networks == ()
    assert (found.totals.assumed, dict(found.totals.masks)) == (5, {"client.ip": 5})


def test_masked_addresses_of_refused_requests(log: Path) -> None:
    """What was refused is not taken to have come from one of the key's addresses."""
    requests = [asked("orders.create", "desk-7", client={"ip": {"$masked": ""}})] * 5
    found = found_in(_write_audit(log, requests, "deny"), compiled())
    assert (found.totals.assumed, by_id(found)["desk-7"].state) == (0, "undecided")


def test_what_is_masked_and_decides(log: Path) -> None:
    """A request that was allowed and cannot be decided again makes its key undecided."""
    side = 'when key.scopes has orders.read and request.side == "buy"'
    policy = POLICY.replace("when key.scopes has orders.read", side)
    requests = [asked("orders.read", "desk-7", OFFICE[0], request={"side": {"$masked": ""}})]
    requests += [asked("orders.cancel", "desk-7", OFFICE[0])]
    desk = by_id(found_in(_write_audit(log, requests), compiled(policy)))["desk-7"]
    assert (desk.state, desk.because) == (
        "undecided", "1 of its requests cannot be decided again: the log masks request.side"
    )  # fmt: skip


def test_masked_keys(log: Path) -> None:
    """Where the log hides which key asked, no key is said not to have been used."""
    requests = [asked("orders.cancel", {"id": {"$masked": ""}, "scopes": ["orders.write"]}, OFFICE[0])] * 5
    states = {each.state for each in found_in(_write_audit(log, requests), compiled()).keys}
    assert states == {"undecided"}


def test_keys_with_their_attributes_at_the_time(log: Path) -> None:
    """The audit log records what a key was allowed then; what its file allows today is what can be taken from it."""
    key = {"id": "desk-7", "scopes": ["orders.read"], "networks": ["203.0.113.0/25"], "labels": []}
    desk = by_id(found_in(_write_audit(log, [asked("orders.create", key, "203.0.113.200")] * 3), compiled()))["desk-7"]
    assert desk.enough_scopes == ("orders.write",)
    assert desk.enough_networks == ("203.0.113.200",)


# ----------------------------------------------------------------------------------- what is not only about scopes


def test_rules_that_never_decided(log: Path) -> None:
    """It is told apart whether nobody asked, whether a rule never applied, and whether another was always first."""
    policy = POLICY + (
        "deny huge on orders.cancel when request.notional is known and request.notional > 10\n"
        "deny again on orders.create when not (client.ip in key.networks)\n"
        "allow other on orders.read when key.scopes has orders.read\n"
        "shadow deny tried on orders.read when true\n"
        "shadow deny idle on orders.read when request.notional > 10 and request.notional is known\n"
    )
    found = found_in(write_log(log, usual()), compiled(policy))
    assert {each.name: each.never for each in found.silent_rules} == {
        "create": "it applied, and another rule was named first",
        "withdraw": "nobody asked for its actions",
        "manage": "nobody asked for its actions",
        "mfa": "nobody asked for its actions",
        "huge": "it never applied",
        "again": "it applied, and another rule was named first",
        "other": "it applied, and another rule was named first",
        "idle": "it never applied",
    }
    decided = {each.name: each.decided.count for each in found.rules}
    asked_for = [each["action"] for each in usual()]
    assert decided["cancel"] == asked_for.count("orders.cancel") > 0
    assert decided["elsewhere"] == sum(each["client"]["ip"] == "8.8.8.8" or each["key"] == "nobody" for each in usual())


def test_limits_under_which_nothing_fell(log: Path) -> None:
    """A limit is used by what is allowed, and by nothing else."""
    policy = POLICY + (
        "limit reads on orders.read to 10 per 1s per key.id\n"
        "limit creates on orders.create to 10 per 1s per key.id\n"
        "limit some on orders.read when request.weight > 5 and request.weight is known to 10 per 1s per key.id\n"
    )
    assert found_in(write_log(log, usual()), compiled(policy)).unused_limits == ("creates", "some")


def test_scopes_that_limits_read_are_kept(log: Path) -> None:
    """A scope that spares a key a limit is kept: whether the limit would be used up, nobody sees here."""
    policy = POLICY + "limit reads on orders.read unless key.scopes has spare to 10 per 1s per key.id\n"
    desk = by_id(found_in(write_log(log, usual()), compiled(policy)))["desk-7"]
    assert (desk.enough_scopes, desk.counted_scopes) == (("spare", "orders.cancel"), ("spare",))
    assert desk.unused_scopes == ("withdrawals.write",)


def test_scopes_of_tokens_are_used_too(log: Path) -> None:
    """A scope that only people have, in their tokens, is one that somebody needed."""
    person = {"action": "keys.create", "token": {"scopes": ["keys.manage"]}}
    found = found_in(write_log(log, [*usual(), person]), compiled())
    assert "keys.manage" not in found.unused_scopes
    assert "keys.manage" in found_in(write_log(log, usual()), compiled()).unused_scopes


def test_what_would_be_allowed_with_less(log: Path) -> None:
    """Where taking an unused scope away would let something through, the key keeps it."""
    policy = POLICY + "deny mixed on orders.create when key.scopes has spare\n"
    requests = [asked("orders.create", "desk-7", OFFICE[0]), asked("orders.read", "desk-7", OFFICE[0])]
    policy = policy.replace("on orders.read        when", "on orders.read, orders.create when")
    desk = by_id(found_in(write_log(log, requests), compiled(policy)))["desk-7"]
    assert desk.state == "narrower"
    assert desk.enough_scopes == ("spare", "orders.read")


def test_networks_by_which_something_is_refused(log: Path) -> None:
    """Where taking a network away would let something through, networks are left as they are, and scopes are taken."""
    policy = POLICY.replace(
        "deny elsewhere", "deny inside on orders.create when client.ip in key.networks\ndeny elsewhere"
    )
    policy = policy.replace("deny elsewhere on orders.*, withdrawals.*, reports.*", "deny elsewhere on withdrawals.*")
    requests = [asked("orders.create", "desk-7", "198.51.100.1"), asked("orders.create", "desk-7", "8.8.8.8")]
    desk = by_id(found_in(write_log(log, requests), compiled(policy)))["desk-7"]
    assert (desk.enough_scopes, desk.enough_networks) == (("orders.write",), tuple(desk.networks))
    assert desk.networks_because == "with fewer, some of its requests would be answered otherwise"
    assert desk.unused_networks == ()


def test_a_scope_or_an_address(log: Path) -> None:
    """Where either would do, and neither is needed by itself, one is kept."""
    policy = """
actions { orders.read }
scopes { a b }
allow read on orders.read when key.scopes has a or client.ip in key.networks
"""
    keys = "keys:\n  - id: one\n    scopes: [a]\n    networks: [10.0.0.0/8]\n"
    one = by_id(found_in(write_log(log, [asked("orders.read", "one", "10.1.1.1")] * 2), compiled(policy, keys)))["one"]
    assert (one.enough_scopes, one.enough_networks) == (("a",), ())


def test_refusals_are_kept_on_demand(log: Path) -> None:
    """What only changes the answer to a refused request is left to the key where that is asked for."""
    policy = POLICY + "deny late on orders.create when session.id is unknown\n"
    requests = [asked("orders.create", "desk-7", OFFICE[0]), asked("orders.read", "desk-7", OFFICE[0])]
    keys = compiled(policy + "deny lacking on orders.create when not (key.scopes has orders.write) respond 403 scope\n")
    desk = by_id(found_in(write_log(log, requests), keys))["desk-7"]
    assert desk.enough_scopes == ("orders.read",)
    swapped = POLICY + (
        "deny lacking on orders.create when not (key.scopes has orders.write) respond 403 scope\n"
        "deny late on orders.create when session.id is unknown\n"
    )
    loose = by_id(found_in(log, compiled(swapped)))["desk-7"]
    assert (loose.enough_scopes, loose.refused_otherwise) == (("orders.read",), 1)
    demands = Demands(requests=1, days=1, keeps_refusals=True)
    kept = by_id(found_in(log, compiled(swapped), demands))["desk-7"]
    assert (kept.enough_scopes, kept.refused_otherwise) == (("orders.write",), 0)


def test_requests_that_columns_cannot_hold(log: Path) -> None:
    """A request with half a surrogate pair in it counts like any other."""
    policy = POLICY.replace(
        "when key.scopes has orders.cancel", 'when key.scopes has orders.cancel and request.symbol != "X"'
    )
    requests = [asked("orders.cancel", "desk-7", OFFICE[0], request={"symbol": "\ud800"})] * 3
    found = found_in(write_log(log, [*requests, asked("orders.read", "desk-7", OFFICE[1])]), compiled(policy))
    desk = by_id(found)["desk-7"]
    assert found.totals.beyond == 3
    assert (desk.effects["allow"].count, desk.enough_scopes) == (4, ("orders.cancel",))


# ------------------------------------------------------------------------------------------------------- an oracle


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_trying_everything(log: Path, seed: int) -> None:
    """What is enough is as small as the smallest set that the reference evaluator finds by trying all of them."""
    random = Random(seed)
    compilation = compiled()
    program = program_of(compilation)
    requests = [_any(random) for _ in range(random.randrange(3, 40))]
    found = by_id(found_in(write_log(log, requests), compilation, FEW))
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    for key_id, record in compilation.keys.items():
        own = [row for row in rows if row["key"] == key_id]
        before = [_effect(program, row, dict(record)) for row in own]
        if not any(effect != "deny" for effect in before):
            assert found[key_id].state == ("undecided" if own else "unused")
            continue
        held = program.schema.held(record["scopes"])  # type: ignore[arg-type]
        sets = [frozenset(each) for size in range(len(held) + 1) for each in combinations(sorted(held), size)]
        enough = [
            scopes
            for scopes in sets
            if program.schema.held(scopes) == scopes
            and [_effect(program, row, {**record, "scopes": sorted(scopes)}) for row in own] == before
        ]
        got = found[key_id]
        assert got.enough_scopes is not None
        assert program.schema.held(got.enough_scopes) in enough
        assert len(program.schema.held(got.enough_scopes)) == min(map(len, enough))
        _check_networks(program, got, own, before, dict(record))


def _check_networks(program: Any, got: Any, own: list[Any], before: list[str], record: dict[str, Any]) -> None:
    """Every address that is left is needed, and all that are needed are left."""
    needed = {
        row["client"]["ip"]
        for row, effect in zip(own, before, strict=True)
        if effect != "deny" and _effect(program, row, {**record, "networks": []}) != effect
    }
    left = NetworkSet(span for text in got.enough_networks if (span := parse_network(text)) is not None)
    assert all((packed := parse_address(address)) is not None and packed in left for address in needed)
    assert sum(int.from_bytes(r.last, "big") - int.from_bytes(r.first, "big") + 1 for r in left.ranges()) == len(needed)


def _effect(program: Any, row: dict[str, Any], record: dict[str, Any]) -> str:
    return reference.decide(program, {**row, "key": record}, clock=lambda: 0).effect


def _any(random: Random) -> dict[str, Any]:
    key = random.choice(["desk-7", "reader", "forgotten"])
    actions = ["orders.read", "orders.cancel", "orders.create", "withdrawals.create", "reports.read"]
    addresses = ["203.0.113.8", "203.0.113.9", "198.51.100.3", "2001:db8:10::5", "10.1.2.3", "192.0.2.2", "8.8.8.8"]
    # Most logs have few actions, so that something is left over.
    action = random.choice(actions[: random.randrange(1, 6)])
    return asked(action, key, random.choice(addresses), session={"mfa_at": START} if random.random() < 0.5 else {})
