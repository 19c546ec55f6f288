"""R58, R60, R61, R63 and R67 as far as the audit log goes."""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from durwan.audit.log import AuditLog
from durwan.audit.masking import Masking, read_masking_key
from durwan.audit.reading import records_of
from durwan.audit.recorder import AuditUnavailableError
from durwan.audit.settings import Alarm, Kind, LogSettings
from durwan.audit.verification import Verifier
from durwan.cli.durwan import main
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text
from tests.audit_logs import KINDS, names_in, public_key, record, signing_key, verified, write_log
from tests.gates import GateRig

LOG_STRINGS: Final[list[str]] = json.loads((Path(__file__).parents[1] / "corpora" / "log_strings.json").read_text())
ORDER: Final = json.dumps({"symbol": "BTC-PERP", "notional": "2500"}).encode()


def everywhere(text: str) -> dict[str, Any]:
    """A record in which a text stands wherever a request can bring one."""
    fields = dict.fromkeys(("action", "method", "path", "address", "key", "subject", "session", "rule"), text)
    contexts = {"request": {"a": text, text: 1, "b": [text, {text: text}]}, text: {"a": text}, "key": text}
    return {**fields, "contexts": contexts, "because": (text,), "unknowns": (text,), "shadows": (text,)}


# ---------------------------------------------------------------------------------------------------------------- R58


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_is_found_by_whoever_has_the_public_key(tmp_path: Path, kind: Kind) -> None:
    """Also by somebody who writes the whole log anew, if he has not the key that signs its checkpoints."""
    stream = write_log(tmp_path / "log", [record(each) for each in range(5)], kind=kind, signing_key=signing_key())
    assert verified(stream, keys=[public_key()]).finding is None
    forged = write_log(tmp_path / "forged", [record(each, effect="allow") for each in range(5)], kind=kind)
    assert verified(forged).finding is None
    assert verified(forged, keys=[public_key()]).finding is not None


# ---------------------------------------------------------------------------------------------------------------- R60


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_of_a_request_leaves_its_place_in_a_line(tmp_path: Path, kind: Kind) -> None:
    """Each text of the corpus, everywhere: one line for each record, JSON, of printable ASCII, with the text in it."""
    stream = write_log(
        tmp_path, [record(place, **everywhere(text)) for place, text in enumerate(LOG_STRINGS)], kind=kind
    )
    if kind == "files":
        (segment,) = stream.glob("*.jsonl")
        content = segment.read_bytes()
        lines = content.splitlines(keepends=True)
        assert content.count(b"\n") == len(lines) == len(LOG_STRINGS) + 2
        assert set(content) - {0x0A} <= set(range(0x20, 0x7F))
    found = [each for each in records_of(stream) if each is not None and each.kind == "decision"]
    for text, each in zip(LOG_STRINGS, found, strict=True):
        written = each.record["contexts"]["request"]["a"]
        assert written == text or (written["$cut"] == text[:1024] and written["length"] == len(text) > 1024)
        assert each.record["effect"] == "deny"
    assert verified(stream).finding is None


