"""The matrix of keys and actions says what the evaluator does: on the reference set by its words; on any program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from durwan.compilation import Compilation, compile_policy
from durwan.language.policy_set import read_directory
from durwan.model.decision import Decision
from durwan.model.request import Attributes, instant_of, no_keys
from durwan.program.program import Program
from durwan.program.reference import Evaluation
from durwan.program.wording import worded
from durwan.runtime.engine import Engine
from durwan.workshop.access import Assumptions, Cell, Row, access_of
from durwan.workshop.key_classes import KeyClass, each_by_itself, key_classes
from durwan.workshop.test_files import read_suite
from tests.differential import engine_of
from tests.generators.programs import NOW, generate_program
from tests.generators.requests import generate_request

ROOT = Path(__file__).parents[2]
REQUESTS = 700
PARTS = 8
PROGRAMS = 30

# --------------------------------------------------------------------------------------------------- the reference set


@dataclass(frozen=True)
class Reference:
    """The reference set, its matrix by key, and the same set with each condition as a `let` read from its text."""

    compilation: Compilation
    rows: list[Row]
    reread: Program
    requests: tuple[Mapping[str, Any], ...]


@cache
def reference() -> Reference:
    directory = read_directory(str(ROOT / "policies"))
    compilation = compile_policy(directory)
    program = compilation.finished().program
    rows = access_of(program, each_by_itself(compilation.keys.items()), program.schema.actions)
    lets = [
        f"let {name}_{place}_{action.replace('.', '_')} = {worded(expression)}"
        for place, row in enumerate(rows)
        for action, cell in row.cells.items()
        for name, expression in (("admitted", cell.admitted), ("allowed", cell.allowed))
    ]
    extended = replace(directory, files={**directory.files, "99.policy": "\n".join(lets).encode()})
    requests = tuple(case.request for case in read_suite(directory, compilation.manifest).cases)
    return Reference(compilation, rows, compile_policy(extended).finished().program, requests)


def mapping(given: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}


def values_by_path(requests: tuple[Mapping[str, Any], ...]) -> dict[str, list[Any]]:
    """What the test cases of the set say under each path: they stand around every edge."""
    found: dict[str, list[Any]] = {}
    for request in requests:
        for context, given in request.items():
            for name, value in mapping(given).items():
                found.setdefault(f"{context}.{name}", []).append(value)
        found.setdefault("now", []).append(request.get("now", "2026-03-02T09:00:00Z"))
    return found


def requests_of(key_id: str, action: str, random: Random) -> Iterator[dict[str, Any]]:
    """Requests of a key near those that are allowed, with a few facts changed or left out."""
    given = reference().requests
    pools = values_by_path(given)
    record: dict[str, Any] = dict(reference().compilation.keys.get(key_id) or {})
    starts = [each for each in given if each["action"] == action]
    while True:
        request: dict[str, Any] = deepcopy(dict(random.choice(starts)))
        request["now"] = random.choice(("2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z", random.choice(pools["now"])))
        request["key"] = record
        request["gateway"] = {"environment": record["environment"]}
        symbol = random.choice([*record["symbols"], "BTC-PERP"])
        request["request"] = {**(request.get("request") or {}), "subaccount": record["subaccount"], "symbol": symbol}
        address = random.choice(("203.0.113.9", "203.0.113.77", "203.0.113.130"))
        request["client"] = {**(request.get("client") or {}), "ip": address}
        for path in random.sample(sorted(pools), random.choice((0, 0, 1, 2, 4))):
            context, _, name = path.partition(".")
            if context in ("key", "action", "now") or not isinstance(request.setdefault(context, {}), dict):
                continue
            request[context] = {**request[context], name: random.choice([*pools[path], None])}
        yield request


@pytest.mark.parametrize("place", range(7))
def test_the_reference_set_keeps_its_word(place: int) -> None:
    """Allowed is always, refused never, and conditional just where its words, parsed again, are true."""
    row = reference().rows[place]
    key_id = row.keys.ids[0]
    engine = Engine(reference().compilation.finished, clock=lambda: NOW, cache=None, limits=None)
    random = Random(key_id)
    seen: Counter[str] = Counter()
    asked = [action for action, cell in row.cells.items() for _ in range(3 if cell.verdict == "conditional" else 1)]
    sources = {action: requests_of(key_id, action, random) for action in row.cells}
    for number in range(REQUESTS):
        action = asked[number % len(asked)]
        request = {**next(sources[action]), "action": action}
        decision = engine.decide(request)
        cell = row.cells[action]
        check_reread(f"{place}_{action.replace('.', '_')}", request, decision)
        check_verdict(cell, decision)
        seen[f"{cell.verdict} {decision.effect}"] += 1
    if any(cell.verdict == "conditional" for cell in row.cells.values()):
        assert seen["conditional allow"] > REQUESTS // 20, seen
        assert seen["conditional deny"] > REQUESTS // 40, seen
    assert seen["refused deny"] > REQUESTS // 20, seen


def check_reread(name: str, request: Mapping[str, Any], decision: Decision) -> None:
    program = reference().reread
    now = instant_of(request, lambda: NOW)
    assert now is not None
    evaluation = Evaluation(program, Attributes(program.schema, request, no_keys), now)
    admitted = evaluation.read(program.lets[f"admitted_{name}"]).value is True
    allowed = evaluation.read(program.lets[f"allowed_{name}"]).value is True
    assert admitted == (decision.effect != "deny"), (name, request, decision)
    assert allowed == decision.allowed, (name, request, decision)


def check_verdict(cell: Cell, decision: Decision) -> None:
    if cell.verdict == "allowed":
        assert decision.allowed
    if cell.verdict == "refused":
        assert not decision.allowed


def test_rules_that_refuse_do_refuse() -> None:
    """Each cell that is refused by one rule alone is refused by it, or by one before it."""
    program = reference().compilation.finished().program
    order = {rule.name: rule.order for rule in program.rules} | {"no_rule_allows": len(program.rules)}
    engine = Engine(reference().compilation.finished, clock=lambda: NOW, cache=None, limits=None)
    random = Random(1)
    for row in reference().rows:
        for action, cell in row.cells.items():
            if cell.verdict == "refused":
                request = {**next(requests_of(row.keys.ids[0], action, random)), "action": action}
                decision = engine.decide(request)
                last = min(order[name] for name in cell.refused_by)
                assert order[decision.rule or decision.code] <= last, (row.keys.name, action, decision)


# ------------------------------------------------------------------------------------------------------- any program


def records(random: Random) -> list[tuple[str, Mapping[str, object]]]:
    """Keys of which some differ only in what belongs to each by itself."""
    found: list[tuple[str, Mapping[str, object]]] = []
    for _ in range(3):
        record: dict[str, object] = {**mapping(generate_request(random).get("key"))}
        for _ in range(2):
            own = {name: record[name] for name in ("id", "created") if name in record}
            other = {"id": random.choice(("a", "k1", "")), "created": NOW - random.randrange(10**10)}
            found.append((f"key{len(found)}", {**record, **{name: other[name] for name in own}}))
    return found


def assumptions(random: Random) -> Assumptions:
    """Sometimes what a client or the risk engine is taken to say."""
    chosen: dict[str, Mapping[str, object]] = {}
    if random.random() < 0.3:
        chosen["client"] = {"country": random.choice(("a", "sandbox"))}
    if random.random() < 0.3:
        chosen["risk"] = {"score": random.choice((0, 50, 91))}
    return Assumptions(by_context=chosen)


def evaluated(program: Program, cell: Cell, request: Mapping[str, Any], now: int) -> tuple[bool, bool]:
    evaluation = Evaluation(program, Attributes(program.schema, request, no_keys), now)
    return evaluation.read(cell.admitted).value is True, evaluation.read(cell.allowed).value is True


@pytest.mark.parametrize("part", range(PARTS))
def test_any_program_keeps_its_word(part: int) -> None:
    """On generated programs, keys and assumptions, each member of a class gets what its cell says."""
    seen: Counter[str] = Counter()
    for seed in range(part * PROGRAMS, (part + 1) * PROGRAMS):
        program, random = generate_program(80_000 + seed), Random(seed)
        engine, assumed = engine_of(program), assumptions(random)
        keys = dict(records(random))
        for row in access_of(program, key_classes(program, keys.items()), program.schema.actions, assumed):
            seen["shared"] += len(row.keys.ids) > 1 and bool(row.keys.kept)
            for _ in range(10):
                drawn = generate_request(random)
                contexts = {
                    context: {**mapping(drawn.get(context)), **names} for context, names in assumed.by_context.items()
                }
                request = {**drawn, **contexts, "key": keys[random.choice(row.keys.ids)]}
                now = instant_of(request, lambda: NOW)
                if now is None or type(request["action"]) is not str or request["action"] not in row.cells:
                    continue
                cell, decision = row.cells[request["action"]], engine.decide(request)
                admitted, allowed = evaluated(program, cell, request, now)
                assert admitted == (decision.effect != "deny") or cell.verdict == "refused", (seed, row.keys, request)
                assert allowed == decision.allowed, (seed, row.keys, request)
                check_verdict(cell, decision)
                seen[f"{cell.verdict} {decision.effect}"] += 1
    assert min(seen[each] for each in ("conditional allow", "conditional deny", "refused deny")) > 10, seen
    assert seen["allowed allow"] > 2, seen
    assert seen["shared"] > 5


def test_members_of_a_class_are_told_apart_by_no_rule() -> None:
    """Keys that differ in what no rule reads are of one class; in what one reads, of two."""
    program = reference().compilation.finished().program
    record = dict(reference().compilation.keys.get("desk-7") or {})
    keys = {
        "a": {**record, "id": "a", "owner": "bert", "account": "x"},
        "b": {**record, "id": "b", "owner": "carla", "expires": "2026-12-01T00:00:00Z"},
        "c": {**record, "id": "c", "symbols": ["BTC-PERP"]},
        "d": {name: value for name, value in record.items() if name != "rotated"},
    }
    classes = key_classes(program, keys.items())
    assert [each.ids for each in classes] == [("a", "b"), ("c",), ("d",)]
    assert classes[0].kept == {"key.owner", "key.expires", "key.id"}
    assert classes[0].name == "a, b"
    row: KeyClass = classes[0]
    texts = [each.text for each in access_of(program, [row], ["orders.read"])[0].cells["orders.read"].conditions]
    assert "now < key.expires" in texts
