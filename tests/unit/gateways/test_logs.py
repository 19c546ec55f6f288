"""Logs: one JSON object a line, whatever the values are."""

from __future__ import annotations

import io
import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durwan.credentials.refusals import refuse
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text
from durwan.gateways.answer import Answer
from durwan.gateways.logs import LEVELS, MOST_TEXT, Log
from durwan.gateways.metrics import NoMetrics, Together
from durwan.runtime.engine import Engine
from durwan.runtime.status import Status
from durwan.state.errors import StateUnavailableError
from tests.gates import GateRig

CORPUS: list[str] = json.loads((Path(__file__).parents[2] / "corpora" / "log_strings.json").read_text(encoding="ascii"))
NOW = 1_772_442_000_123


class Clock:
    """A clock that moves when a test says so."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def log(**settings: Any) -> tuple[Log, io.StringIO]:
    stream = io.StringIO()
    return Log(stream, clock=lambda: NOW, **settings), stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """All lines; each is one JSON object of printable ASCII."""
    text = stream.getvalue()
    assert all(character == "\n" or " " <= character <= "~" for character in text)
    assert not text or text.endswith("\n")
    found = [json.loads(line) for line in text.split("\n")[:-1]]
    assert all(type(each) is dict for each in found)
    return found


def test_a_line_says_when_and_what() -> None:
    """A line has the instant, the level, the event and its fields, in that order."""
    found, stream = log()
    found.event("started", workers=2, strict=True, ratio=0.5, source=None, revisions=("a", 1), places={"a": [1]})
    assert stream.getvalue() == (
        '{"time":"2026-03-02T09:00:00.123Z","level":"info","event":"started","workers":2,"strict":true,"ratio":0.5,'
        '"source":null,"revisions":["a",1],"places":{"a":[1]}}\n'
    )
    assert datetime.fromisoformat(lines(stream)[0]["time"]) == datetime.fromtimestamp(NOW / 1000, UTC)


@pytest.mark.parametrize("text", CORPUS)
def test_no_text_ends_a_line_or_moves_a_cursor(text: str) -> None:
    """Each text of the corpus, as a value, in a list, as a name or an event, is one line and comes back as it was."""
    found, stream = log()
    found.event("odd", value=text, values=[text], names={text: 1})
    named: dict[str, Any] = {text: 1}
    found.event(text, **named)
    found.handler().emit(logging.LogRecord("other", logging.INFO, "", 0, "%s", (text,), None))
    first, second, third = lines(stream)
    expected = text.replace("\ud800", "\ufffd")
    if len(expected) < MOST_TEXT:
        assert first["value"] == first["values"][0] == second["event"] == third["message"] == expected
        assert expected in first["names"]
    else:
        assert first["value"].endswith("...")
        assert len(stream.getvalue()) < 10 * MOST_TEXT


@given(st.dictionaries(st.text(max_size=5), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)))  # fmt: skip
def test_whatever_the_values_are_it_is_one_line(fields: dict[str, Any]) -> None:
    """No value raises, and none makes two lines of one or no JSON of it; own names stay our own."""
    found, stream = log()
    found.event("odd", **fields)
    (line,) = lines(stream)
    assert line["event"] == "odd"
    assert line["level"] in LEVELS


@given(st.text(min_size=500, max_size=6_000))
def test_a_text_is_cut(text: str) -> None:
    """What is written of a text has at most 1,024 characters and three dots, escapes and quotes included."""
    found, stream = log()
    found.event("odd", value=text)
    written = json.dumps(lines(stream)[0]["value"])
    assert len(written) <= MOST_TEXT + 3


def test_long_lists_and_deep_ones_are_cut() -> None:
    """Of lists and mappings the first items are written, of what lies deeper its kind, of fields the first ones."""
    found, stream = log()
    found.event("odd", many=list(range(100)), deep=[[["a"]]], huge=10**30, nan=float("nan"))
    wide: dict[str, Any] = {f"field{number}": 1 for number in range(100)}
    found.event("odd", **wide)
    first, second = lines(stream)
    assert (first["many"], first["deep"]) == (list(range(16)), [["<list>"]])
    assert (first["huge"], first["nan"]) == ("<int>", "nan")
    assert len(second) == 3 + 32


def test_no_secret_is_written() -> None:
    """Secrets, bytes, foreign objects and what looks like one of our secrets are not written, wherever they stand."""
    found, stream = log()
    text = new_secret_text("dwk", "production")
    found.event("odd", secret=Secret(b"canary"), raw=b"canary", error=ValueError("canary"), thing=object())
    found.event(
        "odd", message=f"key {text} was given", texts=[text], names={text: 1}, own=StateUnavailableError("it", text)
    )
    named: dict[str, Any] = {text: text}
    found.event(text, **named)
    found.event("odd", cut="x" * (4096 - 30) + text, many=(text + " ") * 80)
    found.handler().emit(logging.LogRecord("other", logging.ERROR, "", 0, "key %s", (text,), None))
    assert "canary" not in stream.getvalue()
    assert text[9:20] not in stream.getvalue()
    first, second, *_ = lines(stream)
    assert (first["secret"], first["raw"], first["error"]) == ("<Secret>", "<bytes>", "ValueError")
    assert second["message"] == "key <Secret> was given"
    assert second["own"].startswith("StateUnavailableError: it could not be asked")


def test_levels() -> None:
    """What is below the level is not written; what has a level that is none is an error."""
    found, stream = log(level="warning")
    for level in ("debug", "info", "warning", "error"):
        found.event("odd", level=level)
    found.event("odd", level="loud")  # type: ignore[arg-type]
    assert [each["level"] for each in lines(stream)] == ["warning", "error", "error"]


def test_a_flood_is_cut_and_counted() -> None:
    """Of each event so many lines a minute are written; the next minute's first line says how many were left out."""
    clock = Clock()
    found, stream = log(a_minute=3, monotonic=clock)
    for _ in range(1_000):
        found.event("refused")
    found.event("alarm", level="error")
    clock.seconds = 59.9
    found.event("refused")
    assert [each["event"] for each in lines(stream)] == ["refused"] * 3 + ["alarm"]
    clock.seconds = 60.0
    found.event("refused")
    found.event("refused")
    assert [each.get("left_out") for each in lines(stream)[-2:]] == [998, None]
    for number in range(1_000):
        found.event(f"name{number}")
    assert len(found._minutes) <= 256  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - that it is bounded is the test