def test_no_text_of_a_request_acts_on_the_terminal_of_whoever_looks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shown, one line for each decision; no escape, no control, nothing that turns the text around, in any form."""
    write_log(tmp_path, [record(place, **everywhere(text)) for place, text in enumerate(LOG_STRINGS)])
    assert main(["audit", "show", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n") == len(LOG_STRINGS)
    assert main(["audit", "show", str(tmp_path), "-v"]) == 0
    assert main(["audit", "show", str(tmp_path), "-f", "json"]) == 0
    shown += capsys.readouterr().out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", shown)


# ---------------------------------------------------------------------------------------------------------------- R61


@pytest.mark.parametrize("kind", KINDS)
def test_a_canary_is_in_no_log_error_or_repr(
    tmp_path: Path, kind: Kind, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret in every place of a record and of the settings, and every error forced: it shows nowhere."""
    caplog.set_level(logging.DEBUG)
    canary = new_secret_text("dwk", "production")
    secret = Secret(canary.encode())
    key = tmp_path / "key"
    key.write_text(canary)
    key.chmod(0o600)
    masking = Masking(hashed=["client.ip", "request.a"], key=read_masking_key(key))
    key.unlink()
    alarms: list[Alarm] = []
    folder = tmp_path / "log"
    settings = LogSettings(
        kind=kind, masking=masking, signing_key=signing_key(), checkpoints=tmp_path / "nowhere", on_alarm=alarms.append,
        retry_seconds=0.01,
    )  # fmt: skip
    shown: list[object] = [repr(settings), repr(masking)]
    log = AuditLog(folder, settings)
    texts = everywhere(f"Bearer {canary}")
    texts["contexts"] |= {"token": {"password": canary, "secret": secret, "raw": [secret, {"deep": secret}]}}
    for place in range(3):
        log.append(record(place, **texts)).wait()
    shown += [repr(log), repr(log.status()), *_failures(log, texts, kind)]
    log.close()
    for words in (["show"], ["show", "-v"], ["show", "-f", "json"], ["verify"], ["prove", "1"]):
        main(["audit", words[0], str(folder), *words[1:]])
    captured = capsys.readouterr()
    shown += [captured.out, captured.err, caplog.text, *map(repr, alarms)]
    shown += [path.read_bytes().decode("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert len(alarms) >= 2
    assert not [each for each in shown if canary in str(each) or canary[9:52] in str(each)]


def _failures(log: AuditLog, texts: dict[str, Any], kind: Kind) -> list[str]:
    """What is said of records that cannot be written."""
    shown: list[str] = []
    with pytest.MonkeyPatch.context() as patch:

        def failing(*_: object) -> None:
            raise OSError(28, "No space left on device")

        if kind == "files":
            patch.setattr(os, "fsync", failing)
        else:
            patch.setattr("durwan.audit.sqlite_file._Step.__enter__", failing)
        for place in range(3):
            try:
                log.append(record(place, **texts)).wait()
            except AuditUnavailableError as error:
                shown += ["".join(traceback.format_exception(error)), repr(error.__dict__)]
        shown.append(repr(log.status()))
    assert len(shown) == 7
    end = time.monotonic() + 10
    while not log.status().available and time.monotonic() < end:
        time.sleep(0.005)
    return shown


def test_a_canary_that_signs_requests_is_in_no_record(tmp_path: Path) -> None:
    """From the bytes of a request to the log: neither the key's secret nor what was signed with it."""
    log = AuditLog(tmp_path / "log")
    folder = tmp_path / "rig"
    folder.mkdir()
    rig = GateRig(folder, parts={"recorder": log})
    raw = rig.signed("POST", "/orders", ORDER)
    answers = [rig.gate.admit(raw), rig.gate.admit(raw), rig.gate.admit(rig.request("GET", "/nothing"))]
    log.close()
    assert [each.code for each in answers] == ["allowed", "nonce_replayed", "route_unknown"]
    assert names_in(tmp_path / "log") == [each.decision_id for each in answers]
    content = b"".join(path.read_bytes() for path in (tmp_path / "log").rglob("*") if path.is_file())
    assert rig.secret.reveal() not in content
    signatures = [value for name, value in raw.headers if name.endswith((b"signature", b"nonce"))]
    assert signatures
    assert not [value for value in signatures if value in content]


# ---------------------------------------------------------------------------------------------------------------- R63


def test_a_log_in_sqlite_is_written_through_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One connection writes; FULL; a write-ahead log only from the version on in which it is safe."""
    said: list[str] = []

    class Connection(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            said.append(arguments[0])
            return super().execute(*arguments)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Connection))
    write_log(tmp_path, [record(1), record(2)], kind="sqlite")
    mode = "WAL" if sqlite3.sqlite_version_info >= (3, 51, 3) else "DELETE"
    assert said[:3] == ["PRAGMA quick_check(1)", f"PRAGMA journal_mode = {mode}", "PRAGMA synchronous = FULL"]
    assert sum("quick_check" in each for each in said) == 1


def test_texts_that_sql_would_take_for_its_own_are_texts(tmp_path: Path) -> None:
    """Quotes, NUL, and names that differ in case alone."""
    texts = ["'; DROP TABLE line; --", "a\0b", "Foo", "foo"]
    stream = write_log(tmp_path, [record(text, **everywhere(text)) for text in texts], kind="sqlite")
    assert names_in(tmp_path) == texts
    assert verified(stream).finding is None


def test_whoever_reads_a_log_in_sqlite_holds_up_nobody(tmp_path: Path) -> None:
    """It is verified while it is written; and who cannot write in time is refused rather than skipped."""
    log = AuditLog(tmp_path, LogSettings(kind="sqlite"))
    for place in range(3):
        log.append(record(place)).wait()
    stream = tmp_path / "stream-1"
    reading = threading.Thread(target=lambda: [Verifier(stream).verify() for _ in range(30)])
    reading.start()
    for place in range(20):
        log.append(record(f"more-{place}")).wait()
    reading.join()
    with sqlite3.connect(stream / "log.sqlite") as blocking:
        blocking.execute("BEGIN IMMEDIATE")
        with pytest.raises(AuditUnavailableError, match="SQLITE_BUSY"):
            log.append(record("blocked")).wait()
        blocking.execute("ROLLBACK")
    blocking.close()
    end = time.monotonic() + 10
    while not log.status().available and time.monotonic() < end:
        time.sleep(0.01)
    log.close()
    assert len(names_in(tmp_path)) == 23
    assert verified(stream).finding is None


# ---------------------------------------------------------------------------------------------------------------- R67


def fails_after(call: Callable[..., Any], order: list[str], problem: list[bool]) -> Callable[..., Any]:
    """The call, which is noted when it has been made, or fails."""

    def noted(*arguments: Any) -> Any:
        if problem:
            raise OSError(28, "No space left on device")
        found = call(*arguments)
        order.append("on disk")
        return found

    return noted


def test_a_strict_log_answers_after_the_disk_and_denies_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the gate: allowed when the record is on disk; disk full, refused with 503; later allowed again."""
    order: list[str] = []
    problem: list[bool] = []
    monkeypatch.setattr(os, "fsync", fails_after(os.fsync, order, problem))
    log = AuditLog(tmp_path / "log", LogSettings(retry_seconds=0.01))
    (tmp_path / "rig").mkdir()
    rig = GateRig(tmp_path / "rig", parts={"recorder": log})
    order.clear()
    assert rig.gate.admit(rig.signed("GET", "/orders")).allowed
    assert order == ["on disk"]
    problem.append(True)
    refused = rig.gate.admit(rig.signed("GET", "/orders"))
    assert (refused.allowed, refused.status, refused.code) == (False, 503, "audit_unavailable")
    problem.clear()
    end = time.monotonic() + 10
    while not log.status().available and time.monotonic() < end:
        time.sleep(0.005)
    assert rig.gate.admit(rig.signed("GET", "/orders")).allowed
    log.close()


def test_a_relaxed_log_answers_without_the_disk_and_alarms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which somebody has to have asked for."""
    alarms: list[Alarm] = []
    problem: list[bool] = []
    monkeypatch.setattr(os, "fsync", fails_after(os.fsync, [], problem))
    assert LogSettings().strict
    log = AuditLog(tmp_path / "log", LogSettings(strict=False, retry_seconds=0.01, on_alarm=alarms.append))
    (tmp_path / "rig").mkdir()
    rig = GateRig(tmp_path / "rig", parts={"recorder": log})
    problem.append(True)
    assert rig.gate.admit(rig.signed("GET", "/orders")).allowed
    end = time.monotonic() + 10
    while not alarms and time.monotonic() < end:
        time.sleep(0.005)
    problem.clear()
    log.close()
    assert alarms[0] == Alarm("unavailable", "the audit log cannot be written: No space left on device")
    assert len(names_in(tmp_path / "log")) == 1


def test_a_batch_waits_for_nobody(tmp_path: Path) -> None:
    """A record alone is written at once; of a thousand at once none waits for more than a few of their batches."""
    log = AuditLog(tmp_path)
    log.append(record("warm")).wait()
    best = min(_seconds(lambda: log.append(record("alone")).wait()) for _ in range(20))
    assert best < 0.005
    receipts = [log.append(record(place)) for place in range(1_000)]
    assert len(set(map(id, receipts))) >= 4
    for each in receipts:
        each.wait()
    log.close()


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
