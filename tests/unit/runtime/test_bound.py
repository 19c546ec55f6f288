"""Engines bound to a connection: what they settle once, and what they follow."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from durwan import Engine, KeyTable, StaticKeys
from durwan.credentials.keys import fixed_record
from tests.unit.runtime.test_engine import NOW, POLICY, TRADER

FIXED: dict[str, Any] = {"key": "desk-7", "client": {"ip": "203.0.113.9"}}
ORDER: dict[str, Any] = {"action": "orders.create", "risk": {"score": 12}, "now": NOW}


@pytest.fixture(name="keys")
def keys_fixture() -> KeyTable:
    """The keys of a gateway, which may change."""
    return KeyTable({"desk-7": TRADER})


@pytest.fixture(name="engine")
def engine_fixture(keys: KeyTable) -> Engine:
    """An engine that looks keys up in the table."""
    return Engine.from_sources({"a.policy": POLICY}, keys=keys, clock=lambda: NOW)


def test_the_rest_of_a_request_is_decided(engine: Engine) -> None:
    """A bound decision is that of the whole request, the first time and later."""
    bound = engine.bind(**FIXED)
    for score, code in ((12, "allowed"), (95, "risk_block"), (12, "allowed"), (60, "allowed")):
        rest = {**ORDER, "risk": {"score": score}}
        assert bound.decide(rest) == engine.decide({**rest, **FIXED})
        assert bound.decide(rest).code == code


def test_the_clock_is_the_engines(engine: Engine) -> None:
    """A request without `now` is decided at the instant of the engine's clock."""
    rest = {name: value for name, value in ORDER.items() if name != "now"}
    assert engine.bind(**FIXED).decide(rest).allowed


def test_what_a_request_says_of_bound_contexts_is_not_read(engine: Engine) -> None:
    """Nobody takes another key or address along on a connection."""
    bound = engine.bind(key="desk-7", client={"ip": "8.8.8.8"})
    for _ in range(3):
        assert bound.decide({**ORDER, "client": {"ip": "203.0.113.9"}}).code == "no_rule_allows"


def test_a_revoked_key_is_revoked_here_at_once() -> None:
    """When the call that changed a key returns, no bound engine decides by what it was."""
    keys = KeyTable({"desk-7": {**TRADER, "revoked": False}})
    policy = POLICY + "deny dead on * when key.revoked respond 401 revoked\n"
    engine = Engine.from_sources({"a.policy": policy}, keys=keys, clock=lambda: NOW)
    bound, other = engine.bind(**FIXED), engine.bind(**{**FIXED, "key": "desk-8"})
    for _ in range(3):
        assert bound.decide(ORDER).allowed
    keys.revoke("desk-7")
    assert bound.decide(ORDER).code == "revoked"
    keys.remove("desk-7")
    assert not bound.decide(ORDER).allowed
    keys.put("desk-7", {**TRADER, "revoked": False})
    keys.put("desk-8", {**TRADER, "id": "desk-8", "revoked": False})
    for _ in range(3):
        assert bound.decide(ORDER).allowed
        assert other.decide(ORDER).allowed


class Plain:
    """A key source that tells nobody of its changes."""

    def __init__(self) -> None:
        self.scopes = ["orders.write"]

    def get(self, key_id: str, /) -> Mapping[str, object] | None:
        return {**TRADER, "scopes": self.scopes} if key_id == "desk-7" else None


def test_keys_that_change_without_notice_are_looked_up_each_time() -> None:
    """Of a source that tells nothing, nothing is settled beforehand."""
    source = Plain()
    engine = Engine.from_sources({"a.policy": POLICY}, keys=source, clock=lambda: NOW)
    bound = engine.bind(**FIXED)
    for _ in range(3):
        assert bound.decide(ORDER).allowed
    source.scopes = []
    assert bound.decide(ORDER).code == "no_rule_allows"


def test_reloads_are_followed() -> None:
    """From the return of `reload` on, the new policy decides."""
    texts = {"a.policy": POLICY}
    from durwan.compilation import compile_sources

    engine = Engine(lambda: compile_sources(texts), keys=StaticKeys({"desk-7": TRADER}), clock=lambda: NOW)
    bound = engine.bind(**FIXED)
    for _ in range(3):
        assert bound.decide(ORDER).allowed
    texts["a.policy"] = POLICY.replace("allow trade on orders.create,", "allow trade on")
    engine.reload()
    decision = bound.decide(ORDER)
    assert (decision.code, decision.revision) == ("no_rule_allows", engine.revision)


