"""The flips that a replay reports are exactly those that the engine makes, request by request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from durwan import Engine
from durwan.model.request import Attributes, no_keys
from durwan.model.values import read_time
from durwan.runtime.limits import UntouchedCounter
from durwan.runtime.policy import Compiled
from durwan.workshop.replaying.answers import Answer, answer_of, kind_of
from durwan.workshop.replaying.examples import text_of
from durwan.workshop.replaying.flips import Flips, flips_of
from durwan.workshop.replaying.logs import RecordedRequests
from durwan.workshop.replaying.question import Filters, Question, usual_amounts
from durwan.workshop.replaying.report import remarks_on
from durwan.workshop.replaying.running import replay
from durwan.workshop.replaying.sides import ProgramSide, RecordedSide
from durwan.workshop.replaying.summary import Replay, summarize
from tests.replay import known_changes
from tests.replay.known_changes import compare
from tests.replay.logs import CHANGES, changed, requests, set_of, written

NUMBER = 6_000
Pair = tuple[Answer, Answer]


def engine_of(compiled: Compiled) -> Engine:
    """An engine that decides each request as if it were the first."""
    return Engine(lambda: compiled, limits=UntouchedCounter(), cache=None)


def flipped(rows: Iterable[Mapping[str, Any]], question: Question) -> list[tuple[Pair, Mapping[str, Any]]]:
    """The requests that two engines answer otherwise, and how."""
    assert isinstance(question.before, ProgramSide)
    assert isinstance(question.after, ProgramSide)
    sides = [Compiled(program=each.program, revision="", keys=set_of().keys) for each in question.programs]
    after, before = map(engine_of, sides)
    found: list[tuple[Pair, Mapping[str, Any]]] = []
    for row in rows:
        pair = answer_of(before.decide(row).outcome), answer_of(after.decide(row).outcome)
        if kind_of(*pair, question.renames) is not None:
            found.append((pair, row))
    return found


def question_of(before: Compiled, after: Compiled, **more: Any) -> Question:
    sides = ProgramSide(before), ProgramSide(after)
    return Question(before=sides[0], after=sides[1], amounts=usual_amounts(sides), **more)


def opened(path: Path, question: Question) -> RecordedRequests:
    side = question.programs[0]
    return RecordedRequests.open([path], side.reading, side.keys)


def plain(pair: Pair) -> Pair:
    return pair[0]._replace(terms=None), pair[1]._replace(terms=None)


def counts(found: Replay) -> Counter[Pair]:
    total: Counter[Pair] = Counter()
    for group in found.groups:
        total[plain((group.before, group.after))] += group.all.count
    return total


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of some thousand requests."""
    return written(tmp_path_factory.mktemp("log") / "log.jsonl", requests(NUMBER))


@pytest.mark.parametrize("change", CHANGES)
def test_the_flips_are_those_of_the_engines(log: Path, change: str) -> None:
    """For each of five changes: the groups, the whole, and who, when and how much, are what the engines make."""
    question = question_of(set_of(), changed(change))
    found = summarize(replay(opened(log, question), question), question, most=1000, examples=3)
    expected = flipped(requests(NUMBER), question)
    assert expected
    assert counts(found) == Counter(plain(pair) for pair, _ in expected)
    assert (found.requests, found.flips) == (NUMBER, len(expected))
    assert found.beyond >= NUMBER // 61
    assert keys(found) == Counter(row["key"]["id"] for _, row in expected if row["key"]["id"] != "\ud800")
    amounts = [_notional(question, row) for _, row in expected]
    total = sum(found.amounts[kind]["request.notional"].total for kind in found.amounts)
    assert total == sum(each for each in amounts if each is not None)
    instants = [at for _, row in expected if (at := read_time(row["now"])) is not None]
    firsts = [group.all.first for group in found.groups if group.all.first is not None]
    lasts = [group.all.last for group in found.groups if group.all.last is not None]
    assert (min(firsts), max(lasts)) == (min(instants), max(instants))


def keys(found: Replay) -> Counter[str]:
    return Counter({each.name: each.count for each in found.keys.heaviest if each.name is not None})


def _notional(question: Question, row: Mapping[str, Any]) -> Decimal | None:
    read = Attributes(question.programs[0].program.schema, row, no_keys).read("request.notional")
    return None if read is None else Decimal(read)  # type: ignore[arg-type]


def test_every_example_is_one_of_its_group(log: Path) -> None:
    """Each example is a whole request of the log, and the engines answer it as its group says."""
    question = question_of(set_of(), changed("a lower threshold refuses more"))
    found = summarize(replay(opened(log, question), question), question)
    rows = list(requests(NUMBER))
    expected = flipped(rows, question)
    for group in found.groups:
        assert group.examples
        for example in group.examples:
            assert example.request in [_without_nulls(row) for row in rows]
            same = [pair for pair, row in expected if _without_nulls(row) == example.request]
            assert {plain(pair) for pair in same} == {plain((group.before, group.after))}
            assert answer_of(example.after) == same[0][1]  # type: ignore[arg-type]
        stakes = [
            _notional(question, row) for pair, row in expected if plain(pair) == plain((group.before, group.after))
        ]
        known = [each for each in stakes if each is not None]
        if known:
            assert max(known) in [_notional(question, each.request) for each in group.examples]