def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    """Neither a stream that was closed nor a full disk raises."""
    found, stream = log()
    stream.close()
    found.event("odd")
    with open("/dev/full", "w", encoding="ascii") as full:  # noqa: PTH123 - a device
        Log(full).event("odd")
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())  # what is left in it is written when it is closed


def test_it_writes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stream it is standard error, whichever that is at the time."""
    Log().event("odd")
    assert json.loads(capsys.readouterr().err)["event"] == "odd"


# ------------------------------------------------------------------------------------------------ what gateways log


def refused(code: str) -> Answer:
    found = refuse(code)
    return Answer(allowed=False, status=401, code=code, reason="", decision_id="d1", action="a.b", refusal=found)


def test_refusals_and_failures(tmp_path: Path) -> None:
    """A refusal is a line with the exact status and the decision's id; ours is a warning; what is allowed is none."""
    found, stream = log()
    rig = GateRig(tmp_path, parts={"metrics": Together(NoMetrics(), found)})
    rig.gate.admit(rig.signed("GET", "/orders"))
    answer = rig.gate.admit(rig.signed("POST", "/orders", b'{"symbol": "BTC", "notional": "250000"}'))
    found.answered(refused("state_unavailable"), 0.1234567)
    first, second = lines(stream)
    assert (first["event"], first["level"], first["code"], first["rule"]) == (
        "refused",
        "info",
        "too_large",
        "too_large",
    )
    assert (first["decision_id"], first["action"], first["status"]) == (answer.decision_id, "orders.create", 403)
    assert (second["level"], second["status"], second["seconds"]) == ("warning", 503, 0.123457)
    assert "desk-7" not in stream.getvalue()
    assert "203.0.113" not in stream.getvalue()
    assert "/orders" not in stream.getvalue()
    assert "BTC" not in stream.getvalue()


