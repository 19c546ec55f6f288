"""Finding the rules that concern a request by what they compare for equality."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from durwan import Engine
from durwan.backends.bytecode import functions
from durwan.backends.bytecode.actions import ActionWriter
from durwan.backends.bytecode.index import Index, index_of
from durwan.program import reference
from durwan.program.program import Program, Rule

NOW = 1_772_442_000_000
ANYBODY = "allow anybody on a\n"
VOCABULARY = """
actions { a }
context request { tier : int  tag : string }
set majors = { "BTC", "ETH" }
"""


def program_of(text: str) -> Program:
    """The program of one file."""
    return Engine.from_sources({"a.policy": VOCABULARY + text}).compiled.program


def index_for(text: str) -> Index:
    """The index of its rules, of which there has to be one."""
    program = program_of(text)
    found = index_of(program.rules, program)
    assert found is not None
    return found


def orders(rules: list[Any]) -> list[int]:
    return [rule.order for rule in rules]


def family(condition: str, count: int = 8, effect: str = "allow") -> str:
    """So many rules, each with its number written into the condition."""
    names = condition.encode().hex()[:24]
    return "".join(f"{effect} r{names}_{n} on a when {condition.format(n=n)}\n" for n in range(count))


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ('key.id == "k{n}"', "key.id"),
        ('"k{n}" == key.account', "key.account"),
        ("request.tier == {n}", "request.tier"),
        ("request.tier in {{ {n}, 1{n} }}", "request.tier"),
        ('request.tag in {{ "x{n}", "y{n}" }}', "request.tag"),
        ('(request.tag == "x{n}" or request.tag == "y{n}")', "request.tag"),
        ('risk.known and (client.country == "GB" and key.id == "k{n}")', "key.id"),
        ('gateway.environment == "e{n}"', "gateway.environment"),
    ],
)
def test_equalities_of_many_forms_are_found(condition: str, path: str) -> None:
    """Texts and whole numbers, either way round, small sets, several with `or`, anywhere among the conjuncts."""
    text = "context risk { known : bool }\n" if "risk" in condition else ""
    found = index_for(text + family(condition))
    assert found.attribute.path == path
    assert len(found.by_value) >= 8
    assert not found.others


def test_lets_that_compare_are_looked_into() -> None:
    """A name for a comparison hides nothing; other lets stay whole."""
    text = "".join(f'let is_{n} = key.id == "k{n}" and client.country == "GB"\n' for n in range(8))
    found = index_for(text + family("is_{n}"))
    assert sorted(found.by_value) == [f"k{n}" for n in range(8)]


def test_named_sets_are_found_where_they_are_small() -> None:
    """A rule about a small set concerns its members; one about a large set concerns everybody."""
    found = index_for(family('request.tag == "x{n}"') + "allow major on a when request.tag in majors\n")
    assert {"BTC", "ETH"} <= found.by_value.keys()
    large = ", ".join(f'"{n}"' for n in range(65))
    found = index_for(family('request.tag == "x{n}"') + f"allow many on a when request.tag in {{ {large} }}\n")
    assert orders(found.others) == [8]


def test_rules_that_one_attribute_does_not_find_are_found_by_another() -> None:
    """An index for each attribute that many rules compare, one within the other."""
    text = family('key.id == "k{n}"', 12) + family('request.tag == "x{n}"', 10) + family("request.tier == {n}", 9)
    found = index_for(text + 'deny always on a when client.country == "XX"\n')
    paths = [found.attribute.path]
    while found.inner is not None:
        found = found.inner
        paths.append(found.attribute.path)
    assert paths == ["key.id", "request.tag", "request.tier"]
    assert orders(found.others) == [31]


def test_an_unknown_value_may_meet_any_deny_and_challenge() -> None:
    """But no allow that names a value: it would have to be known to be it."""
    text = family('key.id == "k{n}"', 4) + family('key.id == "d{n}"', 4, "deny") + "allow anybody on a\n"
    found = index_for(text)
    assert orders(found.of_any_value()) == [4, 5, 6, 7, 8]


def test_decisions_by_several_indexes_are_those_of_the_reference() -> None:
    """Every combination of known, foreign, unknown and ill-typed values of three attributes."""
    text = (
        family('key.id == "k{n}" and client.country == "GB"', 9)
        + family('request.tag == "x{n}"', 9, "deny")
        + family('request.tier == {n} and client.country != "FR"', 9, "challenge").replace("\n", " require login\n")
        + 'allow anybody on a when client.country in { "GB", "FR" }\n'
    )
    engine = Engine.from_sources({"a.policy": VOCABULARY + text}, clock=lambda: NOW, cache=None)
    program = engine.compiled.program
    seen: set[str | None] = set()
    ids, tags, tiers = ("k0", "k8", "other", None, 7), ("x0", "x8", "other", None, 7), (0, 8, 99, "3", None, True)
    for key_id, tag, tier, country in product(ids, tags, tiers, ("GB", "FR", None)):
        request = {
            "action": "a",
            "key": {"id": key_id},
            "request": {"tag": tag, "tier": tier},
            "client": {"country": country},
            "now": NOW,
        }
        expected = reference.decide(program, request, clock=lambda: NOW, revision=engine.revision)
        for _ in range(2):
            assert engine.decide(request) == expected, request
        seen.add(expected.rule)
    assert len(seen) > 6


def test_what_a_decision_costs_does_not_grow_with_rules_about_others() -> None:
    """The functions that a request runs through are as large with 400 foreign rules as with 40."""

    def code_size(count: int) -> int:
        text = family('key.id == "k{n}"', count) + family('request.tag == "x{n}"', count)
        engine = Engine.from_sources({"a.policy": VOCABULARY + text}, clock=lambda: NOW, cache=None)
        request = {"action": "a", "key": {"id": "k1"}, "request": {"tag": "x2"}, "now": NOW}
        assert engine.decide(request).allowed
        evaluator = engine._policy.evaluator  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - it shows only inside
        codes = evaluator._functions.codes.values()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - likewise
        return sum(len(function.__code__.co_code) for function in codes)

    assert code_size(400) == code_size(40)


def test_all_networks_of_general_rules_are_answered_by_one_lookup() -> None:
    """Two hundred rules with a network each ask the address table, not two hundred bisections."""
    text = "".join(f"deny d{n} on a when client.ip in {{ 10.{n}.0.0/16 }}\n" for n in range(200))
    engine = Engine.from_sources(
        {"a.policy": VOCABULARY + text + "allow anybody on a\n"}, clock=lambda: NOW, cache=None
    )
    evaluator = engine._policy.evaluator  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - it shows only inside
    assert "bisect" not in evaluator.source("a")
    for n, rule in ((0, "d0"), (77, "d77"), (199, "d199")):
        assert engine.decide({"action": "a", "client": {"ip": f"10.{n}.3.4"}, "now": NOW}).rule == rule
    assert engine.decide({"action": "a", "client": {"ip": "10.200.3.4"}, "now": NOW}).allowed


def test_a_missing_value_does_not_have_all_rules_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a deny among the first cannot be ruled out, the others are not even written; else piece after piece is."""
    monkeypatch.setattr(functions, "_PIECE", 16)
    text = family('client.country == "GB" and key.id == "k{n}"', 100, "deny") + family('key.id == "a{n}"')
    engine = Engine.from_sources(
        {"a.policy": VOCABULARY + text + "allow anybody on a\n"}, clock=lambda: NOW, cache=None
    )
    written: list[int] = []
    write = ActionWriter.write

    def counting(writer: ActionWriter, rules: Sequence[Rule]) -> Any:
        written.append(len(rules))
        return write(writer, rules)

    monkeypatch.setattr(ActionWriter, "write", counting)
    for country, allowed, most in (("GB", False, 16), (None, False, 16), ("FR", True, 101)):
        request = {"action": "a", "client": {"country": country}, "now": NOW}
        expected = reference.decide(engine.compiled.program, request, clock=lambda: NOW, revision=engine.revision)
        for _ in range(3):
            assert engine.decide(request) == expected
        assert expected.allowed is allowed
        assert engine._policy.evaluator.left_to_reference == 0  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        # Besides the pieces, the functions of a value that no rule names are written: those for `anybody`.
        assert sum(written) <= most + 8


def test_threads_that_write_the_same_piece_skip_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many threads that are the first to miss a value all meet the deny in the last piece."""
    monkeypatch.setattr(functions, "_PIECE", 4)
    text = family('client.country == "GB" and key.id == "k{n}"', 12, "deny")
    text += 'deny last on a when client.country == "FR" and key.id == "z"\n'
    for _ in range(10):
        engine = Engine.from_sources({"a.policy": VOCABULARY + text + ANYBODY}, clock=lambda: NOW, cache=None)
        engine.decide({"action": "a", "key": {"id": "k1"}, "client": {"country": "GB"}, "now": NOW})
        ready = threading.Barrier(4)
        rules: list[str | None] = []

        def decide(engine: Engine = engine, ready: threading.Barrier = ready, rules: Any = rules) -> None:
            ready.wait()
            rules.extend(engine.decide({"action": "a", "client": {"country": "FR"}, "now": NOW}).rule for _ in range(3))

        threads = [threading.Thread(target=decide) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(rules) == {"last"}
