"""Several processes find what one finds, to the last character; and what ends one ends all, and is told."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from durwan.cli.exits import INTERRUPTED, USAGE
from durwan.cli.policy_check import main
from durwan.workshop.replaying.logs import RecordedRequests
from durwan.workshop.replaying.logs.lines import LinesFile, line_starts
from durwan.workshop.replaying.processes import WorkerError, WorkerFaultError, usable_processors, worker
from durwan.workshop.replaying.processes.workers import workers
from durwan.workshop.replaying.question import Question
from durwan.workshop.replaying.running import replay
from durwan.workshop.replaying.tasks.question_text import question_text
from tests.replay.everything import exported, nested
from tests.replay.logs import CHANGES, changed, requests, set_of
from tests.replay.test_known_changes import question_of
from tests.unit.workshop.policies import POLICY

WORTH = "durwan.workshop.replaying.processes.running.WORTH"
LEAST = "durwan.workshop.replaying.tasks.pieces._LEAST"
RUN = """\
import durwan.workshop.replaying.processes.running as running, durwan.workshop.replaying.tasks.pieces as pieces
running.WORTH, pieces._LEAST = 0, 20_000
from durwan.cli.policy_check import run
raise SystemExit(run())
"""
BROKEN = [
    b"nonsense", b"", b"  \r", b'{"action": "orders.create"}', b'{"now": 1, "now": 2}', b'{"now": NaN}', b"[1",
    b'2], {"a": 1}', b'{"now": "\xff"}', b'{"now": 1' + b"0" * 5000 + b"}", b'{"now": 1} {}', b'"', b'{"now": {',
]  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small logs are divided too."""
    monkeypatch.setattr(WORTH, 0)
    monkeypatch.setattr(LEAST, 20_000)


@pytest.fixture
def question() -> Question:
    return question_of(set_of(), changed("a lower threshold refuses more"))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with logs of every form that is read line by line, broken in many ways, and one that is not."""
    folder = tmp_path_factory.mktemp("processes") / "logs"
    folder.mkdir()
    (folder / "1.jsonl").write_bytes(with_broken(map(json.dumps, requests(1_500, seed=1)), b"\n"))
    (folder / "2.jsonl").write_bytes(with_broken(map(json.dumps, audited(600)), b"\r\n"))
    (folder / "3.jsonl.gz").write_bytes(gzip.compress(with_broken(map(json.dumps, requests(500, seed=3)), b"\n")))
    nested(folder / "4.parquet", requests(800, seed=4))
    exported(folder / "5.parquet", requests(400, seed=5))
    (folder / "6.jsonl").write_bytes(with_broken(map(json.dumps, decided(400)), b"\n")[:-1])
    return folder


def with_broken(texts: Iterator[str], end: bytes) -> bytes:
    """Lines, some of which are no records."""
    random = Random(1)
    found: list[bytes] = []
    for text in texts:
        if random.random() < 0.02:
            found.append(random.choice(BROKEN))
        found.append(text.encode())
    return end.join(found) + end


def audited(number: int) -> Iterator[Mapping[str, Any]]:
    """Lines of the audit log, some values of which are masked."""
    for seq, request in enumerate(requests(number, seed=2)):
        contexts = {name: value for name, value in request.items() if name not in ("action", "now")}
        if seq % 7 == 0:
            contexts["request"] = {"notional": {"$masked": "00"}}
        record = {
            "time": request["now"], "effect": ("allow", "deny")[seq % 2], "status": (200, 403)[seq % 2],
            "code": ("allowed", "risk_block")[seq % 2], "rule": ("trade", "risky")[seq % 2],
            "action": request["action"], "contexts": contexts,
        }  # fmt: skip
        kind = "decision" if seq % 50 else "checkpoint"
        yield {"hash": "", "kind": kind, "prev": "", "record": record, "seq": seq, "synced": seq}


def decided(number: int) -> Iterator[Mapping[str, Any]]:
    """Plain requests with what was decided, where that is known."""
    for place, request in enumerate(requests(number, seed=6)):
        decision = {"effect": "allow", "rule": "trade", "status": 200, "code": "allowed"}
        yield {**request, "decision": decision} if place % 3 else request


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two policy sets, as directories."""
    policy = POLICY
    for replaced in CHANGES.values():
        policy = policy.replace(*replaced)
    found: list[str] = []
    for name, text in (("old", POLICY), ("new", policy)):
        folder = tmp_path_factory.mktemp("sides") / name
        folder.mkdir()
        (folder / "desk.policy").write_text(text, encoding="utf-8")
        found.append(str(folder))
    return found


