"""Logs of every form: what is read, what is broken, what is masked, who asked, and what columns cannot hold."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from durwan.backends.bytecode import Evaluator
from durwan.backends.columns.evaluator import ColumnsEvaluator
from durwan.backends.columns.polars_interface import pl
from durwan.compilation import compile_sources
from durwan.errors import DurwanError
from durwan.program import reference
from durwan.workshop.replaying.logs import (
    LogError,
    PreparedLogError,
    RecordedBatch,
    RecordedRequests,
    Side,
    decide_recorded,
    of_each_batch,
    recorded_batch_of,
)
from durwan.workshop.replaying.logs.plain_columns import STEP
from durwan.workshop.replaying.logs.prepared import PART

NOW = 1_772_442_000_000
POLICY = """
actions { orders.create orders.read }
scopes { orders.read  orders.write includes orders.read }
context risk { score : int 0..100 }
context request { side : "buy" | "sell" }
deny risky when risk.score >= 90
deny elsewhere on orders.create when not client.ip in key.networks
allow read on orders.read when key.scopes has orders.read
allow create on orders.create when key.scopes has orders.write and request.symbol == "BTC-PERP"
"""
KEYS: Mapping[str, Mapping[str, Any]] = {
    "desk": {"id": "desk", "account": "acme", "scopes": ["orders.write"], "networks": ["10.0.0.0/8"]},
    "view": {"id": "view", "account": "beta", "scopes": ["orders.read"], "networks": []},
}
PROGRAM = compile_sources({"a.policy": POLICY}).program


def request(**changed: Any) -> dict[str, Any]:
    """One that is allowed, unless something is changed."""
    found: dict[str, Any] = {
        "action": "orders.create", "now": NOW, "key": "desk", "client": {"ip": "10.0.0.1"},
        "request": {"symbol": "BTC-PERP", "side": "buy", "notional": "12.50"}, "risk": {"score": 5},
    }  # fmt: skip
    for name, value in changed.items():
        found[name] = {**found[name], **value} if isinstance(value, dict) and name in found and name != "key" else value
    return found


def written(path: Path, *rows: Any) -> Path:
    """A log with these lines; what is text already is written as it is."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def opened(*paths: Path | str, aside: Path | None = None) -> RecordedRequests:
    return RecordedRequests.open(paths, PROGRAM, KEYS.get, aside=aside)


def only(log: RecordedRequests) -> RecordedBatch:
    (batch,) = log.batches()
    return batch


def rules(batch: RecordedBatch) -> list[str | None]:
    """What decides each row, which has to be what decides its request by the reference evaluator."""
    evaluator = ColumnsEvaluator(PROGRAM)
    decided = decide_recorded(evaluator, Evaluator(PROGRAM, clock=lambda: 0, keys=KEYS.get), batch)
    codes: list[int] = decided.codes.to_list()
    found = [evaluator.outcomes[code].rule for code in codes]
    requests = batch.requests(range(batch.rows))
    wanted = [reference.decide(PROGRAM, each, clock=lambda: 0, keys=KEYS.get).rule for each in requests]
    assert found == wanted
    return found


# ------------------------------------------------------------------------------------------------------------- broken