def test_possible_actions_are_told(engine: Engine) -> None:
    """Allowed, refused, or of what it depends."""
    elsewhere = engine.bind(key="desk-7", client={"ip": "8.8.8.8"}).possible_actions()
    assert {action: found.verdict for action, found in elsewhere.items()} == {
        "orders.create": "refused",
        "orders.cancel": "refused",
        "withdrawals.create": "refused",
    }
    here = engine.bind(**FIXED).possible_actions()
    assert (here["orders.create"].verdict, here["orders.create"].depends_on) == ("depends", ("now", "risk.score"))
    assert (here["orders.cancel"].verdict, here["orders.cancel"].depends_on) == ("depends", ("now",))
    lasting = {name: value for name, value in TRADER.items() if name != "expires"}
    doubtful = engine.bind(key=lasting, client=FIXED["client"]).possible_actions()
    assert (doubtful["orders.cancel"].verdict, doubtful["orders.cancel"].rule) == ("refused", "expired")


def test_an_action_may_be_certain() -> None:
    """Where nothing is left to ask, the rule that allows is named."""
    policy = "actions { a }\nallow free on a when client.ip in { 10.0.0.0/8 }\n"
    engine = Engine.from_sources({"a.policy": policy})
    found = engine.bind(client={"ip": "10.1.2.3"}).possible_actions()["a"]
    assert (found.verdict, found.rule, found.depends_on) == ("allowed", "free", ())


def test_wrong_calls_say_what_is_wrong(engine: Engine) -> None:
    """A context that is not declared, a request that is no mapping."""
    with pytest.raises(TypeError, match=r"no context 'sesion' is declared; there are .*session"):
        engine.bind(sesion={})
    with pytest.raises(TypeError, match="a request is a mapping with 'action' and contexts, not int"):
        engine.bind().decide(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - on purpose


class Angry(Mapping[str, Any]):
    """A mapping that raises whatever it is asked."""

    def __getitem__(self, key: str) -> Any:
        raise MemoryError

    def __iter__(self) -> Any:
        raise MemoryError

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    "rest",
    [
        Angry(),
        MappingProxyType(ORDER),
        {**ORDER, "risk": Angry()},
        {**ORDER, "now": "soon"},
        {**ORDER, "now": 1e300},
        {**ORDER, "now": 10**18},
        {**ORDER, "action": "no.such"},
        {**ORDER, "action": ["orders.create"]},
        {},
    ],
)
def test_nothing_in_a_request_raises(engine: Engine, rest: Any) -> None:
    """An odd rest is decided as the whole request is; a mapping that cannot be read says nothing."""
    bound = engine.bind(**FIXED)
    whole = {**FIXED} if isinstance(rest, Angry) else {**rest, **FIXED}
    for _ in range(3):
        assert bound.decide(rest).outcome == engine.decide(whole).outcome


def test_contexts_are_copied(engine: Engine) -> None:
    """What the caller does with his contexts later binds nobody."""
    client = {"ip": "203.0.113.9"}
    bound = engine.bind(key="desk-7", client=client)
    client["ip"] = "8.8.8.8"
    assert bound.decide(ORDER).allowed


def test_bound_engines_are_not_kept(engine: Engine) -> None:
    """A connection that ended leaves nothing behind."""
    from durwan.runtime.bound import BoundEngine

    for _ in range(50):
        engine.bind(**FIXED).decide(ORDER)
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is BoundEngine]


def test_changes_and_decisions_from_many_threads() -> None:
    """A decision that began after a revocation returned is never an allow, whatever is being prepared meanwhile."""
    keys = KeyTable({"desk-7": {**TRADER, "revoked": False}})
    policy = POLICY + "deny dead on * when key.revoked respond 401 revoked\n"
    engine = Engine.from_sources({"a.policy": policy}, keys=keys, clock=lambda: NOW)
    bound = engine.bind(**FIXED)
    revoked, stop = threading.Event(), threading.Event()
    wrong: list[int] = []

    def hammer() -> None:
        while not stop.is_set():
            was_revoked = revoked.is_set()
            if bound.decide(ORDER).allowed and was_revoked and revoked.is_set():
                wrong.append(1)

    threads = [threading.Thread(target=hammer) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        keys.revoke("desk-7")
        revoked.set()
        for _ in range(20):
            assert not bound.decide(ORDER).allowed
        revoked.clear()
        keys.put("desk-7", {**TRADER, "revoked": False})
        assert bound.decide(ORDER).allowed
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_process_decides_by_nothing_that_was_prepared(engine: Engine, keys: KeyTable) -> None:
    """A key that was being changed when the process forked is in the child as the table has it there."""
    bound = engine.bind(**FIXED)
    for _ in range(3):
        assert bound.decide(ORDER).allowed
    # As if the thread that revokes had not come to tell of it when the fork fell.
    keys._keys["desk-7"] = fixed_record({**TRADER, "scopes": []})  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    child = os.fork()
    if child == 0:
        os._exit(int(bound.decide(ORDER).allowed) + 2 * int(engine.decide({**ORDER, **FIXED}).allowed))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
