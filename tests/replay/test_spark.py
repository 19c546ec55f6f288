"""Spark finds what one machine finds, to the last count, in every form of logs.

Starting Spark takes a quarter of a minute, and nothing of it is durwan's: set DURWAN_SPARK=1 to run these tests.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from durwan.workshop.replaying.logs import LogError, RecordedRequests
from durwan.workshop.replaying.question import Filters, Question
from durwan.workshop.replaying.running import replay
from durwan.workshop.replaying.sides import ProgramSide, RecordedSide
from durwan.workshop.replaying.spark import replay_on_spark
from durwan.workshop.replaying.spark.session import has_java
from durwan.workshop.replaying.summary import Replay, summarize
from tests.replay.everything import exported, lines, nested, prepared
from tests.replay.logs import CHANGES, changed, requests, set_of
from tests.replay.test_known_changes import question_of
from tests.unit.workshop.policies import POLICY

MASTERS = ("local[2]", "local-cluster[2,1,1024]")
CHANGE = CHANGES["a lower threshold refuses more"]
RUN = "from durwan.cli.policy_check import run; run()"
ON = os.environ.get("DURWAN_SPARK") == "1"

pytestmark = [
    pytest.mark.skipif(not ON, reason="starts Spark, about a minute: set DURWAN_SPARK=1"),
    pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark is not installed: pip install 'durwan[spark]'"),
    pytest.mark.skipif(not has_java(), reason="Java is not installed, and Spark needs it: 17 or newer"),
    # pyspark's own: its sockets and its use of pandas.
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def question() -> Question:
    """All five changes at once, so that many groups come out."""
    policy = POLICY
    for replaced in CHANGES.values():
        policy = policy.replace(*replaced)
    return question_of(set_of(), set_of(policy))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory, question: Question) -> Path:
    """A directory with requests in every form."""
    folder = tmp_path_factory.mktemp("logs")
    lines(folder / "1.jsonl.gz", requests(1_000, seed=1))
    (folder / "1.jsonl").write_bytes(gzip.decompress((folder / "1.jsonl.gz").read_bytes()) * 20)
    nested(folder / "2.parquet", requests(5_000, seed=2))
    exported(folder / "3.parquet", requests(1_000, seed=3))
    prepared(folder / "4", lines(folder.with_suffix(".jsonl.gz"), requests(1_000, seed=4)), question)
    return folder


def here(paths: Sequence[Path], question: Question, aside: Path) -> tuple[Replay, dict[str, int]]:
    log = opened(paths, question, aside)
    return summarize(replay(log, question), question, examples=9), dict(log.broken.reasons)


def opened(paths: Sequence[Path], question: Question, aside: Path) -> RecordedRequests:
    side = question.programs[0]
    return RecordedRequests.open(paths, side.reading, side.keys, aside=aside, contexts=question.contexts)


@pytest.mark.parametrize("master", MASTERS)
def test_files_of_every_form(logs: Path, question: Question, tmp_path: Path, master: str) -> None:
    """Flips, groups, amounts, examples, counts and broken records are those of one machine."""
    expected, reasons = here([logs], question, tmp_path / "here")
    told: list[float] = []
    log = opened([logs], question, tmp_path / "spark")
    found = replay_on_spark(log, question, master=master, aside=tmp_path / "spark", told=told.append)
    assert summarize(found.flips, question, examples=9) == expected
    assert found.broken.reasons == reasons
    assert (tmp_path / "spark").read_text() == (tmp_path / "here").read_text()
    assert expected.flips > 1_000
    assert expected.beyond
    assert len(reasons) > 2
    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.parametrize("name", ["2.parquet", "3.parquet"])
@pytest.mark.parametrize("master", MASTERS)
def test_requests_that_spark_reads(logs: Path, question: Question, tmp_path: Path, master: str, name: str) -> None:
    """What Spark reads from an address is what one machine reads from the file."""
    expected, reasons = here([logs / name], question, tmp_path / "here")
    address = (logs / name).as_uri()
    found = replay_on_spark([address], question, master=master, aside=tmp_path / "spark")
    assert summarize(found.flips, question, examples=9) == expected
    assert found.broken.reasons == reasons
    assert expected.flips > 100
    kept = [[_place(line) for line in (tmp_path / each).read_text().splitlines()] for each in ("spark", "here")]
    assert kept[0] == kept[1]


def _place(line: str) -> tuple[str, int, str]:
    record = json.loads(line)
    return Path(record["file"]).name, record["place"], record["reason"]


def test_what_was_recorded_by_some_keys(logs: Path, tmp_path: Path) -> None:
    """What was recorded is compared, and the filters are heeded."""
    side = ProgramSide(changed("a lower threshold refuses more"))
    filters = Filters(keys=frozenset({"desk-1", "desk-2"}), actions=frozenset({"orders.create"}))
    asked = Question(before=RecordedSide(side.program), after=side, filters=filters)
    expected, _ = here([logs / "3.parquet"], asked, tmp_path / "here")
    log = opened([logs / "3.parquet"], asked, tmp_path / "spark")
    found = replay_on_spark(log, asked, master=MASTERS[0], aside=tmp_path / "spark")
    assert summarize(found.flips, asked, examples=9) == expected
    assert expected.kinds["newly-denied"]
    assert expected.left_out["filtered"]


def test_a_damaged_file_is_told_as_on_one_machine(logs: Path, question: Question, tmp_path: Path) -> None:
    """The log's error is the one that is told, without Spark's."""
    damaged = tmp_path / "damaged.jsonl.gz"
    damaged.write_bytes((logs / "1.jsonl.gz").read_bytes()[:-2_000])
    with pytest.raises(LogError, match="cannot be read to its end"):
        replay_on_spark(opened([damaged], question, tmp_path / "b"), question, master=MASTERS[0], aside=tmp_path / "b")


def test_the_command(logs: Path, tmp_path: Path) -> None:
    """`--engine spark` prints what the command prints without it, and nothing else."""
    sides = [written_set(tmp_path / "old", POLICY), written_set(tmp_path / "new", POLICY.replace(*CHANGE))]
    shared = ["replay", *sides, "--log", logs, "--broken", tmp_path / "broken.jsonl", "-f", "json"]
    printed = [
        subprocess.run(
            [sys.executable, "-c", RUN, *map(str, (*shared, *more))],
            capture_output=True, text=True, check=True,
        ).stdout
        for more in ([], ["--engine", "spark", "--master", MASTERS[0]])
    ]  # fmt: skip
    assert printed[0] == printed[1]
    assert json.loads(printed[0])["flips"] > 100


def written_set(folder: Path, policy: str) -> Path:
    folder.mkdir()
    (folder / "desk.policy").write_text(policy, encoding="utf-8")
    return folder
