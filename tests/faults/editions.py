"""Policies in many editions, each with its own revision and its own answers, and every way to spoil the next one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from durwan import Engine
from durwan.compilation import compile_sources
from durwan.credentials.ed25519 import new_private_key, raw_public_key
from durwan.credentials.keys import KeySource, StaticKeys
from durwan.model.decision import Decision, Outcome
from durwan.program import reference
from durwan.program.program import Program
from durwan.runtime.bundle_trust import Trust
from durwan.runtime.policy import Compiled, SelfTest
from durwan.workshop.bundling import build_bundle, sign_bundle

NOW: Final = 1_772_442_000_000  # 2026-03-02T09:00:00Z
HOUR: Final = 3_600_000

_POLICY = """
actions {{ orders.create orders.cancel ping }}
scopes {{ orders.write }}
context risk {{ score : int 0..1_000_000 }}
network office = {{ 203.0.113.0/24, 2001:db8::/48 }}
window morning = mon..sun 00:00..{hour:02}:00 "UTC"
deny revoked on * when key.revoked respond 401 key_revoked
deny risky on orders.create when risk.score >= {number} respond 403 risk_block
deny early on orders.cancel when now in morning
allow trade on orders.create, orders.cancel when key.scopes has orders.write and client.ip in office
  with {{ edition: {number} }}
allow ping on ping when client.ip in office
"""
KEYS: Final[dict[str, dict[str, object]]] = {
    f"desk-{number}": {"id": f"desk-{number}", "scopes": ["orders.write"], "revoked": False} for number in range(4)
}


def sources(number: int) -> dict[str, str]:
    """The text of an edition: which risk is too high, and how long the morning lasts, differ from one to the next."""
    return {"a.policy": _POLICY.format(number=number, hour=1 + number % 23)}


def compiled(number: int) -> Compiled:
    """An edition that compiled, with a test which it passes."""
    return replace(compile_sources(sources(number)), keys=StaticKeys(KEYS), self_tests=(_test(number - 1, "allow"),))


def _test(score: int, effect: str) -> SelfTest:
    request = asked("orders.create", score) | {"now": NOW}
    return SelfTest(name="a risk just low enough", request=request, expected={"effect": effect})


def asked(action: str, score: int, desk: int = 0, **more: Any) -> dict[str, Any]:
    """A request; what it is answered depends on the edition, on its key and on the time."""
    return {
        "action": action, "key": f"desk-{desk}", "client": {"ip": "203.0.113.9"}, "risk": {"score": score}, **more,
    }  # fmt: skip


def requests(last: int) -> list[dict[str, Any]]:
    """Requests on which editions up to the last one differ, and some that none would answer otherwise."""
    scores = sorted({0, 1, last, *range(1, last + 1, max(1, last // 24))})
    found = [asked("orders.create", score, score % len(KEYS), now=NOW) for score in scores]
    found += [asked("orders.cancel", 0, hour % len(KEYS), now=NOW + hour * HOUR) for hour in range(0, 24, 3)]
    found += [asked("ping", 0, now=NOW), {"action": "nonsense", "now": NOW}, asked("orders.create", 0, key=None)]
    return found


def expected(program: Program, revision: str, request: Mapping[str, Any], keys: KeySource) -> Decision:
    """The reference evaluator's answer."""
    return reference.decide(program, request, clock=lambda: NOW, keys=keys.get, revision=revision)


def settled_answers(policy: Compiled, asked_: Iterable[Mapping[str, Any]]) -> list[Outcome]:
    """The reference evaluator's answers to some requests, by the policy's own keys."""
    return [expected(policy.program, policy.revision, request, policy.keys).outcome for request in asked_]


@dataclass(frozen=True)
class Change:
    """The next content of a source: an edition that has to decide, or one with a fault that must not.

    `answers` are those of the reference evaluator to the requests that will be asked.
    """

    files: Mapping[str, bytes]
    revision: str | None
    answers: Sequence[Outcome] = ()
    fault: str = ""


class Bundles:
    """Changes of a signed bundle, and the engine that reads it."""

    faults = ("bad signature", "older version", "parse error", "failing self-test", "empty")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key, self._stranger = new_private_key()[0], new_private_key()[0]

    def engine(self) -> Engine:
        """An engine for what was written last; it remembers versions."""
        trust = Trust(keys=(raw_public_key(self._key),), name="policies", state=self.folder / "state.json")
        return Engine.load(self.folder / "policy.bundle", trust=trust, clock=lambda: NOW)

    def good(self, number: int, asked_: Iterable[Mapping[str, Any]]) -> Change:
        """An edition as it should be."""
        policy = compiled(number)
        content = sign_bundle(build_bundle(policy, version=number), self._key)
        return Change({"policy.bundle": content}, policy.revision, settled_answers(policy, asked_))

    def bad(self, number: int, fault: str) -> Change:
        """An edition that must not decide, though its number is next."""
        policy, key = compiled(number), self._key
        version = number
        match fault:
            case "bad signature":
                key = self._stranger
            case "older version":
                version = number - 2
            case "failing self-test":
                policy = replace(policy, self_tests=(_test(number, "allow"),))
            case "empty":
                policy = compile_sources({"a.policy": "actions { ping }"})
            case _:
                pass
        content = sign_bundle(build_bundle(policy, version=version), key)
        content = content[: len(content) // 2] if fault == "parse error" else content
        return Change({"policy.bundle": content}, None, fault=fault)


class Directories:
    """Changes of the files of a policy set, and the engine that reads them."""

    faults = ("parse error", "failing self-test", "empty")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def engine(self) -> Engine:
        """An engine for what was written last."""
        return Engine.load(self.folder, keys=StaticKeys(KEYS), clock=lambda: NOW)

    def good(self, number: int, asked_: Iterable[Mapping[str, Any]]) -> Change:
        """An edition as it should be."""
        policy = compiled(number)
        return Change(self._files(number, number - 1), policy.revision, settled_answers(policy, asked_))

    def bad(self, number: int, fault: str) -> Change:
        """An edition that must not decide."""
        files = self._files(number, number if fault == "failing self-test" else number - 1)
        if fault != "failing self-test":
            files["a.policy"] = b"" if fault == "empty" else files["a.policy"].replace(b"deny early on", b"deny on on")
        return Change(files, None, fault=fault)

    def _files(self, number: int, score: int) -> dict[str, bytes]:
        case = {"name": "a risk just low enough", "request": asked("orders.create", score, now=NOW), "expect": "allow"}
        texts = sources(number) | {
            "policy.yaml": json.dumps({"must_pass": [case["name"]]}),
            "tests/a.yaml": json.dumps({"cases": [case]}),
            "keys/a.yaml": json.dumps({"keys": list(KEYS.values())}),
        }
        return {path: text.encode() for path, text in texts.items()}


def write(folder: Path, change: Change) -> None:
    """Puts each file in place as a whole."""
    for path, content in change.files.items():
        place = folder / path
        place.parent.mkdir(exist_ok=True)
        if not place.exists() or place.read_bytes() != content:
            beside = place.with_name(f".{place.name}.next")
            beside.write_bytes(content)
            beside.replace(place)
