"""Progress on standard error: nothing of what is quick, plain lines, or a bar on a terminal."""

from __future__ import annotations

import io
import time
from argparse import Namespace

import pytest

from durwan.cli import progress
from durwan.cli.output import Output
from durwan.cli.progress import ProgressBar
from durwan.workshop.test_files import Case
from tests.unit.cli.conftest import Call


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second passes in a twentieth of one; no environment asks for plain text."""
    monkeypatch.setattr(progress, "_QUIET_SECONDS", 0.05)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.05)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_FRAMES", 0.01)
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def wait_for(stream: io.StringIO, text: str) -> None:
    until = time.monotonic() + 10
    while text not in stream.getvalue():
        assert time.monotonic() < until, stream.getvalue()
        time.sleep(0.01)


def test_quick_work_says_nothing() -> None:
    """What ends before it could be noticed leaves no trace."""
    stream = Terminal()
    with ProgressBar("proving", 3, stream=stream) as bar:
        bar.advance(3)
    assert stream.getvalue() == ""


def test_plain_lines() -> None:
    """A line when something has changed, none when nothing has."""
    stream = io.StringIO()
    with ProgressBar("compiling", stream=stream) as bar:
        wait_for(stream, "compiling …\n")
        bar.begin("proving", 2_000)
        bar.advance(1_500)
        wait_for(stream, "proving: 1,500 of 2,000\n")
        time.sleep(0.2)
    assert stream.getvalue() == "compiling …\nproving: 1,500 of 2,000\n"


def test_bar_on_a_terminal() -> None:
    """A bar is drawn, and taken away at the end."""
    pytest.importorskip("rich")
    stream = Terminal()
    with ProgressBar("proving", 20, stream=stream) as bar:
        bar.advance(7)
        wait_for(stream, "7/20")
    assert "proving" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("CI", "true"), ("TERM", "dumb")])
def test_no_bar_where_nobody_wants_one(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Whoever asked for plain text gets lines on a terminal too."""
    monkeypatch.setenv(name, value)
    stream = Terminal()
    with ProgressBar("proving", 20, stream=stream) as bar:
        bar.advance(7)
        wait_for(stream, "proving: 7 of 20\n")
    assert "\x1b" not in stream.getvalue()


def test_work_that_fails_ends_its_bar() -> None:
    """An exception is passed on, and nothing is drawn after it."""
    stream = io.StringIO()

    def fail() -> None:
        with ProgressBar("proving", 20, stream=stream):
            wait_for(stream, "proving: 0 of 20\n")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    said = stream.getvalue()
    time.sleep(0.15)
    assert stream.getvalue() == said


@pytest.mark.parametrize(
    ("quiet", "form", "said"), [(True, "pretty", False), (False, "jsonl", False), (False, "tap", True)]
)
def test_where_progress_is_told(monkeypatch: pytest.MonkeyPatch, *, quiet: bool, form: str, said: bool) -> None:
    """Neither with `--quiet` nor into lines of results that appear on the same terminal."""
    results, progress_ = Terminal(), io.StringIO()
    monkeypatch.setattr("sys.stdout", results)
    monkeypatch.setattr("sys.stderr", progress_)
    output = Output("prove", Namespace(quiet=quiet, verbose=False, format=form, output=None, color="never"))
    with output.progress_bar("proving", 20):
        time.sleep(0.2)
    assert (progress_.getvalue() != "") is said
    assert results.getvalue() == ""


def test_slow_tests_tell_how_far_they_are(call: Call, directory: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """`policy-check test` says on standard error how many cases were run, and nothing of it on standard output."""
    from durwan.workshop import runner

    run = runner.CaseRunner.run

    def slow(self: runner.CaseRunner, case: Case) -> runner.CaseResult:
        time.sleep(0.1)
        return run(self, case)

    monkeypatch.setattr(runner.CaseRunner, "run", slow)
    ended = call("test", str(directory))
    assert ended.code == 0
    assert "testing: 1 of 4\n" in ended.err
    assert "testing" not in ended.out


def test_rate_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the share that is done is known, the rate and the time that is left are told."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    bar = ProgressBar("reading", stream=None)
    bar.begin("replaying", 4_000_000, share=lambda: bar.done / 4_000_000)
    assert bar.words == "replaying: 0 of 4,000,000"
    now[0], bar.done = 110.0, 1_000_000
    assert bar.words == "replaying: 1,000,000 of 4,000,000, 100,000/s, 30 s left"
    bar.begin("preparing", share=lambda: 0.25)
    now[0] = 115.0
    assert bar.words == "preparing: 15 s left"
    bar.done = 1_000
    assert bar.words == "preparing: 1,000, 200/s, 15 s left"
    bar.begin("testing", 20)
    assert bar.words == "testing: 0 of 20"
