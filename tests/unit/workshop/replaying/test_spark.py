"""What runs on Spark, without Spark: a question that travels, a log divided, tasks that find, findings that add up."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from durwan.credentials.keys import StaticKeys
from durwan.model.request import Attributes
from durwan.program.fingerprint import fingerprint
from durwan.workshop.replaying.flips import Flips
from durwan.workshop.replaying.logs import BrokenRecords, RecordedRequests
from durwan.workshop.replaying.logs.lines import line_starts
from durwan.workshop.replaying.question import Filters, Question
from durwan.workshop.replaying.running import replay
from durwan.workshop.replaying.sides import ProgramSide, RecordedSide
from durwan.workshop.replaying.spark import SparkError, is_remote, replay_on_spark
from durwan.workshop.replaying.spark.session import brief, has_java
from durwan.workshop.replaying.spark.work import BROKEN, ERROR, LINES, PARTIAL, compare_files, merge
from durwan.workshop.replaying.summary import summarize
from durwan.workshop.replaying.tasks.partial import Partial
from durwan.workshop.replaying.tasks.pieces import Piece, divide
from durwan.workshop.replaying.tasks.places import Places
from durwan.workshop.replaying.tasks.question_text import question_text, read_question
from tests.reference_set import reference_set
from tests.replay.everything import exported, lines, nested, prepared
from tests.replay.logs import changed, requests, set_of
from tests.replay.test_known_changes import question_of

pa: Any = pytest.importorskip("pyarrow")


@pytest.fixture
def question() -> Question:
    return question_of(set_of(), changed("a lower threshold refuses more"))


def opened(paths: list[Path], question: Question, aside: Path | None = None) -> RecordedRequests:
    side = question.programs[0]
    return RecordedRequests.open(paths, side.reading, side.keys, aside=aside, contexts=question.contexts)


# ------------------------------------------------------------------------------------------------------------ questions


def test_a_question_travels_as_text() -> None:
    """Programs, keys, amounts and filters arrive as they were."""
    compiled = reference_set().finished()
    filters = Filters(since=1, keys=frozenset({"a", "b"}), actions=frozenset())
    sides = ProgramSide(compiled), ProgramSide(compiled)
    asked = Question(before=sides[0], after=sides[1], amounts=("request.notional",), filters=filters)
    found = read_question(question_text(asked))
    assert (found.amounts, found.filters) == (asked.amounts, filters)
    for side in (found.before, found.after):
        assert isinstance(side, ProgramSide)
        assert side.program == compiled.program
        assert side.revision == compiled.revision == fingerprint(side.program)
        assert _read(side) == _read(sides[0])
    assert question_text(found) == question_text(asked)


def _read(side: ProgramSide) -> dict[str, dict[str, object]]:
    """What the policies read of each key."""
    assert isinstance(side.compiled.keys, StaticKeys)
    schema = side.program.schema
    names = [path for path in schema.attributes if path.startswith("key.")]
    read = {key: Attributes(schema, {"key": key}, side.keys) for key, _ in side.compiled.keys.items()}
    return {key: {name: each.read(name) for name in names} for key, each in read.items()}


def test_nothing_travels_that_no_policy_asks_about() -> None:
    """Of a key, what proves it stays at home."""
    keys = StaticKeys({"desk": {"labels": ["patient"], "secret": "xyzzy"}})
    side = ProgramSide(replace(set_of(), keys=keys))
    text = question_text(Question(before=side, after=side))
    assert "patient" in text
    assert "xyzzy" not in text


def test_what_was_recorded_travels_too() -> None:
    """A side that was recorded is one again."""
    side = ProgramSide(set_of())
    found = read_question(question_text(Question(before=RecordedSide(side.program), after=side)))
    assert isinstance(found.before, RecordedSide)
    assert isinstance(found.after, ProgramSide)


# ---------------------------------------------------------------------------------------------------------------- tasks


def test_every_row_is_in_one_task(tmp_path: Path, question: Question) -> None:
    """Large files of Parquet are divided, without a gap or an overlap, and small ones go together."""
    rows = 400_000
    frame = pl.DataFrame({"action": ["orders.create"] * rows, "now": range(rows)})
    frame.with_columns(pl.col("now").hash().alias("risk")).write_parquet(tmp_path / "large.parquet")
    for name in "ab":
        lines(tmp_path / f"{name}.jsonl.gz", requests(10))
    tasks = divide(opened([tmp_path], question).files, cores=1)
    pieces = [piece for task in tasks for piece in task.pieces]
    large = [piece for piece in pieces if piece.rows is not None]
    assert len(large) > 1
    assert [piece.first for piece in large] == [sum(each.rows or 0 for each in large[:n]) for n in range(len(large))]
    assert sum(piece.rows or 0 for piece in large) == rows
    assert tasks[0].pieces == [Piece(str(tmp_path / f"{name}.jsonl.gz")) for name in "ab"] + large[:1]


# ------------------------------------------------------------------------------------------------------------- findings


def found(question: Question, tasks: list[list[Piece]]) -> Iterator[dict[str, Any]]:
    """What tasks find, each handed out by itself."""
    for number in range(len(tasks)):
        numbers = pa.RecordBatch.from_pydict({"id": [number]})
        for batch in compare_files(question_text(question), json.dumps(tasks), [numbers]):
            yield from batch.to_pylist()


@pytest.fixture
def logs(tmp_path: Path, question: Question) -> Path:
    """A directory with requests in every form."""
    folder = tmp_path / "logs"
    folder.mkdir()
    lines(folder / "1.jsonl.gz", requests(300, seed=1))
    nested(folder / "2.parquet", requests(1_000, seed=2))
    exported(folder / "3.parquet", requests(300, seed=3))
    prepared(folder / "4", lines(tmp_path / "4.jsonl.gz", requests(300, seed=4)), question)
    return folder


def test_tasks_find_what_one_machine_finds(logs: Path, question: Question, tmp_path: Path) -> None:
    """Divided in the middle of files and added up backwards, a log says the same to the last count."""
    log = opened([logs], question, tmp_path / "aside")
    expected = summarize(replay(log, question), question, examples=9)
    paths = [str(file.path) for file in log.files]
    tasks = [
        [Piece(paths[0]), Piece(paths[1], 0, 10)], [Piece(paths[1], 10, 400)], [Piece(paths[1], 410, 590)],
        [Piece(paths[2], 0, 151)], [Piece(paths[2], 151, 149), Piece(paths[3])],
    ]  # fmt: skip
    rows = list(found(question, tasks))
    broken = [row["text"] for row in rows if row["kind"] == BROKEN]
    assert "".join(broken) == (tmp_path / "aside").read_text()
    partials = [row for row in rows if row["kind"] == PARTIAL]
    assert len(partials) == len(tasks)
    (batch,) = merge([pa.RecordBatch.from_pylist(partials[2:][::-1]), pa.RecordBatch.from_pylist(partials[:2])])
    (row,) = batch.to_pylist()
    whole = Partial.of_text(row["text"])
    assert summarize(whole.flips, question, examples=9) == expected
    assert whole.broken == log.broken.reasons
    assert expected.flips


def test_pieces_of_a_file_of_lines(question: Question, tmp_path: Path) -> None:
    """Divided at the ends of lines, a file says the same, and broken records stand where they stand in the file."""
    rows = [json.dumps(row) for row in requests(500)]
    rows[100::100] = ["nonsense"] * 4
    (tmp_path / "log.jsonl").write_text("\n".join(rows), encoding="ascii")
    log = opened([tmp_path], question, tmp_path / "aside")
    expected = summarize(replay(log, question), question, examples=9)
    path = str(tmp_path / "log.jsonl")
    starts = [*line_starts(tmp_path / "log.jsonl", 20_000), (tmp_path / "log.jsonl").stat().st_size]
    tasks = [[Piece(path, first, end - first)] for first, end in pairwise(starts)]
    assert len(tasks) > 3
    findings = list(found(question, tasks))
    places, broken = Places({path: Path("log")}), BrokenRecords(tmp_path / "kept")
    for row in findings:
        if row["kind"] == LINES:
            places.count(json.loads(row["text"]))
    for row in findings:
        if row["kind"] == BROKEN:
            places.keep(json.loads(row["text"]), broken)
    broken.close()
    assert (tmp_path / "kept").read_text().replace('"log"', json.dumps(path)) == (tmp_path / "aside").read_text()
    assert [each.place for each in broken.first] == [101, 201, 301, 401]
    whole = Partial(Flips(question.amounts))
    for row in findings:
        if row["kind"] == PARTIAL:
            whole.add(Partial.of_text(row["text"]))
    assert summarize(whole.flips, question, examples=9) == expected


def test_a_log_that_is_elsewhere_is_told(question: Question, tmp_path: Path) -> None:
    """An executor that does not have a file says so, and the error is passed on."""
    rows = list(found(question, [[Piece(str(tmp_path / "gone.parquet"))]]))
    assert [row["kind"] for row in rows] == [ERROR]
    assert "put the log where every machine sees it" in rows[0]["text"]
    (batch,) = merge([pa.RecordBatch.from_pylist(rows)])
    assert batch.to_pylist() == rows


def test_contexts_that_only_the_old_set_declares(tmp_path: Path) -> None:
    """What the policy set after no longer declares is read for the one before."""
    policy = "actions { a } context old { fine : bool } allow by_old on a when old.fine"
    asked = question_of(set_of(policy), set_of("actions { a } allow always on a"))
    row = {"action": "a", "now": 1_772_442_000_000, "old": {"fine": True}}
    pl.DataFrame([row]).write_parquet(tmp_path / "log.parquet")
    log = opened([tmp_path / "log.parquet"], asked)
    assert summarize(replay(log, asked), asked).flips == 0
    (found_row,) = found(asked, [[Piece(str(tmp_path / "log.parquet"))]])
    assert summarize(Partial.of_text(found_row["text"]).flips, asked).flips == 0


# --------------------------------------------------------------------------------------------------------------- errors


def test_a_missing_spark_says_how_to_get_it(
    question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pyspark, the command that installs it is told."""
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(SparkError, match=r"pip install 'durwan\[spark\]'"):
        replay_on_spark(["s3a://logs"], question, master="local[1]", aside=tmp_path / "aside")


def test_java_is_looked_for_where_spark_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAVA_HOME names the Java that is used, if there is one."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert not has_java()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    assert has_java()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Traceback\n  File\nModuleNotFoundError: No module named 'pyarrow'\n", "PYSPARK_PYTHON"),
        (
            "[FAILED] it failed\n\tat org.apache.spark.X\nCaused by: java.io.IOException: no room\n",
            "[FAILED] it failed",
        ),
        ("", "no reason given"),
    ],
)
def test_errors_of_spark_are_told_briefly(text: str, told: str) -> None:
    """What is told is what to do, or what Spark says first, and no stack."""
    assert told in brief(text)
    assert "\n" not in brief(text)


def test_addresses_are_no_paths() -> None:
    """What has a scheme is read by Spark."""
    assert is_remote("s3a://bucket/logs")
    assert not is_remote("logs/week.parquet")
