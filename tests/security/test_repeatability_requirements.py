"""R2 and R10: order never decides, and nothing but the policy, the request and the instant is read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durwan import Engine
from durwan.program import reference
from durwan.runtime.key_lookup import prepared
from tests import differential
from tests.conformance.evaluators import NOW
from tests.generators.programs import ACTIONS, generate_program
from tests.generators.requests import generate_request
from tests.security.decide_corpus import decide_corpus

ROOT = Path(__file__).parents[2]


# ---------------------------------------------------------------------------------------------- R2, order dependence


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_rules_changes_no_decision(seed: int) -> None:
    """Twenty shuffles of a policy decide alike, with the same rules applying, the same remedies and the same doubts."""
    program = generate_program(seed)
    random = Random(seed)
    # One action, since writing its code twenty times over is what takes long.
    requests = [{**generate_request(random), "action": ACTIONS[seed % 3]} for _ in range(5)]
    orders = [program, *(differential.shuffled(program, random) for _ in range(20))]
    engines = [differential.engine_of(each) for each in orders]
    for request in requests:
        seen = {_without_order(engine, request) for engine in engines}
        assert len(seen) == 1, request


def _without_order(engine: Engine, request: Mapping[str, Any]) -> object:
    decision = engine.decide(request)
    applied = frozenset(rule.name for rule in engine.explain(request, nearest=False).rules if rule.applied)
    return decision.effect, frozenset(decision.remedies), frozenset(decision.shadows), applied


_PARTS = (
    "actions { a b }\ncontext risk { score : int }\n",
    "allow first on a when risk.score < 90\nallow second on *\n",
    "deny risky on a when risk.score > 50\ndeny other on b when risk.score == 1\n",
    "challenge check on * when risk.score > 20 require login\nlet unused = risk.score + 1\n",
)


def test_the_order_of_files_changes_no_decision() -> None:
    """However the files of a policy set are named, and so ordered, it decides alike."""
    requests = [{"action": action, "risk": {"score": score}} for action in "ab" for score in (None, 1, 30, 60, 95)]
    seen: set[tuple[object, ...]] = set()
    for order in permutations(_PARTS):
        files = {f"{number}.policy": part for number, part in enumerate(order)}
        engine = Engine.from_sources(files, clock=lambda: NOW)
        seen.add(tuple((engine.decide(each).effect, engine.decide(each).remedies) for each in requests))
    assert len(seen) == 1


# --------------------------------------------------------------------------------------------------- R10, hidden inputs


@pytest.fixture(scope="module")
def outputs() -> list[bytes]:
    """What ten processes print that decide the same requests, each with another seed of Python's hashes."""
    command = [sys.executable, "-m", "tests.security.decide_corpus"]
    found: list[bytes] = []
    for seed in range(10):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "TZ": ("UTC", "Asia/Tokyo")[seed % 2]}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True, timeout=120)
        found.append(done.stdout)
    return found


def test_every_process_decides_alike(outputs: list[bytes]) -> None:
    """Under ten seeds of Python's hashes and two local time zones, the bytes that come out are the same."""
    assert len(outputs[0].splitlines()) > 500
    assert all(output == outputs[0] for output in outputs)


def test_this_process_decides_like_the_others(outputs: list[bytes]) -> None:
    """A process that has decided other things before prints the same bytes."""
    assert "".join(f"{line}\n" for line in decide_corpus()).encode() == outputs[0]


def _frozen(value: Any) -> Any:
    """The value with every container in it made unchangeable."""
    match value:
        case dict():
            return MappingProxyType({str(key): _frozen(item) for key, item in value.items()})  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case list():
            return tuple(_frozen(item) for item in value)  # pyright: ignore[reportUnknownVariableType]
        case set():
            return frozenset(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case _:
            return value


def test_a_request_is_never_changed() -> None:
    """Deciding and explaining leaves a request as it was, and a request that cannot be changed is decided alike."""
    for seed in range(15):
        program = generate_program(seed)
        engine = differential.engine_of(program)
        lookup = prepared(differential.KEYS, program.schema)
        random = Random(seed)
        for _ in range(40):
            request = generate_request(random)
            before = repr(request)
            decision = engine.decide(request)
            reference.decide(program, request, clock=lambda: NOW, keys=lookup)
            engine.explain(request, nearest=False)
            assert repr(request) == before
            assert engine.decide(_frozen(request)).outcome == decision.outcome


def test_a_request_is_never_kept() -> None:
    """A request that is changed after it was decided is decided by what it says then."""
    text = 'actions { a }\nallow x on a when key.labels has "good"\n'
    engine = Engine.from_sources({"a.policy": text}, clock=lambda: NOW)
    request: dict[str, Any] = {"action": "a", "key": {"labels": ["good"]}}
    assert engine.decide(request).allowed
    request["key"]["labels"].clear()
    assert not engine.decide(request).allowed
    request["key"]["labels"].append("good")
    assert engine.decide(request).allowed


def test_a_decision_reads_no_clock_when_it_is_given_an_instant() -> None:
    """A request with an instant is decided without the clock being asked at all."""

    def clock() -> int:
        raise AssertionError("asked")

    text = "actions { a }\nallow x on a when now < 2030-01-01T00:00Z\n"
    engine = Engine.from_sources({"a.policy": text}, clock=clock)
    for now in (NOW, "2026-03-02T09:00:00Z"):
        for _ in range(3):
            assert engine.decide({"action": "a", "now": now}).allowed


def test_a_decision_opens_nothing(tmp_path: Path) -> None:
    """Deciding, by each evaluator, opens no file or socket and starts no process or thread."""
    script = (
        "import sys\n"
        "from tests.security.decide_corpus import decide_corpus\n"
        "list(decide_corpus(explained=True))\n"
        "events = set()\n"
        "sys.addaudithook(lambda event, _: events.add(event) if on else None)\n"
        "on = True\n"
        "list(decide_corpus(compiled=False, explained=True))\n"
        "on = False\n"
        "watched = ('open', 'os.', 'socket.', 'subprocess.', 'import', 'ctypes.', 'shutil.', 'glob.', 'tempfile.')\n"
        "sys.stdout.write(' '.join(event for event in events if event.startswith(watched)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert list(tmp_path.iterdir()) == []
