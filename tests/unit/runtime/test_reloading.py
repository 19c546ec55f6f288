"""Reloading: a good change decides, a bad one leaves what was and says so; a policy that is too old denies."""

from __future__ import annotations

import gc
import linecache
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durwan import DurwanError, Engine, PolicyError
from durwan.compilation import compile_sources
from durwan.runtime.policy import Compiled
from durwan.runtime.self_test import SelfTestError
from durwan.runtime.sources import Edition, SourceError, Texts
from durwan.runtime.status import Status

PING = {"action": "ping", "client": {"ip": "203.0.113.9"}}
NEAR = "actions { ping }\nallow ping on ping when client.ip in { 203.0.113.0/24 }\n"
FAR = NEAR.replace("203.0.113.0", "198.51.100.0")
BROKEN = "actions { ping }\nallow ping on pong\n"
MUST_ALLOW = {
    "policy.yaml": "must_pass: [near]\n",
    "tests/a.yaml": "cases:\n  - {name: near, request: {action: ping, client: {ip: 203.0.113.9}}, expect: allow}\n",
}


class Shelf(Texts):
    """A source whose texts are exchanged by a test, and which may be out of reach, or be a bundle that expires."""

    def __init__(self, **texts: str) -> None:
        super().__init__({})
        self.put(**texts)
        self.error: Exception | None = None
        self.expires: int | None = None

    def put(self, **texts: str) -> None:
        """Exchanges all texts; `a` stands for `a.policy`."""
        self._texts = {f"{name}.policy": text for name, text in texts.items()}

    def add(self, files: dict[str, str]) -> None:
        """Adds other files."""
        self._texts |= files

    def read(self, current: Edition | None) -> Edition:
        self._reachable()
        edition = super().read(current)
        return Edition(compiled=edition.compiled, stamp=self.stamp(), expires=self.expires)

    def stamp(self) -> str:
        self._reachable()
        return repr(self._texts)

    def _reachable(self) -> None:
        if self.error is not None:
            raise self.error


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


# ------------------------------------------------------------------------------------------------------------ status


def test_the_status_of_a_new_engine() -> None:
    """One policy was loaded, from there, just now; nothing follows it."""
    before = time.time_ns() // 1_000_000
    engine = Engine(Shelf(a=NEAR))
    status = engine.status()
    assert (status.ready, status.stale, status.revision, status.source) == (
        True,
        False,
        engine.revision,
        "the given texts",
    )
    assert (status.reloads, status.failures, status.last_error, status.watching) == (1, 0, None, False)
    assert status.since is not None
    assert status.since == status.last_attempt
    assert before <= status.since <= time.time_ns() // 1_000_000
    assert status.age is not None
    assert 0 <= status.age < 5_000


def test_what_fails_is_counted_and_told_and_what_succeeds_clears_it() -> None:
    """The status has the text and the mistakes of the last attempt, and counts both kinds."""
    shelf = Shelf(a=NEAR)
    engine = Engine(shelf)
    first = engine.revision
    shelf.put(a=BROKEN)
    with pytest.raises(PolicyError):
        engine.reload()
    status = engine.status()
    assert (status.revision, status.reloads, status.failures) == (first, 1, 1)
    assert status.last_error is not None
    assert "a.policy:2:" in status.last_error
    assert [item.span.source.path for item in status.diagnostics] == ["a.policy"]
    shelf.put(a=FAR)
    assert engine.reload() != first
    status = engine.status()
    assert (status.revision, status.reloads, status.failures) == (engine.revision, 2, 1)
    assert (status.last_error, status.diagnostics) == (None, ())


def test_failures_and_successes_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """One line each, under the name of the package; the first load, which the caller sees, says nothing."""
    caplog.set_level(logging.INFO, "durwan")
    shelf = Shelf(a=NEAR)
    engine = Engine(shelf)
    assert caplog.records == []
    with pytest.raises(PolicyError):
        Engine(Shelf(a=BROKEN))
    assert caplog.records == []
    shelf.error = SourceError("out of reach\nINFO forged \x1b[2J line")
    with pytest.raises(SourceError):
        engine.reload()
    shelf.error = None
    engine.reload()
    failed, succeeded = caplog.records
    assert (failed.name, failed.levelname, succeeded.levelname) == ("durwan", "ERROR", "INFO")
    assert failed.getMessage() == (
        f"the given texts cannot be loaded; revision {engine.revision[:12]} goes on deciding: "
        "out of reach; INFO forged \\x1b[2J line"
    )


