"""The generated evaluator: its memories, its indexes, and what it does with what no policy should hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from durwan import CacheLimits, Engine, StaticKeys
from durwan.backends.bytecode import Evaluator, addresses, stretches
from durwan.backends.bytecode.addresses import AddressTable
from durwan.backends.bytecode.index import index_of
from durwan.backends.bytecode.stretches import SHIFT, Stretches
from durwan.model import types
from durwan.model.address import NetworkSet, parse_address, parse_network
from durwan.model.decision import NEVER, Deadlines, Outcome
from durwan.program import nodes
from durwan.program.program import Body

NOW = 1_772_442_000_000


def network(text: str) -> NetworkSet:
    """The set of one network."""
    found = parse_network(text)
    assert found is not None
    return NetworkSet([found])


def test_one_lookup_answers_all_networks() -> None:
    """The mask of an address has the bit of each network that it is in, at and around every edge."""
    networks = [network(text) for text in ("10.0.0.0/8", "10.20.0.0/16", "0.0.0.0/0", "2001:db8::/32", "255.0.0.0/8")]
    masks = AddressTable(networks).masks
    texts = (
        "0.0.0.0", "9.255.255.255", "10.0.0.0", "10.19.255.255", "10.20.0.0", "10.20.255.255", "10.21.0.0",
        "10.255.255.255", "11.0.0.0", "254.255.255.255", "255.255.255.255", "::", "2001:db7:ffff::", "2001:db8::1",
        "2001:db9::", "::ffff:10.20.0.1",
    )  # fmt: skip
    for text in texts:
        packed = parse_address(text)
        assert packed is not None
        expected = sum(1 << index for index, each in enumerate(networks) if packed in each)
        assert masks[text] == expected, text
        assert masks[text] == expected, "and from memory"


def test_memories_of_addresses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of addresses starts the memory anew, and texts that are none are not remembered."""
    monkeypatch.setattr(addresses, "_REMEMBERED", 10)
    table = AddressTable([network("10.0.0.0/8")])
    for index in range(100):
        assert table.masks[f"10.0.0.{index}"] == 1
        assert table.packed[f"10.0.0.{index}"] == bytes((10, 0, 0, index))
        assert table.masks[f"no address {index}"] is None
        assert table.packed[f"no address {index}"] is None
        assert len(table.masks) <= 10
        assert len(table.packed) <= 10


def test_stretches_hold_only_where_no_edge_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch with an edge in it is not remembered as one answer, and the memory is bounded."""
    monkeypatch.setattr(stretches, "_REMEMBERED", 4)
    edge = (5 << SHIFT) + 17
    memory = Stretches(lambda instant: (False, edge) if instant < edge else (True, None))
    assert memory[3] == (False, edge)
    assert memory[5] is None
    for number in range(6, 40):
        assert memory[number] == (True, None)
        assert len(memory) <= 4


def test_decisions_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same deadline gives the same decision; never is None; many deadlines start the memory anew."""
    monkeypatch.setattr(Deadlines, "BOUND", 8)
    decisions = Deadlines(Outcome(effect="deny", rule=None, status=403, code="x", reason=""))
    assert decisions[5] is decisions[5]
    assert decisions[NEVER].valid_until is None
    for deadline in range(50):
        assert decisions[deadline].valid_until == deadline
        assert len(decisions) <= 8


def many_keys(count: int) -> str:
    """A policy in which every key has its own network, and some are refused."""
    lines = ["actions { a b }"]
    for index in range(count):
        lines.append(f"network n{index} = {{ 10.{index // 250}.{index % 250}.0/24 }}")
        lines.append(f'allow r{index} on a when key.id == "k{index}" and client.ip in n{index}')
    lines.append('deny banned on a when key.id in { "k3", "k5" } and client.country == "XX" respond 403 banned')
    return "\n".join(lines)


def test_rules_that_differ_in_one_value_share_their_code() -> None:
    """A hundred rules by key are found by the key, whatever their number, and share two pieces of code."""
    engine = Engine.from_sources({"a.policy": many_keys(100)}, clock=lambda: NOW)
    for index in range(100):
        for other in (index, (index + 1) % 100):
            address = f"10.{other // 250}.{other % 250}.7"
            request = {"action": "a", "key": {"id": f"k{index}"}, "client": {"ip": address, "country": "GB"}}
            assert engine.decide(request).allowed == (index == other)
    evaluator = engine._policy.evaluator  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - it shows only inside
    assert len(evaluator._functions.codes) <= 6  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def test_an_unknown_key_still_meets_every_deny_that_it_might() -> None:
    """A request that does not say its key is denied for doubt by a deny about some keys."""
    engine = Engine.from_sources({"a.policy": many_keys(20)}, clock=lambda: NOW)
    decision = engine.decide({"action": "a", "client": {"ip": "10.0.3.7", "country": "XX"}})
    assert (decision.code, decision.unknowns) == ("banned", ("key.id",))
    elsewhere = engine.decide({"action": "a", "client": {"ip": "10.0.3.7", "country": "GB"}})
    assert (elsewhere.code, elsewhere.unknowns) == ("no_rule_allows", ())
    stranger = engine.decide({"action": "a", "key": {"id": "nobody"}, "client": {"ip": "10.0.3.7", "country": "XX"}})
    assert stranger.code == "no_rule_allows"