BROKEN = {
    "it is not JSON: expecting value": "nothing",
    "it is not JSON: extra data": '{"action": "a", "now": 1} {}',
    "it is not JSON: unterminated string starting": '{"action": "orders.cre',
    "it is no JSON object": "[1]",
    "a name stands twice in one object": '{"action": "a", "action": "b", "now": 1}',
    "NaN is no number of JSON": '{"action": "a", "now": NaN}',
    "it does not say when (`now`)": '{"action": "a"}',
    "it is nested too deeply": '{"now": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "an integer of thousands of digits": '{"now": 1' + "0" * 5000 + "}",
    "the audit log could not record this request": (
        '{"hash": "", "kind": "decision", "prev": "", "record": {"$odd": "list", "time": 1}, "seq": 0, "synced": 0}'
    ),
}


def test_broken_records_are_counted_and_kept_aside(tmp_path: Path) -> None:
    """Each with its file, its line and its reason; what stands beside them is read."""
    log = written(tmp_path / "a.jsonl", request(), *BROKEN.values(), request(risk={"score": 95}))
    aside = tmp_path / "aside.jsonl"
    found = opened(log, aside=aside)
    assert rules(only(found)) == ["create", "risky"]
    assert found.broken.reasons == dict.fromkeys(BROKEN, 1)
    assert found.broken.count == len(BROKEN)
    kept = [json.loads(line) for line in aside.read_text(encoding="ascii").splitlines()]
    assert [row["reason"] for row in kept] == list(BROKEN)
    assert [row["place"] for row in kept] == list(range(2, len(BROKEN) + 2))
    assert {row["file"] for row in kept} == {str(log)}
    assert [row["text"] for row in kept] == [f"{text}\n"[:4096] for text in BROKEN.values()]
    assert aside.stat().st_mode & 0o777 == 0o600


def test_bytes_that_are_no_text_are_broken(tmp_path: Path) -> None:
    """A line that is not UTF-8 is broken, and the next one is not."""
    log = tmp_path / "a.jsonl"
    log.write_bytes(b'{"now": "\xff"}\n' + json.dumps(request()).encode())
    found = opened(log)
    assert only(found).rows == 1
    assert [each.reason for each in found.broken.first] == ["it is not UTF-8"]


def test_a_line_without_end_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a line longer than any is, the beginning is kept, and reading goes on behind it."""
    monkeypatch.setattr("durwan.workshop.replaying.logs.lines.MOST_LINE", 1000)
    found = opened(written(tmp_path / "a.jsonl", "x" * 3500, "y" * 1000, request()))
    assert only(found).rows == 1
    assert [(each.place, each.reason) for each in found.broken.first] == [
        (1, "a line of more than 1,000 bytes"), (2, "a line of more than 1,000 bytes"),
    ]  # fmt: skip


def test_nothing_broken_makes_no_file(tmp_path: Path) -> None:
    """Without broken records there is no file beside; empty lines are none."""
    found = opened(written(tmp_path / "a.jsonl", request(), "", "   "), aside=tmp_path / "aside.jsonl")
    assert only(found).rows == 1
    assert found.broken.count == 0
    assert not (tmp_path / "aside.jsonl").exists()


def test_rows_without_an_instant_are_broken(tmp_path: Path) -> None:
    """A row of Parquet whose `now` is null is a broken record with its place, like any other."""
    rows = {"action": ["orders.create"] * 3, "now": [NOW, None, NOW], "client": [{"ip": "10.0.0.1"}] * 3}
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    found = opened(tmp_path / "a.parquet")
    assert only(found).rows == 2
    (broken,) = found.broken.first
    assert (broken.place, broken.reason) == (2, "it does not say when (`now`)")
    assert json.loads(broken.text)["client"] == {"ip": "10.0.0.1"}


def test_counts_begin_anew_with_each_pass(tmp_path: Path) -> None:
    """Read twice, a log has as many broken records as it has."""
    found = opened(written(tmp_path / "a.jsonl", "nothing", request()))
    for _ in range(2):
        assert only(found).rows == 1
        assert found.broken.count == 1


# -------------------------------------------------------------------------------------------------------------- files


def test_files_directories_globs_and_packed_files(tmp_path: Path) -> None:
    """All files are read, in order of their paths; what is no log is left alone."""
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    written(tmp_path / "logs" / "b.jsonl", request(action="orders.read"))
    with gzip.open(tmp_path / "logs" / "deep" / "a.jsonl.gz", "wt", encoding="ascii") as file:
        file.write(json.dumps(request(risk={"score": 99})))
    pl.DataFrame([request()]).write_parquet(tmp_path / "logs" / "a.parquet")
    (tmp_path / "logs" / "README.md").write_text("no log", encoding="ascii")
    wanted = ["create", "read", "risky"]
    assert [rule for batch in opened(tmp_path / "logs").batches() for rule in rules(batch)] == wanted
    by_glob = opened(str(tmp_path / "logs" / "**" / "*.*[lz]"), tmp_path / "logs" / "a.parquet")
    assert [rule for batch in by_glob.batches() for rule in rules(batch)] == ["read", "risky", "create"]
    # Lines are read together, whatever file they stand in.
    assert [(batch.first, batch.rows) for batch in by_glob.batches()] == [(0, 2), (2, 1)]


def test_what_is_no_log_is_said_so(tmp_path: Path) -> None:
    """A path without a log, a file that is no Parquet, and Parquet that is no log have a text that says what to do."""
    with pytest.raises(LogError, match="holds no log"):
        opened(tmp_path)
    with pytest.raises(LogError, match="holds no log"):
        opened(tmp_path / "nothing.jsonl")
    with pytest.raises(LogError, match="no Parquet file"):
        opened(written(tmp_path / "a.parquet", request()))
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(LogError, match="no columns `action` and `now`"):
        opened(tmp_path / "b.parquet")
    pl.DataFrame({"action": ["a"], "now": [1]}).with_columns(pl.col("now").cast(pl.Datetime("us"))).write_parquet(
        tmp_path / "c.parquet"
    )
    with pytest.raises(LogError, match="no time zone"):
        opened(tmp_path / "c.parquet")


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """A packed file or a Parquet file that breaks off is an error that names it, and no end of the log."""
    packed = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(json.dumps(request()).encode() * 1000)
    packed.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LogError, match=r"a\.jsonl\.gz cannot be read"):
        list(opened(packed).batches())
    pl.DataFrame([request()]).write_parquet(tmp_path / "b.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "b.parquet").read_bytes()[:-20])
    with pytest.raises(LogError, match=r"b\.parquet cannot be read"):
        opened(tmp_path / "b.parquet")


def test_progress(tmp_path: Path) -> None:
    """How much was read grows to all of it; how many there are is known of Parquet."""
    log = opened(written(tmp_path / "a.jsonl", *[request()] * (2 * STEP)))
    shares = [log.share for _ in log.batches()]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.6
    assert (log.share, log.rows) == (1.0, None)
    pl.DataFrame([request()] * 7).write_parquet(tmp_path / "a.parquet")
    assert opened(tmp_path / "a.parquet").rows == 7


def test_requests_of_several_small_files(tmp_path: Path) -> None:
    """Lines of many files are one batch, and each row has its own request."""
    for number in range(5):
        rows = [request(request={"side": side}, risk={"score": 10 * number}) for side in ("buy", "sell")]
        written(tmp_path / f"{number}.jsonl", *rows[: 1 + number % 2])
    batch = only(opened(tmp_path))
    scores = [0, 10, 10, 20, 30, 30, 40]
    assert batch.attribute("risk.score").values.to_list() == scores
    assert [each["risk"]["score"] for each in batch.requests(range(batch.rows))] == scores
    assert [each["request"]["side"] for each in batch.requests([6, 2, 1])] == ["buy", "sell", "buy"]
    # What nobody knew would be asked for is read once more.
    assert batch.attribute("request.side").values.to_list() == ["buy", "buy", "sell", "buy", "buy", "sell", "buy"]


# --------------------------------------------------------------------------------------------------------------- keys


def test_keys_by_id_and_by_attributes(tmp_path: Path) -> None:
    """A key named by its id has what the key source says, one that is not known nothing, one with attributes these."""
    own = {"id": "own", "account": "gamma", "scopes": ["orders.write"], "networks": ["10.0.0.1"]}
    rows = [request(), request(key="view"), request(key="nobody"), request(key=own), request(key=None), request(key=[])]
    wanted = ["create", "elsewhere", "elsewhere", "create", "elsewhere", "elsewhere"]
    assert rules(only(opened(written(tmp_path / "a.jsonl", *rows)))) == wanted


def test_who_asked(tmp_path: Path) -> None:
    """Rows are known by the key's id, its account, the action and the instant."""
    own = {"id": "own", "account": "gamma"}
    batch = only(opened(written(tmp_path / "a.jsonl", request(), request(key=own), request(key=None, action=7))))
    assert batch.ids.to_dicts() == [
        {"key": "desk", "account": "acme", "action": "orders.create", "now": NOW},
        {"key": "own", "account": "gamma", "action": "orders.create", "now": NOW},
        {"key": None, "account": None, "action": None, "now": NOW},
    ]


def test_two_sides_read_the_same_log(tmp_path: Path) -> None:
    """Each side reads with its own ranges, choices, scopes and keys, prepared or not."""
    other = compile_sources(
        {"a.policy": POLICY.replace("0..100", "0..1_000").replace('"buy" | "sell"', '"buy" | "hold"')}
    )
    keys = {"desk": {**KEYS["desk"], "networks": ["192.0.2.0/24"]}}
    side = Side(other.program.schema, keys.get)
    log = opened(written(tmp_path / "a.jsonl", request(risk={"score": 500}, request={"side": "hold"}), request()))
    log.prepare(tmp_path / "prepared", side)
    for each in (log, opened(tmp_path / "prepared")):
        batch = only(each)
        mine, theirs = batch.batch, batch.batch_for(side)
        assert mine.frame.get_column("risk.score").to_list() == [None, 5]
        assert theirs.frame.get_column("risk.score").to_list() == [500, 5]
        assert batch.attribute("request.side").texts().to_list() == [None, "buy"]
        assert batch.attribute("request.side", side).texts().to_list() == ["hold", "buy"]
        networks = [frame.tables["key.networks"][0].networks() for frame in (mine, theirs)]  # type: ignore[union-attr]
        assert networks == [["10.0.0.0/8"], ["192.0.2.0/24"]]


# -------------------------------------------------------------------------------------------------------------- audit


def audit_line(contexts: Any, seq: int = 0, kind: str = "decision", **fields: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "decision_id": "d", "time": NOW, "effect": "deny", "status": 403, "code": "risky", "rule": "risky",
        "action": "orders.create", "contexts": contexts, "because": [], "unknowns": [], **fields,
    }  # fmt: skip
    return {"hash": "0" * 64, "kind": kind, "prev": "0" * 64, "record": record, "seq": seq, "synced": seq}


def test_audit_lines_and_exports(tmp_path: Path) -> None:
    """The audit log's own lines and its exports, of lines and of Parquet, hold the same requests."""
    contexts = {name: value for name, value in request().items() if name not in ("action", "now")}
    line = audit_line(contexts)
    other = {"hash": "", "kind": "checkpoint", "prev": "", "record": {"size": 1}, "seq": 1, "synced": 1}
    export = {"stream": "s", "seq": 0, "now": NOW, **{k: v for k, v in line["record"].items() if k != "time"}}
    written(tmp_path / "a.jsonl", line, other)
    written(tmp_path / "b.jsonl", export)
    row = {**export, "contexts": json.dumps(contexts)}
    pl.DataFrame([row, {**row, "contexts": "broken"}, {**row, "now": None}]).write_parquet(tmp_path / "c.parquet")
    for name in ("a.jsonl", "b.jsonl", "c.parquet"):
        log = opened(tmp_path / name)
        batch = only(log)
        assert batch.requests([0]) == [request()]
        assert rules(batch) == ["create"]
        assert batch.recorded is not None
        assert batch.recorded.to_dicts() == [{"effect": "deny", "rule": "risky", "status": 403, "code": "risky"}]
        assert log.broken.count == (2 if name == "c.parquet" else 0)


def test_what_is_masked_is_unknown_and_counted(tmp_path: Path) -> None:
    """A masked attribute is unknown, so it lets nothing through, and it is counted, prepared or not."""
    contexts = {name: value for name, value in request().items() if name not in ("action", "now")}
    masked = {**contexts, "client": {"ip": {"$masked": "5f"}}, "risk": {"score": {"$masked": ""}}}
    log = opened(written(tmp_path / "a.jsonl", audit_line(masked), audit_line(contexts, 1)))
    log.prepare(tmp_path / "prepared")
    for each in (log, opened(tmp_path / "prepared")):
        batch = only(each)
        assert rules(batch) == ["risky", "create"]
        assert batch.masked == {"client.ip": 1, "risk.score": 1}


def test_what_was_decided(tmp_path: Path) -> None:
    """What a plain record says was decided is there; what is no decision is unknown, and nowhere is None."""
    decision = {"effect": "allow", "rule": "create", "status": 200, "code": "allowed", "revision": "r"}
    rows = [request(decision=decision), request(decision={"effect": "maybe"}), request(decision=7), request()]
    batch = only(opened(written(tmp_path / "a.jsonl", *rows)))
    nothing = dict.fromkeys(("effect", "rule", "status", "code"))
    wanted = [{name: decision[name] for name in nothing}, nothing, nothing, nothing]
    assert batch.recorded is not None
    assert batch.recorded.to_dicts() == wanted
    assert batch.requests([0]) == [request()]
    frame = pl.DataFrame([request(decision=decision), {**request(decision=decision), "decision": None}])
    frame.write_parquet(tmp_path / "a.parquet")
    found = only(opened(tmp_path / "a.parquet"))
    assert found.recorded is not None
    assert found.recorded.to_dicts() == wanted[:2]
    assert only(opened(written(tmp_path / "b.jsonl", request()))).recorded is None


# ------------------------------------------------------------------------------------------------------------- beyond


def test_what_columns_cannot_hold_is_decided_all_the_same(tmp_path: Path) -> None:
    """A text with half a surrogate pair is decided by the generated evaluator, prepared or not, and counted."""
    rows = [request(), request(request={"symbol": "\ud800"}), request(action="\ud800"), request(key="\udfff")]
    log = opened(written(tmp_path / "a.jsonl", *rows))
    log.prepare(tmp_path / "prepared")
    for each in (log, opened(tmp_path / "prepared")):
        batch = only(each)
        assert rules(batch) == ["create", None, None, "elsewhere"]
        assert batch.beyond == [(1, rows[1])]
        evaluator, generated = ColumnsEvaluator(PROGRAM), Evaluator(PROGRAM, clock=lambda: 0, keys=KEYS.get)
        assert decide_recorded(evaluator, generated, batch).beyond == 1
        assert batch.ids.get_column("key").to_list()[3] == "\\udfff"


# ----------------------------------------------------------------------------------------------------------- prepared


def test_prepared_logs_come_in_parts(tmp_path: Path) -> None:
    """A prepared log of more than one part has all rows, each once, with the tables of its own part."""
    frame = pl.DataFrame([request(key="desk"), request(key="view"), request(action="orders.read", key="view")])
    many = pl.concat([frame] * 100_000)
    many.write_parquet(tmp_path / "a.parquet")
    log = opened(tmp_path / "a.parquet")
    assert log.prepare(tmp_path / "prepared") == len(many) > PART
    again = opened(tmp_path / "prepared")
    assert again.rows == len(many)
    evaluator = ColumnsEvaluator(PROGRAM)
    codes = pl.concat(list(of_each_batch(again.batches(), lambda batch: evaluator.codes(batch.batch))))
    wanted = [
        evaluator.code_of(reference.decide(PROGRAM, each, clock=lambda: 0, keys=KEYS.get).outcome)
        for each in frame.to_dicts()
    ]
    assert codes.to_list() == wanted * 100_000
    assert [batch.first for batch in again.batches()] == [0, PART]


def test_a_prepared_log_is_whole_or_not_there(tmp_path: Path) -> None:
    """One that is there already is left as it is, and one that fails leaves nothing behind."""
    log = opened(written(tmp_path / "a.jsonl", request()))
    log.prepare(tmp_path / "prepared")
    with pytest.raises(PreparedLogError, match="there already"):
        log.prepare(tmp_path / "prepared")
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(json.dumps(request()).encode() * 99)[:30])
    with pytest.raises(LogError):
        opened(tmp_path / "b.jsonl.gz").prepare(tmp_path / "failed")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl.gz", "prepared"]