def told(capsys: pytest.CaptureFixture[str], arguments: Sequence[str], broken: Path) -> tuple[int, str, str, bytes]:
    """What a replay says, but how far it has come, and which records it keeps aside."""
    code = main(["replay", *arguments, "--broken", str(broken)])
    said = capsys.readouterr()
    kept = broken.read_bytes() if broken.exists() else b""
    broken.unlink(missing_ok=True)
    errors = [line for line in said.err.splitlines() if not line.startswith("replaying")]
    return code, said.out, "".join(errors), kept


CHOICES = [
    ("json",), ("pretty",), ("markdown",), ("json", "--key", "desk-1", "--key", "desk-2"),
    ("json", "--action", "orders.create", "--since", "2026-03-02T09:10:00Z"),
    ("json", "--until", "2026-03-02T09:00:01Z"), ("json", "--fail-on", "newly-denied > 3", "--top", "2"),
]  # fmt: skip


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("chosen", CHOICES, ids=" ".join)
def test_several_say_what_one_says(
    logs: Path, sides: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], chosen: tuple[str, ...]
) -> None:
    """The report, the exit code and the broken records are the same, to the last character."""
    shared = [*sides, "--log", str(logs), "--log", str(logs / "1.jsonl"), "-f", *chosen]
    found = [told(capsys, [*shared, "--processes", each], tmp_path / "broken") for each in ("1", "2")]
    alone, several = [(code, _timeless(text), errors, kept) for code, text, errors, kept in found]
    for one, other in zip(several, alone, strict=True):
        assert one == other
    assert len(alone[3].splitlines()) > 60
    if chosen == ("json",):
        report = json.loads(alone[1])
        assert report["flips"] > 300
        assert report["beyond_columns"]
        assert report["masked"]


def _timeless(text: str) -> str:
    """A text without its last word, where that is how long it took."""
    return text.rpartition(" in ")[0] or text if not text.startswith("{") else text