def test_a_rule_with_two_comparisons_of_one_attribute_keeps_the_other() -> None:
    """The index decides one of them; a rule that can never apply is not made to by that."""
    lines = [f'allow r{index} on a when key.id == "k{index}" and client.country == "GB"' for index in range(10)]
    lines += ['allow never on a when key.id == "x" and key.id in { "y", "k1" }']
    engine = Engine.from_sources({"a.policy": "actions { a }\n" + "\n".join(lines)}, clock=lambda: NOW)
    for key, country, allowed in (("x", "FR", False), ("y", "FR", False), ("k1", "FR", False), ("k1", "GB", True)):
        decision = engine.decide({"action": "a", "key": {"id": key}, "client": {"country": country}})
        assert decision.allowed is allowed, key


def test_few_rules_are_not_indexed() -> None:
    """Below a handful of rules one function that tries them all is as fast."""
    engine = Engine.from_sources({"a.policy": many_keys(5)}, clock=lambda: NOW)
    assert index_of(engine.compiled.program.rules, engine.compiled.program) is None


class Angry(Mapping[str, Any]):
    """A mapping that raises whatever is asked of it."""

    def __getitem__(self, key: str) -> Any:
        raise MemoryError

    def get(self, key: str, default: Any = None) -> Any:
        raise RecursionError

    def __iter__(self) -> Iterator[str]:
        raise OSError

    def __len__(self) -> int:
        raise OSError


def test_what_cannot_be_read_at_all_is_denied() -> None:
    """A request that raises at every touch gets a decision, and it is a deny."""
    engine = Engine.from_sources({"a.policy": many_keys(5)}, clock=lambda: NOW)
    decision = engine.decide(Angry())
    assert (decision.effect, decision.status, decision.code) == ("deny", 503, "internal_error")
    context = engine.decide({"action": "a", "key": Angry(), "client": {"ip": "10.0.3.7"}})
    assert not context.allowed
    assert engine.explain({"action": "a", "key": Angry()}).decision == engine.decide({"action": "a", "key": Angry()})


def test_a_collection_is_no_condition() -> None:
    """The writer refuses what the checker never lets through, instead of writing something."""
    program = Engine.from_sources({"a.policy": many_keys(1)}).compiled.program
    wrong = nodes.LiteralSet(members=frozenset({"a"}), element=types.String())
    for expression in (wrong, nodes.Not(operand=wrong)):
        rules = (replace(program.rules[0], body=Body(when=expression)),)
        with pytest.raises(TypeError, match="is no condition"):
            Evaluator(replace(program, rules=rules), clock=lambda: NOW).source("a")


def test_what_cannot_be_written_is_left_to_the_reference_once_and_for_all() -> None:
    """A defect of the generator costs speed, not decisions, and is met once, not at every request."""
    program = Engine.from_sources({"a.policy": many_keys(1)}).compiled.program
    address = nodes.Attribute(path="client.ip", type=types.Address())
    odd = nodes.Operation(operator="no such operator", operands=(address,), type=types.Bool())
    rules = (replace(program.rules[0], body=Body(when=nodes.Or(operands=(odd, nodes.TRUE)))),)
    evaluator = Evaluator(replace(program, rules=rules), clock=lambda: NOW)
    for index in range(3):
        decision = evaluator.decide_carefully({"action": "a"})
        assert decision.allowed
        assert evaluator.left_to_reference == index + 1


class Text(str):
    """A text of a class of its own."""

    __slots__ = ()


def test_a_key_id_of_another_class_names_no_key() -> None:
    """Only plain text is an id, for keys kept in a dict, too: not the first time, and not in any later function."""
    policy = 'actions { a }\nallow r on a when key.environment == "production"\n'
    keys = StaticKeys({"desk-7": {"environment": "production"}})
    for first in ("desk-7", {"environment": "production"}):
        for cache in (None, CacheLimits(trial=0)):
            engine = Engine.from_sources({"a.policy": policy}, keys=keys, clock=lambda: NOW, cache=cache)
            for _ in range(2):
                assert engine.decide({"action": "a", "key": first}).allowed
            for _ in range(50):
                assert engine.decide({"action": "a", "key": Text("desk-7")}).code == "no_rule_allows"
                assert engine.decide({"action": "a", "key": "desk-7"}).allowed