def test_a_prepared_log_for_other_policies_is_refused(tmp_path: Path) -> None:
    """An attribute that was not prepared, or as another type, is an error, and never silently unknown."""
    opened(written(tmp_path / "a.jsonl", request())).prepare(tmp_path / "prepared", whole=False)
    more = compile_sources(
        {
            "a.policy": POLICY.replace("risk.score >= 90", "risk.score >= 90 or request.mood == 1").replace(
                "side :", "mood : int side :"
            )
        }
    )
    other = compile_sources({"a.policy": POLICY.replace("int 0..100", "decimal")})
    for program in (more.program, other.program):
        with pytest.raises(PreparedLogError, match="prepared for other policies"):
            _ = only(RecordedRequests.open([tmp_path / "prepared"], program)).batch
    with pytest.raises(PreparedLogError, match="without whole requests"):
        only(opened(tmp_path / "prepared")).requests([0])


def test_a_part_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an older durwan prepared is prepared again, and not guessed at."""
    opened(written(tmp_path / "a.jsonl", request())).prepare(tmp_path / "prepared")
    monkeypatch.setattr("durwan.workshop.replaying.logs.prepared.VERSION", 2)
    with pytest.raises(PreparedLogError, match="prepare the log again"):
        opened(tmp_path / "prepared")


def test_an_empty_log_is_a_log(tmp_path: Path) -> None:
    """A log of no requests has no batches, prepared or not."""
    log = opened(written(tmp_path / "a.jsonl"))
    assert list(log.batches()) == []
    assert log.prepare(tmp_path / "prepared") == 0
    assert sum(batch.rows for batch in opened(tmp_path / "prepared").batches()) == 0


# ------------------------------------------------------------------------------------------------------------ batches


def test_frames_of_others() -> None:
    """Requests that somebody else read, as Spark does, are a batch as any other."""
    batch = recorded_batch_of(pl.DataFrame([request(), request(risk={"score": 91})]), Side(PROGRAM, KEYS.get))
    assert rules(batch) == ["create", "risky"]


def test_several_batches_at_once_keep_their_order(tmp_path: Path) -> None:
    """What is found in batches comes in their order, and a mistake in one is not lost."""
    log = opened(written(tmp_path / "a.jsonl", *[request()] * (3 * STEP + 1)))
    wanted = [0, STEP, 2 * STEP, 3 * STEP]
    assert list(of_each_batch(log.batches(), lambda batch: batch.first, threads=3)) == wanted

    def fail(batch: RecordedBatch) -> int:
        if batch.first:
            raise DurwanError("here")
        return 1

    with pytest.raises(DurwanError, match="here"):
        list(of_each_batch(log.batches(), fail))
