"""`--watch`: a process that runs again after each change, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.unit.cli.conftest import Call
from tests.unit.workshop.policies import POLICY

ROOT = Path(__file__).parents[3]


class Watching:
    """`policy-check ... --watch` as a process, and what it said so far."""

    def __init__(self, *words: str | Path, prelude: str = "") -> None:
        script = f"import sys\n{prelude}\nfrom durwan.cli.policy_check import run\nsys.exit(run())\n"
        self.out = ""
        self._process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, words), "--watch"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.out += line

    def wait_for(self, *texts: str) -> None:
        """Waits until all of the texts were said, in this order, and forgets what was said up to the last of them."""
        until = time.monotonic() + 30
        for text in texts:
            while text not in self.out:
                assert time.monotonic() < until, f"{text!r} was not said: {self.out}"
                time.sleep(0.02)
            self.out = self.out.partition(text)[2]

    def interrupt(self) -> int:
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(timeout=20)
        self._reader.join(timeout=20)
        return code

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(timeout=20)
        self._reader.join(timeout=20)
        if self._process.stdout is not None:
            self._process.stdout.close()


Watch = Callable[..., Watching]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Starts a watching process, which is ended with the test."""
    begun: list[Watching] = []

    def watch_(*words: str | Path, prelude: str = "") -> Watching:
        begun.append(Watching(*words, prelude=prelude))
        return begun[-1]

    yield watch_
    for each in begun:
        each.end()


# As where the extra `watch` is not installed: changes are looked for.
POLLING = "sys.modules['watchfiles'] = None"


@pytest.mark.parametrize("prelude", ["", POLLING], ids=["told", "polling"])
def test_runs_again(watch: Watch, directory: Path, prelude: str) -> None:
    """A change of a policy runs the tests again; a broken one shows its mistakes; Ctrl-C ends with 130."""
    process = watch("test", directory, prelude=prelude)
    process.wait_for("3 passed, 1 skipped in ", "Ctrl-C ends\n")
    (directory / "desk.policy").write_text(POLICY.replace("risk.score >= 90", "risk.scor >= 90"))
    process.wait_for("unknown attribute `risk.scor`", "does not compile: 1 error\n", "Ctrl-C ends\n")
    (directory / "desk.policy").write_text(POLICY.replace("risk.score >= 90", "risk.score >= 5"))
    process.wait_for("FAILED ", "2 passed, 1 failed, 1 skipped in ", "Ctrl-C ends\n")
    (directory / "tests" / "more.yaml").write_text(
        "cases: [{ name: x, request: { action: account.read }, expect: deny }]\n"
    )
    process.wait_for("3 passed, 1 failed, 1 skipped in ", "Ctrl-C ends\n")
    assert process.interrupt() == 130
    assert "Traceback" not in process.out


def test_a_set_that_goes_away_comes_back(watch: Watch, directory: Path) -> None:
    """Not even a directory without policies ends it."""
    process = watch("check", directory, "--now", "2026-03-02T09:00:00Z")
    process.wait_for("tested ", "Ctrl-C ends\n")
    (directory / "desk.policy").rename(directory / "desk.away")
    process.wait_for("has no policy files", "Ctrl-C ends\n")
    (directory / "desk.away").rename(directory / "desk.policy")
    process.wait_for("tested    3 passed, 1 skipped", "Ctrl-C ends\n")
    assert process.interrupt() == 130


def test_what_does_not_change_is_not_run_again(watch: Watch, directory: Path) -> None:
    """Writing the same content, and files that are none of the set, change nothing."""
    process = watch("test", directory, "-f", "jsonl")
    process.wait_for('"kind": "summary"', "Ctrl-C ends\n")
    (directory / "desk.policy").write_text(POLICY)
    (directory / "notes.md").write_text("nothing\n")
    time.sleep(2)
    assert process.out == ""
    assert process.interrupt() == 130


def test_a_terminal_is_cleared(directory: Path) -> None:
    """On a terminal, and there alone, each further run begins on an empty screen."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "durwan.cli.policy_check", "test", str(directory), "--watch"]
    process = subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    assert process.stderr is not None
    try:
        assert "watching" in process.stderr.readline()
        assert b"\x1b[2J" not in os.read(ours, 65_536)
        (directory / "desk.policy").write_text(POLICY + "# changed\n")
        assert "watching" in process.stderr.readline()
        assert os.read(ours, 65_536).startswith(b"\x1b[H\x1b[2J")
    finally:
        process.kill()
        process.wait(timeout=20)
        process.stderr.close()
        os.close(ours)


def test_wrong_calls(call: Call, directory: Path) -> None:
    """What could never work ends at once."""
    ended = call("test", directory, "--watch", "--run", "[")
    assert (ended.code, ended.out) == (2, "")
    ended = call("test", directory / "nowhere", "--watch")
    assert ended.code == 2
    ended = call("check", directory, "--watch", "--ref", "HEAD")
    assert ended.code == 2
    assert "a git revision does not change" in ended.err
    ended = call("check", directory, "--watch", "-o", directory / "tests" / "found.json")
    assert ended.code == 2
    assert "lies in the policy set" in ended.err
