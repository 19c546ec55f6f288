"""Columns decide as the reference evaluator does: on generated programs and requests, and where columns are special."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest

from durwan.backends.columns.batch import Batch, batch_of
from durwan.backends.columns.evaluator import ColumnsEvaluator
from durwan.backends.columns.polars_interface import pl
from durwan.compilation import compile_sources
from durwan.model.address import NetworkSet, parse_address, parse_network
from durwan.model.decision import Outcome
from durwan.program import reference
from durwan.program.program import Program
from tests.columns_differential import REQUESTS, compare
from tests.generators.programs import NOW

# 100,000 pairs in all, in parts that run side by side. `python -m tests.columns_differential --pairs 1000000` is the
# long run.
PARTS = 20
PAIRS = 5_000
DAY = 86_400_000


@pytest.mark.parametrize("part", range(PARTS))
def test_columns_agree_with_the_reference(part: int) -> None:
    """Whole and parted by action: rule, remedies, unknowns and shadows are those of the reference evaluator."""
    beyond = 0
    for number in range(PAIRS // REQUESTS):
        _, outside = compare(part * PAIRS + number)
        beyond += outside
    # Nearly all can be held by columns, and those that cannot do occur.
    assert 0 < beyond < PAIRS // 20


def program_of(text: str) -> Program:
    return compile_sources({"a.policy": text}).program


def decided(program: Program, requests: Sequence[Mapping[str, Any]], batch: Batch | None = None) -> list[Outcome]:
    """What columns decide, which has to be what the reference evaluator decides."""
    batch = batch or batch_of(requests, program.schema)
    wanted = [reference.decide(program, request, clock=lambda: NOW).outcome for request in requests]
    assert ColumnsEvaluator(program).explained(batch) == wanted
    for parting in (False, True):
        evaluator = ColumnsEvaluator(program, parting=parting)
        codes: list[int] = evaluator.codes(batch).to_list()
        assert [(evaluator.outcomes[code].rule, evaluator.outcomes[code].code) for code in codes] == [
            (each.rule, each.code) for each in wanted
        ]
    return wanted


# Every edge of the families, and of what the numbers of columns wrap at.
EDGES = (
    "0.0.0.0", "0.0.0.1", "127.255.255.255", "128.0.0.0", "255.255.255.255", "::", "::1", "::fffe:ffff:ffff",
    "::1:0:0:0", "::ffff:1.2.3.4", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "8000::", "8000::1.2.3.4",
    "8000::ffff:1.2.3.4", "2001:db8::", "2001:db8::ffff:102:304", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
)  # fmt: skip
NETWORKS = (
    ("0.0.0.0/0",), ("::/0",), ("0.0.0.0/0", "::/0"), ("128.0.0.0/1",), ("8000::/1",), ("::/96",), ("1.2.3.4",),
    ("255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("::1:0:0:0/80", "2001:db8::/32"),
)  # fmt: skip


@pytest.mark.parametrize("many", [False, True], ids=["compared with each range", "found among all edges"])
def test_addresses_at_all_edges(many: bool) -> None:
    """An address is in a network as the network itself says, however many ranges the policies ask about."""
    random = Random(4)
    others = [
        f"{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(256)}.0/24" for _ in range(60 * many)
    ]
    texts = [
        f"network n{number} = {{ {', '.join(each)} }}" for number, each in enumerate([*NETWORKS, others or ["9.9.9.9"]])
    ]
    rules = [f"shadow allow r{number} on a.b when client.ip in n{number}" for number in range(len(texts))]
    program = program_of("\n".join(["actions { a.b }", *texts, *rules, "allow x on a.b when client.ip is known"]))
    asked = [{"action": "a.b", "now": NOW, "client": {"ip": text}} for text in (*EDGES, "no address")]
    found = decided(program, asked)
    for request, outcome in zip(asked, found, strict=True):
        packed = parse_address(request["client"]["ip"])  # type: ignore[index]
        held = {
            f"r{number}"
            for number, each in enumerate([*NETWORKS, others or ["9.9.9.9"]])
            if packed is not None and packed in NetworkSet([span for text in each if (span := parse_network(text))])
        }
        assert set(outcome.shadows) == held


def test_addresses_in_networks_of_keys() -> None:
    """Each row is asked of its own network, unknown where either is."""
    program = program_of("actions { a.b }\nallow x on a.b when client.ip in key.networks")
    asked = [
        {"action": "a.b", "now": NOW, "client": {"ip": address}, "key": {"networks": list(networks)}}
        for address in (*EDGES, None)
        for networks in (*NETWORKS, (), ("no network",))
    ]
    assert {outcome.code for outcome in decided(program, asked)} == {"allowed", "no_rule_allows"}


def test_instants_far_from_all_others() -> None:
    """A few instants in other centuries are in a window or not as any other, and do not take its turns to be listed."""
    window = 'window desk = mon..fri 08:00..18:00 "Europe/London"'
    program = program_of(f"actions {{ a.b }}\n{window}\nallow x on a.b when session.started in desk")
    random = Random(5)
    instants = [NOW + random.randrange(-200 * DAY, 200 * DAY) for _ in range(3_000)]
    instants += [-62_135_596_800_000, 253_402_300_799_999, 0, 4_102_444_800_000]
    asked = [{"action": "a.b", "now": NOW, "session": {"started": each}} for each in instants]
    assert 500 < sum(outcome.effect == "allow" for outcome in decided(program, asked)) < 2_500


def test_a_default_beyond_what_it_stands_for() -> None:
    """A difference of two instants fits in 64 bits with room to spare; its default need not, and nothing wraps."""
    text = "session.started + ((key.created - key.last_used) default 106751991167d)"
    program = program_of(f"actions {{ a.b }}\nallow x on a.b when {text} < session.mfa_at")
    asked: list[dict[str, Any]] = [{"action": "a.b", "now": NOW, "session": {"started": NOW, "mfa_at": NOW}}]
    asked.append({**asked[0], "key": {"created": NOW - DAY, "last_used": NOW}})
    assert [outcome.code for outcome in decided(program, asked)] == ["no_rule_allows", "allowed"]


TEXTS = """
actions { a.b a.c }
context request { kind : "x" | "y" | "z"  other : string }
set some = { "BTC", "ETH" }
let named = request.symbol default "BTC"
deny same on a.b when request.symbol == request.side
deny starts when request.symbol like "B*C"
deny kind on a.c when request.kind != "x"
shadow deny other when request.other == request.symbol
shadow deny none when request.side == "nowhere" or request.side in { "nor", "here" }
shadow deny named when named == request.side
shadow deny held when key.symbols has request.symbol
allow rest on a.b, a.c when request.side in some or named in { "BTC", "y" }
"""


def test_texts_that_count_in_tables_mean_what_texts_mean() -> None:
    """Every test of texts says the same of texts themselves, of texts that count in a table, and of one of each."""
    program, random = program_of(TEXTS), Random(6)
    values = ("BTC", "ETH", "BC", "x", "y", None)
    asked = [
        {
            "action": random.choice(("a.b", "a.c", "d")), "now": NOW,
            "key": {"symbols": random.sample(["BTC", "ETH", "x"], random.randrange(3))},
            "request": {name: random.choice(values) for name in ("symbol", "side", "kind", "other")},
        }
        for _ in range(400)
    ]  # fmt: skip
    plain = batch_of(asked, program.schema)
    for counting in ((), ("request.symbol",), ("request.symbol", "request.side", "request.kind")):
        frame, tables = plain.frame, dict(plain.tables)
        for path in counting:
            names: list[str] = ["never", *sorted(frame.get_column(path).drop_nulls().unique())]
            tables[path] = names
            codes = frame.get_column(path).cast(pl.Enum(names)).to_physical().cast(pl.UInt32)
            frame = frame.with_columns(codes.alias(path))
        decided(program, asked, Batch(frame=frame, tables=tables))


def test_lets_made_of_lets_do_not_grow() -> None:
    """Lets, each of which names the one before three times, are each computed once, whatever they amount to."""
    lets = ["let l0 = risk.score > 5"]
    lets += [f"let l{n} = (l{n - 1} and not l{n - 1}) or (l{n - 1} and risk.score > {n % 100})" for n in range(1, 8)]
    program = program_of(
        "\n".join(["actions { a.b }", "context risk { score : int 0..100 }", *lets, "allow x on a.b when l7"])
    )
    decided(program, [{"action": "a.b", "now": NOW, "risk": {"score": score}} for score in (0, 50, 100, None)])


def test_many_rules_are_one_case_after_the_other() -> None:
    """Of a thousand rules the first that applies is named, whatever their effects."""
    rules = [f"deny d{n} when risk.score == {n % 100} and request.weight == {n // 100}" for n in range(500)]
    rules += [f"challenge c{n} on a.b when request.weight == {n} require login" for n in range(100, 200)]
    rules += [f"allow a{n} on a.b when request.weight >= {n}" for n in range(400, 0, -1)]
    program = program_of("\n".join(["actions { a.b }", "context risk { score : int 0..100 }", *rules]))
    asked = [
        {"action": "a.b", "now": NOW, "risk": {"score": score}, "request": {"weight": weight}}
        for score in (0, 7, 99, 100, None)
        for weight in (0, 1, 4, 5, 50, 150, 199, 300, None)
    ]
    effects = {outcome.effect for outcome in decided(program, asked)}
    assert effects == {"allow", "deny", "challenge"}


def test_no_requests_are_decided_as_well() -> None:
    """A batch of no rows has no outcomes."""
    program = program_of(TEXTS)
    assert decided(program, []) == []