def test_identities_are_logged_where_the_operator_asks_for_them(tmp_path: Path) -> None:
    """Then a refusal names the key and the address; at the level debug what is allowed is a line, too."""
    found, stream = log(identities=True, level="debug")
    rig = GateRig(tmp_path, parts={"metrics": found})
    rig.gate.admit(rig.signed("GET", "/orders"))
    rig.gate.admit(rig.request("GET", "/nothing"))
    first, second = lines(stream)
    assert (first["event"], first["key"], first["address"]) == ("allowed", "desk-7", "203.0.113.9")
    assert (second["event"], second["key"], second["address"]) == ("refused", None, None)


def test_no_request_makes_a_second_line(tmp_path: Path) -> None:
    """Whatever 300 requests hold, each makes one line at most, and nothing of them is in it."""
    found, stream = log(a_minute=10_000)
    rig = GateRig(tmp_path, parts={"metrics": found})
    random = Random(3)
    for _ in range(300):
        odd = random.choice(CORPUS)[:200]
        body = json.dumps({"symbol": "canary" + odd, "notional": "999999"}).encode()
        target = "/orders/canary" + odd.encode("ascii", "ignore").decode()
        kind = random.randrange(3)
        if kind == 0:
            raw = rig.signed("POST", "/orders", body)
        elif kind == 1:
            raw = rig.request("GET", "/orders", headers=((b"authorization", odd.encode("utf-8", "replace")),))
        else:
            raw = rig.request("GET", target)
        rig.gate.admit(raw)
        rig.clock.now += 1
    assert 200 < len(lines(stream)) <= 300
    assert "canary" not in stream.getvalue()


def test_telling_of_an_answer_never_raises() -> None:
    """What is no answer is no line."""
    found, stream = log()
    found.answered(None, 0.1)  # type: ignore[arg-type]
    found.answered(refused("state_unavailable"), "long")  # type: ignore[arg-type]
    assert not lines(stream)


def test_reloads_and_alarms(tmp_path: Path) -> None:
    """A reload is a line with the revision; one that fails is an error with the mistakes; so is an alarm."""
    found, stream = log()
    file = tmp_path / "a.policy"
    file.write_text("actions { a.b }\nallow all_of_it on *\n")
    with Engine.load(tmp_path, on_reload=found.reloaded) as engine:
        file.write_text("actions { a.b }\nallow all_of_it on c.d\n")
        with pytest.raises(Exception, match="P0"):
            engine.reload()
    found.alarm("torn", "12 bytes at the end were not whole")
    *_, failed, alarm = lines(stream)
    assert (failed["event"], failed["level"], failed["kept"]) == ("policy_reload_failed", "error", engine.revision)
    assert failed["mistakes"][0].startswith("P0")
    assert (alarm["event"], alarm["kind"]) == ("alarm", "torn")
    found.reloaded(Status(ready=True, revision="abc"))
    assert lines(stream)[-1]["revision"] == "abc"


def test_lines_of_other_libraries() -> None:
    """What a server logs by Python's own logging is an event, with its level; a format that does not fit is noted."""
    found, stream = log()
    logger = logging.getLogger("durwan.tests.other")
    logger.propagate = False
    handler = found.handler()
    logger.addHandler(handler)
    try:
        logger.warning("%s from %s", "request\n", "203.0.113.9")
        logger.error("%d", "no number")
        try:
            Path("/nowhere/canary").read_bytes()
        except OSError:
            logger.exception("failed")
        logger.debug("quiet")
    finally:
        logger.removeHandler(handler)
    first, second, third = lines(stream)
    assert (first["event"], first["level"], first["message"]) == ("log", "warning", "request\n from 203.0.113.9")
    assert second["message"] == "TypeError"
    assert (third["message"], third["error"]) == ("failed", "FileNotFoundError")