def test_an_engine_that_has_nothing_to_say_loads_no_logging() -> None:
    """Logging is imported with the first line."""
    script = (
        "import sys; from durwan import Engine\n"
        "from tests.differential import engine_of\nfrom tests.generators.programs import generate_program\n"
        "engine = engine_of(generate_program(1)); engine.status(); engine.close()\n"
        "assert 'logging' not in sys.modules; engine.reload(); assert 'logging' in sys.modules\n"
    )
    root = str(Path(__file__).parents[3])
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, env={**os.environ, "PYTHONPATH": root})


def test_whoever_asked_is_called_after_each_attempt(caplog: pytest.LogCaptureFixture) -> None:
    """With the status; what it raises is logged and stops nothing."""
    seen: list[Status] = []

    def count(status: Status) -> None:
        seen.append(status)
        raise RuntimeError("the counter is broken")

    shelf = Shelf(a=NEAR)
    engine = Engine(shelf, on_reload=count)
    shelf.put(a=BROKEN)
    with pytest.raises(PolicyError):
        engine.reload()
    shelf.put(a=FAR)
    engine.reload()
    assert [(status.reloads, status.failures) for status in seen] == [(1, 0), (1, 1), (2, 1)]
    assert "the counter is broken" in caplog.text


def test_a_hook_may_reload_again() -> None:
    """No lock is held while it is called."""
    engines: list[Engine] = []

    def again(status: Status) -> None:
        if status.reloads == 2:
            thread = threading.Thread(target=engines[0].reload)
            thread.start()
            thread.join(10)
            assert not thread.is_alive()

    engines.append(Engine(Shelf(a=NEAR), on_reload=again))
    engines[0].reload()
    assert engines[0].status().reloads == 3


# ------------------------------------------------------------------------------------------------- what is let through


def test_a_policy_that_fails_its_tests_does_not_decide() -> None:
    """At a reload the old one stays; at the start there is no engine."""
    shelf = Shelf(a=NEAR)
    shelf.add(MUST_ALLOW)
    engine = Engine(shelf)
    shelf.put(a=FAR)
    shelf.add(MUST_ALLOW)
    with pytest.raises(SelfTestError, match="near: effect 'deny' instead of 'allow'"):
        engine.reload()
    assert engine.decide(PING).allowed
    with pytest.raises(SelfTestError):
        Engine(shelf)


def test_a_defect_leaves_the_policy_as_well() -> None:
    """Whatever is raised on the way, and whatever it is called."""
    shelf = Shelf(a=NEAR)
    engine = Engine(shelf)
    shelf.error = MemoryError("no room")
    with pytest.raises(MemoryError):
        engine.reload()
    assert engine.decide(PING).allowed
    assert engine.status().last_error == "MemoryError('no room')"


def test_what_is_accepted_is_accepted_after_its_tests_and_before_it_decides() -> None:
    """A version is remembered only of a policy that may decide, and none decides whose version is not remembered."""
    engines: list[Engine] = []
    accepted: list[bool] = []

    class Careful(Shelf):
        def read(self, current: Edition | None) -> Edition:
            edition = super().read(current)
            return Edition(compiled=edition.compiled, stamp=edition.stamp, accept=self.accept)

        def accept(self) -> None:
            accepted.append(engines[0].decide(PING).allowed if engines else False)
            if len(accepted) == 3:
                raise SourceError("the disk is full")

    shelf = Careful(a=NEAR)
    engines.append(Engine(shelf))
    shelf.put(a=FAR)
    shelf.add(MUST_ALLOW)
    with pytest.raises(SelfTestError):
        engines[0].reload()
    assert accepted == [False]
    shelf.put(a=FAR)
    engines[0].reload()
    assert accepted == [False, True]
    shelf.put(a=NEAR)
    with pytest.raises(SourceError, match="the disk is full"):
        engines[0].reload()
    assert not engines[0].decide(PING).allowed


# ----------------------------------------------------------------------------------------------------- before and after


