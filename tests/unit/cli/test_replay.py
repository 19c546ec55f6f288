"""`policy-check replay`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from durwan import Engine
from tests.replay.logs import CHANGES, requests, written
from tests.unit.cli.conftest import Call
from tests.unit.workshop.policies import POLICY

NUMBER = 1_500


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept aside lands in a directory of the test."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sides(tmp_path: Path) -> tuple[str, str]:
    """A policy set, and the same where addresses no longer matter."""
    new = POLICY.replace(*CHANGES["addresses no longer matter"])
    for name, text in (("old", POLICY), ("new", new)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "desk.policy").write_text(text, encoding="utf-8")
    return str(tmp_path / "old"), str(tmp_path / "new")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with two records that are none."""
    path = written(tmp_path / "log.jsonl", requests(NUMBER))
    with path.open("a", encoding="ascii") as file:
        file.write('nonsense\n{"action": "orders.create"}\n')
    return path


def test_json_says_it_all(call: Call, sides: tuple[str, str], log: Path) -> None:
    """Counts, groups with amounts, instants and examples that both engines confirm; what was broken and beyond."""
    ended = call("replay", *sides, "--log", log, "-f", "json")
    assert ended.code == 0
    document = ended.json
    assert document["requests"] == NUMBER
    assert document["flips"] == sum(document["kinds"].values()) == sum(each["count"] for each in document["groups"])
    assert document["kinds"]["newly-allowed"] > 0
    assert [each["kind"] for each in document["groups"]] == sorted(
        (each["kind"] for each in document["groups"]), key=list(document["kinds"]).index
    )
    assert document["broken"]["count"] == 2
    assert document["broken"]["file"] == "broken-records.jsonl"
    assert document["beyond_columns"] >= NUMBER // 61
    group = document["groups"][0]
    assert group["share"] == group["count"] / NUMBER
    assert set(group["amounts"]) == {"request.notional", "request.price", "request.quantity"}
    before, after = (Engine.load(side) for side in sides)
    for example in group["examples"]:
        for engine, said in ((before, example["before"]), (after, example["after"])):
            decided = engine.decide(example["request"]).as_dict()
            assert said == {name: decided[name] for name in said}
    assert document["revision"] == document["after"]["revision"] == after.revision
    assert any("beyond columns and not counted" in each for each in document["remarks"])
    moments = document["series"]["moments"]
    assert sum(each["count"] for each in moments) == document["flips"]


def test_broken_records_are_kept(call: Call, sides: tuple[str, str], log: Path, tmp_path: Path) -> None:
    """Records that cannot be read are counted in every form, and stand in a file with the reason."""
    aside = tmp_path / "aside.jsonl"
    out = call("replay", *sides, "--log", log, "--broken", aside).out
    assert f"note: 2 broken records, kept in {aside}" in out
    rows = [json.loads(line) for line in aside.read_text().splitlines()]
    assert [row["place"] for row in rows] == [NUMBER + 1, NUMBER + 2]


def test_for_people(call: Call, sides: tuple[str, str], log: Path) -> None:
    """Newly allowed first; each group with who, how much and a request; what is not known; a line on all."""
    ended = call("replay", *sides, "--log", log)
    lines = ended.out.splitlines()
    assert lines[0].startswith("newly allowed: ")
    assert lines[
        2
    ] == '  denied (403 no_rule_allows) -> allowed by `trade` with cap 10, desk "a", fee 0.5, live true' or (
        lines[2] == "  denied (403 no_rule_allows) -> allowed by `trade`"
    )
    assert any(line.startswith("      request.notional: ") for line in lines)
    assert any(line.startswith("      keys: desk-") for line in lines)
    assert any(line.startswith("note: 0 masked values") for line in lines)
    assert f"of {NUMBER:,} requests decided otherwise: " in lines[-1]


def test_nothing_differs(call: Call, sides: tuple[str, str], log: Path) -> None:
    """A set compared with itself decides nothing otherwise."""
    ended = call("replay", sides[0], sides[0], "--log", log, "--fail-on", "flips > 0")
    assert ended.code == 0
    assert "No request is decided otherwise. 1,500 requests compared" in ended.out
    assert "budget kept: fails on flips > 0; found 0" in ended.out