@pytest.mark.usefixtures("small")
def test_what_was_recorded(logs: Path, sides: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was decided, as recorded, is compared by several as by one."""
    shared = ["--recorded", sides[1], "--log", str(logs), "-f", "json"]
    alone, several = [told(capsys, [*shared, "--processes", each], tmp_path / "broken") for each in ("1", "2")]
    for one, other in zip(several, alone, strict=True):
        assert one == other
    assert json.loads(alone[1])["flips"] > 100


@pytest.mark.usefixtures("small")
def test_places_of_broken_records(tmp_path: Path, question: Question) -> None:
    """Whatever piece a broken record was read in, its place is its line in the file."""
    wanted: list[int] = []
    with (tmp_path / "log.jsonl").open("w", encoding="ascii") as file:
        for place, request in enumerate(requests(2_000), 1):
            if place % 111 == 0:
                wanted.append(place)
            file.write("broken\n" if place % 111 == 0 else f"{json.dumps(request)}\n")
    side = question.programs[0]
    log = RecordedRequests.open([tmp_path], side.reading, side.keys, aside=tmp_path / "aside")
    shares: list[float] = []
    counts: list[int] = []

    def tell(count: int) -> None:
        counts.append(count)
        shares.append(log.share)

    replay(log, question, tell, processes=2)
    kept = [json.loads(line) for line in (tmp_path / "aside").read_text().splitlines()]
    assert [row["place"] for row in kept] == wanted == [each.place for each in log.broken.first]
    assert {row["file"] for row in kept} == {str(tmp_path / "log.jsonl")}
    assert kept[0].keys() == {"file", "place", "reason", "text"}
    assert counts == sorted(counts)
    assert shares == sorted(shares)
    assert (counts[-1], shares[-1]) == (2_000 - len(wanted), 1.0)
    assert len(counts) > 3


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_lines_are_divided_at_their_ends(tmp_path: Path, end: bytes) -> None:
    """Of whatever size pieces are, each line is in one of them, as a whole."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join([b"a", b"", b"bcd", b"efghijklm", b"\r", b"n"]) + end)
    whole = path.read_bytes()
    for size in range(1, len(whole) + 2):
        starts = [*line_starts(path, size), len(whole)]
        pieces = [whole[first:last] for first, last in pairwise(starts)]
        assert b"".join(pieces) == whole
        assert all(piece.endswith(b"\n") for piece in pieces[:-1])
        assert all(len(piece) >= min(size, len(whole)) for piece in pieces[:-1])
        assert b"" not in pieces


def test_a_piece_of_a_file(tmp_path: Path) -> None:
    """Of a file only the lines of a piece are read, and counted."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(b'{"now": %d}\n' % number for number in range(10, 99)))
    side = question_of(set_of(), set_of()).programs[0].side
    file = LinesFile(path)
    file.only(24, 36)
    (batch,) = RecordedRequests([file], side, None).batches()
    assert [each["now"] for each in batch.requests(range(batch.rows))] == [12, 13, 14]
    assert file.lines == 3


# ---------------------------------------------------------------------------------------------------------------- ends


@pytest.mark.usefixtures("small")
def test_a_damaged_file_is_told_alike(
    logs: Path, sides: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What one process says of a file that breaks off, several say."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "1.jsonl").write_bytes((logs / "1.jsonl").read_bytes())
    (folder / "2.jsonl.gz").write_bytes((logs / "3.jsonl.gz").read_bytes()[:-1_000])
    shared = [*sides, "--log", str(folder)]
    alone, several = [told(capsys, [*shared, "--processes", each], tmp_path / "broken") for each in ("1", "2")]
    assert several[:3] == alone[:3]
    assert alone[0] == USAGE
    assert "2.jsonl.gz cannot be read to its end" in alone[2]


@pytest.mark.usefixtures("small")
def test_a_process_that_is_killed(logs: Path, question: Question) -> None:
    """Where the system ends one of the processes, the replay ends with what to do, and no process is left."""
    side = question.programs[0]
    log = RecordedRequests.open([logs / "1.jsonl"] * 20, side.reading, side.keys)

    def kill(_: int) -> None:
        for child in children():
            os.kill(child, signal.SIGKILL)

    with pytest.raises(WorkerError, match=r"signal 9.*--processes 1"):
        replay(log, question, kill, processes=2)
    assert not children()


def children() -> list[int]:
    """The processes that a replay has started here and that are still there; other tests have started others."""
    paths = Path("/proc/self/task").glob("*/children")
    started = [int(each) for path in paths for each in path.read_text().split()]
    return [each for each in started if worker.__name__.encode() in _command_of(each)]


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_fault_in_a_process_is_told(question: Question) -> None:
    """A mistake of ours is no mistake of the log: it is told with where it was."""
    with workers(question_text(question), 1) as answers, pytest.raises(WorkerFaultError, match="KeyError") as caught:
        list(answers([{"pieces": [], "no": "aside"}]))
    assert "worker.py" in caught.value.__notes__[0]


def test_ctrl_c_ends_all(logs: Path, sides: list[str], tmp_path: Path) -> None:
    """An interrupt at the terminal ends all processes at once, and nothing is said but that."""
    log = tmp_path / "log.jsonl"
    log.write_bytes((logs / "1.jsonl").read_bytes() * 100)
    command = [
        sys.executable, "-c", RUN, "replay", *sides, "--log", log, "--processes", "2", "--broken", tmp_path / "broken"
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, env=environment
    ) as process:
        group = wait_for_group(process.pid, 3)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == INTERRUPTED
    assert b"Traceback" not in errors
    assert len(group) == 3
    assert not [each for each in group if Path("/proc", str(each)).exists()]


def wait_for_group(group: int, number: int) -> list[int]:
    """The processes of a group, when it has so many."""
    until = time.monotonic() + 20
    found: list[int] = []
    while len(found) < number and time.monotonic() < until:
        found = [pid for pid in _processes() if _group_of(pid) == group]
        time.sleep(0.02)
    # They have begun by then.
    time.sleep(0.3)
    return found


def _processes() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").glob("[0-9]*"))


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def test_processes_are_those_of_this_machine(
    logs: Path, sides: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Spark has its own number of tasks at once, and says so before it starts."""
    shared = [*sides, "--log", str(logs), "--engine", "spark", "--processes", "2"]
    code, _, errors, _ = told(capsys, shared, tmp_path / "broken")
    assert code == USAGE
    assert "leave --engine spark out" in errors


def test_few_lines_are_read_by_one(question: Question, logs: Path) -> None:
    """Where there is little to read, no process is started."""
    side = question.programs[0]
    log = RecordedRequests.open([logs], side.reading, side.keys)
    seen: list[list[int]] = []
    replay(log, question, lambda _: seen.append(children()), processes=4)
    assert seen
    assert not any(seen)


def test_processors_that_may_be_used() -> None:
    """There is at least one, and no more than the system has."""
    assert 1 <= usable_processors() <= (os.cpu_count() or 1)
