"""durwan itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.workloads.workload import Contender, Contenders, Decider, Request, Workload
from durwan import Engine, StaticKeys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.workloads.w1 import Gateway

# The first set that a process compiles pays for importing the parser and building its grammar, and no other does.
Engine.from_sources({"first.policy": "actions { a.b }\nallow c on a.b when client.ip in { 10.0.0.0/8 }\n"}).close()


def _ready(engine: Engine, requests: Iterable[Request]) -> Decider:
    """What decides, once it has decided each action: an action's functions are generated when it is first decided."""
    for request in {request["action"]: request for request in requests}.values():
        engine.decide(request)
    return engine.decide


def _engine(workload: Workload[Any]) -> Decider:
    return _ready(Engine.from_sources(workload.sources), workload.requests)


def _engine_with_keys(workload: Workload[Gateway]) -> Decider:
    engine = Engine.from_sources(workload.sources, keys=StaticKeys(workload.content.keys))
    return _ready(engine, map(_key_by_id, workload.requests))


def _key_by_id(request: Request) -> Request:
    return {**request, "key": request["key"]["id"]}


_SEEN = Contender(name="durwan", build=_engine, returns_decision=True)
_UNSEEN = Contender(name="durwan, address never seen", build=_engine, returns_decision=True, unseen=True)
_KEYS_BY_ID = Contender(name="durwan, keys by id", build=_engine_with_keys, returns_decision=True, given=_key_by_id)

CONTENDERS: Contenders = {"w1": (_SEEN, _UNSEEN, _KEYS_BY_ID), "w2": (_SEEN, _UNSEEN), "w3": (_SEEN, _UNSEEN)}