def test_an_engine_may_begin_with_nothing_and_denies_until_it_has_something(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A gateway that starts while its source is broken denies everything, says why, and recovers by a reload."""
    shelf = Shelf(a=BROKEN)
    engine = Engine(shelf, on_broken="deny")
    for request in (PING, {}, {"action": 1}, {"action": "ping", "now": "nonsense"}):
        decision = engine.decide(request)
        assert (decision.effect, decision.status, decision.code, decision.rule) == ("deny", 503, "not_ready", None)
    assert (engine.revision, engine.decide(PING).revision) == ("", "")
    assert "nothing is loaded" in caplog.text
    assert engine.explain(PING).decision.code == "not_ready"
    status = engine.status()
    assert (status.ready, status.failures, status.reloads, status.revision) == (False, 1, 0, "")
    with pytest.raises(PolicyError):
        engine.reload()
    shelf.put(a=NEAR)
    engine.reload()
    assert engine.decide(PING).allowed
    assert engine.status().ready
    with pytest.raises(TypeError, match="a request is a mapping"):
        Engine(Shelf(a=BROKEN), on_broken="deny").decide([])  # type: ignore[arg-type]


def test_a_policy_past_its_expiry_denies() -> None:
    """From the very millisecond on, by the engine's clock, until there is another one."""
    now = [1_000]
    shelf = Shelf(a=NEAR)
    shelf.expires = 2_000
    with Engine(shelf, clock=lambda: now[0]) as engine:
        assert engine.status().expires == 2_000
        now[0] = 1_999
        assert engine.decide(PING).allowed
        now[0] = 2_000
        assert eventually(lambda: engine.decide(PING).code == "policy_stale")
        decision = engine.decide(PING)
        assert (decision.effect, decision.status, decision.revision) == ("deny", 503, engine.revision)
        assert engine.status().stale
        shelf.expires = 3_000
        engine.reload()
        assert engine.decide(PING).allowed
        assert not engine.status().stale


def test_a_clock_that_fails_makes_what_expires_stale() -> None:
    """Nobody knows then whether it has expired."""

    def broken() -> int:
        raise RuntimeError("no time")

    shelf = Shelf(a=NEAR)
    shelf.expires = 1 << 60
    with Engine(shelf, clock=broken) as engine:
        assert eventually(lambda: engine.decide(PING | {"now": 0}).code == "policy_stale")


def test_a_policy_whose_source_is_out_of_reach_for_too_long_denies_and_recovers() -> None:
    """Contact counts only where the source holds what decides: a broken change makes a policy old as well."""
    shelf = Shelf(a=NEAR)
    with Engine(shelf, watch=True, poll_seconds=0.02, max_age=0.3) as engine:
        time.sleep(0.5)
        assert engine.decide(PING).allowed
        shelf.error = SourceError("out of reach")
        assert eventually(lambda: engine.decide(PING).code == "policy_stale")
        assert "out of reach" in str(engine.status().last_error)
        shelf.error = None
        assert eventually(lambda: engine.decide(PING).allowed)
        assert engine.status().last_error is None
        shelf.put(a=BROKEN)
        assert eventually(lambda: engine.decide(PING).code == "policy_stale")
        assert engine.status().failures == 2
        shelf.put(a=NEAR + "#")
        assert eventually(lambda: engine.decide(PING).allowed)


def test_a_source_that_never_answers_does_not_keep_a_policy_fresh() -> None:
    """Whoever waits for it waits; the policy becomes stale in time, and decides again when the answer comes."""
    gate = threading.Event()

    class Hanging(Shelf):
        def stamp(self) -> str:
            if threading.current_thread() is not threading.main_thread():
                gate.wait(10)
            return super().stamp()

    with Engine(Hanging(a=NEAR), watch=True, poll_seconds=0.02, max_age=0.2) as engine:
        assert eventually(lambda: engine.decide(PING).code == "policy_stale", 2.0)
        gate.set()
        assert eventually(lambda: engine.decide(PING).allowed)
    gate.clear()
    with Engine(Hanging(a=NEAR), max_age=0.2) as engine:
        thread = threading.Thread(target=engine.reload)
        thread.start()
        assert eventually(lambda: engine.decide(PING).code == "policy_stale", 2.0)
        gate.set()
        thread.join(10)
        engine.reload()
        assert engine.decide(PING).allowed


def test_a_stale_policy_may_be_kept() -> None:
    """Then only the status says so."""
    with Engine(Shelf(a=NEAR), max_age=0.05, on_stale="keep") as engine:
        assert eventually(lambda: engine.status().stale)
        time.sleep(0.1)
        assert engine.decide(PING).allowed


# ---------------------------------------------------------------------------------------------------------- concurrency


class Gate:
    """What makes a policy in two steps: it is read at the first, and goes on at the second."""

    def __init__(self) -> None:
        self.text = NEAR
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self) -> Compiled:
        text = self.text
        self.reached.set()
        assert self.go_on.wait(10)
        return compile_sources({"a.policy": text})


def test_two_reloads_that_race_leave_the_newer_policy() -> None:
    """The one that began first has read the older text; it does not come last."""
    gate = Gate()
    engine = Engine(gate)
    gate.reached.clear()
    gate.go_on.clear()
    gate.text = FAR
    first = threading.Thread(target=engine.reload)
    first.start()
    assert gate.reached.wait(10)
    gate.text = NEAR + "#newer"
    second = threading.Thread(target=engine.reload)
    second.start()
    time.sleep(0.05)
    gate.go_on.set()
    first.join(10)
    second.join(10)
    assert engine.decide(PING).allowed
    assert engine.status().reloads == 3


