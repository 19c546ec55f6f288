"""R1, R57, R66, R68 and R69 as far as they are about loading and reloading.

What a unit test shows already is named in `requirements.toml` beside these.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from durwan import DurwanError, Engine
from durwan.runtime.self_test import SelfTestError
from durwan.runtime.sources import Directory
from durwan.workshop.bundling import build_bundle
from tests.faults.editions import compiled
from tests.generators.requests import generate_request

NEAR = "actions { ping }\nallow ping on ping when client.ip in { 203.0.113.0/24 }\n"
FAR = NEAR.replace("203.0.113.0", "198.51.100.0")
PING = {"action": "ping", "client": {"ip": "203.0.113.9"}}
MUST_DENY = {
    "policy.yaml": "must_pass: [strangers are refused]\n",
    "tests/a.yaml": (
        "cases:\n  - {name: strangers are refused, request: {action: ping, client: {ip: 192.0.2.1}}, expect: deny}\n"
    ),
}


def written(folder: Path, files: dict[str, str]) -> Path:
    """The folder with these files in it."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_an_engine_that_has_no_policy_yet_denies_every_request(tmp_path: Path) -> None:
    """R1: a thousand requests of any kind, none of them allowed, each told that nothing is loaded."""
    engine = Engine.load(tmp_path / "missing", on_broken="deny")
    random = Random(1)
    decisions = [engine.decide(generate_request(random)) for _ in range(1_000)]
    assert {(decision.effect, decision.status, decision.code) for decision in decisions} == {("deny", 503, "not_ready")}


def test_what_is_swapped_after_it_was_read_does_not_decide(tmp_path: Path) -> None:
    """R66: what is compiled are the bytes that were digested, whatever stands in the file by then."""
    path = written(tmp_path, {"a.policy": NEAR}) / "a.policy"

    class Swapped(Directory):
        def _settled(self) -> Any:
            files = super()._settled()
            path.write_text(FAR)
            return files

    edition = Swapped(tmp_path).read(None)
    assert edition.stamp != Directory(tmp_path).stamp()
    path.write_text(NEAR)
    assert edition.stamp == Directory(tmp_path).stamp()
    assert edition.compiled.revision == Engine.from_sources({"a.policy": NEAR}).revision
    engine = Engine(Swapped(tmp_path))
    assert engine.decide(PING).allowed
    path.write_text(FAR)
    engine.watch(poll_seconds=0.02)
    for _ in range(500):
        if not engine.decide(PING).allowed:
            break
        threading.Event().wait(0.01)
    engine.close()
    assert not engine.decide(PING).allowed


def test_every_decision_carries_the_digest_of_what_decided(tmp_path: Path) -> None:
    """R66: also the refusals, by default, for an odd request and for an unknown action."""
    path = written(tmp_path, {"a.policy": NEAR}) / "a.policy"
    engine = Engine.load(tmp_path)
    requests: list[dict[str, Any]] = [
        PING,
        {},
        {"action": "x"},
        PING | {"now": "soon"},
        {"action": "ping", "client": 1},
    ]
    first = {engine.decide(request).revision for request in requests}
    assert first == {engine.revision}
    path.write_text(FAR)
    engine.reload()
    assert {engine.decide(request).revision for request in requests} == {engine.revision} != first


def test_a_policy_that_allows_what_must_be_refused_does_not_start(tmp_path: Path) -> None:
    """R69: the process ends with an error, and the error names the case."""
    folder = written(tmp_path, {"a.policy": NEAR} | MUST_DENY)
    script = "import sys\nfrom durwan import Engine\nEngine.load(sys.argv[1])\n"
    command = [sys.executable, "-c", script, str(folder)]
    assert subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0
    (folder / "a.policy").write_text("actions { ping }\nallow ping on ping\n")
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "strangers are refused: effect 'allow' instead of 'deny'" in done.stderr


def test_a_bundle_is_tested_again_where_it_is_loaded(tmp_path: Path) -> None:
    """R57, R69: what must be denied and what must be allowed travels in the bundle and is asked before it decides."""
    place = tmp_path / "policy.bundle"
    place.write_bytes(build_bundle(compiled(5), version=5))
    engine = Engine.load(place)
    before = engine.revision
    place.write_bytes(build_bundle(compiled(6), version=6))
    assert engine.reload() != before
    # The tests of one edition, in a bundle of another one.
    wrong = replace(compiled(3), self_tests=compiled(7).self_tests)
    place.write_bytes(build_bundle(wrong, version=7))
    with pytest.raises(SelfTestError):
        engine.reload()
    assert engine.revision == compiled(6).revision


def test_a_running_engine_takes_no_older_bundle_even_if_nothing_is_remembered(tmp_path: Path) -> None:
    """R57: without a state file, what decides is remembered for as long as the process lives."""
    place = tmp_path / "policy.bundle"
    place.write_bytes(build_bundle(compiled(5), version=5))
    engine = Engine.load(place)
    place.write_bytes(build_bundle(compiled(4), version=4))
    with pytest.raises(DurwanError, match="has version 4, older than 5, which decides now"):
        engine.reload()
    assert engine.status().version == 5
    willing = Engine.load(place, allow_rollback=True)
    place.write_bytes(build_bundle(compiled(3), version=3))
    willing.reload()
    assert willing.status().version == 3


def test_engines_work_in_development_mode(tmp_path: Path) -> None:
    """R68: with every check of the interpreter on and every warning an error, across reloads, threads and a fork."""
    folder = written(tmp_path, {"a.policy": NEAR})
    script = """
import os, sys, threading
from pathlib import Path
from durwan import Engine
path = Path(sys.argv[1], "a.policy")
request = {"action": "ping", "client": {"ip": "203.0.113.9"}}
with Engine.load(sys.argv[1], watch=True, poll_seconds=0.05) as engine:
    threads = [threading.Thread(target=engine.reload) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    child = os.fork()
    if child == 0:
        engine.reload()
        os._exit(0 if engine.decide(request).allowed and engine.status().watching else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert engine.decide(request).allowed
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script, str(folder)]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environment)
    if sys.version_info >= (3, 12) and "DeprecationWarning" in done.stderr:
        pytest.skip("from 3.12 on, forking with threads warns by itself")
    assert (done.returncode, done.stderr) == (0, "")