def _without_nulls(row: Mapping[str, Any]) -> dict[str, Any]:
    """A request as an example has it."""
    found: dict[str, Any] = json.loads(text_of(row))
    return found


@pytest.mark.parametrize("change", CHANGES)
def test_parts_add_up_in_any_order(tmp_path: Path, change: str) -> None:
    """Looked at in parts, sent elsewhere as texts and added up in any order, a log says the same to the last word."""
    question = question_of(set_of(), changed(change))
    rows = list(requests(2_000))
    whole = replay(opened(written(tmp_path / "whole.jsonl", rows), question), question)
    parts: list[str] = []
    for number, start in enumerate(range(0, len(rows), 300)):
        piece = opened(written(tmp_path / f"{number}.jsonl", rows[start : start + 300]), question)
        parts += [flips_of(recorded, question).as_text() for recorded in piece.batches()]
    Random(7).shuffle(parts)
    added = Flips(question.amounts)
    for part in parts:
        added.add(Flips.of_text(part))
    # Written out, since dicts are equal in any order, and reports are not.
    assert repr(summarize(added, question)) == repr(summarize(whole, question))


def test_filters_choose(log: Path) -> None:
    """Only requests of the keys, the actions and the time that were named are compared; the others are counted."""
    rows = [row for row in requests(NUMBER) if row["now"] != "yesterday"]
    since, until = rows[1000]["now"], rows[3000]["now"]
    filters = Filters(
        since=since, until=until, keys=frozenset({"desk-1", "desk-2"}), actions=frozenset({"orders.create"})
    )
    question = question_of(set_of(), changed("facts must be younger"), filters=filters)
    found = summarize(replay(opened(log, question), question), question)
    chosen = [
        row
        for row in rows
        if since <= row["now"] < until and row["key"]["id"] in {"desk-1", "desk-2"} and row["action"] == "orders.create"
    ]
    assert found.requests == len(chosen)
    assert found.left_out == {"filtered": NUMBER - len(chosen)}
    assert counts(found) == Counter(plain(pair) for pair, _ in flipped(chosen, question))


def test_as_recorded(tmp_path: Path) -> None:
    """What was recorded is compared with what would be decided; what no policy decided is not, and is counted."""
    old, new = set_of(), changed("a lower threshold refuses more")
    engine = engine_of(old)
    rows: list[dict[str, Any]] = []
    for row in requests(1_000):
        decision = engine.decide(row)
        said = {"effect": decision.effect, "rule": decision.rule, "status": decision.status, "code": decision.code}
        rows.append({**row, "decision": said})
    rows[0]["decision"] = {"effect": "deny", "rule": None, "status": 401, "code": "signature_invalid"}
    del rows[1]["decision"]
    allowed = next(place for place, row in enumerate(rows) if place > 1 and row["decision"]["effect"] == "allow")
    rows[allowed]["decision"] = {"effect": "deny", "rule": "order_rate", "status": 429, "code": "order_rate"}
    after = ProgramSide(new)
    question = Question(before=RecordedSide(new.program), after=after, amounts=("request.notional",))
    found = summarize(replay(opened(written(tmp_path / "log.jsonl", rows), question), question), question)
    both = question_of(old, new)
    compared = [row for place, row in enumerate(requests(1_000)) if place not in (0, 1, allowed)]
    # Remedies are not recorded, so nothing differs that differs in them alone.
    wanted = Counter(plain(pair) for pair, _ in flipped(compared, both) if plain(pair)[0] != plain(pair)[1])
    assert counts(found) == wanted
    assert found.requests == 998
    assert dict(found.left_out) == {"refused": 1, "unrecorded": 1}
    assert found.counted_out == 1


def test_five_changes_of_the_reference_set(tmp_path: Path) -> None:
    """On a generated month the flips are those that engines make, each by the rule that was changed."""
    for name, found in compare(20_000, tmp_path).items():
        _, _, _, rule, kinds = known_changes.CHANGES[name]
        assert found.flips > 0, name
        for group in found.groups:
            assert rule in {group.before.rule, group.after.rule}
            assert group.kind in kinds


def test_a_log_prepared_without_requests_shows_none(tmp_path: Path) -> None:
    """Without whole requests the same is counted; that there is nothing to show is said."""
    question = question_of(set_of(), changed("addresses no longer matter"))
    # Nothing that only a whole request could decide.
    rows = [row for row in requests(500) if row["key"]["id"] != "\ud800"]
    log = written(tmp_path / "log.jsonl", rows)
    opened(log, question).prepare(tmp_path / "small", *(each.side for each in question.programs), whole=False)
    whole, small = (summarize(replay(opened(path, question), question), question) for path in (log, tmp_path / "small"))
    assert counts(small) == counts(whole)
    assert not any(group.examples for group in small.groups)
    assert any("prepared without whole requests" in each for each in remarks_on(small, None, None))
    assert not any("prepared" in each for each in remarks_on(whole, None, None))