@pytest.mark.parametrize(
    ("budgets", "code"),
    [
        (["newly-allowed > 0"], 1),
        (["newly-allowed > 1000"], 0),
        (["flips > 100%", "newly-allowed notional > 1"], 1),
        (["newly-denied > 0"], 0),
        (["broken > 1"], 1),
    ],
)
def test_budgets(call: Call, sides: tuple[str, str], log: Path, budgets: list[str], code: int) -> None:
    """One budget that is exceeded makes the exit code 1."""
    words = [word for budget in budgets for word in ("--fail-on", budget)]
    assert call("replay", *sides, "--log", log, *words).code == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fail-on", "newly-alowed > 0"], "did you mean newly-allowed?"),
        (["--amount", "request.notion"], "the decimals are request.notional, request.price, request.quantity"),
        (["--amount", "key.id"], "key.id is no decimal or int"),
        (["--since", "monday"], "--since monday is no instant"),
        (["--action", "orders.creat"], "no action is orders.creat; did you mean orders.create?"),
        (["--top", "0"], "0 is no number from 1 to 1000"),
        (["--recorded"], "only NEW is named"),
        (["--keys", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_wrong_calls(call: Call, sides: tuple[str, str], log: Path, words: list[str], said: str) -> None:
    """What cannot be followed is told in a line, with what may be written instead."""
    ended = call("replay", *sides, "--log", log, *words)
    assert ended.code == 2
    assert said in ended.err


def test_a_log_that_is_not_there(call: Call, sides: tuple[str, str]) -> None:
    """A log is named, and must be one."""
    assert "holds no log" in call("replay", *sides, "--log", "nowhere.jsonl").err
    assert "--log" in call("replay", *sides).err
    assert "name what decided before" in call("replay", "--log", "x").err
    assert "name one" in call("replay", "recorded", "recorded", "--log", "x").err


def test_a_side_that_does_not_compile(call: Call, sides: tuple[str, str], log: Path) -> None:
    """The mistakes of a side are written, and the exit code says so."""
    (Path(sides[1]) / "desk.policy").write_text("allow everything", encoding="utf-8")
    assert call("replay", *sides, "--log", log).code == 3


def test_a_log_without_requests(call: Call, sides: tuple[str, str], tmp_path: Path) -> None:
    """Where nothing is left to compare, nothing is shown: undecided."""
    ended = call("replay", *sides, "--log", written(tmp_path / "empty.jsonl", []), "--fail-on", "newly-allowed > 0")
    assert ended.code == 4
    assert "there is no request to compare" in ended.out


def test_filters_are_told(call: Call, sides: tuple[str, str], log: Path) -> None:
    """Which requests were compared is said, and how many were not."""
    ended = call("replay", *sides, "--log", log, "--key", "desk-1", "--action", "orders.*", "-f", "json")
    assert ended.json["filters"] == ["--key desk-1", "--action orders.*"]
    assert ended.json["requests"] + ended.json["left_out"]["filtered"] == NUMBER
    assert {each["name"] for each in ended.json["keys"]["heaviest"]} == {"desk-1"}


def test_as_recorded(call: Call, sides: tuple[str, str], tmp_path: Path) -> None:
    """Either side may be what was recorded."""
    engine = Engine.load(sides[0])
    rows: list[Mapping[str, Any]] = [{**row, "decision": engine.decide(row).as_dict()} for row in requests(300)]
    log = written(tmp_path / "recorded.jsonl", rows)
    again = call("replay", "--recorded", sides[0], "--log", log, "-f", "json").json
    assert (again["flips"], again["requests"], again["before"]["revision"]) == (0, 300, None)
    forth = call("replay", "--recorded", sides[1], "--log", log, "-f", "json").json
    back = call("replay", sides[1], "recorded", "--log", log, "-f", "json").json
    assert forth["kinds"]["newly-allowed"] > 0
    assert forth["kinds"]["newly-allowed"] == sum(
        each["count"] for each in back["effects"] if each["before"] == "allow" and each["after"] == "deny"
    )


def test_a_prepared_log_says_the_same(call: Call, sides: tuple[str, str], log: Path, tmp_path: Path) -> None:
    """A log is prepared once; replayed then, it says what the log itself says."""
    ended = call("replay", *sides, "--log", log, "--prepare", tmp_path / "week")
    assert ended.code == 0
    assert ended.out == (
        f"{NUMBER:,} requests prepared: --log {tmp_path}/week; 2 broken records, kept in broken-records.jsonl\n"
    )
    plain, prepared = (call("replay", *sides, "--log", each, "-f", "json").json for each in (log, tmp_path / "week"))
    for different in ("logs", "broken"):
        del plain[different], prepared[different]
    assert plain == prepared
    assert call("replay", *sides, "--log", log, "--prepare", tmp_path / "week").code == 2


def test_markdown_cannot_be_written_into(call: Call, sides: tuple[str, str], tmp_path: Path) -> None:
    """Names and texts of a log stay what they are: no fence is closed, no tag opened, no line begun."""
    hostile = "```\n# <b>[hello](x)"
    rows = [{**row, "key": {**row["key"], "id": hostile, "account": hostile}} for row in requests(200)]
    for row in rows:
        row["decision"] = {"effect": "deny", "rule": hostile, "status": 403, "code": "`<script>"}
    log = written(tmp_path / "log.jsonl", rows)
    out = call("replay", "--recorded", sides[1], "--log", log, "-f", "markdown").out
    assert "\n# " not in out
    assert "<b>[hello" not in "".join(part for part in out.split("`")[::2])
    assert "<script>" not in "".join(out.split("```")[::2])
    fences = [line for line in out.splitlines() if line.startswith("```")]
    assert fences == ["```json", "```"] * (len(fences) // 2)


class _Page(HTMLParser):
    """What a browser would read of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href") and value]


def test_the_page_stands_alone(call: Call, sides: tuple[str, str], tmp_path: Path) -> None:
    """One file with its pictures, nothing loaded from elsewhere, nothing of the log that becomes a tag."""
    hostile = "<script>alert(1)</script>"
    rows = [{**row, "key": {**row["key"], "id": hostile}} for row in requests(400)]
    page = tmp_path / "page.html"
    ended = call("replay", *sides, "--log", written(tmp_path / "log.jsonl", rows), "-f", "html", "-o", page)
    assert (ended.code, ended.out) == (0, "")
    text = page.read_text(encoding="utf-8")
    read = _Page()
    read.feed(text)
    assert read.tags.count("svg") == 2
    assert {"rect", "path", "details"} <= set(read.tags)
    assert "script" not in read.tags
    assert read.addresses == []
    assert "&lt;script&gt;alert(1)" in text


def test_masked_values_are_counted(call: Call, sides: tuple[str, str], tmp_path: Path) -> None:
    """What an audit log masks is unknown to both sides, and counted by attribute."""
    rows = [{**row, "client": {"ip": {"$masked": "a1b2"}}} for row in requests(100)]
    found = call("replay", *sides, "--log", written(tmp_path / "log.jsonl", rows), "-f", "json").json
    assert found["masked"] == {"client.ip": 100}
    assert "100 masked values, unknown to both sides: client.ip 100" in (
        call("replay", *sides, "--log", tmp_path / "log.jsonl").out
    )


def test_a_log_without_recorded_decisions(call: Call, sides: tuple[str, str], log: Path) -> None:
    """Where it is not known what was decided, nothing can be compared, and that is said."""
    ended = call("replay", "--recorded", sides[1], "--log", log)
    assert ended.code == 4
    assert f"note: {NUMBER:,} requests without a recorded decision, not compared" in ended.out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--master", "local[2]"], "--master says where Spark runs: add --engine spark"),
        (["--log", "s3a://logs"], "s3a://logs is read by Spark: add --engine spark"),
        (["--log", "s3a://logs", "--engine", "spark"], "but not both at once"),
        (["--prepare", "week", "--engine", "spark"], "leave --engine spark out"),
    ],
)
def test_what_spark_is_for(call: Call, sides: tuple[str, str], log: Path, more: list[str], told: str) -> None:
    """Options of Spark without it, and work that is not Spark's, are refused with what to write."""
    ended = call("replay", *sides, "--log", log, *more)
    assert ended.code == 2
    assert told in ended.err