def test_a_reload_within_a_reload_wins() -> None:
    """A signal's handler runs in the midst of whatever its thread does; what it read is newer."""
    engines: list[Engine] = []
    texts = [NEAR, FAR, NEAR + "#"]
    calls: list[int] = []

    def make() -> Compiled:
        calls.append(len(calls))
        text = texts[calls[-1]]
        if len(calls) == 2:
            engines[0].reload()
        return compile_sources({"a.policy": text})

    engines.append(Engine(make))
    engines[0].reload()
    assert calls == [0, 1, 2]
    assert engines[0].decide(PING).allowed
    assert engines[0].status().reloads == 2


def test_the_status_waits_for_no_reload() -> None:
    """A health check answers while a large set compiles."""
    gate = Gate()
    engine = Engine(gate)
    gate.go_on.clear()
    gate.reached.clear()
    thread = threading.Thread(target=engine.reload)
    thread.start()
    assert gate.reached.wait(10)
    assert engine.status().reloads == 1
    assert engine.decide(PING).allowed
    gate.go_on.set()
    thread.join(10)


def test_functions_that_were_in_use_are_written_before_the_swap() -> None:
    """The first request after a reload does not pay for them."""
    engine = Engine(Shelf(a=NEAR))
    engine.decide(PING)
    engine.reload()
    assert "ping" in engine._policy.evaluator.functions  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - it is about what is there before anybody asks


def test_policies_that_were_replaced_leave_nothing_behind() -> None:
    """Neither their functions nor what would list these in a traceback: engines reload for months."""
    engine = Engine(Shelf(a=NEAR))

    def turn() -> tuple[int, int]:
        for _ in range(10):
            engine.reload()
            engine.decide(PING)
        gc.collect()
        return len(linecache.cache), len(gc.get_objects())

    turn()
    (lists, objects), (lists_later, objects_later) = turn(), turn()
    assert lists_later <= lists
    assert objects_later < objects + 500


def test_an_engine_that_is_dropped_is_gone() -> None:
    """Nothing keeps it, and its thread ends."""
    engine = Engine(Shelf(a=NEAR), watch=True, poll_seconds=0.02)
    gone = weakref.ref(engine)
    names = {thread.name for thread in threading.enumerate()}
    assert "durwan-watch" in names
    del engine
    gc.collect()
    assert eventually(lambda: gc.collect() >= 0 and gone() is None)
    assert eventually(lambda: "durwan-watch" not in {thread.name for thread in threading.enumerate()})


# ----------------------------------------------------------------------------------------------------------------- fork


def in_a_child(work: Callable[[], bool]) -> bool:
    """Whether something holds in a forked child, which has ten seconds."""
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        try:
            os._exit(0 if work() else 1)
        except BaseException:  # noqa: BLE001 - the child must not go on as a second test run
            os._exit(2)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_reloads_though_its_parent_was_reloading_when_it_forked() -> None:
    """The parent's thread, which holds the lock, is not there in the child."""
    gate = Gate()
    engine = Engine(gate)
    gate.go_on.clear()
    gate.reached.clear()
    gate.text = FAR
    thread = threading.Thread(target=engine.reload)
    thread.start()
    assert gate.reached.wait(10)

    def work() -> bool:
        before = engine.decide(PING).allowed
        gate.go_on = threading.Event()
        gate.go_on.set()
        engine.reload()
        return before and not engine.decide(PING).allowed

    assert in_a_child(work)
    gate.go_on.set()
    thread.join(10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_follows_the_source_by_itself(tmp_path: Path) -> None:
    """Its thread is there again: it sees changes, and denies what is stale."""
    path = tmp_path / "a.policy"
    path.write_text(NEAR)
    with Engine.load(tmp_path, watch=True, poll_seconds=0.05) as engine:

        def work() -> bool:
            if not engine.status().watching:
                return False
            path.write_text(FAR)
            return eventually(lambda: not engine.decide(PING).allowed)

        assert in_a_child(work)
        assert engine.status().watching
    with Engine.load(tmp_path, max_age=0.3) as engine:
        assert in_a_child(lambda: eventually(lambda: engine.decide(PING).code == "policy_stale"))


def test_a_closed_engine_stays_closed_in_a_child_and_after_a_reload() -> None:
    """No thread comes back unasked."""
    shelf = Shelf(a=NEAR)
    shelf.expires = 1 << 60
    engine = Engine(shelf, watch=True, clock=lambda: 0)
    engine.close()
    engine.close()
    engine.reload()
    assert not engine.status().watching
    assert "durwan-watch" not in {thread.name for thread in threading.enumerate()}
    assert in_a_child(lambda: not engine.status().watching)
    assert engine.decide(PING).allowed


def test_errors_have_one_base() -> None:
    """Whoever reloads catches one kind."""
    assert issubclass(SelfTestError, DurwanError)
    assert issubclass(SourceError, DurwanError)
    shelf: Any = Shelf(a=NEAR)
    assert Engine(shelf).status().ready
